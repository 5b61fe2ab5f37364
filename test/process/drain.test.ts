// Messages stranded on the failed node of an independent pair: counted, drained into the one that serves, and what is
// broken off in between (R18, R33c). Real processes, real signals.
import { describe, expect, onTestFinished, test } from 'vitest';
import { longString, type FieldTable } from '../../broker/amqp/field-table.ts';
import { drainedHeader } from '../../broker/vhost/drained.ts';
import type { PairStatus } from '../../broker/contract/host-procedures.ts';
import type { DrainResult } from '../../broker/contract/pair-rows.ts';
import type { ClientChannel, Delivery } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { WarrenProcess } from './warren-process.ts';

type Id = 'a' | 'b';

/** For what takes its time on a machine that is busy with other tests. */
const patient = { timeout: 20_000 };

async function startedPair(): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair();
  onTestFinished(() => warren.dispose());
  return warren;
}

async function withChannel<T>(port: number, use: (channel: ClientChannel) => Promise<T>): Promise<T> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  try {
    return await use(await connection.openChannel());
  } finally {
    await connection.close();
  }
}

/** Confirmed; bodies are numbers from `first`. */
function publish(
  port: number,
  queue: string,
  count: number,
  { first = 0, deliveryMode = 2, durable = true, args = new Map() as FieldTable } = {},
): Promise<void> {
  return withChannel(port, async (channel) => {
    await channel.declareQueue(queue, { durable, arguments: args });
    await channel.selectConfirms();
    let confirmed = 0;
    channel.onConfirmed = (from, upTo, ok) => {
      if (ok) confirmed += upTo - from + 1;
    };
    for (let i = 0; i < count; i++)
      channel.publish('', queue, Buffer.from(`${first + i}`), { deliveryMode }, true);
    await expect.poll(() => confirmed, patient).toBe(count);
  });
}

/** Takes all there is. */
function takeAll(port: number, queue: string): Promise<Delivery[]> {
  return withChannel(port, async (channel) => {
    const taken: Delivery[] = [];
    for (let got = await channel.get(queue, true); got; got = await channel.get(queue, true)) taken.push(got);
    return taken;
  });
}

const bodies = (deliveries: Delivery[]) => deliveries.map(({ body }) => Number(body.toString()));
const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i);
const strandedOf = ({ stranded }: PairStatus) =>
  stranded.map(({ nodeId, queue, messages, counted }) => [nodeId, queue, messages, counted]);

async function failOver(warren: WarrenProcess, from: Id): Promise<void> {
  process.kill(await warren.pid(from), 'SIGKILL');
  await warren.until(({ activeId }) => activeId !== null && activeId !== from, 'taken over');
  await warren.ready();
}

async function drained(warren: WarrenProcess, results = 1): Promise<DrainResult> {
  const { drainResults } = await warren.until(
    (status) => status.drain === null && status.drainResults.length >= results,
    'drained',
  );
  return drainResults[0]!;
}

describe('R18 R33c: stranded messages', { timeout: 90_000 }, () => {
  test('are counted by the node itself when it is back, and said to be its last word while it is away', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 'stranded.one', 120);
    await publish(warren.amqpPort, 'stranded.two', 30);
    await publish(warren.amqpPort, 'stranded.two', 9, { deliveryMode: 1 });
    await failOver(warren, 'a');
    const wanted = (counted: string) => [
      ['a', 'stranded.one', 120, counted],
      ['a', 'stranded.two', 30, counted],
    ];
    await expect.poll(async () => strandedOf(await warren.status()), patient).toEqual(wanted('exact'));
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    expect(strandedOf(await warren.status())).toEqual(wanted('last-known'));
    await warren.console.host('nodes.start', { nodeId: 'a' });
    await expect.poll(async () => strandedOf(await warren.status()), patient).toEqual(wanted('exact'));
  });

  test('are drained in order, marked, and leave their node', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 'drain.q', 2500);
    await publish(warren.amqpPort, 'drain.other', 3);
    await failOver(warren, 'a');
    await publish(warren.amqpPort, 'drain.q', 2, { first: 90_000 });
    await warren.console.host('pair.drain');
    const result = await drained(warren);
    expect(result).toMatchObject({ fromId: 'a', toId: 'b', outcome: 'completed', drained: 2503, left: 0 });
    const taken = await takeAll(warren.amqpPort, 'drain.q');
    expect(bodies(taken)).toEqual([90_000, 90_001, ...numbers(2500)]);
    const headers = taken[2]!.properties().headers!;
    expect(headers.get(drainedHeader)).toMatchObject({ type: 'F' });
    expect(taken[0]!.properties().headers).toBe(undefined);
    await expect.poll(async () => strandedOf(await warren.status()), patient).toEqual([]);
    expect(bodies(await takeAll(warren.amqpPort, 'drain.other'))).toEqual([0, 1, 2]);
    const said = (await warren.events()).map(({ kind, message }) => `${kind}: ${message}`);
    expect(said.filter((line) => line.startsWith('drain-ended'))[0]).toContain('2503 messages of node a');
  });

  test('transient messages and queues that are not durable come along when the node was not killed', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 'mixed.q', 20);
    await publish(warren.amqpPort, 'mixed.q', 20, { first: 20, deliveryMode: 1 });
    await publish(warren.amqpPort, 'lost.q', 15, { durable: false });
    await warren.console.host('pair.switchOver');
    await warren.ready();
    await warren.console.host('pair.drain');
    expect(await drained(warren)).toMatchObject({ drained: 55, left: 0 });
    expect(bodies(await takeAll(warren.amqpPort, 'mixed.q'))).toEqual(numbers(40));
    expect(bodies(await takeAll(warren.amqpPort, 'lost.q'))).toEqual(numbers(15));
  });

  test('a drain waits for its node, outlives the host, and can be paused, called off and begun again', async () => {
    const first = await startedPair();
    await publish(first.amqpPort, 'patient.q', 200);
    await failOver(first, 'a');
    await first.console.host('nodes.stop', { nodeId: 'a' });
    await first.console.host('pair.drain');
    const drain = async (of: WarrenProcess) => (await of.status()).drain;
    expect(await drain(first)).toMatchObject({ fromId: 'a', state: 'waiting', problem: 'node a is away' });
    await expect(first.console.host('pair.drain')).rejects.toThrow('a drain is under way');
    await first.console.host('pair.pauseDrain');
    const { dataFolder, amqpPort } = first;
    first.child.kill('SIGKILL');
    await first.ended;
    const warren = await WarrenProcess.start({ dataFolder, amqpPort });
    onTestFinished(() => warren.dispose());
    await warren.ready();
    await expect.poll(async () => (await drain(warren))?.remaining, patient).toBe(200);
    expect(await drain(warren)).toMatchObject({ state: 'paused', drained: 0 });
    await warren.console.host('pair.cancelDrain');
    expect(await drained(warren)).toMatchObject({ outcome: 'cancelled', drained: 0, left: 200 });
    await warren.console.host('pair.drain');
    expect(await drained(warren, 2)).toMatchObject({ outcome: 'completed', drained: 200, left: 0 });
    expect(bodies(await takeAll(amqpPort, 'patient.q'))).toEqual(numbers(200));
  });

  test('a queue that is full on the other node keeps what does not fit, in order, and says so', async () => {
    const warren = await startedPair();
    const args: FieldTable = new Map([
      ['x-max-length', { type: 'I', value: 10 }],
      ['x-overflow', longString('reject-publish')],
    ]);
    await publish(warren.amqpPort, 'full.q', 10, { args });
    await failOver(warren, 'a');
    await publish(warren.amqpPort, 'full.q', 6, { first: 100, args });
    await warren.console.host('pair.drain');
    const result = await drained(warren);
    expect(result).toMatchObject({ outcome: 'completed', drained: 4, left: 6 });
    expect(result.skipped[0]).toMatchObject({ queue: 'full.q', messages: 6 });
    expect(bodies(await takeAll(warren.amqpPort, 'full.q'))).toEqual([...numbers(6, 100), ...numbers(4)]);
    await warren.console.host('pair.drain');
    expect(await drained(warren, 2)).toMatchObject({ drained: 6, left: 0 });
    expect(bodies(await takeAll(warren.amqpPort, 'full.q'))).toEqual(numbers(6, 4));
  });

  test('what was handed out before the kill comes marked redelivered, over a restart of the other node too', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 'again.q', 600);
    const connection = await ClientConnection.open(warren.address);
    const channel = await connection.openChannel();
    for (let i = 0; i < 5; i++) await channel.get('again.q');
    await failOver(warren, 'a');
    await warren.console.host('pair.drain');
    await drained(warren);
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    await warren.console.host('nodes.restart', { nodeId: 'b' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active again');
    const taken = await takeAll(warren.amqpPort, 'again.q');
    expect(bodies(taken)).toEqual(numbers(600));
    expect(taken.slice(0, 5).map(({ redelivered }) => redelivered)).toEqual(Array(5).fill(true));
    expect(taken.at(-1)!.redelivered).toBe(false);
    await connection.close().catch(() => undefined);
  });
});
