// Rates from counters, under a clock of the test's own.
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../broker/base/clock.ts';
import { NodeTotals, type BrokerServices } from '../../broker/channel/channel-host.ts';
import type { ConnectionRegistry } from '../../broker/connection/connection-registry.ts';
import { RateSampler } from '../../broker/management/rates.ts';
import { QueueCounters } from '../../broker/vhost/queue/queue.ts';

/** Time goes on when the test says so; what is to be done soon waits to be counted. */
class TestClock implements Clock {
  #now = 1000;
  #timer: (() => void) | null = null;
  #soon: (() => void)[] = [];
  now = () => this.#now;
  monotonic = () => this.#now;

  after(_delayMs: number, callback: () => void) {
    this.#timer = callback;
    return { cancel: () => (this.#timer = null) };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** A timer's worth of time; answers the turns that the loop had meanwhile. */
  pass(ms: number): number {
    this.#now += ms;
    this.#timer?.();
    let turns = 1;
    for (let callback = this.#soon.shift(); callback; callback = this.#soon.shift(), turns++) callback();
    return turns;
  }
}

function samplerOf(queueCount: number) {
  const clock = new TestClock();
  const queues = Array.from({ length: queueCount }, () => ({
    counters: new QueueCounters(),
    readyCount: 2,
    unacked: { count: 1 },
  }));
  const totals = new NodeTotals();
  const counters = { queuesDeclared: 0, queuesCreated: 0, queuesDeleted: 0 };
  const vhost = { queues: new Map(queues.entries()), exchanges: new Map(), counters };
  const journal = { statistics: () => ({ syncs: 0, writtenBytes: 0 }), takeSyncDurationsMs: () => [] };
  const services = { clock, totals, journal, vhosts: { all: () => [vhost] } } as unknown as BrokerServices;
  const connections = { all: () => [] } as unknown as ConnectionRegistry;
  return { clock, queues, totals, rates: new RateSampler(services, connections) };
}

describe('rates', () => {
  test('are what was counted in a second', () => {
    const { clock, queues, totals, rates } = samplerOf(2);
    const [busy, idle] = queues;
    busy!.counters.publish = 100;
    clock.pass(1000);
    expect(rates.messageRates(busy!.counters).publish).toBe(100);
    busy!.counters.publish = 150;
    totals.publish = 50;
    clock.pass(2000);
    expect(rates.messageRates(busy!.counters).publish).toBe(25);
    expect(rates.messageRates(idle!.counters).publish).toBe(0);
    clock.pass(1000);
    expect(rates.messageRates(busy!.counters).publish).toBe(0);
    expect(rates.history.publish).toEqual([0, 25, 0]);
    expect(rates.history.ready).toEqual([4, 4, 4]);
    expect(rates.history.unacknowledged).toEqual([2, 2, 2]);
  });

  test('of very many queues leave others their turns, and end when they are stopped', () => {
    const { clock, rates } = samplerOf(10_000);
    expect(clock.pass(1000)).toBeGreaterThan(5);
    expect(rates.history.ready).toEqual([20_000]);
    rates.stop();
    clock.pass(1000);
    expect(rates.history.ready).toEqual([20_000]);
  });
});
