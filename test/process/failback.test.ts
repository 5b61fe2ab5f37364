// Failback by hand, at a time and by itself, and what was said before against what it came to (R33e, R33f). Real
// processes, real signals.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FailbackSettings } from '../../broker/contract/pair-rows.ts';
import type { PairModel } from '../../broker/contract/host-procedures.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { WarrenProcess } from './warren-process.ts';

/** For what takes its time on a machine that is busy with other tests. */
const patient = { timeout: 20_000 };

async function startedPair(model: PairModel = 'independent'): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair({}, model);
  onTestFinished(() => warren.dispose());
  return warren;
}

async function publish(warren: WarrenProcess, queue: string, count: number, deliveryMode = 2): Promise<void> {
  const connection = await ClientConnection.open(warren.address);
  const channel = await connection.openChannel();
  await channel.declareQueue(queue, { durable: true });
  await channel.selectConfirms();
  let confirmed = 0;
  channel.onConfirmed = (from, to) => (confirmed += to - from + 1);
  for (let i = 0; i < count; i++) channel.publish('', queue, Buffer.from(`${i}`), { deliveryMode });
  await expect.poll(() => confirmed, patient).toBe(count);
  await connection.close();
}

const automatic = (healthySeconds: number): FailbackSettings => ({
  mode: 'automatic',
  preferredId: 'a',
  at: null,
  healthySeconds,
  drainFirst: true,
});

async function failOver(warren: WarrenProcess): Promise<void> {
  await warren.ready();
  process.kill(await warren.pid('a'), 'SIGKILL');
  await warren.until(({ activeId }) => activeId === 'b', 'b active');
}

describe('R33e: failback', { timeout: 90_000 }, () => {
  test('by itself, when the node was healthy for a while; its messages are drained first', async () => {
    const warren = await startedPair();
    await warren.console.host('pair.setFailback', automatic(1));
    await publish(warren, 'failback.q', 40);
    await failOver(warren);
    const { failback } = await warren.until(
      (status) => status.failback?.state === 'waiting' && status.failback.dueAt !== null,
      'due',
    );
    expect(failback!.dueAt! - Date.now()).toBeLessThanOrEqual(1000);
    await warren.until(({ activeId }) => activeId === 'a', 'a active again');
    const { drainResults, stranded } = await warren.ready();
    expect(drainResults[0]).toMatchObject({ fromId: 'a', drained: 40, left: 0 });
    await expect
      .poll(
        async () => (await warren.status()).stranded.map(({ nodeId, messages }) => [nodeId, messages]),
        patient,
      )
      .toEqual([['b', 40]]);
    expect(stranded.every(({ nodeId }) => nodeId === 'b')).toBe(true);
  });

  test('what is set outlives the host; called off, it waits for the next takeover', async () => {
    const first = await startedPair('replicated');
    await first.console.host('pair.setFailback', automatic(3000));
    const { dataFolder, amqpPort } = first;
    first.child.kill('SIGKILL');
    await first.ended;
    const warren = await WarrenProcess.start({ dataFolder, amqpPort });
    onTestFinished(() => warren.dispose());
    await warren.ready();
    expect((await warren.status()).failback!.settings).toEqual(automatic(3000));
    await failOver(warren);
    await warren.until((status) => (status.failback?.dueAt ?? null) !== null, 'due');
    await warren.console.host('pair.cancelFailback');
    expect((await warren.status()).failback!.state).toBe('cancelled');
    await warren.console.host('pair.failback');
    expect((await warren.status()).activeId).toBe('a');
    await failOver(warren);
    await warren.until((status) => status.failback?.state === 'waiting', 'waiting again');
  });

  test('at a time, once', async () => {
    const warren = await startedPair('replicated');
    await failOver(warren);
    await warren.ready();
    const at = Date.now() + 1500;
    await warren.console.host('pair.setFailback', { ...automatic(60), mode: 'scheduled', at });
    await warren.until(({ activeId }) => activeId === 'a', 'a active again');
    expect(Date.now()).toBeGreaterThanOrEqual(at);
    await warren.until(({ failback }) => failback?.settings.mode === 'manual', 'done with');
  });
});

describe('R33e R33f: what was said before, and what it came to', { timeout: 90_000 }, () => {
  test('a kill: stranded and lost to the message, and the time of the last one', async () => {
    const warren = await startedPair();
    await publish(warren, 'foretold.q', 50);
    await publish(warren, 'foretold.q', 7, 1);
    const flight = await warren.console.host('pair.preflight', { action: 'kill', nodeId: 'a' });
    expect(flight).toMatchObject({
      lost: { transient: 7 },
      stranded: [{ nodeId: 'a', queue: 'foretold.q', messages: 50 }],
      outage: { runs: 0, expectedMs: null },
    });
    await warren.console.host('nodes.kill', { nodeId: 'a' });
    await warren.ready();
    const said = () =>
      warren
        .events()
        .then((events) => events.filter(({ kind }) => kind === 'as-foretold').at(-1)?.message ?? '');
    await expect
      .poll(said, patient)
      .toMatch(/^Foretold: 50 stranded\. It came to 50 stranded on node a, \d+ ms/);
    const { lastOutageMs } = await warren.status();
    const next = await warren.console.host('pair.preflight', { action: 'kill', nodeId: 'b' });
    expect(next.outage).toEqual({ runs: 1, expectedMs: lastOutageMs, worstMs: lastOutageMs });
  });
});
