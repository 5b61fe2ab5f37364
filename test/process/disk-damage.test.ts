// Files that rot, shrink or go under a running node: what is damaged is told, counted and set aside, all the rest is
// delivered in order, and every count is right, after a restart too (R25, R27, DESIGN promise 3).
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { eventually } from '../eventually.ts';
import { recordsAt, segmentHeaderSize } from '../simulation/rot.ts';
import { NodeProcess } from './node-process.ts';

const bodyBytes = 8192;
/** They take sixteen segments, and are sixteen times the memory that messages may take. */
const messageCount = 2000;
const segmentBytes = 1 << 20;
const messageMemoryBytes = 1 << 20;
const deadlineMs = 30_000;
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanup.splice(0).reverse()) await work();
});

async function start(dataFolder?: string): Promise<NodeProcess> {
  const node = await NodeProcess.start({
    messageMemoryBytes,
    journalSegmentBytes: segmentBytes,
    ...(dataFolder === undefined ? {} : { dataFolder }),
  });
  cleanup.push(() => node.dispose());
  return node;
}

async function channelOf(node: NodeProcess): Promise<ClientChannel> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  cleanup.push(() => connection.destroy());
  return connection.openChannel();
}

function bodyOf(number: number): Buffer {
  const body = Buffer.alloc(bodyBytes, `${number} `);
  body.writeUInt32BE(number, 0);
  return body;
}

/** Declares the queues, bound to a fanout, and publishes to them all; resolves when all is confirmed. */
async function publish(node: NodeProcess, queues: string[], deliveryMode: 1 | 2): Promise<void> {
  const channel = await channelOf(node);
  await channel.declareExchange('all', 'fanout', false);
  for (const queue of queues) {
    await channel.declareQueue(queue, { durable: true });
    await channel.bindQueue(queue, 'all', '');
  }
  await channel.selectConfirms();
  for (let number = 1; number <= messageCount; number++) {
    channel.publish('all', '', bodyOf(number), { deliveryMode });
    if (number % 50 === 0) await eventually('confirms come', () => channel.unconfirmed < 200, deadlineMs);
  }
  await eventually('all is confirmed', () => channel.unconfirmed === 0, deadlineMs);
}

/** What a queue gives until it is empty, each checked byte by byte and acknowledged. */
async function drain(node: NodeProcess, queue: string): Promise<number[]> {
  const channel = await channelOf(node);
  await channel.prefetch(100);
  const numbers: number[] = [];
  await channel.consume(queue, ({ body, deliveryTag }) => {
    const number = body.readUInt32BE(0);
    expect(body.equals(bodyOf(number))).toBe(true);
    numbers.push(number);
    channel.ack(deliveryTag);
  });
  const empty = async () => (await node.call('queues.get', { vhost: '/', name: queue })).messages === 0;
  await eventually('the queue is empty', empty, deadlineMs);
  return numbers;
}

async function counts(node: NodeProcess, queue: string) {
  const { messages, messagesReady, messagesPersistent, bytesReady } = await node.call('queues.get', {
    vhost: '/',
    name: queue,
  });
  return { messages, messagesReady, messagesPersistent, bytesReady };
}

const countsOf = (messages: number) => ({
  messages,
  messagesReady: messages,
  messagesPersistent: messages,
  bytesReady: messages * bodyBytes,
});

/** A log's segments in their order, by path. */
function segmentsIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return names.sort().map((name) => join(folder, name));
}

const journalOf = (node: NodeProcess) => join(node.dataFolder, 'journal');
const asideIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.damaged'));
const complaints = (node: NodeProcess) => node.lines.filter(({ level }) => level === 'error');

/** Flips a bit in the middle of a segment; answers what it takes with it. In a fresh log, ids are message numbers. */
function rot(path: string): number[] {
  const bytes = readFileSync(path);
  const offset = bytes.length >>> 1;
  const lost = recordsAt(bytes, offset)!;
  bytes[offset]! ^= 4;
  writeFileSync(path, bytes, { flag: 'r+' });
  return lost;
}

/** Cuts a segment within a block. */
function cut(path: string): number[] {
  const bytes = readFileSync(path);
  const offset = bytes.length >>> 1;
  const lost = recordsAt(bytes, 0)!.filter((id) => id >= recordsAt(bytes, offset)![0]!);
  truncateSync(path, offset);
  return lost;
}

function remove(path: string): number[] {
  const lost = recordsAt(readFileSync(path), 0)!;
  rmSync(path);
  return lost;
}

/** All of it but the header becomes zeros. */
function wipe(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, segmentHeaderSize), { flag: 'r+' });
}

const all = Array.from({ length: messageCount }, (_, index) => index + 1);
const without = (lost: number[]) => all.filter((number) => !lost.includes(number));

describe('R25 R27: damage under a running node', { timeout: 120_000 }, () => {
  test('rotten, cut and gone segments cost their messages alone, are told and set aside', async () => {
    const node = await start();
    await publish(node, ['one', 'two'], 2);
    expect(await counts(node, 'one')).toEqual(countsOf(messageCount));
    const segments = segmentsIn(journalOf(node));
    const lost = [rot(segments[4]!), rot(segments[6]!), cut(segments[8]!), remove(segments[10]!)].flat();
    expect(lost.length).toBeGreaterThan(100);

    expect(await drain(node, 'one')).toEqual(without(lost));
    expect(await counts(node, 'one')).toEqual(countsOf(0));
    expect(await counts(node, 'two')).toEqual(countsOf(messageCount));
    const { journal } = await node.call('overview');
    expect(journal.lostMessages).toBe(lost.length);
    await eventually('what can be read is set aside', () => asideIn(journalOf(node)).length >= 3);
    for (const index of [4, 6, 8, 10])
      expect(complaints(node).some(({ message }) => message.includes(basename(segments[index]!)))).toBe(true);
    // The other queue meets the same damage: it is told once.
    const told = complaints(node).filter(({ message }) => message.includes('quarantined'));
    expect(await drain(node, 'two')).toEqual(without(lost));
    expect(complaints(node).filter(({ message }) => message.includes('quarantined'))).toHaveLength(
      told.length,
    );
    expect((await node.call('overview')).journal.damagedPieces).toBe(journal.damagedPieces);
    await node.stop();

    const again = await start(node.dataFolder);
    expect(await counts(again, 'one')).toEqual(countsOf(0));
    expect(await counts(again, 'two')).toEqual(countsOf(0));
  });

  test('after a kill a start finds the same damage, and the counts are right', async () => {
    const node = await start();
    await publish(node, ['one'], 2);
    const segments = segmentsIn(journalOf(node));
    const lost = [rot(segments[4]!), cut(segments[8]!)].flat();
    await node.kill();
    const again = await start(node.dataFolder);
    expect(await counts(again, 'one')).toEqual(countsOf(messageCount - lost.length));
    expect((await again.call('overview')).journal.damagedPieces).toBe(2);
    expect(complaints(again).length).toBeGreaterThanOrEqual(2);
    expect(asideIn(journalOf(again))).toHaveLength(2);
    expect(await drain(again, 'one')).toEqual(without(lost));
  });

  test('transient messages too, whose log is another', async () => {
    const node = await start();
    await publish(node, ['one'], 1);
    const folder = join(node.dataFolder, 'paging');
    const lost = rot(segmentsIn(folder)[0]!);
    const numbers = await drain(node, 'one');
    expect(numbers).toHaveLength(messageCount - lost.length);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(await counts(node, 'one')).toEqual(countsOf(0));
    expect((await node.call('overview')).journal.lostMessages).toBe(lost.length);
  });

  test('a length limit meets a queue of which nothing can be read any more, and it goes on', async () => {
    const node = await start();
    await publish(node, ['one'], 2);
    for (const path of segmentsIn(journalOf(node))) wipe(path);
    const policy = { vhost: '/', name: 'short', pattern: 'one', definition: { 'max-length': 1 } };
    await node.call('policies.put', policy);
    await expect.poll(async () => (await counts(node, 'one')).messages).toBeLessThanOrEqual(1);
    const channel = await channelOf(node);
    await channel.selectConfirms();
    channel.publish('', 'one', bodyOf(1), { deliveryMode: 2 });
    await eventually('it is confirmed', () => channel.unconfirmed === 0);
    expect(await counts(node, 'one')).toEqual(countsOf(1));
    expect(await drain(node, 'one')).toEqual([1]);
    // Thousands of messages, many blocks: some lines.
    expect(complaints(node).length).toBeLessThan(16 * 12);
  });
});
