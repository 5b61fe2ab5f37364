// A pair does not bounce (R33f): what comes and goes is acted on only so often.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heldOff } from '../../broker/pair/failover-guard.ts';

const settings = { holdOffMs: 10_000, failoversMax: 3, failoverWindowMinutes: 10 };
const minute = 60_000;

describe('R33f: the hold-off', () => {
  const rows: { name: string; failovers: number[]; now: number; until: number | null }[] = [
    { name: 'none so far: at once', failovers: [], now: 5, until: null },
    { name: 'just after the first', failovers: [0], now: 1, until: 10_000 },
    { name: 'when the first hold-off is over', failovers: [0], now: 10_000, until: null },
    { name: 'after the second, twice as long', failovers: [0, 10_000], now: 29_999, until: 30_000 },
    { name: 'when that is over', failovers: [0, 10_000], now: 30_000, until: null },
    {
      name: 'three: none until the first is forgotten',
      failovers: [0, 1e4, 3e4],
      now: 9 * minute,
      until: 10 * minute,
    },
    {
      name: 'and then again by the two that are left',
      failovers: [0, 1e4, 3e4],
      now: 10 * minute,
      until: null,
    },
    { name: 'long ago is forgotten', failovers: [0], now: 10 * minute, until: null },
  ];
  test.each(rows)('$name', ({ failovers, now, until }) => {
    expect(heldOff(failovers, now, settings)?.until ?? null).toBe(until);
  });

  test('says why', () => {
    expect(heldOff([0], 1, settings)?.reason).toBe(
      '1 failover in 10 min: the next not before 10000 ms after the last',
    );
    expect(heldOff([0, 1, 2], 3, settings)?.reason).toBe(
      '3 failovers in 10 min, and no more than 3 are allowed',
    );
  });

  test('something that comes and goes all the time: never more than the most in any window, each further apart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 50, maxLength: 400 }),
        (gaps) => {
          const done: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            if (heldOff(done, now, settings) === null) done.push(now);
          }
          for (const [index, at] of done.entries()) {
            const before = done.slice(0, index).filter((each) => at - each < 10 * minute);
            expect(before.length).toBeLessThan(3);
            if (before.length > 0)
              expect(at - before.at(-1)!).toBeGreaterThanOrEqual(10_000 * 2 ** (before.length - 1));
          }
        },
      ),
    );
  });
});
