// Rates from counters: once a second every object's counters are read and compared with the last reading.
// Nothing is done per message; what never counted anything costs a look, and very many objects are read in slices.
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import type { Timer } from '../base/clock.ts';
import type { MessageRates, RateHistory } from '../contract/rows.ts';

const intervalMs = 1000;
const historySamplesMax = 3600;
/** Objects read before others have their turn. */
const sliceMax = 2000;

type Counters = Record<string, number>;

const connectionNames = ['bytesReceived', 'bytesSent'];

interface Reading {
  counters: Counters;
  rates: Counters;
}

export class RateSampler {
  readonly #services: BrokerServices;
  readonly #connections: ConnectionRegistry;
  readonly #readings = new WeakMap<object, Reading>();
  readonly #names = new Map<unknown, readonly string[]>();
  #timer: Timer;
  #stopped = false;
  #lastAt: number;
  readonly history: RateHistory = {
    at: [],
    publish: [],
    confirm: [],
    deliver: [],
    ack: [],
    unrouted: [],
    ready: [],
    unacknowledged: [],
    syncP99Ms: [],
    memoryBytes: [],
    connections: [],
  };
  syncRate = 0;
  syncP99Ms = 0;
  writtenBytesRate = 0;
  cpuFraction = 0;
  #journalBefore = { syncs: 0, writtenBytes: 0 };
  #cpuBefore = process.cpuUsage();

  constructor(services: BrokerServices, connections: ConnectionRegistry) {
    this.#services = services;
    this.#connections = connections;
    this.#lastAt = services.clock.monotonic();
    this.#timer = services.clock.after(intervalMs, () => this.#tick());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  /** The latest rates of an object whose counters are sampled; none before it counted anything. */
  of(counters: object): Counters {
    return this.#readings.get(counters)?.rates ?? {};
  }

  messageRates(counters: object): MessageRates {
    return { ...zeroRates, ...this.of(counters) };
  }

  #tick(): void {
    const now = this.#services.clock.monotonic();
    const seconds = (now - this.#lastAt) / 1000;
    this.#lastAt = now;
    this.#readSlice(this.#readAll(seconds));
  }

  #readSlice(round: Generator<void>): void {
    if (this.#stopped) return;
    const { clock } = this.#services;
    for (let left = sliceMax; left > 0; left--)
      if (round.next().done) {
        this.#timer = clock.after(intervalMs, () => this.#tick());
        return;
      }
    clock.soon(() => this.#readSlice(round));
  }

  /** Yields after each object. */
  *#readAll(seconds: number): Generator<void> {
    let [ready, unacknowledged, unrouted] = [0, 0, 0];
    for (const vhost of this.#services.vhosts.all()) {
      this.#read(vhost.counters, seconds);
      for (const queue of vhost.queues.values()) {
        this.#read(queue.counters, seconds);
        ready += queue.readyCount;
        unacknowledged += queue.unacked.count;
        yield;
      }
      for (const exchange of vhost.exchanges.values()) {
        this.#read(exchange.counters, seconds);
        unrouted += this.of(exchange.counters)['unrouted'] ?? 0;
        yield;
      }
    }
    for (const connection of this.#connections.all()) {
      this.#read(connection, seconds, connectionNames);
      for (const channel of connection.channels.values()) this.#read(channel.counters, seconds);
      yield;
    }
    this.#read(this.#services.totals, seconds);
    this.#readJournal(seconds);
    this.#readProcess(seconds);
    this.#record(ready, unacknowledged, unrouted);
  }

  #read(object: object, seconds: number, names = this.#namesOf(object)): void {
    const current = object as Counters;
    let reading = this.#readings.get(object);
    if (!reading) {
      if (names.every((name) => current[name] === 0)) return;
      const zeros = () => Object.fromEntries(names.map((name) => [name, 0]));
      reading = { counters: zeros(), rates: zeros() };
      this.#readings.set(object, reading);
    }
    for (const name of names) {
      const value = current[name]!;
      reading.rates[name] = (value - reading.counters[name]!) / seconds;
      reading.counters[name] = value;
    }
  }

  /** Counters of one class have the same names. */
  #namesOf(object: object): readonly string[] {
    let names = this.#names.get(object.constructor);
    if (!names) this.#names.set(object.constructor, (names = Object.keys(object)));
    return names;
  }

  #readJournal(seconds: number): void {
    const { journal } = this.#services;
    const { syncs, writtenBytes } = journal.statistics();
    const syncDurationsMs = journal.takeSyncDurationsMs();
    this.syncRate = (syncs - this.#journalBefore.syncs) / seconds;
    this.writtenBytesRate = (writtenBytes - this.#journalBefore.writtenBytes) / seconds;
    this.#journalBefore = { syncs, writtenBytes };
    syncDurationsMs.sort((a, b) => a - b);
    this.syncP99Ms = syncDurationsMs[Math.floor(syncDurationsMs.length * 0.99)] ?? 0;
  }

  #readProcess(seconds: number): void {
    const used = process.cpuUsage(this.#cpuBefore);
    this.#cpuBefore = process.cpuUsage();
    this.cpuFraction = (used.user + used.system) / 1e6 / seconds;
  }

  #record(ready: number, unacknowledged: number, unrouted: number): void {
    const rates = this.messageRates(this.#services.totals);
    const { history } = this;
    history.at.push(this.#services.clock.now());
    history.publish.push(rates.publish);
    history.confirm.push(rates.confirm);
    history.deliver.push(outRateOf(rates));
    history.ack.push(rates.ack);
    history.unrouted.push(unrouted);
    history.ready.push(ready);
    history.unacknowledged.push(unacknowledged);
    history.syncP99Ms.push(this.syncP99Ms);
    history.memoryBytes.push(process.memoryUsage.rss());
    history.connections.push(this.#connections.count);
    if (history.at.length > historySamplesMax + 60)
      for (const series of Object.values(history)) (series as number[]).splice(0, 60);
  }
}

const zeroRates: MessageRates = {
  publish: 0,
  confirm: 0,
  deliver: 0,
  deliverNoAck: 0,
  get: 0,
  getNoAck: 0,
  getEmpty: 0,
  ack: 0,
  redeliver: 0,
  returnUnroutable: 0,
  dropUnroutable: 0,
};

/** Messages handed out, whichever way. */
export function outRateOf({ deliver, deliverNoAck, get, getNoAck }: MessageRates): number {
  return deliver + deliverNoAck + get + getNoAck;
}

/** Only what contract rows carry of an object's counters. */
export function messageTotals(counters: object): MessageRates {
  const known = counters as Counters;
  return Object.fromEntries(
    Object.keys(zeroRates).map((name) => [name, known[name] ?? 0]),
  ) as unknown as MessageRates;
}
