// A queue filled while nobody consumes, and emptied later: perhaps by another process, perhaps after a restart.
import type { MethodArguments } from '../../../broker/amqp/methods.ts';
import { Consumer } from './consumer.ts';
import { publishTemplate } from './frames.ts';
import { LoadConnection } from './load-connection.ts';
import { Publisher } from './publisher.ts';
import type { DrainScenario, FillScenario, Figures, Job, JobResult } from './scenario.ts';
import { Span } from './span.ts';

const queue = 'backlog';
/** A run's rate is also taken for each tenth of it: a curve that sinks shows. */
const parts = 10;
const stalledMs = 60_000;
/** How long a message too many may take to show itself. */
const quietMs = 300;

export async function runFill(job: Job, scenario: FillScenario): Promise<JobResult> {
  const { bodySize, count, confirmWindow } = scenario;
  const progress = new Progress(count);
  const connection = await LoadConnection.open(job.port, (error) => progress.fail(error));
  await connection.openChannel(1);
  await connection.call(1, 'queue.declare', { ...declaration, passive: false });
  await connection.call(1, 'confirm.select', { noWait: false });
  const template = publishTemplate({
    exchange: '',
    routingKey: queue,
    bodySize,
    properties: { deliveryMode: 2 },
  });
  const publisher = new Publisher(connection, template);
  const span = new Span(job);
  const pump = () => {
    progress.at(publisher.confirmed);
    const open = publisher.published - publisher.confirmed;
    const room = Math.min(confirmWindow - open, count - publisher.published);
    if (room >= confirmWindow / 10 || room === count - publisher.published) publisher.publish(room);
  };
  publisher.watchConfirms({ each: null, some: pump });
  pump();
  await progress.done();
  const figures = { ...span.figures(count, 'publishes'), publishFlatness: progress.flatness };
  connection.destroy();
  const wrong = publisher.wrongConfirms;
  return { figures, faults: wrong > 0 ? [`${wrong} wrongly confirmed`] : [] };
}

export async function runDrain(job: Job, scenario: DrainScenario): Promise<JobResult> {
  const { count, bodySize, ackEvery, prefetch } = scenario;
  const progress = new Progress(count);
  const control = await LoadConnection.open(job.port, (error) => progress.fail(error));
  await control.openChannel(1);
  const there = await ready(control);
  const connection = await LoadConnection.open(job.port, (error) => progress.fail(error));
  const consumer = new Consumer(connection, { queue, bodySize, ackEvery, prefetch, first: 0, step: 1 });
  const span = new Span(job);
  await consumer.consume(() => progress.at(consumer.received));
  await progress.done();
  const figures: Figures = { ...span.figures(count, 'drained'), drainFlatness: progress.flatness };
  consumer.acknowledgeAll();
  await new Promise((resolve) => setTimeout(resolve, quietMs));
  const counts: [string, number][] = [
    ['not in the queue before', count - there],
    ['received too many', consumer.received - count],
    ['skipped', consumer.gaps],
    ['out of order or doubled', consumer.outOfOrder],
    ['damaged', consumer.corrupt],
  ];
  connection.destroy();
  control.destroy();
  return { figures, faults: counts.filter(([, n]) => n !== 0).map(([what, n]) => `${n} ${what}`) };
}

const declaration = {
  reserved1: 0,
  queue,
  durable: true,
  exclusive: false,
  autoDelete: false,
  noWait: false,
  arguments: new Map(),
};

async function ready(connection: LoadConnection): Promise<number> {
  const answer = await connection.call(1, 'queue.declare', { ...declaration, passive: true });
  return (answer.args as MethodArguments<'queue.declare-ok'>).messageCount;
}

/** How far a run of known length is, and how even its pace was. */
class Progress {
  readonly #count: number;
  /** When each part was done. */
  readonly #times: number[] = [performance.now()];
  #reached = 0;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly #done: Promise<void>;

  constructor(count: number) {
    this.#count = count;
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#done.catch(() => undefined);
  }

  /** Slowest part's rate of the fastest's. */
  get flatness(): number {
    const spans = this.#times.slice(1).map((time, index) => time - this.#times[index]!);
    return Math.min(...spans) / Math.max(...spans);
  }

  at(reached: number): void {
    this.#reached = reached;
    while (this.#times.length <= parts && reached >= (this.#count / parts) * this.#times.length)
      this.#times.push(performance.now());
    if (reached >= this.#count) this.#resolve();
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  /** Rejects when the broker ends the connection, or when nothing has moved for a minute. */
  async done(): Promise<void> {
    let before = -1;
    const watch = setInterval(() => {
      if (this.#reached === before) this.fail(new Error(`stalled at ${before} of ${this.#count}`));
      before = this.#reached;
    }, stalledMs);
    await this.#done.finally(() => clearInterval(watch));
  }
}
