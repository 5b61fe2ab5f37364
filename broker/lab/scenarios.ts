// The lab's scenarios as data (R1): what is declared, where producers publish, which queues each message must reach,
// and what each client does. Names are of one run, so that a run meets nothing of another.
import type { LabScenario } from '../contract/lab.ts';

export interface Scenario {
  exchanges: { name: string; type: 'direct' | 'fanout' | 'topic' }[];
  queues: string[];
  bindings: { queue: string; exchange: string; key: string }[];
  /** Where producers publish. */
  exchange: string;
  routingKey(sequence: number): string;
  /** The queues that a producer's message goes to. */
  queuesOf(sequence: number): readonly string[];
  /** What each consumer does, by number from 0. */
  consumers: ConsumerPart[];
  /** Of the rate, at a time within the load; 1 on average. */
  rateFactor(elapsedMs: number): number;
  /** Producers ask, and hear answers by direct reply-to. */
  replies: boolean;
}

export interface ConsumerPart {
  queue: string;
  /** Works off no more than this, of all producers' rate; null for as fast as it goes. */
  paceOfRate: number | null;
  /** Publishes something for each message before it acknowledges it: an answer, or an event for another queue. */
  follow: { exchange: string; routingKey: string; queues: readonly string[] } | 'reply' | null;
}

const logKeys = ['web.info', 'web.info', 'web.debug', 'billing.info', 'web.warning', 'billing.error'];
const peakPeriodMs = 4000;
const peakMs = 1000;
const peakFactor = 3;

export function scenarioOf(kind: LabScenario, runId: string, consumers: number): Scenario {
  const name = (of: string) => `lab.${runId}.${of}`;
  switch (kind) {
    case 'work-queue':
      return plain(name('tasks'), repeated(consumers, name('tasks')));
    case 'publish-subscribe':
      return publishSubscribe(name, consumers);
    case 'request-reply': {
      const requests = name('requests');
      return { ...plain(requests, repeated(consumers, requests, { follow: 'reply' })), replies: true };
    }
    case 'log-collection':
      return logCollection(name, consumers);
    case 'peak-shaving':
      return peakShaving(name('jobs'), consumers);
    case 'order-stock':
      return orderStock(name, consumers);
  }
}

function repeated(count: number, queue: string, part: Partial<ConsumerPart> = {}): ConsumerPart[] {
  return Array.from({ length: count }, () => ({ queue, paceOfRate: null, follow: null, ...part }));
}

/** One queue through the default exchange. */
function plain(queue: string, consumers: ConsumerPart[]): Scenario {
  const queues = [queue];
  return {
    exchanges: [],
    queues,
    bindings: [],
    exchange: '',
    routingKey: () => queue,
    queuesOf: () => queues,
    consumers,
    rateFactor: () => 1,
    replies: false,
  };
}

function publishSubscribe(name: (of: string) => string, count: number): Scenario {
  const exchange = name('news');
  const queues = Array.from({ length: count }, (_, index) => name(`subscriber-${index + 1}`));
  return {
    ...plain('', []),
    exchanges: [{ name: exchange, type: 'fanout' }],
    queues,
    bindings: queues.map((queue) => ({ queue, exchange, key: '' })),
    exchange,
    routingKey: () => '',
    queuesOf: () => queues,
    consumers: queues.flatMap((queue) => repeated(1, queue)),
  };
}

function logCollection(name: (of: string) => string, count: number): Scenario {
  const exchange = name('logs');
  const [all, errors] = [name('all'), name('errors')];
  const keyOf = (sequence: number) => logKeys[sequence % logKeys.length]!;
  return {
    ...plain('', []),
    exchanges: [{ name: exchange, type: 'topic' }],
    queues: [all, errors],
    bindings: [
      { queue: all, exchange, key: '#' },
      { queue: errors, exchange, key: '*.error' },
    ],
    exchange,
    routingKey: keyOf,
    queuesOf: (sequence) => (keyOf(sequence).endsWith('.error') ? [all, errors] : [all]),
    consumers: [...repeated(count - 1, all), ...repeated(1, errors)],
  };
}

function peakShaving(queue: string, count: number): Scenario {
  const quiet = (peakPeriodMs - peakFactor * peakMs) / (peakPeriodMs - peakMs);
  return {
    ...plain(queue, repeated(count, queue, { paceOfRate: 1.2 / count })),
    rateFactor: (elapsedMs) => (elapsedMs % peakPeriodMs < peakMs ? peakFactor : quiet),
  };
}

function orderStock(name: (of: string) => string, count: number): Scenario {
  const exchange = name('shop');
  const [orders, reserved] = [name('stock-orders'), name('orders-reserved')];
  const follow = { exchange, routingKey: 'stock.reserved', queues: [reserved] };
  return {
    ...plain('', []),
    exchanges: [{ name: exchange, type: 'topic' }],
    queues: [orders, reserved],
    bindings: [
      { queue: orders, exchange, key: 'order.placed' },
      { queue: reserved, exchange, key: 'stock.reserved' },
    ],
    exchange,
    routingKey: () => 'order.placed',
    queuesOf: () => [orders],
    consumers: [...repeated(count - 1, orders, { follow }), ...repeated(1, reserved)],
  };
}
