// `npm run test:simulation -- [--seeds N] [--from SEED] | --seed SEED`: the real journal, and queue paging on it, on
// a simulated disk. Prints seeds per second and what fails with the end of its trace; `--seed` prints all of one run.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { failureOf, runSeeds, type Failure } from './seeds.ts';

const chunkSize = 250;
const failuresMax = 10;
const traceTail = 60;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
});

if (process.send) serve();
else if (values.seed !== undefined) await replay(Number(values.seed), Infinity);
else await runAll(Number(values.from), Number(values.seeds));

/** As a child: runs the chunks that the parent hands out. */
function serve(): void {
  process.on('message', ([first, count]: [number, number]) => {
    void runSeeds(first, count, failuresMax).then((failures) => process.send!(failures));
  });
}

async function runAll(from: number, count: number): Promise<void> {
  const startedAt = performance.now();
  const failures: Failure[] = [];
  let next = from;
  let done = 0;
  const lane = async () => {
    const child = fork(fileURLToPath(import.meta.url));
    while (next < from + count && failures.length < failuresMax) {
      const chunk: [number, number] = [next, Math.min(chunkSize, from + count - next)];
      next += chunk[1];
      const answer = new Promise<Failure[]>((resolve, reject) => {
        child.once('message', resolve as (message: unknown) => void);
        child.once('exit', (code) =>
          reject(new Error(`seeds from ${chunk[0]}: the process ended with ${code}`)),
        );
      });
      child.send(chunk);
      failures.push(...(await answer));
      child.removeAllListeners();
      done += chunk[1];
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  failures.sort((a, b) => a.seed - b.seed);
  for (const { seed } of failures.slice(0, 3)) await replay(seed, traceTail);
  for (const { seed, error } of failures) console.log(`seed ${seed}: ${error.split('\n')[0]}`);
  console.log(`${done} seeds in ${seconds.toFixed(1)} s, ${Math.round(done / seconds)} seeds/s`);
  console.log(
    failures.length === 0 ? 'every promise held' : `failed: ${failures.map(({ seed }) => seed).join(', ')}`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function replay(seed: number, tail: number): Promise<void> {
  const lines: string[] = [];
  const failure = await failureOf(seed, { trace: (line) => lines.push(line) });
  console.log(
    `seed ${seed}, ${lines.length} lines of trace${tail < lines.length ? `, the last ${tail}` : ''}:`,
  );
  for (const line of lines.slice(-Math.min(tail, lines.length))) console.log(line);
  console.log(failure ? failure.error : 'every promise held');
  if (failure) process.exitCode = 1;
}
