// Direct and fanout exchanges against the rule itself while bindings come and go (R8).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DirectTable } from '../../broker/vhost/exchange/direct.ts';
import type { Binding, Routing, RoutingTable } from '../../broker/vhost/exchange/exchange.ts';
import { FanoutTable } from '../../broker/vhost/exchange/fanout.ts';

const key = fc.constantFrom('', 'a', 'b');
/** A binding comes, or the n-th that is left goes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: key }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
);

function reached(table: RoutingTable, routingKey: string): string[] {
  const found: string[] = [];
  const routing = { reach: (destination: { name: string }) => found.push(destination.name) };
  table.route(null as never, routingKey, routing as unknown as Routing);
  return found.sort();
}

describe('R8: direct and fanout routing', () => {
  test.each([
    ['direct', () => new DirectTable(), (binding: string, message: string) => binding === message],
    ['fanout', () => new FanoutTable(), () => true],
  ] as const)('%s reaches each binding that matches, once', (_type, newTable, matches) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = newTable();
        const present: Binding[] = [];
        for (const [index, each] of steps.entries()) {
          if ('add' in each) {
            const destination = { name: `q${index}` };
            const binding = { routingKey: each.add, destination, place: 0 } as unknown as Binding;
            present.push(binding);
            table.add(binding);
          } else {
            const [binding] = present.splice(each.remove % Math.max(1, present.length), 1);
            if (binding) table.remove(binding);
          }
          for (const routingKey of ['', 'a', 'b']) {
            const expected = present.filter((binding) => matches(binding.routingKey, routingKey));
            expect(reached(table, routingKey)).toEqual(
              expected.map(({ destination }) => destination.name).sort(),
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
