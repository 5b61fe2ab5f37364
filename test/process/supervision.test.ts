// What the host does for its nodes' processes: starts again with a growing delay, keeps and shows their logs, keeps
// their messages through it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { freePort } from '../peers/free-port.ts';
import { runWarren, WarrenProcess } from './warren-process.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren-supervision-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Damage that a node refuses to start with: it is no torn last line. */
function damageDefinitions(dataFolder: string, id: 'a' | 'b'): string {
  const folder = join(dataFolder, 'nodes', id, 'definitions');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'definitions.db');
  writeFileSync(file, 'no definitions\n'.repeat(5));
  return file;
}

describe('a node that ends by itself', () => {
  test('when it does so at every start, is started again with a growing delay; the other one serves', async () => {
    const dataFolder = newFolder();
    const file = damageDefinitions(dataFolder, 'b');
    const warren = await WarrenProcess.start({ dataFolder, args: ['--pair', 'independent'] });
    onTestFinished(() => warren.dispose());
    await expect
      .poll(async () => (await warren.row('b')).restarts, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(4);
    const row = await warren.row('b');
    expect(row.lastExit).toBe('exited with code 1');
    const ends = (await warren.events()).filter(
      ({ kind, nodeId }) => kind === 'node-exited' && nodeId === 'b',
    );
    const gaps = ends.slice(1).map(({ at }, index) => at - ends[index]!.at);
    expect(gaps[0]).toBeGreaterThanOrEqual(100);
    expect(gaps[1]).toBeGreaterThanOrEqual(200);
    expect(gaps[2]).toBeGreaterThanOrEqual(400);
    expect((await warren.status()).state).toBe('alone');
    const { lines } = await warren.console.host('nodes.log', { nodeId: 'b', level: 'error' });
    expect(lines.map(({ message }) => message).join('\n')).toMatch(/damaged in line 1/);
    // Once it is mended it comes up, at the latest when somebody asks.
    rmSync(file);
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.ready();
  }, 60_000);

  test('a pair of which the one that served cannot start is served by the other', async () => {
    const first = await WarrenProcess.startPair();
    onTestFinished(() => first.dispose());
    await first.interrupt();
    damageDefinitions(first.dataFolder, 'a');
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder });
    onTestFinished(() => second.dispose());
    expect((await second.status()).activeId).toBe('b');
  }, 60_000);

  test('the only one that cannot start: 1, and its own last words', async () => {
    const dataFolder = newFolder();
    damageDefinitions(dataFolder, 'a');
    const { code, output } = await runWarren([
      '--data',
      dataFolder,
      '--port',
      String(await freePort()),
      '--console-port',
      String(await freePort()),
    ]);
    expect(code).toBe(1);
    expect(output).toMatch(/warren: node a did not start: .*damaged in line 1/);
  });
});

describe('R27: through a restart', () => {
  test('persistent messages in durable queues are there, others are not', async () => {
    const warren = await WarrenProcess.start();
    onTestFinished(() => warren.dispose());
    const connection = await ClientConnection.open(warren.address);
    const channel = await connection.openChannel();
    await channel.declareQueue('durable', { durable: true });
    await channel.declareQueue('transient');
    await channel.selectConfirms();
    let confirmed = 0;
    channel.onConfirmed = (from, to) => (confirmed += to - from + 1);
    for (const queue of ['durable', 'transient'])
      for (const deliveryMode of [1, 2])
        channel.publish('', queue, Buffer.from(`${queue} ${deliveryMode}`), { deliveryMode }, true);
    await expect.poll(() => confirmed).toBe(4);
    for (const end of ['restart', 'kill'] as const) {
      const { pid } = await warren.row('a');
      await warren.console.host(`nodes.${end}`, { nodeId: 'a' });
      await warren.until(({ nodes, activeId }) => activeId === 'a' && nodes[0]!.pid !== pid, 'back');
      const again = await ClientConnection.open(warren.address);
      const got = await again.openChannel();
      expect((await got.declareQueue('durable', { passive: true })).messageCount).toBe(1);
      expect((await got.get('durable'))!.body.toString()).toBe('durable 2');
      await expect(got.declareQueue('transient', { passive: true })).rejects.toMatchObject({
        replyCode: 404,
      });
      await again.close();
    }
  }, 60_000);
});

describe("a node's log", () => {
  test('is kept through its restarts and its host, and can be read by level, text and place', async () => {
    const first = await WarrenProcess.start();
    onTestFinished(() => first.dispose());
    await expect(ClientConnection.open({ ...first.address, password: 'wrong' })).rejects.toMatchObject({
      replyCode: 403,
    });
    const wrong = { nodeId: 'a', filter: 'refused', level: 'warn' } as const;
    await expect
      .poll(async () => (await first.console.host('nodes.log', wrong)).lines.length)
      .toBeGreaterThanOrEqual(1);
    await first.console.host('nodes.kill', { nodeId: 'a' });
    await first.until(({ activeId, epoch }) => activeId === 'a' && epoch === 2, 'back');
    // Its lines are gathered for a moment before they are sent: it may serve sooner.
    const recovered = { nodeId: 'a', filter: 'recovered' } as const;
    await expect.poll(async () => (await first.console.host('nodes.log', recovered)).lines.length).toBe(2);
    const all = await first.console.host('nodes.log', { nodeId: 'a' });
    expect(all.lines.map(({ sequence }) => sequence)).toEqual(
      all.lines.map((_, index) => all.lines[0]!.sequence + index),
    );
    const words = all.lines.map(({ message }) => message).join('\n');
    expect(words).toMatch(/refused[^]*process killed by SIGKILL[^]*recovered/);
    const later = await first.console.host('nodes.log', { nodeId: 'a', after: all.lines[1]!.sequence });
    expect(later.lines[0]!.sequence).toBe(all.lines[2]!.sequence);
    await first.interrupt();
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder });
    onTestFinished(() => second.dispose());
    expect((await second.console.host('nodes.log', wrong)).lines.length).toBeGreaterThanOrEqual(1);
  }, 60_000);
});
