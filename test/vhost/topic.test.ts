// The trie against the rule itself (R8).
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Binding, Routing } from '../../broker/vhost/exchange/exchange.ts';
import { TopicTable, topicMatches } from '../../broker/vhost/exchange/topic.ts';

const patternOf = (maxLength: number) =>
  fc
    .array(fc.constantFrom('a', 'b', '', '*', '#', 'long-word'), { maxLength })
    .map((words) => words.join('.'));
/** Short ones too, so that several bindings have the same. */
const pattern = fc.oneof(patternOf(1), patternOf(6));
const key = fc
  .array(fc.constantFrom('a', 'b', '', 'long-word', '*'), { maxLength: 7 })
  .map((words) => words.join('.'));

const bindingOf = (routingKey: string, index: number) =>
  ({ routingKey, destination: { index } }) as unknown as Binding;

function reached(table: TopicTable, routingKey: string): Set<number> {
  const found = new Set<number>();
  const routing = { reach: (destination: { index: number }) => found.add(destination.index) };
  table.route(null as never, routingKey, routing as unknown as Routing);
  return found;
}

/** What happens to an exchange: a binding comes, the n-th that is left goes, a message passes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: pattern }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ route: key }) },
);

const indexOf = (binding: Binding) => (binding.destination as unknown as { index: number }).index;

describe('R8: topic routing', () => {
  test('the trie reaches what the rule says while bindings come and go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = new TopicTable();
        const present: Binding[] = [];
        for (const [index, each] of steps.entries()) {
          if ('add' in each) {
            const binding = bindingOf(each.add, index);
            present.push(binding);
            table.add(binding);
          } else if ('remove' in each) {
            const [binding] = present.splice(each.remove % Math.max(1, present.length), 1);
            if (binding) table.remove(binding);
          } else {
            const expected = present.filter((binding) => topicMatches(binding.routingKey, each.route));
            expect(reached(table, each.route), each.route).toEqual(new Set(expected.map(indexOf)));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('10,000 bindings cost a message that matches few no more than 10', () => {
    const costs = [10, 10_000].map((bindings) => {
      const table = new TopicTable();
      for (let index = 0; index < bindings; index++)
        table.add(bindingOf([`*.w${index}.*`, `*.w${index}.#`, `#.w${index}.*`][index % 3]!, index));
      const lookUps = vi.spyOn(Map.prototype, 'get');
      const found = reached(table, 'first.w7.last');
      const { length } = lookUps.mock.calls;
      lookUps.mockRestore();
      expect(found).toEqual(new Set([7]));
      expect(length).toBeGreaterThan(0);
      return length;
    });
    expect(costs[1]).toBeLessThanOrEqual(costs[0]!);
  });

  test('patterns full of # cost no more than words times patterns', () => {
    const table = new TopicTable();
    const bindings = ['#.a.', '#.*.', '#.'].map((part, index) => bindingOf(`${part.repeat(60)}b`, index));
    for (const binding of bindings) table.add(binding);
    // Tried one by one, the ways to spread 120 words over 60 gaps outlast any machine.
    const words = 'a.'.repeat(120);
    expect(reached(table, `${words}b`)).toEqual(new Set([0, 1, 2]));
    expect(reached(table, `${words}c`)).toEqual(new Set());
  });

  test.each([
    ['#', '', true],
    ['*', '', false],
    ['*', 'a', true],
    ['a.#', 'a', true],
    ['#.a', 'b.a', true],
    ['a.*.c', 'a..c', true],
    ['a.*', 'a.b.c', false],
    ['#.#', '', true],
  ])('%s and %s: %s', (binding, routingKey, expected) => {
    expect(topicMatches(binding, routingKey)).toBe(expected);
  });
});
