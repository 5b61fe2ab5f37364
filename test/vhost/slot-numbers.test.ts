// Numbers of a page's slots (R13): what was pushed is what is read, packed or not.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlotNumbers } from '../../broker/vhost/paging/slot-numbers.ts';

const all = (numbers: SlotNumbers) => Array.from({ length: numbers.length }, (_, slot) => numbers.at(slot));

const near = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 52 }), fc.array(fc.integer({ min: 0, max: 2 ** 33 })))
  .map(([base, steps]) => steps.map((step) => base + step));
const runs = fc.oneof(
  near,
  near.map((numbers) => numbers.map((number) => -number)),
  fc.array(fc.maxSafeInteger()),
  fc.array(fc.constantFrom(0, 1, -1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, -(2 ** 32))),
);

describe('R13: numbers by slot', () => {
  test('are after packing what they were before', () => {
    fc.assert(
      fc.property(runs, fc.nat(), (pushed, hole) => {
        const numbers = new SlotNumbers();
        for (const number of pushed) numbers.push(number);
        expect(all(numbers)).toEqual(pushed);
        numbers.pack();
        expect(all(numbers)).toEqual(pushed);
        if (pushed.length === 0) return;
        const slot = hole % pushed.length;
        numbers.set(slot, 0);
        expect(all(numbers)).toEqual(pushed.with(slot, 0));
      }),
      { numRuns: 500 },
    );
  });
});
