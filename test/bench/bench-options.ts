// The options of `npm run bench`.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BrokerName } from './brokers.ts';
import type { Row } from './rows.ts';

export interface BenchOptions {
  help: boolean;
  rows: Row[];
  repeats: number;
  seconds: number;
  only: BrokerName | null;
  withLimits: boolean;
  json: string | null;
  profileFolder: string | null;
}

export class BenchUsageError extends Error {
  override name = 'BenchUsageError';
}

export function helpText(rows: Row[]): string {
  const names = rows.map(
    ({ name, title, optional }) => `  ${name.padEnd(20)} ${title}${optional ? ' (only when named)' : ''}`,
  );
  return `Usage: npm run bench -- [options]

Options:
  --rows A,B         only these rows
  --repeats N        runs of each row and broker, in turns (default 3)
  --seconds N        measured span of a run, after a second of warm-up (default 4)
  --only BROKER      warren, rabbitmq or bare (the ceiling: Node without a broker's logic)
  --with-limits      measure the ceiling in the same turns, for each figure's share of it
  --json FILE        everything that was measured
  --profile          CPU profiles of Warren's processes, in test-results/profiles
  --help             print this text

Rows:
${names.join('\n')}
`;
}

/** Throws BenchUsageError. */
export function parseBenchOptions(args: string[], all: Row[]): BenchOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        rows: { type: 'string' },
        repeats: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '4' },
        only: { type: 'string' },
        json: { type: 'string' },
        'with-limits': { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new BenchUsageError((error as Error).message);
  }
  const { only } = values;
  if (only !== undefined && only !== 'warren' && only !== 'rabbitmq' && only !== 'bare')
    throw new BenchUsageError(`--only: '${only}' is not warren, rabbitmq or bare`);
  return {
    help: values.help,
    rows:
      values.rows === undefined
        ? all.filter(({ optional }) => !optional)
        : values.rows.split(',').map((name) => rowNamed(name, all)),
    repeats: positive('--repeats', values.repeats),
    seconds: positive('--seconds', values.seconds),
    only: only ?? null,
    withLimits: values['with-limits'],
    json: values.json ?? null,
    profileFolder: values.profile ? resolve('test-results', 'profiles') : null,
  };
}

function rowNamed(name: string, all: Row[]): Row {
  const row = all.find((each) => each.name === name);
  if (!row) throw new BenchUsageError(`--rows: there is no row '${name}'`);
  return row;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new BenchUsageError(`${option}: '${text}' is not a number above 0`);
  return value;
}
