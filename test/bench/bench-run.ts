// Runs rows: each broker in turn, over and over (A B A B), under a load generator process of its own.
import { fork, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  BareBroker,
  RabbitMqBroker,
  ReplicatedPair,
  WarrenBroker,
  type Broker,
  type BrokerName,
} from './brokers.ts';
import { measureDisk } from './limits/disk.ts';
import type { Figures, Job, JobResult, Scenario } from './load/scenario.ts';
import { hasProcessUsage, memoryBytes } from './process-usage.ts';
import { summarizeProfile } from './profile.ts';
import type { Measured } from './report.ts';
import type { Row } from './rows.ts';

const generator = join(dirname(fileURLToPath(import.meta.url)), 'generator.ts');
const warmUpMs = 1000;
const settleMs = 2000;
const patienceMs = 15_000;

export interface RunOptions {
  brokers: BrokerName[];
  repeats: number;
  measureMs: number;
  /** Null: no CPU profiles of Warren. */
  profileFolder: string | null;
  progress: (line: string) => void;
}

export class BenchRun {
  readonly #options: RunOptions;
  readonly #running = new Set<Broker>();
  #steadyRabbitMq: RabbitMqBroker | null = null;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async row(row: Row): Promise<Measured> {
    const measured: Measured = { row, runs: { warren: [], rabbitmq: [], bare: [] } };
    const { repeats, brokers, progress } = this.#options;
    for (let repeat = 0; repeat < repeats; repeat++)
      for (const name of brokers.filter((each) => takesPart(row, each))) {
        const result = await this.#once(row, name).catch((error: unknown): JobResult => ({
          figures: {},
          faults: [String(error)],
        }));
        measured.runs[name].push(result);
        progress(`${row.name} ${name} ${repeat + 1}/${repeats}:${brief(row, result)}`);
      }
    return measured;
  }

  /** Ends whatever still runs. */
  async end(): Promise<void> {
    this.#steadyRabbitMq = null;
    await Promise.all([...this.#running].map((broker) => this.#stop(broker)));
  }

  async #once(row: Row, name: BrokerName): Promise<JobResult> {
    // What an earlier run left to the system's cache is not written at this one's expense.
    if (process.platform === 'linux') spawnSync('sync');
    const { work } = row;
    if (work.kind === 'disk') return { figures: measureDisk(this.#options.measureMs), faults: [] };
    const broker = await this.#start(row, name);
    try {
      const result =
        work.kind === 'start-up'
          ? await idle(broker)
          : work.kind === 'load'
            ? await this.#load(broker, work.scenarios)
            : await this.#recovery(broker, work);
      const { node } = broker.pids();
      if (hasProcessUsage) result.figures.peakMemoryMb = memoryBytes(node, 'VmHWM') / 1e6;
      return result;
    } finally {
      await this.#done(broker, row);
    }
  }

  /** One after the other; their figures together. */
  async #load(broker: Broker, scenarios: Scenario[]): Promise<JobResult> {
    const all: JobResult = { figures: {}, faults: [] };
    for (const scenario of scenarios) {
      const { figures, faults } = await this.#generate(broker, scenario);
      all.figures = joined(all.figures, figures);
      all.faults.push(...faults);
      if (scenario.kind === 'fill' && hasProcessUsage)
        all.figures.memoryMb = memoryBytes(broker.pids().node) / 1e6;
    }
    return all;
  }

  async #recovery(broker: Broker, { fill, drain }: { fill: Scenario; drain: Scenario }): Promise<JobResult> {
    const filled = await this.#generate(broker, fill);
    const readyMs = await broker.killAndRestart();
    const drained = await this.#generate(broker, drain);
    return {
      figures: { readyMs, readyMemoryMb: memoryBytes(broker.pids().node) / 1e6 },
      faults: [...filled.faults, ...drained.faults],
    };
  }

  #generate(broker: Broker, scenario: Scenario): Promise<JobResult> {
    const { node, host } = broker.pids();
    return generate({
      scenario,
      port: broker.port,
      httpPort: broker.httpPort,
      warmUpMs,
      measureMs: this.#options.measureMs,
      patienceMs,
      nodePids: node,
      hostPids: host,
    });
  }

  async #start(row: Row, name: BrokerName): Promise<Broker> {
    if (name === 'rabbitmq' && !row.fresh && this.#steadyRabbitMq) {
      this.#steadyRabbitMq.resume();
      return this.#steadyRabbitMq;
    }
    const broker = await this.#startFresh(row, name);
    this.#running.add(broker);
    // Its start takes seconds: one serves all the rows that do not ask for an empty one.
    if (broker instanceof RabbitMqBroker && !row.fresh) this.#steadyRabbitMq = broker;
    return broker;
  }

  #startFresh(row: Row, name: BrokerName): Promise<Broker> {
    switch (name) {
      case 'warren':
        return row.pair ? ReplicatedPair.start() : this.#startWarren(row);
      case 'rabbitmq':
        return RabbitMqBroker.start();
      case 'bare':
        return row.limit === 'single' ? this.#startWarren(row) : BareBroker.start(row.limit ?? 'forward');
    }
  }

  #startWarren({ name, confirmMode }: Row): Promise<Broker> {
    const { profileFolder } = this.#options;
    return WarrenBroker.start({ confirmMode, profileFolder: profileFolder && join(profileFolder, name) });
  }

  async #done(broker: Broker, row: Row): Promise<void> {
    if (broker === this.#steadyRabbitMq) return this.#steadyRabbitMq.pause();
    const { node } = broker.pids();
    await this.#stop(broker);
    const { profileFolder, progress } = this.#options;
    if (profileFolder && broker.name === 'warren')
      for (const line of summarizeProfile(join(profileFolder, row.name), node)) progress(line);
  }

  async #stop(broker: Broker): Promise<void> {
    this.#running.delete(broker);
    await broker.stop();
  }
}

export function takesPart(row: Row, name: BrokerName): boolean {
  if (name === 'bare') return row.limit !== undefined;
  return row.work.kind !== 'disk' && (row.only ?? name) === name;
}

async function idle(broker: Broker): Promise<JobResult> {
  await wait(settleMs);
  const { node, host } = broker.pids();
  const figures: Figures = { startMs: broker.startMs, idleMb: memoryBytes(node) / 1e6 };
  if (host.length > 0) figures.idleHostMb = memoryBytes(host) / 1e6;
  return { figures, faults: [] };
}

/** Shares of several loads are the largest of them, other figures of a name the last. */
function joined(before: Figures, after: Figures): Figures {
  const all = { ...before, ...after };
  for (const name of ['generatorCpuShare', 'otherCpuShare'])
    if (before[name] !== undefined) all[name] = Math.max(before[name], after[name] ?? 0);
  return all;
}

/** Has a fresh generator process do the job. Rejects with what it died of. */
function generate(job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = fork(generator, {
      execArgv: ['--max-semi-space-size=64'],
      serialization: 'advanced',
    });
    child.once('message', (answer: { result?: JobResult; error?: string }) => {
      if (answer.result) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    child.once('exit', (code, signal) => reject(new Error(`the load generator ended: ${signal ?? code}`)));
    child.send(job);
  });
}

function brief(row: Row, { figures, faults }: JobResult): string {
  return row.figures
    .filter(({ name }) => figures[name] !== undefined)
    .map(({ name, label, digits }) => ` ${label} ${figures[name]!.toFixed(digits)}`)
    .concat(figures.generatorCpuShare ? [` generator ${(figures.generatorCpuShare * 100).toFixed(0)} %`] : [])
    .concat(faults.length > 0 ? [` INVALID: ${faults.join(', ')}`] : [])
    .join(',');
}
