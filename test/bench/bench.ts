// `npm run bench`: Warren and, where it is installed, RabbitMQ under the same load on this machine, in turns. Prints
// a table of medians and ranges, ratios and targets; writes everything measured as JSON.
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rabbitmqInstalled } from '../peers/rabbitmq.ts';
import { BenchUsageError, helpText, parseBenchOptions, type BenchOptions } from './bench-options.ts';
import { RabbitMqBroker, WarrenBroker, warrenBuilt, type Broker, type BrokerName } from './brokers.ts';
import type { Job, JobResult } from './load/scenario.ts';
import { hasProcessUsage, memoryBytes } from './process-usage.ts';
import { summarizeProfile } from './profile.ts';
import { tableOf, type Measured } from './report.ts';
import { rows, type Row } from './rows.ts';

const here = dirname(fileURLToPath(import.meta.url));
const warmUpMs = 1000;
const settleMs = 2000;

class Bench {
  readonly #options: BenchOptions;
  readonly #names: BrokerName[];
  #rabbitmq: RabbitMqBroker | null = null;
  readonly #measured: Measured[] = [];

  constructor(options: BenchOptions) {
    this.#options = options;
    this.#names = (['warren', 'rabbitmq'] as const).filter(
      (name) => (options.only ?? name) === name && (name === 'warren' || rabbitmqInstalled),
    );
  }

  async run(): Promise<Measured[]> {
    try {
      for (const row of this.#options.rows) await this.#row(row);
    } finally {
      await this.#rabbitmq?.stop();
    }
    return this.#measured;
  }

  /** A B A B. */
  async #row(row: Row): Promise<void> {
    const measured: Measured = { row, runs: { warren: [], rabbitmq: [] } };
    this.#measured.push(measured);
    for (let repeat = 0; repeat < this.#options.repeats; repeat++)
      for (const name of this.#names) {
        const result = await this.#once(row, name).catch((error: unknown): JobResult => ({
          figures: {},
          faults: [String(error)],
        }));
        measured.runs[name].push(result);
        const fault = result.faults.length > 0 ? ` INVALID: ${result.faults.join(', ')}` : '';
        console.error(
          `${row.name} ${name} ${repeat + 1}/${this.#options.repeats}:${brief(row, result)}${fault}`,
        );
      }
  }

  async #once(row: Row, name: BrokerName): Promise<JobResult> {
    if (row.work.kind === 'start-up') return this.#startUp(row, name);
    const broker = name === 'warren' ? await this.#startWarren(row) : await this.#steadyRabbitMq();
    try {
      const result = await this.#generate(broker, row);
      const { node } = broker.pids();
      if (hasProcessUsage) {
        result.figures.memoryMb = memoryBytes(node) / 1e6;
        result.figures.peakMemoryMb = memoryBytes(node, 'VmHWM') / 1e6;
      }
      return result;
    } finally {
      await this.#done(broker);
    }
  }

  async #startUp(row: Row, name: BrokerName): Promise<JobResult> {
    const broker = name === 'warren' ? await this.#startWarren(row) : await RabbitMqBroker.start();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const { node, host } = broker.pids();
    const figures = {
      startMs: broker.startMs,
      idleMb: memoryBytes(node) / 1e6,
      idleHostMb: memoryBytes(host) / 1e6,
    };
    await broker.stop();
    return { figures, faults: [] };
  }

  #startWarren(row: Row): Promise<WarrenBroker> {
    const { profileFolder } = this.#options;
    return WarrenBroker.start({
      confirmMode: row.confirmMode,
      profileFolder: profileFolder && join(profileFolder, row.name),
    });
  }

  /** One for all rows, held still while it is not its turn: its start takes seconds. */
  async #steadyRabbitMq(): Promise<RabbitMqBroker> {
    if (this.#rabbitmq) this.#rabbitmq.resume();
    else this.#rabbitmq = await RabbitMqBroker.start();
    return this.#rabbitmq;
  }

  async #done(broker: Broker): Promise<void> {
    if (broker === this.#rabbitmq) return broker.pause();
    const { node } = broker.pids();
    await broker.stop();
    const { profileFolder } = this.#options;
    if (profileFolder) summarizeProfile(profileFolder, node);
  }

  #generate(broker: Broker, row: Row): Promise<JobResult> {
    if (row.work.kind !== 'load') throw new Error(`${row.name} has no load`);
    const { node, host } = broker.pids();
    const job: Job = {
      scenario: row.work.scenario,
      port: broker.port,
      warmUpMs,
      measureMs: this.#options.seconds * 1000,
      nodePids: node,
      hostPids: host,
    };
    return generate(job);
  }
}

/** Has a fresh generator process do the job. Rejects with what it died of. */
function generate(job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = fork(join(here, 'generator.ts'), {
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

function brief(row: Row, { figures }: JobResult): string {
  return row.figures
    .filter(({ name }) => figures[name] !== undefined)
    .map(({ name, label, digits }) => ` ${label} ${figures[name]!.toFixed(digits)}`)
    .concat(figures.generatorCpuShare ? [` generator ${(figures.generatorCpuShare * 100).toFixed(0)} %`] : [])
    .join(',');
}

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2), rows);
  if (options.help) return void process.stdout.write(helpText(rows));
  if (!warrenBuilt()) throw new Error('dist/warren.mjs is missing: npm run build');
  if (!rabbitmqInstalled && options.only !== 'warren')
    console.log('rabbitmq-server is not installed: Warren alone is measured, without ratios.');
  if (options.profileFolder) mkdirSync(options.profileFolder, { recursive: true });
  const measured = await new Bench(options).run();
  console.log(tableOf(measured));
  const machine = { cores: cpus().length, processor: cpus()[0]?.model ?? '', node: process.version };
  if (options.json)
    writeFileSync(
      resolve(options.json),
      `${JSON.stringify({ machine, seconds: options.seconds, repeats: options.repeats, measured }, null, 1)}\n`,
    );
  if (measured.some(({ runs }) => [...runs.warren, ...runs.rabbitmq].some((run) => run.faults.length > 0)))
    process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof BenchUsageError ? 2 : 1);
});
