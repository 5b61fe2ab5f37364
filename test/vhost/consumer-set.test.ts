// Who is next among the consumers of a queue, against a list that is asked from the beginning every time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Consumer } from '../../broker/vhost/consumer.ts';
import { ConsumerSet } from '../../broker/vhost/queue/consumer-set.ts';

class Eater implements Consumer {
  readonly tag: string;
  readonly priority: number;
  readonly noAck = true;
  readonly exclusive = false;
  readonly arguments = new Map();
  readonly description = 'eater';
  able = true;
  asked = 0;

  constructor(name: number, priority: number) {
    this.tag = String(name);
    this.priority = priority;
  }

  canTake(): boolean {
    this.asked++;
    return this.able;
  }

  deliver(): void {
    // Nothing is delivered here.
  }

  cancelled(): void {
    // Nothing is taken away here.
  }
}

function setOf(consumers: Eater[]): ConsumerSet {
  const set = new ConsumerSet(false);
  for (const consumer of consumers) set.add(consumer);
  return set;
}

describe('the consumers of a queue', () => {
  test('those without credit are asked once, until they may take again', () => {
    const consumers = Array.from({ length: 1000 }, (_, index) => new Eater(index, 0));
    const set = setOf(consumers);
    for (const consumer of consumers) consumer.able = false;
    for (let i = 0; i < 100; i++) expect(set.take()).toBeNull();
    expect(consumers.every(({ asked }) => asked === 1)).toBe(true);
    const again = consumers[700]!;
    again.able = true;
    set.mayTakeAgain(again);
    expect(set.take()).toBe(again);
    expect(consumers.filter(({ asked }) => asked > 1)).toEqual([again]);
  });

  test('take in turn, and one that was set aside comes after those that were not', () => {
    const [a, b, c] = [0, 1, 2].map((name) => new Eater(name, 0)) as [Eater, Eater, Eater];
    const set = setOf([a, b, c]);
    b.able = false;
    expect([set.take(), set.take(), set.take()]).toEqual([a, c, a]);
    b.able = true;
    set.mayTakeAgain(b);
    expect([set.take(), set.take(), set.take()]).toEqual([c, a, b]);
  });

  test('a random life: only those take that can, of the highest priority that can, and each has its turn', () => {
    const step = fc.record({
      do: fc.constantFrom('add', 'remove', 'stop', 'go', 'take', 'take', 'round'),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (life) => {
        const set = new ConsumerSet(false);
        const there: Eater[] = [];
        let name = 0;
        const best = () => Math.max(...there.filter(({ able }) => able).map(({ priority }) => priority));
        for (const { do: what, pick } of life) {
          const picked = there[pick % Math.max(1, there.length)];
          if (what === 'add') {
            there.push(new Eater(name++, pick % 3));
            set.add(there.at(-1)!);
          } else if (what === 'remove' && picked) {
            expect(set.remove(picked)).toBe(true);
            there.splice(there.indexOf(picked), 1);
          } else if (what === 'stop' && picked) picked.able = false;
          else if (what === 'go' && picked) {
            picked.able = true;
            set.mayTakeAgain(picked);
          } else if (what === 'take') {
            const taken = set.take() as Eater | null;
            if (there.some(({ able }) => able))
              expect([taken?.able, taken?.priority]).toEqual([true, best()]);
            else expect(taken).toBeNull();
          } else if (what === 'round') {
            const able = there.filter((each) => each.able && each.priority === best());
            const round = able.map(() => set.take());
            expect(new Set(round)).toEqual(new Set(able));
          }
          expect(set.count).toBe(there.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
