// Faults put on the nodes of a running pair from the console (R33f): what a confirm says while they are on, and that all
// goes on when they are taken away.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { PairModel } from '../../broker/contract/host-procedures.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { WarrenProcess } from './warren-process.ts';

const queue = 'faults.q';

async function startedPair(model: PairModel): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair({}, model);
  onTestFinished(() => warren.dispose());
  return warren;
}

/** A publisher on the front address that counts its confirms. */
async function publisher(warren: WarrenProcess) {
  const connection = await ClientConnection.open(warren.address);
  const channel = await connection.openChannel();
  await channel.declareQueue(queue, { durable: true });
  await channel.selectConfirms();
  const state = { confirmed: 0 };
  channel.onConfirmed = (from, upTo, ok) => {
    if (ok) state.confirmed += upTo - from + 1;
  };
  return {
    state,
    publish: () => channel.publish('', queue, Buffer.from('x'), { deliveryMode: 2 }, true),
    close: () => connection.close(),
  };
}

test('R33f: a stalled disk confirms nothing while the node answers, and goes on when it is well', async () => {
  const warren = await startedPair('shared-store');
  const { state, publish, close } = await publisher(warren);
  publish();
  await expect.poll(() => state.confirmed).toBe(1);
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'disk-stall' } });
  publish();
  for (let i = 0; i < 10; i++) await warren.console.node('a', 'overview');
  expect(state.confirmed).toBe(1);
  expect(await warren.console.host('nodes.faults')).toMatchObject([
    { nodeId: 'store', place: 'disk', fault: { kind: 'disk-stall' } },
  ]);
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: null });
  await expect.poll(() => state.confirmed).toBe(2);
  expect(await warren.console.host('nodes.faults')).toEqual([]);
  expect((await warren.events()).map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['fault-on', 'fault-off']),
  );
  await close();
}, 60_000);

test('R33d R33f: a fault of a shared store meets the standby that opens it too', async () => {
  const warren = await startedPair('shared-store');
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'disk-stall' } });
  await warren.console.host('nodes.kill', { nodeId: 'a' });
  await expect
    .poll(async () =>
      (await warren.events()).some(({ kind, nodeId }) => kind === 'promoted' && nodeId === 'b'),
    )
    .toBe(true);
  expect((await warren.status()).activeId).toBe(null);
  // Taken away from either: it is the store's.
  await warren.console.host('nodes.fault', { nodeId: 'b', fault: null });
  await warren.until(({ activeId }) => activeId === 'b', 'b active');
}, 60_000);

test('R33f: the memory alarm holds publishers, and is on the pair’s screen', async () => {
  const warren = await startedPair('independent');
  const connection = await ClientConnection.open(warren.address);
  const channel = await connection.openChannel();
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'memory' } });
  const { troubles } = await warren.until(({ troubles }) => troubles.length > 0, 'trouble');
  expect(troubles).toMatchObject([
    { nodeId: 'a', kind: 'publishers-held', message: 'publishers are held back: low on memory' },
  ]);
  channel.publish('', queue, Buffer.from('x'), {}, false);
  await expect.poll(() => connection.blockedReason).toBe('low on memory');
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: null, place: 'memory' });
  await expect.poll(() => connection.blockedReason, { timeout: 5000 }).toBe(null);
  await connection.close();
}, 60_000);

test('R33b R33f: a cut link leaves the active alone and level again when it is whole', async () => {
  const warren = await startedPair('replicated');
  const { state, publish, close } = await publisher(warren);
  await warren.console.host('nodes.fault', { nodeId: 'b', fault: { kind: 'peer-link', state: 'cut' } });
  publish();
  await warren.until(({ standbyLevel }) => !standbyLevel, 'the standby behind');
  await expect.poll(() => state.confirmed, { timeout: 5000 }).toBe(1);
  await warren.console.host('nodes.fault', { nodeId: 'b', fault: null, place: 'peer-link' });
  await warren.until(({ standbyLevel }) => standbyLevel, 'the standby level');
  await close();
}, 60_000);

test('R16 R33f: a cut link holds a declare up for a moment, not for good', async () => {
  const warren = await startedPair('independent');
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'peer-link', state: 'cut' } });
  const { close } = await publisher(warren);
  await warren.until(({ definitionsInSync }) => !definitionsInSync, 'not in sync');
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: null });
  await warren.ready();
  const onB = await warren.console.node('b', 'queues.list', { vhost: '/' });
  expect(onB.items.map(({ name }) => name)).toContain(queue);
  await close();
}, 60_000);

test('R33f: damage is done to a journal at rest only, and is found at the start', async () => {
  const warren = await startedPair('independent');
  const { state, publish, close } = await publisher(warren);
  // Each in a commit of its own.
  for (let i = 1; i <= 50; i++) {
    publish();
    await expect.poll(() => state.confirmed, { interval: 1 }).toBe(i);
  }
  await close();
  await warren.console.host('pair.switchOver');
  await warren.ready();
  const damage = warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'torn-tail' } });
  await expect(damage).rejects.toThrow('conflict: the journal of node a is in use: stop the node first');
  await warren.console.host('nodes.stop', { nodeId: 'a' });
  const folder = join(warren.dataFolder, 'nodes', 'a', 'journal');
  const segment = join(
    folder,
    readdirSync(folder).findLast((name) => name.endsWith('.log'))!,
  );
  const before = statSync(segment).size;
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'torn-tail' } });
  expect(statSync(segment).size).toBeGreaterThan(before);
  await warren.console.host('nodes.start', { nodeId: 'a' });
  await warren.ready();
  // A torn commit was never confirmed: it is cut, and what was confirmed is all there.
  expect(statSync(segment).size).toBe(before);
  const { items } = await warren.console.node('a', 'queues.list', { vhost: '/' });
  expect(items.find(({ name }) => name === queue)?.messagesReady).toBe(50);
  await warren.console.host('nodes.stop', { nodeId: 'a' });
  await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'corrupt-last-segment' } });
  await warren.console.host('nodes.start', { nodeId: 'a' });
  await warren.ready();
  expect(readdirSync(folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
}, 90_000);
