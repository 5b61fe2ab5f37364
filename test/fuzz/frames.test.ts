// The short form of `npm run test:fuzz`: a few thousand mutated frames against a node process, the same campaign
// with the same judgement.
import { describe, expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { growth } from './memory-bound.ts';

const seed = 20_260_101;

describe('R2 R14: a node process under mutated frames', () => {
  test(
    `lives, answers each with a code, and keeps nothing (seed ${seed})`,
    { timeout: 120_000 },
    async () => {
      const report = await fuzz({ seed, count: 1500 });
      expect(report.failures).toEqual([]);
      expect(report.frames).toBeGreaterThanOrEqual(1500);
      expect(report.healthyRounds).toBeGreaterThan(50);
      expect(growth(report.memory!)).toBeNull();
      for (const code of [501, 502, 503, 504, 505])
        expect(
          [...report.results.keys()].some((result) => result.endsWith(` ${code}`)),
          `${code}`,
        ).toBe(true);
    },
  );
});
