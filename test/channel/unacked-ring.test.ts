// The ring of unacknowledged deliveries against the plain rule, and its size against what is outstanding.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UnackedRing, type Unacked } from '../../broker/channel/unacked-ring.ts';

const delivery = (name: number) => ({ name }) as unknown as Unacked;
const nameOf = (unacked: Unacked | null) => (unacked as unknown as { name: number } | null)?.name ?? null;

const action = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'add' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'add-settled' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), tag: fc.nat(80) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('up-to' as const), tag: fc.nat(80), putBack: fc.boolean() }),
  },
);

describe('R31: unacknowledged deliveries', () => {
  test('the ring does what a map would', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const ring = new UnackedRing();
        const model = new Map<number, number>();
        let next = 1;
        for (const each of actions) {
          if (each.kind === 'add') model.set(next, next);
          if (each.kind === 'add' || each.kind === 'add-settled')
            expect(ring.add(each.kind === 'add' ? delivery(next) : null)).toBe(next++);
          else if (each.kind === 'take') {
            expect(nameOf(ring.take(each.tag))).toBe(model.get(each.tag) ?? null);
            model.delete(each.tag);
          } else {
            const taken: (number | null)[] = [];
            const settled: { tag: number; unacked: Unacked }[] = [];
            ring.takeUpTo(each.tag, (unacked, tag) => {
              taken.push(nameOf(unacked));
              settled.push({ tag, unacked });
            });
            const expected = [...model.keys()].filter((tag) => each.tag === 0 || tag <= each.tag);
            expect(taken).toEqual(expected);
            expect(settled.map(({ tag }) => tag)).toEqual(expected);
            if (each.putBack) ring.putBack(settled);
            else for (const tag of expected) model.delete(tag);
          }
          expect(ring.count).toBe(model.size);
          expect(ring.nextTag).toBe(next);
          for (const tag of [1, 5, 20, next - 1, next]) {
            expect(ring.has(tag)).toBe(model.has(tag));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('one delivery left unacknowledged does not make it grow with all that follow', () => {
    const ring = new UnackedRing();
    ring.add(delivery(1));
    for (let i = 0; i < 100_000; i++) {
      ring.add(null);
      ring.take(ring.add(delivery(2)));
    }
    expect(ring.count).toBe(1);
    expect(ring.capacity).toBeLessThanOrEqual(64);
    expect(nameOf(ring.take(1))).toBe(1);
  });

  test('a settlement that delivers more is given what was there', () => {
    const ring = new UnackedRing();
    for (let i = 0; i < 40; i++) ring.add(delivery(i));
    let settled = 0;
    ring.takeUpTo(0, () => {
      settled++;
      if (settled <= 40) ring.add(delivery(100));
    });
    expect(settled).toBe(40);
    expect(ring.count).toBe(40);
  });
});
