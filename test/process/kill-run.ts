// npm run test:kill -- [--kills N] [--seed N]: kills of a node under persistent, confirmed load.
import { parseArgs } from 'node:util';
import { killCampaign } from './kill-campaign.ts';

const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } });
const kills = Number(values.kills ?? 30);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}, ${kills} kills`);
const startedAt = performance.now();
const report = await killCampaign({ seed, kills, progress: (line) => console.log(line) });
const sorted = [...report.recoveryMs].sort((a, b) => a - b);
const at = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
console.log(
  `${report.kills} kills, ${report.killsWhileStarting} of them during a restart, in ${Math.round((performance.now() - startedAt) / 1000)} s`,
);
console.log(`${report.confirmed} messages confirmed, ${report.acknowledged} acknowledgements sent`);
console.log(
  `${report.verified} messages looked at after restarts, ${report.unconfirmed} of them never confirmed, ` +
    `${report.cameBack} acknowledged ones came back marked redelivered`,
);
console.log(`recovery: median ${at(0.5)} ms, longest ${at(1)} ms`);
for (const failure of report.failures.slice(0, 50)) console.log(`FAILED ${failure}`);
console.log(report.failures.length === 0 ? 'no failure' : `${report.failures.length} failures, seed ${seed}`);
process.exit(report.failures.length === 0 ? 0 : 1);
