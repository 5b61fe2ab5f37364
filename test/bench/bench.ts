// `npm run bench`: Warren and, where it is installed, RabbitMQ under the same load on this machine, in turns. Prints
// a table of medians and ranges, ratios and targets; writes everything measured as JSON. `npm run bench:limits` is
// the same for the bare Node process and the disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { rabbitmqInstalled } from '../peers/rabbitmq.ts';
import { BenchUsageError, helpText, parseBenchOptions, type BenchOptions } from './bench-options.ts';
import { BenchRun, takesPart } from './bench-run.ts';
import { warrenBuilt, type BrokerName } from './brokers.ts';
import { tableOf, type Measured, type Report } from './report.ts';
import { rows } from './rows.ts';

function brokersOf({ only, withLimits }: BenchOptions): BrokerName[] {
  if (only) return [only];
  const both: BrokerName[] = rabbitmqInstalled ? ['warren', 'rabbitmq'] : ['warren'];
  return withLimits ? [...both, 'bare'] : both;
}

/** Measures row by row into `measured`, telling after each. */
async function measure(options: BenchOptions, measured: Measured[], told: () => void): Promise<void> {
  const brokers = brokersOf(options);
  const run = new BenchRun({
    brokers,
    repeats: options.repeats,
    measureMs: options.seconds * 1000,
    profileFolder: options.profileFolder,
    progress: (line) => console.error(line),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void run.end().finally(() => process.exit(1)));
  try {
    for (const row of options.rows)
      if (brokers.some((name) => takesPart(row, name))) {
        measured.push(await run.row(row));
        told();
      }
  } finally {
    await run.end();
  }
}

function reportOf({ seconds, repeats }: BenchOptions, measured: Measured[]): Report {
  return {
    machine: { cores: cpus().length, processor: cpus()[0]?.model ?? '', node: process.version },
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim(),
    seconds,
    repeats,
    measured,
  };
}

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2), rows);
  if (options.help) return void process.stdout.write(helpText(rows));
  if (brokersOf(options).includes('warren') && !warrenBuilt())
    throw new Error('dist/warren.mjs is missing: npm run build');
  if (!rabbitmqInstalled && options.only === 'rabbitmq') throw new Error('rabbitmq-server is not installed');
  if (!rabbitmqInstalled && options.only === null)
    console.log('rabbitmq-server is not installed: Warren is measured without a peer and without ratios.');
  if (options.profileFolder) mkdirSync(options.profileFolder, { recursive: true });
  const measured: Measured[] = [];
  // After each row: a run that is broken off leaves what it had.
  await measure(options, measured, () => {
    if (options.json)
      writeFileSync(resolve(options.json), `${JSON.stringify(reportOf(options, measured), null, 1)}\n`);
  });
  console.log(tableOf(measured));
  const results = measured.flatMap(({ runs }) => Object.values(runs).flat());
  if (results.some(({ faults }) => faults.length > 0)) {
    console.log('Some runs were not valid: see above.');
    process.exitCode = 1;
  }
}

main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof BenchUsageError ? 2 : 1);
});
