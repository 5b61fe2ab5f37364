// A node that is killed, and files that a crash, a full disk or an old drive left behind: what was confirmed is there,
// what is damaged is named, and nothing is passed over in silence. `npm run test:kill` is the long form of the first.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { killCampaign } from './kill-campaign.ts';
import { NodeProcess } from './node-process.ts';

const seed = 20_260_102;
const timeout = 120_000;
let nodes: NodeProcess[] = [];

afterEach(async () => {
  for (const node of nodes) await node.dispose();
  nodes = [];
});

async function start(dataFolder?: string): Promise<NodeProcess> {
  const node = await NodeProcess.start(dataFolder === undefined ? {} : { dataFolder });
  nodes.push(node);
  return node;
}

/** Publishes persistent messages `0`, `1`, .. to a durable queue and waits for each confirm: one block each. */
async function publish(node: NodeProcess, queue: string, count: number): Promise<void> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  const channel = await connection.openChannel();
  await channel.declareQueue(queue, { durable: true });
  await channel.selectConfirms();
  for (let i = 0; i < count; i++) {
    const confirmed = new Promise<void>((resolve) => (channel.onConfirmed = () => resolve()));
    channel.publish('', queue, Buffer.from(`${i} ${'x'.repeat(100)}`), { deliveryMode: 2 });
    await confirmed;
  }
  await connection.close();
}

async function numbersIn(node: NodeProcess, queue: string): Promise<number[]> {
  const { items } = await node.call('messages.peek', { vhost: '/', queue, limit: 500 });
  return items.map(({ bodyStart }) => parseInt(Buffer.from(bodyStart).toString()));
}

const upTo = (end: number) => Array.from({ length: end }, (_, index) => index);
const journalOf = (node: NodeProcess) => join(node.dataFolder, 'journal');

function lastSegment(node: NodeProcess): string {
  const names = readdirSync(journalOf(node)).filter((name) => name.endsWith('.log'));
  return join(journalOf(node), names.sort().at(-1)!);
}

const errorsOf = (node: NodeProcess) =>
  node.lines.filter(({ level }) => level === 'error').map(({ message }) => message);

describe('R27 R33a: killed under load', () => {
  test(`three times: nothing confirmed is missing (seed ${seed})`, { timeout }, async () => {
    const report = await killCampaign({ seed, kills: 3 });
    expect(report.failures).toEqual([]);
    expect(report.kills).toBe(3);
    expect(report.confirmed).toBeGreaterThan(300);
    expect(report.acknowledged).toBeGreaterThan(50);
  });
});

describe('R27: a journal that a crash left behind', () => {
  test('half a block at the end is cut off; all that was confirmed is there', { timeout }, async () => {
    const node = await start();
    await publish(node, 'q', 20);
    await node.kill();
    const segment = lastSegment(node);
    // What a commit looks like when the power goes in the middle of it: the beginning of a block.
    const block = readFileSync(segment).subarray(16, 16 + 60);
    appendFileSync(segment, block);
    const again = await start(node.dataFolder);
    expect(await numbersIn(again, 'q')).toEqual(upTo(20));
    expect(errorsOf(again)).toEqual([]);
    await publish(again, 'q', 1);
    expect(await numbersIn(again, 'q')).toEqual([...upTo(20), 0]);
  });

  test('noise at the end is cut off as well', { timeout }, async () => {
    const node = await start();
    await publish(node, 'q', 20);
    await node.kill();
    appendFileSync(lastSegment(node), Buffer.alloc(5000, 0xa5));
    const again = await start(node.dataFolder);
    expect(await numbersIn(again, 'q')).toEqual(upTo(20));
    expect(errorsOf(again)).toEqual([]);
  });

  test('a file that lost its end loses what stood there, and nothing before it', { timeout }, async () => {
    const node = await start();
    await publish(node, 'q', 20);
    await node.kill();
    const segment = lastSegment(node);
    truncateSync(segment, statSync(segment).size - 10);
    const again = await start(node.dataFolder);
    expect(await numbersIn(again, 'q')).toEqual(upTo(19));
  });

  test('a flipped bit in the middle is quarantined and named; the rest is there', { timeout }, async () => {
    const node = await start();
    await publish(node, 'q', 20);
    await node.kill();
    const segment = lastSegment(node);
    const bytes = readFileSync(segment);
    const at = bytes.indexOf('10 xxx');
    bytes[at + 20]! ^= 4;
    writeFileSync(segment, bytes);
    const again = await start(node.dataFolder);
    const found = await numbersIn(again, 'q');
    expect(found).not.toContain(10);
    expect(found).toEqual(upTo(20).filter((number) => found.includes(number)));
    expect(found.length).toBeGreaterThan(15);
    expect(errorsOf(again).join()).toMatch(/journal damage quarantined: \d+\.log at \d+: checksum differs/);
    const kept = readdirSync(journalOf(again)).filter((name) => name.endsWith('.damaged'));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(journalOf(again), kept[0]!)).includes('10 xx')).toBe(true);
  });

  test('a lost file of releases brings messages back, and loses none', { timeout }, async () => {
    const node = await start();
    await publish(node, 'q', 20);
    const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
    const channel = await connection.openChannel();
    for (let i = 0; i < 10; i++) channel.ack((await channel.get('q'))!.deliveryTag);
    await channel.prefetch(1);
    const released = () => readdirSync(journalOf(node)).filter((name) => name.endsWith('.released'));
    await eventually('the releases are written', () => released().length > 0);
    await node.kill();
    for (const name of released()) rmSync(join(journalOf(node), name));
    const again = await start(node.dataFolder);
    expect(await numbersIn(again, 'q')).toEqual(upTo(20));
    const { items } = await again.call('messages.peek', { vhost: '/', queue: 'q' });
    expect(items.slice(0, 10).every(({ redelivered }) => redelivered)).toBe(true);
  });
});

describe('R11: a definitions file that a crash left behind', () => {
  const definitionsOf = (node: NodeProcess) => join(node.dataFolder, 'definitions', 'definitions.db');

  test('half a line at the end is cut off; all that was promised is there', { timeout }, async () => {
    const node = await start();
    await publish(node, 'kept', 1);
    await node.kill();
    appendFileSync(definitionsOf(node), '{"_id":"[\\"queue\\",\\"/\\",\\"half\\"]","kind":"queue","bo');
    const again = await start(node.dataFolder);
    const { items } = await again.call('queues.list');
    expect(items.map(({ name }) => name)).toEqual(['kept']);
    expect(await numbersIn(again, 'kept')).toEqual([0]);
    await publish(again, 'another', 1);
    await again.kill();
    const third = await start(node.dataFolder);
    const after = await third.call('queues.list');
    expect(after.items.map(({ name }) => name).sort()).toEqual(['another', 'kept']);
  });

  test(
    'a damaged line in the middle is not passed over: the node says so and stays down',
    { timeout },
    async () => {
      const node = await start();
      await publish(node, 'kept', 1);
      await publish(node, 'other', 1);
      await node.kill();
      const path = definitionsOf(node);
      const bytes = readFileSync(path);
      bytes[bytes.indexOf('"kept') - 3] = 0x7b;
      writeFileSync(path, bytes);
      await expect(NodeProcess.start({ dataFolder: node.dataFolder })).rejects.toThrow(
        /definitions\.db.* line \d+/,
      );
      expect(readFileSync(path).equals(bytes)).toBe(true);
    },
  );
});
