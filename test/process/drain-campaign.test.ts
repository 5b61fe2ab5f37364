// The short form of `npm run test:drain` (R18, R33c).
import { expect, test } from 'vitest';
import { drainCampaign } from './drain-campaign.ts';

const rounds = 3;
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test(`${rounds} kills of the active node, and of the drains that follow, seed ${seed}`, async () => {
  const report = await drainCampaign({ seed, rounds });
  expect(report.failures).toEqual([]);
  expect(report.rounds).toBe(rounds);
  expect(report.drained).toBeGreaterThan(0);
  expect(report.confirmed).toBeGreaterThan(report.stranded / rounds);
}, 240_000);
