// The trie against the rule itself (R8).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Binding, Routing } from '../../broker/vhost/exchange/exchange.ts';
import { TopicTable, topicMatches } from '../../broker/vhost/exchange/topic.ts';

const pattern = fc
  .array(fc.constantFrom('a', 'b', '', '*', '#', 'long-word'), { maxLength: 6 })
  .map((words) => words.join('.'));
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

describe('R8: topic routing', () => {
  test('the trie reaches what the rule says, also after bindings went', () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 12 }),
        fc.array(key, { maxLength: 8 }),
        fc.nat(),
        (patterns, keys, seed) => {
          const table = new TopicTable();
          const bindings = patterns.map(bindingOf);
          for (const binding of bindings) table.add(binding);
          const gone = new Set(bindings.filter((_, index) => (seed >> (index % 20)) & 1));
          const agrees = (present: Binding[]) => {
            for (const each of keys) {
              const expected = new Set(
                present
                  .filter((binding) => topicMatches(binding.routingKey, each))
                  .map((binding) => (binding.destination as unknown as { index: number }).index),
              );
              expect(reached(table, each), each).toEqual(expected);
            }
          };
          agrees(bindings);
          for (const binding of gone) table.remove(binding);
          agrees(bindings.filter((binding) => !gone.has(binding)));
        },
      ),
      { numRuns: 500 },
    );
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
