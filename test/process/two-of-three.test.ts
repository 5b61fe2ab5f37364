// Any two of the three that make a pair - the host, node a, node b - are killed in any order, on every model: never two
// nodes that confirm at a time, nothing confirmed is lost, and the pair is back by itself once its host is (DESIGN,
// promise 4; R33a, R33b, R33c, R33d).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pairModels, type PairModel } from '../../broker/contract/pair-models.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { WarrenProcess } from './warren-process.ts';

type Third = 'host' | 'a' | 'b';
const queue = 'two-of-three.q';
const orders: [Third, Third][] = [
  ['a', 'b'],
  ['b', 'a'],
  ['host', 'a'],
  ['host', 'b'],
  ['a', 'host'],
  ['b', 'host'],
];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whose end of a connection to the front address it is, by what the system knows of sockets. */
function ownerOf(frontPort: number, clientPort: number): number | null {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
    if (!local?.endsWith(`:${hex(frontPort)}`) || !remote?.endsWith(`:${hex(clientPort)}`)) continue;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        for (const descriptor of readdirSync(`/proc/${pid}/fd`))
          if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) === `socket:[${inode}]`) return Number(pid);
      } catch {
        // Not ours to see, or gone meanwhile.
      }
    }
  }
  return null;
}

interface Seen {
  pid: number;
  confirms: { publishedAt: number; confirmedAt: number }[];
}

/** Confirms by a node, of what was published after another one that came later had begun to confirm. */
function violationsIn(seen: readonly Seen[]): string[] {
  const found: string[] = [];
  for (const old of seen)
    for (const other of seen) {
      const [first] = other.confirms;
      if (other.pid === old.pid || !first || (old.confirms[0]?.confirmedAt ?? Infinity) > first.confirmedAt)
        continue;
      const late = old.confirms.filter(({ publishedAt }) => publishedAt > first.confirmedAt);
      if (late.length > 0)
        found.push(`${old.pid} confirmed ${late.length} that were published after ${other.pid} had begun to`);
    }
  return found;
}

/** Clients that publish on every connection they have, old ones too, for as long as somebody confirms. */
class Watch {
  readonly seen: Seen[] = [];
  readonly confirmed = new Set<number>();
  #sequence = 0;
  #stopped = false;
  readonly #port: number;
  #done: Promise<void>[] = [];

  constructor(port: number) {
    this.#port = port;
    this.#done.push(this.#arrivals());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#done);
  }

  violations(): string[] {
    return violationsIn(this.seen);
  }

  async #arrivals(): Promise<void> {
    while (!this.#stopped) {
      const connection = await ClientConnection.open({
        host: '127.0.0.1',
        port: this.#port,
        openTimeoutMs: 1000,
      }).catch(() => null);
      if (connection) {
        const pid = ownerOf(this.#port, connection.localPort);
        const channel = await connection.openChannel().catch(() => null);
        if (pid !== null && channel)
          this.#done.push(this.#publish(connection, channel, pid).catch(() => undefined));
        else connection.destroy();
      }
      await pause(60);
    }
  }

  async #publish(connection: ClientConnection, channel: ClientChannel, pid: number): Promise<void> {
    const seen: Seen = { pid, confirms: [] };
    this.seen.push(seen);
    let open = true;
    connection.onClosed = () => (open = false);
    await channel.declareQueue(queue, { durable: true });
    await channel.selectConfirms();
    const sent: { sequence: number; publishedAt: number }[] = [];
    channel.onConfirmed = (from, upTo, ok) => {
      for (let tag = from; ok && tag <= upTo; tag++) {
        const { sequence, publishedAt } = sent[tag - 1]!;
        this.confirmed.add(sequence);
        seen.confirms.push({ publishedAt, confirmedAt: performance.now() });
      }
    };
    // The newest of a node goes on for it; an older one that is with another node stays, to see whether it is confirmed.
    while (open && !this.#stopped && this.seen.findLast((each) => each.pid === pid) === seen) {
      const sequence = ++this.#sequence;
      sent.push({ sequence, publishedAt: performance.now() });
      channel.publish('', queue, Buffer.from(String(sequence)), { deliveryMode: 2 }, true);
      await pause(5);
    }
    if (open) await connection.close();
  }
}

/** Takes all there is, from a node's own port. */
async function drained(port: number): Promise<number[]> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  const channel = await connection.openChannel();
  const found: number[] = [];
  await channel.declareQueue(queue, { durable: true });
  for (let message = await channel.get(queue); message; message = await channel.get(queue))
    found.push(Number(message.body.toString()));
  await connection.close();
  return found;
}

describe.skipIf(process.platform !== 'linux').each(pairModels)('promise 4: %s', (model: PairModel) => {
  test('any two of three, in any order', async () => {
    let warren = await WarrenProcess.startPair({}, model);
    const first = warren;
    onTestFinished(async () => {
      await warren.dispose();
      await first.dispose();
    });
    const watch = new Watch(warren.amqpPort);
    for (const order of orders) {
      const before = watch.confirmed.size;
      await expect.poll(() => watch.confirmed.size, { timeout: 20_000 }).toBeGreaterThan(before + 20);
      const { epoch } = await warren.ready();
      const pids = { a: await warren.pid('a'), b: await warren.pid('b') };
      for (const third of order) {
        if (third === 'host') {
          warren.child.kill('SIGKILL');
          await warren.ended;
        } else
          try {
            process.kill(pids[third], 'SIGKILL');
          } catch {
            // It has ended by itself, as its host has.
          }
        await pause(Math.random() * 100);
      }
      if (order.includes('host')) {
        const { dataFolder, amqpPort } = warren;
        warren = await WarrenProcess.start({ dataFolder, amqpPort });
      }
      const what = `${order.join(' and ')} killed`;
      // A new grant: a host that has not noticed yet still speaks of the old one.
      await warren.until(
        (status) =>
          status.epoch > epoch && status.state === 'ready' && status.standbyLevel && status.definitionsInSync,
        `ready after ${what}`,
        45_000,
      );
      expect(watch.violations(), what).toEqual([]);
    }
    const enough = watch.confirmed.size + 20;
    await expect.poll(() => watch.confirmed.size, { timeout: 20_000 }).toBeGreaterThan(enough);
    await watch.stop();
    expect(watch.violations()).toEqual([]);
    expect(new Set(watch.seen.map(({ pid }) => pid)).size).toBeGreaterThan(3);
    const ports = model === 'independent' ? ['a', 'b'] : [null];
    const found = new Set<number>();
    for (const id of ports) {
      const port = id === null ? warren.amqpPort : (await warren.row(id as 'a' | 'b')).amqpPort!;
      for (const sequence of await drained(port)) found.add(sequence);
    }
    expect([...watch.confirmed].filter((sequence) => !found.has(sequence))).toEqual([]);
  }, 240_000);
});

test('the watch finds two that confirm at a time', () => {
  const confirms = (...times: [number, number][]) =>
    times.map(([publishedAt, confirmedAt]) => ({ publishedAt, confirmedAt }));
  const old = { pid: 1, confirms: confirms([1, 2], [3, 9]) };
  const next = { pid: 2, confirms: confirms([4, 5], [10, 11]) };
  expect(violationsIn([old, next])).toEqual([]);
  const late = { pid: 1, confirms: confirms([1, 2], [6, 7]) };
  expect(violationsIn([next, late])).toEqual(['1 confirmed 1 that were published after 2 had begun to']);
});
