// `npm run bench:failover`: Warren's three kinds of pair and what is built by hand of RabbitMQ, under the same audited
// load, each killed over and over; outage and loss side by side. `--document` writes the table into docs/failover.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { measure, type Load, type Measurement } from './measure.ts';
import { setupKinds, type SetupKind } from './setups.ts';

const usage = `Usage: npm run bench:failover -- [--kinds A,B] [--failures N] [--rate N] [--json FILE] [--document]

Kills what serves, under load, and audits every message.

  --kinds A,B   default all: ${setupKinds.map(({ name }) => name).join(', ')}
  --failures N  of each kind (default 10)
  --rate N      messages a second, persistent and confirmed (default 1000)
  --json FILE   everything that was measured
  --document    the table goes into docs/failover.md
`;

const document = fileURLToPath(new URL('../../docs/failover.md', import.meta.url));
const marks = ['<!-- figures: npm run bench:failover -->', '<!-- end of figures -->'] as const;

class UsageError extends Error {}

interface Options extends Load {
  kinds: SetupKind[];
  json: string | null;
  document: boolean;
  help: boolean;
}

function optionsOf(args: string[]): Options {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        kinds: { type: 'string' },
        failures: { type: 'string', default: '10' },
        rate: { type: 'string', default: '1000' },
        json: { type: 'string' },
        document: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const kinds = values.kinds?.split(',').map((name) => {
    const kind = setupKinds.find((each) => each.name === name);
    if (!kind) throw new UsageError(`--kinds: there is no '${name}'`);
    return kind;
  });
  return {
    kinds: kinds ?? setupKinds,
    failures: numberIn('failures', values.failures, 1000),
    messagesPerSecond: numberIn('rate', values.rate, 20_000),
    json: values.json ?? null,
    document: values.document,
    help: values.help,
  };
}

function numberIn(name: string, text: string, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new UsageError(`--${name}: '${text}' is not 1 to ${most}`);
}

async function main(): Promise<boolean> {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return true;
  }
  const measured: Measurement[] = [];
  for (const kind of options.kinds) {
    if (kind.missing !== null) {
      console.log(`${kind.name} is left out: ${kind.missing} is not there`);
      continue;
    }
    measured.push(await measure(kind, options, (line) => console.error(line)));
    if (options.json)
      writeFileSync(resolve(options.json), `${JSON.stringify({ ...about(options), measured }, null, 1)}\n`);
  }
  const table = tableOf(measured);
  console.log(table);
  if (options.document) await writeDocument(options, table);
  return measured.every(({ lost }) => lost === 0);
}

const about = ({ failures, messagesPerSecond }: Load) => ({
  machine: { cores: cpus().length, processor: cpus()[0]?.model ?? '', node: process.version },
  failures,
  messagesPerSecond,
});

function tableOf(measured: Measurement[]): string {
  const ours = measured.find(({ kind }) => kind === 'warren-replicated');
  const head = [
    'set-up',
    'producers p50 ms',
    'max ms',
    'consumers p50 ms',
    'max ms',
    'times the replicated pair',
    'confirmed',
    'lost',
    'stranded',
    'duplicated',
    'reordered',
  ];
  const rows = measured.map((each) => [
    setupKinds.find(({ name }) => name === each.kind)!.title,
    `${median(each.producerOutageMs)}`,
    `${Math.max(...each.producerOutageMs)}`,
    `${median(each.consumerOutageMs)}`,
    `${Math.max(...each.consumerOutageMs)}`,
    ours ? (median(each.producerOutageMs) / median(ours.producerOutageMs)).toFixed(1) : '',
    each.confirmed.toLocaleString('en'),
    String(each.lost),
    String(each.stranded),
    String(each.duplicated),
    String(each.reordered),
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

async function writeDocument(load: Options, table: string): Promise<void> {
  const text = readFileSync(document, 'utf8');
  const [from, to] = marks.map((mark) => text.indexOf(mark)) as [number, number];
  if (from < 0 || to < from) throw new Error('docs/failover.md has lost its marks');
  const { cores, processor, node } = about(load).machine;
  const said = `Measured with \`npm run bench:failover -- --failures ${load.failures} --rate ${load.messagesPerSecond}\` on ${cores} cores (${processor.trim()}), Node ${node}: ${load.failures} failures of each, at ${load.messagesPerSecond} persistent, confirmed messages a second.`;
  const whole = `${text.slice(0, from)}${marks[0]}\n\n${said}\n\n${table}\n\n${text.slice(to)}`;
  writeFileSync(document, await format(whole, { ...(await resolveConfig(document)), parser: 'markdown' }));
}

main().then(
  (good) => process.exit(good ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
