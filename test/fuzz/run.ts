// npm run test:fuzz -- [--seed N] [--count N] [--only N]: the whole campaign, or one attack of it again.
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { growth, megabytes } from './memory-bound.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, count: { type: 'string' }, only: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const count = Number(values.count ?? 200_000);
const only = values.only === undefined ? undefined : Number(values.only);
console.log(`seed ${seed}, ${only === undefined ? `${count} mutated frames` : `attack ${only} alone`}`);

let lastLine = 0;
const report = await fuzz({
  seed,
  count,
  only,
  progress: (line) => {
    if (Date.now() - lastLine < 10_000) return;
    lastLine = Date.now();
    console.log(line);
  },
});

const table = (title: string, counts: Map<string, number>) => {
  console.log(title);
  const rows = [...counts].sort((a, b) => b[1] - a[1]);
  for (const [name, times] of rows) console.log(`  ${String(times).padStart(8)}  ${name}`);
};
table('what was done', report.kinds);
table('what came of it', report.results);
const { frames, connections, durationMs, healthyRounds, healthySlowestMs, memory } = report;
console.log(`${frames} mutated frames on ${connections} connections in ${Math.round(durationMs / 1000)} s`);
console.log(`healthy client: ${healthyRounds} rounds, the slowest ${Math.round(healthySlowestMs)} ms`);
if (memory) {
  const [first, last] = memory;
  for (const name of ['rss', 'heapUsed', 'external'] as const)
    console.log(
      `${name}: ${megabytes(first[name])} MiB after a third, ${megabytes(last[name])} MiB at the end`,
    );
  const grown = growth(memory);
  if (grown) report.failures.push(`memory grew: ${grown}`);
}
for (const failure of report.failures) console.log(`FAILED ${failure}`);
console.log(report.failures.length === 0 ? 'no failure' : `${report.failures.length} failures, seed ${seed}`);
process.exit(report.failures.length === 0 ? 0 : 1);
