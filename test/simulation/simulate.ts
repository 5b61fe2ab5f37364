// `npm run test:simulation -- [--seeds N] [--pair-seeds N] [--from SEED] | --seed SEED | --pair-seed SEED`: the real
// journal, and queue paging on it, on a simulated disk; then the real pair on simulated machines. Prints seeds per
// second and what fails with the end of its trace; `--seed` and `--pair-seed` print all of one run.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { simulatePair } from './pair/pair-simulation.ts';
import { failureOf, runSeeds, type Failure, type Simulate } from './seeds.ts';
import { simulate } from './simulation.ts';

const chunkSize = 250;
const failuresMax = 10;
const traceTail = 60;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    'pair-seeds': { type: 'string', default: '20000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    'pair-seed': { type: 'string' },
  },
});

const simulations = { journal: simulate, pair: simulatePair } satisfies Record<string, Simulate>;
type Name = keyof typeof simulations;
type Chunk = [name: Name, first: number, count: number];

if (process.send) serve();
else if (values.seed !== undefined) await replay('journal', Number(values.seed), Infinity);
else if (values['pair-seed'] !== undefined) await replay('pair', Number(values['pair-seed']), Infinity);
else {
  await runAll('journal', Number(values.from), Number(values.seeds));
  await runAll('pair', Number(values.from), Number(values['pair-seeds']));
}

/** As a child: runs the chunks that the parent hands out. */
function serve(): void {
  process.on('message', ([name, first, count]: Chunk) => {
    void runSeeds(first, count, failuresMax, {}, simulations[name]).then((failures) =>
      process.send!(failures),
    );
  });
}

async function runAll(name: Name, from: number, count: number): Promise<void> {
  const startedAt = performance.now();
  const failures: Failure[] = [];
  let next = from;
  let done = 0;
  const lane = async () => {
    const child = fork(fileURLToPath(import.meta.url));
    while (next < from + count && failures.length < failuresMax) {
      const chunk: Chunk = [name, next, Math.min(chunkSize, from + count - next)];
      next += chunk[2];
      const answer = new Promise<Failure[]>((resolve, reject) => {
        child.once('message', resolve as (message: unknown) => void);
        child.once('exit', (code) =>
          reject(new Error(`${name} seeds from ${chunk[1]}: the process ended with ${code}`)),
        );
      });
      child.send(chunk);
      failures.push(...(await answer));
      child.removeAllListeners();
      done += chunk[2];
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  failures.sort((a, b) => a.seed - b.seed);
  for (const { seed } of failures.slice(0, 3)) await replay(name, seed, traceTail);
  for (const { seed, error } of failures) console.log(`seed ${seed}: ${error.split('\n')[0]}`);
  console.log(`${name}: ${done} seeds in ${seconds.toFixed(1)} s, ${Math.round(done / seconds)} seeds/s`);
  console.log(
    failures.length === 0 ? 'every promise held' : `failed: ${failures.map(({ seed }) => seed).join(', ')}`,
  );
  if (failures.length > 0) process.exitCode = 1;
}

async function replay(name: Name, seed: number, tail: number): Promise<void> {
  const lines: string[] = [];
  const failure = await failureOf(seed, { trace: (line) => lines.push(line) }, simulations[name]);
  console.log(
    `${name} seed ${seed}, ${lines.length} lines of trace${tail < lines.length ? `, the last ${tail}` : ''}:`,
  );
  for (const line of lines.slice(-Math.min(tail, lines.length))) console.log(line);
  console.log(failure ? failure.error : 'every promise held');
  if (failure) process.exitCode = 1;
}
