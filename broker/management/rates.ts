// Rates from counters: once a second every object's counters are read and compared with the last reading.
// Nothing is done per message.
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import type { Timer } from '../base/clock.ts';
import type { MessageRates, RateHistory } from '../contract/rows.ts';

const intervalMs = 1000;
const historySamplesMax = 3600;

type Counters = Record<string, number>;

interface Reading {
  counters: Counters;
  rates: Counters;
}

export class RateSampler {
  readonly #services: BrokerServices;
  readonly #connections: ConnectionRegistry;
  #readings = new WeakMap<object, Reading>();
  #timer: Timer;
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
    this.#timer.cancel();
  }

  /** The latest rates of an object whose counters are sampled; zeros before its second reading. */
  of(counters: object): Counters {
    return this.#readings.get(counters)?.rates ?? {};
  }

  messageRates(counters: object): MessageRates {
    return { ...zeroRates, ...this.of(counters) };
  }

  #tick(): void {
    this.#timer = this.#services.clock.after(intervalMs, () => this.#tick());
    const now = this.#services.clock.monotonic();
    const seconds = (now - this.#lastAt) / 1000;
    this.#lastAt = now;
    const { vhosts, totals } = this.#services;
    let ready = 0;
    let unacknowledged = 0;
    let unrouted = 0;
    for (const vhost of vhosts.all()) {
      for (const queue of vhost.queues.values()) {
        this.#read(queue.counters, seconds);
        ready += queue.readyCount;
        unacknowledged += queue.unacked.count;
      }
      for (const exchange of vhost.exchanges.values()) {
        this.#read(exchange.counters, seconds);
        unrouted += this.of(exchange.counters)['unrouted'] ?? 0;
      }
    }
    for (const connection of this.#connections.all()) {
      this.#read(connection, seconds, ['bytesReceived', 'bytesSent']);
      for (const channel of connection.channels.values()) this.#read(channel.counters, seconds);
    }
    this.#read(totals, seconds);
    this.#readJournal(seconds);
    this.#readProcess(seconds);
    this.#record(ready, unacknowledged, unrouted);
  }

  #read(object: object, seconds: number, names = Object.keys(object)): void {
    const current = object as Counters;
    const reading = this.#readings.get(object);
    if (!reading) {
      this.#readings.set(object, { counters: pick(current, names), rates: {} });
      return;
    }
    for (const name of names) {
      const value = current[name]!;
      reading.rates[name] = (value - reading.counters[name]!) / seconds;
      reading.counters[name] = value;
    }
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

function pick(counters: Counters, names: string[]): Counters {
  return Object.fromEntries(names.map((name) => [name, counters[name]!]));
}
