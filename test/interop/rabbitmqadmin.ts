// Has Debian's rabbitmqadmin do its script to a broker, and tells how each command ended: its exit code and what it
// said, without what is different from run to run.
import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import amqplib from 'amqplib';
import type { Peer } from '../peers/peer.ts';
import { startRabbitMq } from '../peers/rabbitmq.ts';
import { afterConnected, beforeConnected, whileConnected, type Step } from './rabbitmqadmin-script.ts';

const python = '/usr/bin/python3';
const inPlugin =
  '/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/rabbitmq_management-*/priv/www/cli/rabbitmqadmin';
const program = globSync(inPlugin)[0] ?? '/usr/bin/rabbitmqadmin';

/** In the version whose words are recorded. */
export const rabbitmqadminInstalled =
  existsSync(python) && existsSync(program) && readFileSync(program, 'utf8').includes("VERSION = '3.10.8'");
const recording = new URL('./recorded/rabbitmqadmin-3.10.8.json', import.meta.url);

export interface Outcome {
  command: string;
  exitCode: number;
  stdout: string[];
  stderr: string[];
}

/** How long a number may take that RabbitMQ gathers from time to time. */
const settleMs = 20_000;

/** How every command ended with RabbitMQ. */
export function recordedOutcomes(): Outcome[] {
  return JSON.parse(readFileSync(recording, 'utf8')) as Outcome[];
}

/** Has RabbitMQ do the script and keeps how each command ended. */
export async function recordOutcomes(): Promise<number> {
  const oracle = await startRabbitMq({ statisticsIntervalMs: 1000 });
  const outcomes = await outcomesOf(oracle).finally(() => oracle.stop());
  writeFileSync(recording, JSON.stringify(outcomes, null, 1) + '\n');
  return outcomes.length;
}

/** Every command in turn, on a broker that is fresh; last, what `export` wrote. */
export async function outcomesOf(peer: Peer): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rabbitmqadmin-'));
  const outcomes: Outcome[] = [];
  const doAll = async (steps: Step[]) => {
    for (const step of steps) outcomes.push(await outcomeOf(step, peer, folder));
  };
  try {
    await doAll(beforeConnected);
    const connection = await amqplib.connect(`amqp://guest:guest@127.0.0.1:${peer.amqpPort}/shop`);
    const channel = await connection.createChannel();
    await channel.consume('new.orders', () => {}, { consumerTag: 'reader' });
    await doAll(whileConnected);
    await connection.close();
    await doAll(afterConnected);
    for (const name of ['exported.json', 'whole.json']) outcomes.push(exported(folder, name));
    return outcomes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outcomeOf(step: Step, peer: Peer, folder: string): Promise<Outcome> {
  const deadline = Date.now() + settleMs;
  for (;;) {
    const { exitCode, stdout, stderr } = await run(step, peer, folder);
    const settled =
      (step.until === undefined || stdout.includes(step.until)) &&
      (step.whileThere === undefined || !stdout.includes(step.whileThere));
    if (!settled && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    return {
      command: step.command,
      exitCode,
      stdout: step.keysOnly ? keysIn(stdout) : lines(stdout, folder),
      stderr: lines(stderr, folder),
    };
  }
}

/** Of Erlang, and of RabbitMQ's support and storage of samples: Warren has none (test/http/omitted.md). */
const ofRabbitMqAlone = /^(?:erlang_.*|release_series_support_status|sample_retention_policies)$/;

/** `show` gives a list of one. */
function keysIn(stdout: string): string[] {
  const [shown] = JSON.parse(stdout) as [object];
  return Object.keys(shown)
    .filter((name) => !ofRabbitMqAlone.test(name))
    .sort();
}

function run(
  step: Step,
  peer: Peer,
  folder: string,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const args = step.command.split(' ').map((each) => each.replace('FOLDER', folder));
  return new Promise((resolve, reject) => {
    const child = spawn(
      python,
      [program, '-H', '127.0.0.1', '-P', String(peer.managementPort), ...args],
      // A home of its own: none of the user's configuration.
      { env: { PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8' }, stdio: 'pipe' },
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? -1, stdout, stderr }));
    child.stdin.end(step.input ?? '');
  });
}

/** Ports, node names, folders, hashes, the widths of tables and where in Python it broke are masked. */
function lines(text: string, folder: string): string[] {
  return text
    .replaceAll(folder, 'FOLDER')
    .replace(/^Traceback[^]*?^(?=\S+: )/m, '')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replace(/\b(?:oracle\w+@localhost|warren(?:@\w+)?)\b/g, 'NODE')
    .replace(/(?<="properties_key": ".*~)[\w-]{6,}/g, 'HASH')
    .replace(/-{3,}/g, '---')
    .replace(/ {2,}/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** What was exported: the kinds, and of each kind its things, but for what a broker makes of passwords. */
function exported(folder: string, name: string): Outcome {
  const definitions = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>;
  const stdout = Object.entries(definitions)
    .filter(([kind, things]) => kind !== 'global_parameters' && Array.isArray(things))
    .flatMap(([kind, things]) => (things as object[]).map((thing) => `${kind} ${inOrder(thing)}`))
    .sort();
  const kinds = Object.keys(definitions).sort().join(' ');
  return { command: `what is in ${name}`, exitCode: 0, stdout: [kinds, ...stdout], stderr: [] };
}

/** As JSON, with the keys of every object in order. */
function inOrder(thing: object): string {
  return JSON.stringify(thing, (key, value: unknown) => {
    if (key === 'password_hash') return 'HASH';
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
