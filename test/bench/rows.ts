// What is measured, row by row, and what each figure must reach (the project's targets for two cores).
import type { BrokerName, ConfirmMode } from './brokers.ts';
import type { BareMode } from './limits/bare-node.ts';
import { disturbanceNames } from './load/disturbances.ts';
import type { DrainScenario, FillScenario, FlowScenario, Scenario } from './load/scenario.ts';

export interface Target {
  /** Times RabbitMQ's figure: at least for rates, at most for costs. */
  ratio?: number;
  /** Of the bare Node's figure: at least. */
  ofLimit?: number;
  /** The figure itself: at least for rates, at most for costs. */
  value?: number;
}

export interface FigureSpec {
  /** Its name in the results. */
  name: string;
  label: string;
  /** Whether more is better. */
  better: 'more' | 'less';
  digits: number;
  target?: Target;
}

export type Work =
  | { kind: 'load'; scenarios: Scenario[] }
  | { kind: 'recovery'; fill: FillScenario; drain: DrainScenario }
  | { kind: 'start-up' }
  | { kind: 'disk' };

export interface Row {
  name: string;
  title: string;
  work: Work;
  /** Warren's; RabbitMQ has one form only. */
  confirmMode: ConfirmMode;
  /** What the bare Node does for it; `single`: a node without a standby stands in for it. Absent: no part in it. */
  limit?: BareMode | 'single';
  /** Warren as a pair with a copy. */
  pair?: true;
  /** Measured for one broker only. */
  only?: BrokerName;
  /** Needs a broker that has done nothing before. */
  fresh?: boolean;
  /** Runs only when it is named. */
  optional?: boolean;
  figures: FigureSpec[];
}

const transient: FlowScenario = {
  kind: 'flow',
  bodySize: 16,
  persistent: false,
  durable: false,
  confirmWindow: 0,
  ackEvery: 0,
  prefetch: 0,
  inFlightMax: 8000,
  topology: 'queue',
  queues: 1,
  bindings: 0,
};

const persistent: FlowScenario = {
  ...transient,
  bodySize: 1024,
  persistent: true,
  durable: true,
  confirmWindow: 1000,
  ackEvery: 100,
  prefetch: 1000,
};

const more = (name: string, digits = 0, target?: Target, label = name): FigureSpec => ({
  name,
  label,
  better: 'more',
  digits,
  target,
});
const less = (name: string, label: string, digits: number, target?: Target): FigureSpec => ({
  name,
  label,
  better: 'less',
  digits,
  target,
});
const cpu = (target?: Target) => less('cpuUs', 'broker CPU us each', 2, target);
/** Of one core each: the event loop's thread, and all others of the process. */
const threads = [
  less('loopPercent', 'event loop busy %', 0),
  less('asidePercent', 'other threads busy %', 0),
];
const deliveries = (target: Target) => more('deliveries/s', 0, target);

const million = 1_000_000;
const fill: FillScenario = { kind: 'fill', bodySize: 100, count: million, confirmWindow: 1000 };
const drain: DrainScenario = { kind: 'drain', bodySize: 100, count: million, ackEvery: 100, prefetch: 1000 };

export const rows: Row[] = [
  {
    ...load('transient-16', 'transient, 16 B, auto-ack', transient),
    limit: 'forward',
    figures: [deliveries({ ratio: 6 }), cpu({ value: 1.9 }), ...threads],
  },
  {
    ...load('transient-1k', 'transient, 1 KiB, auto-ack', {
      ...transient,
      bodySize: 1024,
      inFlightMax: 4000,
    }),
    limit: 'forward',
    figures: [deliveries({ ratio: 4 }), cpu({ value: 4 }), ...threads],
  },
  {
    ...load('persistent', 'persistent, confirm `synced`, manual ack, 1 KiB', persistent),
    limit: 'sync',
    figures: [deliveries({ ratio: 8, value: 100_000, ofLimit: 0.6 }), cpu({ value: 4.5 }), ...threads],
  },
  {
    ...load('persistent-written', 'the same, confirm `written`', persistent),
    confirmMode: 'written',
    limit: 'append',
    figures: [deliveries({ ratio: 10 }), cpu(), ...threads],
  },
  {
    ...load(
      'replicated',
      '`persistent` in a pair with a copy, both confirming; in place of bare Node a single node',
      persistent,
    ),
    pair: true,
    limit: 'single',
    figures: [deliveries({ ofLimit: 0.6 }), cpu()],
  },
  {
    ...load('fanout', 'fanout to 10 queues, 100 B', {
      ...transient,
      bodySize: 100,
      topology: 'fanout',
      queues: 10,
      inFlightMax: 2000,
    }),
    limit: 'forward',
    figures: [deliveries({ ratio: 5 }), cpu({ value: 1.9 }), ...threads],
  },
  {
    ...load('topic', 'topic, 1,000 wildcard bindings, keys that never repeat, 100 B', {
      ...transient,
      bodySize: 100,
      topology: 'topic',
      queues: 10,
      bindings: 1000,
      inFlightMax: 4000,
    }),
    figures: [deliveries({ ratio: 10 }), cpu(), ...threads],
  },
  {
    ...load('latency', '1,000/s persistent, confirm `synced`, 1 KiB', {
      kind: 'latency',
      bodySize: 1024,
      pace: 1000,
    }),
    limit: 'sync',
    figures: [
      less('deliveryP50Us', 'delivery p50 us', 0, { ratio: 0.5 }),
      less('deliveryP99Us', 'delivery p99 us', 0, { ratio: 0.5 }),
      less('deliveryP999Us', 'delivery p99.9 us', 0),
      less('confirmP50Us', 'confirm p50 us', 0),
      less('confirmP99Us', 'confirm p99 us', 0, { ratio: 1 }),
      cpu({ value: 100 }),
    ],
  },
  {
    ...load('connections', '1,000 connections opened, 50 at a time', {
      kind: 'connections',
      count: 1000,
      concurrency: 50,
    }),
    limit: 'forward',
    fresh: true,
    figures: [
      more('connections/s', 0, { ratio: 2 }),
      less('openMs', 'all open after ms', 0),
      cpu(),
      less('kbEach', 'memory KiB each', 1, { value: 40 }),
    ],
  },
  {
    ...load('declares', 'durable queues declared over 10 connections', {
      kind: 'declares',
      connections: 10,
      queues: 'durable',
      count: 0,
    }),
    fresh: true,
    figures: [more('queues/s', 0, { ratio: 3 }), cpu(), less('kbEach', 'memory KiB each', 1)],
  },
  {
    ...load('reply-queues', 'reply queues declared and deleted over 10 connections', {
      kind: 'declares',
      connections: 10,
      queues: 'reply',
      count: 0,
    }),
    fresh: true,
    figures: [more('cycles/s', 0, { ratio: 10 }), cpu()],
  },
  {
    ...load(
      'backlog',
      '1 M persistent messages of 100 B: published with confirms, then drained',
      fill,
      drain,
    ),
    fresh: true,
    figures: [
      more('publishes/s', 0, { ratio: 5 }),
      more('drained/s', 0, { ratio: 5 }),
      less('memoryMb', 'memory with all in the queue MB', 0, { value: 200 }),
      less('peakMemoryMb', 'peak memory MB', 0),
    ],
  },
  {
    ...load(
      'fairness',
      "a probe's 1,000/s of 16 B beside what others do: p99 as a multiple of its own alone",
      {
        kind: 'fairness',
        bodySize: 16,
        pace: 1000,
      },
    ),
    fresh: true,
    only: 'warren',
    figures: [
      less('aloneP99Us', 'alone: p99 us', 0),
      ...disturbanceNames.map((name) => less(name, `${name}: times`, 1, { value: 3 })),
    ],
  },
  {
    name: 'start-up',
    title: 'start with an empty data folder',
    work: { kind: 'start-up' },
    confirmMode: 'synced',
    limit: 'forward',
    fresh: true,
    figures: [
      less('startMs', 'to the first open connection ms', 0, { value: 300 }),
      less('idleMb', 'idle memory of the node MB', 1, { value: 80 }),
      less('idleHostMb', 'and of its host MB', 1),
    ],
  },
  {
    name: 'recovery',
    title: 'start after SIGKILL with 1 M persistent messages of 100 B, all of them there',
    work: { kind: 'recovery', fill, drain },
    confirmMode: 'synced',
    fresh: true,
    figures: [less('readyMs', 'to the first open connection ms', 0, { value: 1000 })],
  },
  {
    name: 'disk',
    title: 'appends to one file, each synced (fdatasync) before the next',
    work: { kind: 'disk' },
    confirmMode: 'synced',
    limit: 'sync',
    figures: [
      more('syncs/s', 0, undefined, '1 KiB appends/s'),
      more('mb/s', 0, undefined, '1 MiB appends, MB/s'),
    ],
  },
  {
    ...load(
      'backlog-10m',
      '10 M persistent messages of 100 B: published with confirms, then drained',
      { ...fill, count: 10 * million },
      { ...drain, count: 10 * million },
    ),
    fresh: true,
    only: 'warren',
    optional: true,
    figures: [
      more('publishes/s'),
      more('publishFlatness', 2, { value: 0.7 }, "slowest tenth's publish rate of the fastest's"),
      more('drained/s'),
      more('drainFlatness', 2, { value: 0.7 }, "slowest tenth's drain rate of the fastest's"),
      less('memoryMb', 'memory with all in the queue MB', 0, { value: 400 }),
      less('peakMemoryMb', 'peak memory MB', 0, { value: 400 }),
    ],
  },
  {
    ...load('queues-100k', '100,000 durable queues declared over 10 connections', {
      kind: 'declares',
      connections: 10,
      queues: 'durable',
      count: 100_000,
    }),
    fresh: true,
    only: 'warren',
    optional: true,
    figures: [more('queues/s'), cpu(), less('kbEach', 'memory KiB each', 1, { value: 6 })],
  },
];

function load(name: string, title: string, ...scenarios: Scenario[]) {
  return { name, title, work: { kind: 'load', scenarios }, confirmMode: 'synced' } satisfies Partial<Row>;
}
