// A pair's definitions over the wire: the same on both nodes, promised when both have them, wherever and whenever
// they were declared (R11, R16, R18, R21).
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { isRunning } from './process-state.ts';
import { WarrenProcess } from './warren-process.ts';

type Id = 'a' | 'b';

async function startedPair(): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair();
  onTestFinished(() => warren.dispose());
  return warren;
}

async function channelAt(port: number): Promise<ClientChannel> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  onTestFinished(() => connection.destroy());
  return connection.openChannel();
}

async function portOf(warren: WarrenProcess, id: Id): Promise<number> {
  return (await warren.row(id)).amqpPort!;
}

/** What a node would export, without its own name. */
async function exported(warren: WarrenProcess, id: Id): Promise<string> {
  const { vhosts, users, permissions, topic_permissions, policies, queues, exchanges, bindings } =
    (await warren.console.node(id, 'definitions.export')) as Record<string, unknown[]>;
  const lists = { vhosts, users, permissions, topic_permissions, policies, queues, exchanges, bindings };
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(lists).map(([name, list]) => [
        name,
        (list ?? []).map((each) => JSON.stringify(each)).sort(),
      ]),
    ),
    null,
    1,
  );
}

async function expectSame(warren: WarrenProcess): Promise<void> {
  expect(await exported(warren, 'b')).toBe(await exported(warren, 'a'));
}

async function declareAll(channel: ClientChannel, name: string): Promise<void> {
  await channel.declareExchange(`${name}.x`, 'topic', true);
  await channel.declareQueue(`${name}.q`, {
    durable: true,
    arguments: new Map([['x-max-length', { type: 'I', value: 9 }]]),
  });
  await channel.bindQueue(`${name}.q`, `${name}.x`, 'a.#');
}

describe('the contract', () => {
  test('a pair is started, followed and ended by the host procedures', async () => {
    const warren = await WarrenProcess.start();
    onTestFinished(() => warren.dispose());
    await declareAll(await channelAt(warren.amqpPort), 'before');
    expect(await warren.status()).toMatchObject({ enabled: false, model: null, state: 'off', activeId: 'a' });
    await expect(warren.console.host('pair.start', { model: 'quorum' as never })).rejects.toThrow('invalid');
    await warren.console.host('pair.start', { model: 'independent' });
    await expect(warren.console.host('pair.start', { model: 'independent' })).rejects.toThrow('conflict');
    const status = await warren.ready();
    expect(status).toMatchObject({
      enabled: true,
      model: 'independent',
      activeId: 'a',
      frontPort: warren.amqpPort,
    });
    expect(status.nodes.map(({ id, role }) => `${id} ${role}`)).toEqual(['a active', 'b standby']);
    await expectSame(warren);
    await warren.console.host('pair.stop');
    expect((await warren.status()).nodes.map(({ id }) => id)).toEqual(['a']);
    await declareAll(await channelAt(warren.amqpPort), 'after');
    await warren.console.host('pair.start', { model: 'independent' });
    await warren.ready();
    await expectSame(warren);
  }, 60_000);
});

describe('R16: declare-ok', () => {
  test('means that both nodes have it, whichever was asked', async () => {
    const warren = await startedPair();
    const channels = {
      a: await channelAt(await portOf(warren, 'a')),
      b: await channelAt(await portOf(warren, 'b')),
    };
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as [Id, Id][])
      for (let i = 0; i < 40; i++) {
        await channels[from].declareQueue(`${from}.${i}`, { durable: true });
        await channels[to].declareQueue(`${from}.${i}`, { passive: true });
      }
    await expectSame(warren);
  }, 60_000);

  test.skipIf(process.platform === 'win32')(
    'waits for a standby that hangs, until that is found out; then the active promises alone',
    async () => {
      const warren = await startedPair();
      const channel = await channelAt(warren.amqpPort);
      const pid = await warren.pid('b');
      process.kill(pid, 'SIGSTOP');
      onTestFinished(() => void (isRunning(pid) && process.kill(pid, 'SIGCONT')));
      const askedAt = Date.now();
      await channel.declareQueue('waited for', { durable: true });
      const waitedMs = Date.now() - askedAt;
      expect((await warren.status()).state).toBe('alone');
      expect(waitedMs).toBeGreaterThan(700);
      const soonAt = Date.now();
      await channel.declareQueue('alone', { durable: true });
      expect(Date.now() - soonAt).toBeLessThan(waitedMs);
      // R21: what is never stored waits for nobody, and the other node does not hear of it.
      await channel.declareQueue('exclusive', { exclusive: true });
      process.kill(pid, 'SIGCONT');
      await warren.ready();
      const standby = await channelAt(await portOf(warren, 'b'));
      for (const queue of ['waited for', 'alone']) await standby.declareQueue(queue, { passive: true });
      await expect(standby.declareQueue('exclusive', { passive: true })).rejects.toMatchObject({
        replyCode: 404,
      });
    },
    60_000,
  );
});

describe('R11: the same on both', () => {
  test('users, permissions, policies, virtual hosts, bindings and deletions, made on either side', async () => {
    const warren = await startedPair();
    for (const id of ['a', 'b'] as Id[]) {
      const name = `from-${id}`;
      const at = warren.console;
      await at.node(id, 'vhosts.put', { name, description: id, tags: [], tracing: false });
      await at.node(id, 'users.put', { name, password: 'secret', tags: ['monitoring'] });
      await at.node(id, 'permissions.put', {
        user: name,
        vhost: name,
        configure: '',
        write: '.*',
        read: '.*',
      });
      await at.node(id, 'policies.put', {
        vhost: name,
        name: 'short',
        pattern: '^s',
        applyTo: 'queues',
        priority: 1,
        definition: { 'max-length': 5 },
      });
      await declareAll(await channelAt(await portOf(warren, id)), name);
      await declareAll(await channelAt(await portOf(warren, id)), `${name}.gone`);
    }
    await expectSame(warren);
    for (const [maker, remover] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as [Id, Id][]) {
      const channel = await channelAt(await portOf(warren, remover));
      expect(await channel.deleteQueue(`from-${maker}.gone.q`)).toBe(0);
      await warren.console.node(remover, 'policies.delete', { vhost: `from-${maker}`, name: 'short' });
      await warren.console.node(remover, 'users.delete', { name: `from-${maker}` });
    }
    await expectSame(warren);
    const text = await exported(warren, 'a');
    expect(text).not.toContain('gone.q');
    expect(text).toContain('from-a.gone.x');
    // A user that one node made may come in at the other.
    await warren.console.node('a', 'users.put', { name: 'late', password: 'p', tags: [] });
    await warren.console.node('a', 'permissions.put', {
      user: 'late',
      vhost: '/',
      configure: '',
      write: '',
      read: '',
    });
    const port = await portOf(warren, 'b');
    const late = await ClientConnection.open({ host: '127.0.0.1', port, user: 'late', password: 'p' });
    await late.close();
  }, 60_000);

  test('what was declared and deleted while the standby was down', async () => {
    const warren = await startedPair();
    const channel = await channelAt(warren.amqpPort);
    await declareAll(channel, 'kept');
    await declareAll(channel, 'deleted');
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    await declareAll(channel, 'added');
    await channel.deleteQueue('deleted.q');
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.ready();
    await expectSame(warren);
    const text = await exported(warren, 'b');
    for (const name of ['kept.q', 'added.q', 'added.x']) expect(text).toContain(name);
    expect(text).not.toContain('deleted.q');
    // It lasts: the standby has stored it.
    await warren.console.host('nodes.kill', { nodeId: 'b' });
    await warren.ready();
    await expectSame(warren);
  }, 60_000);

  test('R18: what the active promised alone, and died with, is on both when it is back', async () => {
    const warren = await startedPair();
    const channel = await channelAt(warren.amqpPort);
    await channel.declareQueue('common', { durable: true });
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    await declareAll(channel, 'promised');
    await channel.selectConfirms();
    const confirmed = new Promise<void>((resolve) => (channel.onConfirmed = () => resolve()));
    channel.publish('promised.x', 'a.b', Buffer.from('confirmed'), { deliveryMode: 2 }, true);
    await confirmed;
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    // The standby comes first and serves: it has never heard of the queue.
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    const other = await channelAt(warren.amqpPort);
    await expect(other.declareQueue('promised.q', { passive: true })).rejects.toMatchObject({
      replyCode: 404,
    });
    await declareAll(await channelAt(warren.amqpPort), 'meanwhile');
    await warren.console.host('nodes.start', { nodeId: 'a' });
    await warren.ready();
    await expectSame(warren);
    expect(await exported(warren, 'b')).toContain('promised.q');
    expect(await exported(warren, 'a')).toContain('meanwhile.q');
    await warren.console.host('pair.switchOver');
    const back = await channelAt(warren.amqpPort);
    expect((await back.get('promised.q'))!.body.toString()).toBe('confirmed');
  }, 60_000);

  test('R18: a queue deleted while its node was away, with messages there, comes back on both', async () => {
    const warren = await startedPair();
    const channel = await channelAt(warren.amqpPort);
    await channel.declareQueue('stranded', { durable: true });
    await channel.selectConfirms();
    const confirmed = new Promise<void>((resolve) => (channel.onConfirmed = () => resolve()));
    channel.publish('', 'stranded', Buffer.from('precious'), { deliveryMode: 2 }, true);
    await confirmed;
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    await (await channelAt(warren.amqpPort)).deleteQueue('stranded');
    await warren.console.host('nodes.start', { nodeId: 'a' });
    await warren.ready();
    await expectSame(warren);
    // A node's lines are gathered for a moment before they reach the host.
    await expect
      .poll(async () => {
        const { lines } = await warren.console.host('nodes.log', { nodeId: 'a', level: 'warn' });
        return lines.map(({ message }) => message).join('\n');
      })
      .toMatch(/does not know queue .*stranded.*: kept/);
    const standby = await channelAt(await portOf(warren, 'a'));
    expect((await standby.get('stranded'))!.body.toString()).toBe('precious');
  }, 60_000);

  test('a queue that expires when unused does so for the clients of the active only', async () => {
    const warren = await startedPair();
    const channel = await channelAt(warren.amqpPort);
    const expires = new Map([['x-expires', { type: 'I' as const, value: 800 }]]);
    await channel.declareQueue('used', { durable: true, arguments: expires });
    await channel.declareQueue('unused', { durable: true, arguments: expires });
    await channel.consume('used', () => undefined);
    const find = async (port: number, queue: string) =>
      (await channelAt(port)).declareQueue(queue, { passive: true }).then(
        () => true,
        () => false,
      );
    const ports = [await portOf(warren, 'a'), await portOf(warren, 'b')];
    await expect
      .poll(async () => Promise.all(ports.map((port) => find(port, 'unused'))), {
        interval: 1000,
        timeout: 15_000,
      })
      .toEqual([false, false]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await Promise.all(ports.map((port) => find(port, 'used')))).toEqual([true, true]);
    // After a takeover its time begins anew.
    await warren.console.host('nodes.kill', { nodeId: 'a' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    expect(await find(warren.amqpPort, 'used')).toBe(true);
  }, 60_000);
});
