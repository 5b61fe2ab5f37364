// What a copy promises, by the user's choice (R33b): async says how far behind it is, strict holds publishers while the
// copy is away; and what a shared store refuses, and how long a takeover may take (R33d).
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PairModel } from '../../broker/contract/host-procedures.ts';
import { defaultPairSettings } from '../../broker/contract/pair-settings.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { WarrenProcess } from './warren-process.ts';

const queue = 'promises.q';

async function startedPair(model: PairModel, args: string[] = []): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair({ args }, model);
  onTestFinished(() => warren.dispose());
  return warren;
}

async function publisher(warren: WarrenProcess) {
  const connection = await ClientConnection.open(warren.address);
  const channel = await connection.openChannel();
  const state = {
    confirmed: 0,
    get blocked() {
      return connection.blockedReason;
    },
  };
  await channel.declareQueue(queue, { durable: true });
  await channel.selectConfirms();
  channel.onConfirmed = (from, upTo, ok) => {
    if (ok) state.confirmed += upTo - from + 1;
  };
  const body = Buffer.alloc(1000, 0x2e);
  return { state, publish: () => channel.publish('', queue, body, { deliveryMode: 2 }, true) };
}

describe('R33b: a replicated pair', () => {
  test('--replication async: confirms do not wait for a slow link, and the lag is in messages, bytes and time', async () => {
    const warren = await startedPair('replicated', ['--replication', 'async']);
    expect(
      (await warren.until(({ replication }) => replication !== null, 'replicated')).replication,
    ).toMatchObject({
      mode: 'async',
      policy: 'available',
    });
    const { state, publish } = await publisher(warren);
    const link = { kind: 'peer-link', state: 'delayed', delayMs: 400 } as const;
    await warren.console.host('nodes.fault', { nodeId: 'a', fault: link });
    const startedAt = performance.now();
    for (let i = 0; i < 50; i++) publish();
    await expect.poll(() => state.confirmed, { interval: 5 }).toBe(50);
    const confirmedMs = performance.now() - startedAt;
    let sent = 50;
    // As long as there is traffic there is a lag.
    const behind = await warren.until(({ replication }) => {
      publish();
      sent++;
      return replication !== null && replication.lagMessages > 0 && replication.lagMs > 100;
    }, 'behind');
    expect(behind.replication!.lagBytes).toBeGreaterThan(1000);
    expect(behind.standbyLevel).toBe(true);
    await warren.console.host('nodes.fault', { nodeId: 'a', fault: null });
    await expect.poll(() => state.confirmed).toBe(sent);
    await warren.until(
      ({ replication }) => replication?.lagMessages === 0 && replication.lagBytes === 0,
      'level',
    );
    expect(confirmedMs).toBeLessThan(400);
  }, 60_000);

  test('sync: a confirm waits for the link', async () => {
    const warren = await startedPair('replicated');
    const { state, publish } = await publisher(warren);
    const link = { kind: 'peer-link', state: 'delayed', delayMs: 300 } as const;
    await warren.console.host('nodes.fault', { nodeId: 'a', fault: link });
    const startedAt = performance.now();
    publish();
    await expect.poll(() => state.confirmed, { interval: 5 }).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(590);
  }, 60_000);

  test('--when-alone strict: publishers are told to wait while the standby is away, and go on when it is level', async () => {
    const warren = await startedPair('replicated', ['--when-alone', 'strict']);
    const { state, publish } = await publisher(warren);
    publish();
    await expect.poll(() => state.confirmed).toBe(1);
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    // Told to who publishes, as RabbitMQ does.
    publish();
    await expect.poll(() => state.blocked).toBe('the standby is away');
    const { troubles } = await warren.until(({ troubles }) => troubles.length > 0, 'trouble');
    expect(troubles).toMatchObject([
      { nodeId: 'a', kind: 'publishers-held', message: 'publishers are held back: the standby is away' },
    ]);
    expect(state.confirmed).toBe(1);
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.ready();
    await expect.poll(() => state).toEqual({ confirmed: 2, blocked: null });
  }, 60_000);

  test('strict is let go of while it holds: what waits is confirmed', async () => {
    const warren = await startedPair('replicated', ['--when-alone', 'strict']);
    const { state, publish } = await publisher(warren);
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    publish();
    await expect.poll(() => state.blocked).toBe('the standby is away');
    await warren.console.host('pair.settings.put', { ...defaultPairSettings, whenAlone: 'available' });
    await expect.poll(() => state).toEqual({ confirmed: 1, blocked: null });
  }, 60_000);

  test('settings are kept over a restart of the host, and what does not go together is refused', async () => {
    const warren = await startedPair('replicated', ['--pair-setting', 'hungAfterMs=4000']);
    expect(await warren.console.host('pair.settings.get')).toEqual({
      ...defaultPairSettings,
      hungAfterMs: 4000,
    });
    const put = (given: object) =>
      warren.console.host('pair.settings.put', { ...defaultPairSettings, ...given });
    await expect(put({ leaseMs: 2000 })).rejects.toThrow(/invalid: .*leaseMs is at least twice hungAfterMs/);
    await expect(put({ holdOffMs: 1 })).rejects.toThrow('invalid: holdOffMs: holdOffMs is at least 1000');
    await put({ whenAlone: 'strict' });
    await warren.interrupt();
    const again = await WarrenProcess.start({ dataFolder: warren.dataFolder });
    onTestFinished(() => again.dispose());
    expect(await again.console.host('pair.settings.get')).toEqual({
      ...defaultPairSettings,
      whenAlone: 'strict',
    });
  }, 60_000);
});

describe('R33d: a shared store', () => {
  test.each([
    [
      'a newer version',
      { version: '999.0.0' },
      /was written by version 999\.0\.0, which is newer than this node's/,
    ],
    ['another node', { node: 'somebody-else' }, /belongs to node 'somebody-else', not to 'warren-a'/],
  ])(
    'of %s is refused with the reason',
    async (_what, change, reason) => {
      const warren = await startedPair('shared-store');
      const path = join(warren.dataFolder, 'nodes', 'a', 'identity.json');
      writeFileSync(
        path,
        JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...change }),
      );
      await warren.console.host('nodes.kill', { nodeId: 'a' });
      const said = async () => (await warren.events()).map(({ message }) => message).join('\n');
      // At once, before the tries that wait for a port to come free would be over.
      await expect.poll(said, { timeout: 4000 }).toMatch(reason);
      expect((await warren.status()).activeId).toBe(null);
    },
    60_000,
  );

  test('a takeover is measured against the limit, while it lasts and afterwards', async () => {
    const warren = await startedPair('shared-store', ['--pair-setting', 'takeoverLimitMs=300']);
    await warren.console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'slow-sync', delayMs: 400 } });
    await warren.console.host('nodes.kill', { nodeId: 'a' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    const events = (await warren.events()).filter(({ nodeId }) => nodeId === 'b');
    expect(events.find(({ kind }) => kind === 'over-limit')?.message).toBe(
      'Node b has been at it for the 300 ms a takeover may take',
    );
    expect(events.find(({ kind }) => kind === 'recovered')?.message).toMatch(
      /^Node b opened its store in \d+ ms, of them \d+ ms for \d+ messages in the journal; front \d+ ms: over the limit of 300 ms$/,
    );
  }, 60_000);
});
