// What is measured, row by row, and what each figure must reach (the project's targets for two cores).
import type { ConfirmMode } from './brokers.ts';
import type { FlowScenario, Scenario } from './load/scenario.ts';

export interface Target {
  /** Times RabbitMQ's figure: at least for rates, at most for costs. */
  ratio?: number;
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

export type Work = { kind: 'load'; scenario: Scenario } | { kind: 'start-up' };

export interface Row {
  name: string;
  title: string;
  work: Work;
  /** Warren's; RabbitMQ has one form only. */
  confirmMode: ConfirmMode;
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

const rate = (target?: Target, name = 'deliveries/s'): FigureSpec => ({
  name,
  label: name,
  better: 'more',
  digits: 0,
  target,
});
const cost = (name: string, label: string, digits: number, target?: Target): FigureSpec => ({
  name,
  label,
  better: 'less',
  digits,
  target,
});
const cpu = (target?: Target) => cost('cpuUs', 'broker CPU us each', 2, target);

export const rows: Row[] = [
  flowRow('transient-16', 'transient, 16 B, auto-ack', transient, { ratio: 6 }, { value: 1.9 }),
  flowRow(
    'transient-1k',
    'transient, 1 KiB, auto-ack',
    { ...transient, bodySize: 1024, inFlightMax: 4000 },
    { ratio: 4 },
    { value: 4 },
  ),
  flowRow(
    'persistent',
    'persistent, confirm `synced`, manual ack, 1 KiB',
    persistent,
    { ratio: 8, value: 100_000 },
    { value: 4.5 },
  ),
  {
    ...flowRow('persistent-written', 'the same, confirm `written`', persistent, { ratio: 10 }),
    confirmMode: 'written',
  },
  flowRow(
    'fanout',
    'fanout to 10 queues, 100 B',
    { ...transient, bodySize: 100, topology: 'fanout', queues: 10, inFlightMax: 2000 },
    { ratio: 5 },
    { value: 1.9 },
  ),
  flowRow(
    'topic',
    'topic, 1,000 wildcard bindings, keys that never repeat, 100 B',
    { ...transient, bodySize: 100, topology: 'topic', queues: 10, bindings: 1000, inFlightMax: 4000 },
    { ratio: 10 },
  ),
  {
    name: 'latency',
    title: '1,000/s persistent, confirm `synced`, 1 KiB',
    work: { kind: 'load', scenario: { kind: 'latency', bodySize: 1024, pace: 1000 } },
    confirmMode: 'synced',
    figures: [
      cost('deliveryP50Us', 'delivery p50 us', 0, { ratio: 0.5 }),
      cost('deliveryP99Us', 'delivery p99 us', 0, { ratio: 0.5 }),
      cost('deliveryP999Us', 'delivery p99.9 us', 0),
      cost('confirmP50Us', 'confirm p50 us', 0),
      cost('confirmP99Us', 'confirm p99 us', 0, { ratio: 1 }),
      cpu({ value: 100 }),
    ],
  },
  {
    name: 'start-up',
    title: 'start with an empty data folder',
    work: { kind: 'start-up' },
    confirmMode: 'synced',
    figures: [
      cost('startMs', 'to the first open connection ms', 0, { value: 300 }),
      cost('idleMb', 'idle memory of the node MB', 1, { value: 80 }),
      cost('idleHostMb', 'and of its host MB', 1),
    ],
  },
];

function flowRow(
  name: string,
  title: string,
  scenario: FlowScenario,
  target: Target,
  cpuTarget?: Target,
): Row {
  return {
    name,
    title,
    work: { kind: 'load', scenario },
    confirmMode: 'synced',
    figures: [rate(target), cpu(cpuTarget)],
  };
}
