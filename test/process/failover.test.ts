// A pair of real processes, failed over by real signals (R17, R18, R33a, R33c, R33e, R33f; DESIGN, promise 4).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PairEvent } from '../../broker/contract/host-procedures.ts';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { isRunning } from './process-state.ts';
import { WarrenProcess, type WarrenOptions } from './warren-process.ts';

type Id = 'a' | 'b';

/** What a takeover may take on a machine that is busy with other tests. */
const takeoverMaxMs = 3000;
const queue = 'failover.q';

async function startedPair(options: WarrenOptions = {}): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair(options);
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

/** Persistent and confirmed. */
function publish(port: number, count: number, to = queue): Promise<void> {
  return withChannel(port, async (channel) => {
    await channel.declareQueue(to, { durable: true });
    await channel.selectConfirms();
    let confirmed = 0;
    channel.onConfirmed = (from, upTo, ok) => {
      if (ok) confirmed += upTo - from + 1;
    };
    for (let i = 0; i < count; i++) channel.publish('', to, Buffer.from(`${i}`), { deliveryMode: 2 }, true);
    await expect.poll(() => confirmed).toBe(count);
  });
}

function countOf(port: number, of = queue): Promise<number> {
  return withChannel(
    port,
    async (channel) => (await channel.declareQueue(of, { passive: true })).messageCount,
  );
}

/** A producer and a consumer on the front address, with their audit. */
function traffic(warren: WarrenProcess, messagesPerSecond = 300) {
  const audit = new Audit();
  const declare = async (channel: ClientChannel) => {
    await channel.declareQueue(queue, { durable: true });
  };
  const shared = { address: warren.address, declare, audit };
  const consumer = new LabConsumer({ ...shared, name: 'c', queue });
  const producer = new LabProducer({
    ...shared,
    name: 'p',
    exchange: '',
    routingKey: queue,
    messagesPerSecond,
  });
  consumer.start();
  producer.start();
  const received = () => audit.report().consumers[0]?.received ?? 0;
  onTestFinished(async () => {
    await producer.stop(0);
    await consumer.stop();
  });
  return {
    audit,
    flowing: async (more = 50) => {
      const before = received();
      await expect.poll(received, { timeout: 20_000 }).toBeGreaterThan(before + more);
    },
    /** Ends both once everything that can be delivered was, and what stayed behind was looked at. */
    finish: async (strandedPort: number | null) => {
      await producer.stop();
      let before = -1;
      while (before !== received()) {
        before = received();
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      await consumer.stop();
      if (strandedPort !== null)
        await withChannel(strandedPort, async (channel) => {
          for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
            const [producerName, sequence] = message.body.toString().split(' ');
            audit.held(producerName!, Number(sequence));
          }
        });
      return audit.report();
    },
  };
}

const kindsOf = (events: PairEvent[]) => events.map(({ kind, nodeId }) => `${kind} ${nodeId}`);

/** The words in this order, others between them or not. */
function inThisOrder(events: string[], wanted: string[]): void {
  let at = 0;
  for (const event of events) if (event === wanted[at]) at++;
  expect(wanted.slice(at), `of ${events.join(', ')}`).toEqual([]);
}

describe('R33a R33c: SIGKILL of the active', () => {
  test('the standby takes the front port, the killed one comes back as standby, and the other way round', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    await run.flowing();
    const outages: number[] = [];
    for (const [active, standby] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as [Id, Id][]) {
      const before = (await warren.events()).at(-1)!.sequence;
      const { epoch } = await warren.status();
      run.audit.fault(`kill ${active}`, Date.now());
      process.kill(await warren.pid(active), 'SIGKILL');
      const after = await warren.until(({ activeId }) => activeId === standby, `${standby} active`);
      expect(after.epoch).toBeGreaterThan(epoch);
      outages.push(after.lastOutageMs!);
      await run.flowing();
      await warren.ready();
      inThisOrder(kindsOf((await warren.events()).filter(({ sequence }) => sequence > before)), [
        `node-exited ${active}`,
        `promoted ${standby}`,
        `front-taken ${standby}`,
        `node-started ${active}`,
        `standby ${active}`,
        `definitions-synced ${active}`,
      ]);
      expect((await warren.row(active)).restarts).toBe(1);
    }
    // What b held when it was killed it still has; a serves again what it had kept.
    const { amqpPort } = await warren.row('b');
    const report = await run.finish(amqpPort);
    expect(report.lost).toBe(0);
    for (const outageMs of outages) expect(outageMs).toBeLessThan(takeoverMaxMs);
    for (const { durationMs } of report.producerWindows) {
      expect(durationMs).toBeGreaterThan(0);
      expect(durationMs).toBeLessThan(takeoverMaxMs);
    }
    expect(report.producers[0]!.reconnectMs).toBeLessThan(takeoverMaxMs);
  }, 90_000);

  test('R18 R33c: what the killed node held is shown as stranded, exactly, and is there when it serves again', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 40);
    await warren.console.host('nodes.kill', { nodeId: 'a' });
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    expect(await countOf(warren.amqpPort)).toBe(0);
    await warren.ready();
    const { stranded } = await warren.until(
      ({ stranded }) => stranded.some(({ counted }) => counted === 'exact'),
      'counted',
    );
    expect(stranded).toEqual([
      {
        nodeId: 'a',
        vhost: '/',
        queue,
        messages: 40,
        counted: 'exact',
        countedAt: expect.any(Number) as number,
      },
    ]);
    await warren.console.host('pair.switchOver');
    expect(await countOf(warren.amqpPort)).toBe(40);
  }, 60_000);

  test('a node killed while it starts is started again; the one that serves does not notice', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    await warren.console.host('nodes.start', { nodeId: 'b' });
    process.kill(await warren.pid('b'), 'SIGKILL');
    await run.flowing();
    await warren.ready();
    expect((await warren.status()).epoch).toBe(1);
    expect((await run.finish(null)).producers[0]).toMatchObject({ reconnectMs: null, unresolved: 0 });
  }, 60_000);

  test('both at once: who was active last serves again, with everything that was confirmed', async () => {
    const warren = await startedPair();
    await warren.console.host('pair.switchOver');
    await warren.ready();
    await publish(warren.amqpPort, 25);
    const pids = await Promise.all([warren.pid('a'), warren.pid('b')]);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await warren.until(({ state, epoch }) => state === 'ready' && epoch > 2, 'ready again', 30_000);
    expect((await warren.status()).activeId).toBe('b');
    expect(await countOf(warren.amqpPort)).toBe(25);
  }, 60_000);
});

describe.skipIf(process.platform === 'win32')('R33f: hanging nodes', () => {
  test('a paused active is found out and killed before the standby serves: never two', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    await run.flowing();
    const pid = await warren.pid('a');
    run.audit.fault('pause', Date.now());
    await warren.console.host('nodes.pause', { nodeId: 'a' });
    // Whoever is told that b serves finds a dead.
    await warren.until(({ activeId }) => activeId === 'b', 'b active');
    expect(isRunning(pid)).toBe(false);
    inThisOrder(kindsOf(await warren.events()), [
      'node-paused a',
      'unreachable a',
      'node-killed a',
      'promoted b',
      'front-taken b',
    ]);
    await run.flowing();
    await warren.ready();
    const report = await run.finish((await warren.row('a')).amqpPort);
    expect(report.lost).toBe(0);
    expect((await warren.status()).lastOutageMs).toBeGreaterThan(1000);
    expect(report.producerWindows[0]!.durationMs).toBeLessThan(1500 + 250 + takeoverMaxMs);
  }, 60_000);

  test('a standby that hangs is passed over and holds nobody up; when it goes on it follows again', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    const pid = await warren.pid('b');
    // From outside, as a debugger or a swapping machine does it.
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => void (isRunning(pid) && process.kill(pid, 'SIGCONT')));
    await warren.until(({ state }) => state === 'alone', 'alone');
    expect((await warren.status()).definitionsInSync).toBe(false);
    await withChannel(warren.amqpPort, (channel) =>
      channel.declareQueue('declared alone', { durable: true }),
    );
    await run.flowing();
    process.kill(pid, 'SIGCONT');
    await warren.ready();
    expect((await warren.status()).activeId).toBe('a');
    expect(await countOf((await warren.row('b')).amqpPort!, 'declared alone')).toBe(0);
    expect((await run.finish(null)).producers[0]).toMatchObject({ reconnectMs: null, unresolved: 0 });
  }, 60_000);

  test('a standby that hangs is not asked to serve when the active dies: the active comes back', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 5);
    const pid = await warren.pid('b');
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => void (isRunning(pid) && process.kill(pid, 'SIGCONT')));
    await warren.until(({ state }) => state === 'alone', 'alone');
    process.kill(await warren.pid('a'), 'SIGKILL');
    await warren.until(({ activeId, epoch }) => activeId === 'a' && epoch > 1, 'a active again');
    expect(isRunning(pid)).toBe(true);
    expect(await countOf(warren.amqpPort)).toBe(5);
    process.kill(pid, 'SIGCONT');
    await warren.ready();
  }, 60_000);

  test('a standby paused a moment before the active dies is killed, and somebody serves', async () => {
    const warren = await startedPair();
    await warren.console.host('nodes.pause', { nodeId: 'b' });
    process.kill(await warren.pid('a'), 'SIGKILL');
    await warren.until(({ state, epoch }) => state === 'ready' && epoch > 1, 'ready again', 30_000);
    await publish(warren.amqpPort, 1);
  }, 60_000);
});

describe('R33e: switch-over', () => {
  test('clients are told 320 and go on at the other; nothing confirmed is lost, what stays is counted', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    await publish(warren.amqpPort, 30, 'failover.idle');
    await run.flowing();
    const client = await ClientConnection.open(warren.address);
    const told = new Promise<[number, string]>((resolve) => {
      client.onClosed = ({ replyCode, message }) => resolve([replyCode, message]);
    });
    run.audit.fault('switch-over', Date.now());
    const { outageMs } = await warren.console.host('pair.switchOver');
    expect(await told).toEqual([
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'switch-over'",
    ]);
    expect(outageMs).toBeLessThan(takeoverMaxMs);
    await run.flowing();
    const { nodes, activeId } = await warren.ready();
    expect(activeId).toBe('b');
    expect(nodes.map(({ id, role, restarts }) => [id, role, restarts])).toEqual([
      ['a', 'standby', 0],
      ['b', 'active', 0],
    ]);
    const { stranded } = await warren.until(({ stranded }) => stranded.length > 0, 'stranded');
    expect(stranded).toContainEqual(
      expect.objectContaining({ nodeId: 'a', vhost: '/', queue: 'failover.idle', messages: 30 }),
    );
    const report = await run.finish((await warren.row('a')).amqpPort);
    expect(report.lost).toBe(0);
    expect(report.producerWindows[0]!.durationMs).toBeLessThan(takeoverMaxMs);
  }, 60_000);

  test('does not wait for a client that does not answer', async () => {
    const warren = await startedPair();
    const client = await ClientConnection.open({ ...warren.address, heartbeatSeconds: 0 });
    // Reads nothing any more, so it never says close-ok.
    pauseReading(client);
    const { outageMs } = await warren.console.host('pair.switchOver');
    expect(outageMs).toBeLessThan(takeoverMaxMs);
    client.destroy();
  }, 60_000);

  test('without a standby it is refused; a second one meanwhile as well', async () => {
    const warren = await startedPair();
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    await expect(warren.console.host('pair.switchOver')).rejects.toThrow('there is no standby to switch to');
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.ready();
    const both = await Promise.allSettled([
      warren.console.host('pair.switchOver'),
      warren.console.host('pair.switchOver'),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await warren.ready()).activeId).toBe('b');
  }, 60_000);

  test('when the standby dies in the middle, the active serves again and the switch-over says so', async () => {
    const warren = await startedPair();
    await publish(warren.amqpPort, 3);
    // Hangs, so it is asked to serve and does not answer; then it is gone.
    const pid = await warren.pid('b');
    process.kill(pid, 'SIGSTOP');
    const switched = warren.console.host('pair.switchOver');
    const refused = expect(switched).rejects.toThrow(/node b went away meanwhile: node a serves again/);
    await warren.until(({ state }) => state === 'switching-over', 'switching over');
    process.kill(pid, 'SIGKILL');
    await refused;
    expect((await warren.ready()).activeId).toBe('a');
    expect(await countOf(warren.amqpPort)).toBe(3);
  }, 60_000);

  test('stopping the active hands over first', async () => {
    const warren = await startedPair();
    const run = traffic(warren);
    await run.flowing();
    run.audit.fault('stop', Date.now());
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    const status = await warren.until(({ activeId }) => activeId === 'b', 'b active');
    expect(status.nodes.find(({ id }) => id === 'a')!.state).toBe('stopped');
    inThisOrder(kindsOf(await warren.events()), ['switch-over a', 'front-taken b', 'node-stopped a']);
    await run.flowing();
    await warren.console.host('nodes.start', { nodeId: 'a' });
    await warren.ready();
    expect((await run.finish((await warren.row('a')).amqpPort)).lost).toBe(0);
  }, 60_000);
});

describe('stopping and starting both', () => {
  test('who was active last serves, and its messages are there (R27)', async () => {
    const warren = await startedPair();
    await warren.console.host('pair.switchOver');
    await publish(warren.amqpPort, 12);
    await warren.ready();
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    expect(await warren.status()).toMatchObject({ state: 'down', activeId: null });
    await Promise.all([
      warren.console.host('nodes.start', { nodeId: 'a' }),
      warren.console.host('nodes.start', { nodeId: 'b' }),
    ]);
    expect((await warren.ready()).activeId).toBe('b');
    expect(await countOf(warren.amqpPort)).toBe(12);
  }, 60_000);

  test('the whole host: the pair runs again as it did, without being asked to', async () => {
    const first = await startedPair();
    await first.console.host('pair.switchOver');
    await publish(first.amqpPort, 8);
    await first.ready();
    const { epoch } = await first.status();
    expect((await first.interrupt()).code).toBe(0);
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder });
    onTestFinished(() => second.dispose());
    const status = await second.ready();
    expect(status).toMatchObject({ model: 'independent', activeId: 'b' });
    expect(status.epoch).toBeGreaterThan(epoch);
    expect(await countOf(second.amqpPort)).toBe(8);
    await second.console.host('pair.stop');
    expect(await second.interrupt()).toMatchObject({ code: 0 });
    const third = await WarrenProcess.start({ dataFolder: first.dataFolder });
    onTestFinished(() => third.dispose());
    expect((await third.status()).nodes.map(({ id }) => id)).toEqual(['b']);
    expect(await countOf(third.amqpPort)).toBe(8);
  }, 90_000);
});

describe('the host killed', () => {
  test('its nodes end, the folder is free, and the next host goes on where it was', async () => {
    const first = await startedPair();
    await publish(first.amqpPort, 15);
    const pids = await Promise.all([first.pid('a'), first.pid('b')]);
    const { epoch } = await first.status();
    first.child.kill('SIGKILL');
    await first.ended;
    // At once: the next one waits for the orphans itself.
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder, amqpPort: first.amqpPort });
    onTestFinished(() => second.dispose());
    for (const pid of pids) expect(isRunning(pid)).toBe(false);
    const status = await second.ready();
    expect(status.activeId).toBe('a');
    expect(status.epoch).toBeGreaterThan(epoch);
    expect(await countOf(second.amqpPort)).toBe(15);
  }, 60_000);

  test('a node that hangs meanwhile is killed by the next host, which serves', async () => {
    const first = await startedPair();
    await publish(first.amqpPort, 4);
    const pids = await Promise.all([first.pid('a'), first.pid('b')]);
    process.kill(pids[0]!, 'SIGSTOP');
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder, amqpPort: first.amqpPort });
    onTestFinished(() => second.dispose());
    expect(isRunning(pids[0]!)).toBe(false);
    expect((await second.status()).activeId).toBe('a');
    expect(await countOf(second.amqpPort)).toBe(4);
  }, 60_000);
});

describe('promise 4: epochs', () => {
  test('are written down, by host and node, before anybody serves, and only grow', async () => {
    const warren = await startedPair();
    const folder = (id: Id) => join(warren.dataFolder, 'nodes', id, 'epoch');
    const written = (id: Id) => (existsSync(folder(id)) ? Number(readFileSync(folder(id), 'utf8')) : 0);
    const record = () =>
      JSON.parse(readFileSync(join(warren.dataFolder, 'host', 'pair.json'), 'utf8')) as {
        active: string;
        epoch: number;
      };
    let last = 0;
    for (let turn = 0; turn < 3; turn++) {
      const { activeId, epoch } = await warren.ready();
      expect(epoch).toBeGreaterThan(last);
      expect(written(activeId as Id)).toBe(epoch);
      expect(record()).toMatchObject({ active: activeId, epoch });
      last = epoch;
      await warren.console.host('nodes.kill', { nodeId: activeId as Id });
      await warren.until((status) => status.epoch > epoch && status.activeId !== null, 'taken over');
    }
  }, 60_000);

  test('a host that has forgotten them grants none that a node has served under before', async () => {
    const first = await startedPair();
    await first.console.host('pair.switchOver');
    await first.ready();
    await first.console.host('pair.switchOver');
    const { epoch } = await first.ready();
    expect(epoch).toBe(3);
    await first.interrupt();
    rmSync(join(first.dataFolder, 'host', 'pair.json'));
    const second = await WarrenProcess.start({ dataFolder: first.dataFolder });
    onTestFinished(() => second.dispose());
    expect((await second.status()).epoch).toBe(4);
  }, 60_000);
});

/** The socket behind a client, which is its own affair otherwise. */
function pauseReading(client: ClientConnection): void {
  client.frame = () => undefined;
}
