// A probe's messages, at a steady pace from one connection to another: how long they take while nobody disturbs,
// and while somebody else does his worst. Figures are pairs in the same run, each disturbance beside its own quiet.
import { fork, type ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Consumer } from './consumer.ts';
import { disturbanceNames, type DisturbanceName } from './disturbances.ts';
import { publishTemplate } from './frames.ts';
import { paced, quantile } from './latency.ts';
import { LoadConnection } from './load-connection.ts';
import { Publisher } from './publisher.ts';
import type { FairnessScenario, Figures, Job, JobResult } from './scenario.ts';
import { declareTopology, type Topology } from './topology.ts';

const disturber = join(dirname(fileURLToPath(import.meta.url)), '..', 'disturber.ts');
/** Between the preparation and the quiet. */
const settleMs = 500;

export async function runFairness(job: Job, scenario: FairnessScenario): Promise<JobResult> {
  const probe = await Probe.open(job, scenario);
  const figures: Figures = {};
  try {
    await probe.measure(job.warmUpMs);
    const alone: number[] = [];
    for (const name of disturbanceNames) {
      const other = new Disturber();
      await other.prepare(name, { amqp: job.port, http: job.httpPort });
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const quiet = quantile(await probe.measure(job.measureMs), 0.99);
      await other.begin();
      const disturbed = quantile(await probe.measure(job.measureMs), 0.99);
      await other.end();
      alone.push(quiet);
      figures[`${name} us`] = disturbed * 1000;
      figures[name] = disturbed / quiet;
    }
    figures.aloneP99Us = quantile(Float64Array.from(alone), 0.5) * 1000;
    return { figures, faults: probe.faults };
  } finally {
    await probe.close();
  }
}

class Probe {
  readonly #pace: number;
  readonly #patienceMs: number;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #connections: LoadConnection[];
  readonly #consumer: Consumer;
  #broken: Error | null = null;
  #sentAt: number[] = [];
  #tookMs: number[] = [];

  static async open(job: Job, { bodySize, pace }: FairnessScenario): Promise<Probe> {
    let report: (error: Error) => void = () => undefined;
    const failed = (error: Error) => report(error);
    const shape = { topology: 'queue', queues: 1, durable: false, bindings: 0 } as const;
    const topology = await declareTopology(job.port, shape, failed);
    const connections = [
      await LoadConnection.open(job.port, failed),
      await LoadConnection.open(job.port, failed),
    ];
    const [sending, receiving] = connections as [LoadConnection, LoadConnection];
    const queue = topology.queues[0]!;
    await sending.openChannel(1);
    const template = publishTemplate({ exchange: '', routingKey: queue, bodySize, properties: {} });
    const consumer = new Consumer(receiving, {
      queue,
      bodySize,
      ackEvery: 0,
      prefetch: 0,
      first: 0,
      step: 1,
    });
    const probe = new Probe(
      pace,
      job.patienceMs,
      topology,
      new Publisher(sending, template),
      connections,
      consumer,
    );
    report = (error) => (probe.#broken ??= error);
    await consumer.consume(
      () => undefined,
      (number) => (probe.#tookMs[number] = performance.now() - probe.#sentAt[number]!),
    );
    return probe;
  }

  private constructor(
    pace: number,
    patienceMs: number,
    topology: Topology,
    publisher: Publisher,
    connections: LoadConnection[],
    consumer: Consumer,
  ) {
    this.#pace = pace;
    this.#patienceMs = patienceMs;
    this.#topology = topology;
    this.#publisher = publisher;
    this.#connections = connections;
    this.#consumer = consumer;
  }

  /** Milliseconds that each message took. Rejects when the broker ended a connection or does not deliver. */
  async measure(ms: number): Promise<Float64Array> {
    const first = this.#publisher.published;
    const until = first + Math.ceil((ms / 1000) * this.#pace);
    const send = (due: number) => {
      while (this.#publisher.published < due) {
        this.#sentAt[this.#publisher.published] = performance.now();
        this.#publisher.publish(1);
      }
    };
    await paced(this.#pace, first, until, send, () => this.#broken);
    const deadline = performance.now() + this.#patienceMs;
    while (this.#consumer.received < until && !this.#broken) {
      if (performance.now() > deadline) throw new Error('the probe waits in vain');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (this.#broken) throw this.#broken;
    return Float64Array.from(this.#tookMs.slice(first, until));
  }

  get faults(): string[] {
    const { outOfOrder, gaps, corrupt } = this.#consumer;
    return outOfOrder + gaps + corrupt === 0 ? [] : [`${outOfOrder + gaps + corrupt} wrong`];
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#topology.remove();
  }
}

/** The other process, step by step. */
class Disturber {
  readonly #child: ChildProcess = fork(disturber, { execArgv: ['--max-semi-space-size=64'] });

  async prepare(name: DisturbanceName, ports: { amqp: number; http: number }): Promise<void> {
    await this.#told({ name, ports }, 'prepared');
  }

  async begin(): Promise<void> {
    await this.#told('begin', 'begun');
  }

  async end(): Promise<void> {
    await this.#told('end', 'ended');
  }

  #told(message: string | object, answer: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', (said: string | { error: string }) => {
        if (said === answer) resolve();
        else reject(new Error(`the disturber said ${JSON.stringify(said)} instead of ${answer}`));
      });
      this.#child.once('exit', (code, signal) => reject(new Error(`the disturber ended: ${signal ?? code}`)));
      this.#child.send(message);
    });
  }
}
