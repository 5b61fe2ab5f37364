// The ready list against an array: order by position, whatever comes and goes (R31).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../broker/vhost/message.ts';
import { QueueEntry } from '../../broker/vhost/queue/queue-entry.ts';
import { ReadyList } from '../../broker/vhost/queue/ready-list.ts';

type Step = { do: 'push' | 'shift' | 'restore' | 'remove' | 'browse'; pick: number };

describe('R31: requeue at the original place', () => {
  test('a random life agrees with a sorted array', () => {
    const steps = fc.array(
      fc.record({
        do: fc.constantFrom('push', 'push', 'shift', 'restore', 'remove', 'browse') as fc.Arbitrary<
          Step['do']
        >,
        pick: fc.nat(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (life) => {
        const list = new ReadyList();
        const model: QueueEntry[] = [];
        const out: QueueEntry[] = [];
        let position = 1;
        for (const step of life) {
          if (step.do === 'push') {
            const entry = new QueueEntry({} as Message, position++);
            list.push(entry);
            model.push(entry);
          } else if (step.do === 'shift') {
            const entry = list.shift();
            expect(entry).toBe(model.shift() ?? null);
            if (entry) out.push(entry);
          } else if (step.do === 'restore' && out.length > 0) {
            const [entry] = out.splice(step.pick % out.length, 1);
            list.restore(entry!);
            model.push(entry!);
            model.sort((a, b) => a.position - b.position);
          } else if (step.do === 'remove' && model.length > 0) {
            const [entry] = model.splice(step.pick % model.length, 1);
            expect(list.find(entry!.position)).toBe(entry);
            expect(list.remove(entry!)).toBe(true);
            expect(list.remove(entry!)).toBe(false);
          } else if (step.do === 'browse') {
            const from = model.length === 0 ? 0 : step.pick % model.length;
            expect([...list.from(from)]).toEqual(model.slice(from));
          }
          expect(list.size).toBe(model.length);
          expect(list.peek()).toBe(model[0] ?? null);
        }
      }),
      { numRuns: 300 },
    );
  });
});
