// npm run test:drain -- [--rounds N] [--seed N]: kills of an independent pair under load, and of its drains.
import { parseArgs } from 'node:util';
import { drainCampaign } from './drain-campaign.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const rounds = Number(values.rounds ?? 100);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}, ${rounds} rounds`);
const startedAt = performance.now();
const report = await drainCampaign({ seed, rounds, progress: (line) => console.log(line) });
const at = (values: number[], part: number) =>
  Math.round([...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? 0);
const { kills, outagesMs, drainMs } = report;
console.log(
  `${report.rounds} kills of the active node in ${Math.round((performance.now() - startedAt) / 1000)} s; ` +
    `outage median ${at(outagesMs, 0.5)} ms, longest ${at(outagesMs, 1)} ms`,
);
console.log(
  `${report.drains} drains, ${report.overtaken} overtaken by a takeover; killed: the node it leaves ${kills.source}, ` +
    `the node it goes to ${kills.target}, the host ${kills.host} times, ${report.killsInFlight} of these during a drain; ${report.doubts} drains had messages in doubt`,
);
console.log(
  `${report.confirmed} messages confirmed, ${report.stranded} counted as stranded, ${report.drained} drained; ` +
    `a drain took ${at(drainMs, 0.5)} ms at the median, ${at(drainMs, 1)} ms at most`,
);
for (const failure of report.failures.slice(0, 50)) console.log(`FAILED ${failure}`);
console.log(report.failures.length === 0 ? 'no failure' : `${report.failures.length} failures, seed ${seed}`);
process.exit(report.failures.length === 0 ? 0 : 1);
