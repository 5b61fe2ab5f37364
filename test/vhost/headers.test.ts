// The index of a headers exchange against the rule itself, and what it looks at (R8).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalValues, valueKey } from '../../broker/amqp/field-equality.ts';
import { longString, type FieldTable, type TypedValue } from '../../broker/amqp/field-table.ts';
import type { Binding, Routing } from '../../broker/vhost/exchange/exchange.ts';
import { HeadersTable, matchModes } from '../../broker/vhost/exchange/headers.ts';
import type { Message } from '../../broker/vhost/message.ts';
import { table as anyTable } from '../amqp/field-values.ts';

/** Few names and values, so that patterns and messages meet; some equal across types, some nearly. */
const values: TypedValue[] = [
  { type: 'V', value: null },
  { type: 't', value: true },
  { type: 'b', value: 1 },
  { type: 'I', value: 1 },
  { type: 'l', value: 1 },
  { type: 'L', value: 2n ** 60n },
  { type: 'l', value: 2n ** 60n },
  { type: 'T', value: 1 },
  { type: 'f', value: 1 },
  { type: 'd', value: 1 },
  { type: 'd', value: 0 },
  { type: 'd', value: -0 },
  { type: 'd', value: NaN },
  { type: 'D', value: { scale: 1, unscaled: 1 } },
  { type: 'S', value: Buffer.from('1') },
  { type: 'S', value: Buffer.from('') },
  { type: 'x', value: Buffer.from('1') },
  { type: 'A', value: [{ type: 'b', value: 1 }] },
  { type: 'A', value: [{ type: 'I', value: 1 }] },
  { type: 'F', value: new Map([pair('a', 'x'), pair('b', 'y')]) },
  { type: 'F', value: new Map([pair('b', 'y'), pair('a', 'x')]) },
];
const names = ['a', 'b', 'c', 'x-d', 'x-e'];
const headers: fc.Arbitrary<FieldTable> = fc
  .array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), { maxLength: 4 })
  .map((pairs) => new Map(pairs));
const pattern = fc
  .tuple(headers, fc.option(fc.constantFrom(...matchModes)))
  .map(([wanted, mode]): FieldTable => (mode ? new Map([pair('x-match', mode), ...wanted]) : wanted));
/** What happens to an exchange: a binding comes, the n-th that is left goes, a message passes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: pattern }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ route: headers }) },
);

function pair(name: string, value: string): [string, TypedValue] {
  return [name, longString(value)];
}

let lastIndex = 0;
const bindingOf = (args: FieldTable) =>
  ({ arguments: args, destination: { index: ++lastIndex } }) as unknown as Binding;
const indexOf = (binding: Binding) => (binding.destination as unknown as { index: number }).index;

function reached(table: HeadersTable, message: FieldTable): Set<number> {
  const found = new Set<number>();
  const routing = { reach: (destination: { index: number }) => found.add(destination.index) };
  const source = { headers: () => message } as unknown as Message;
  table.route(source, '', routing as unknown as Routing);
  return found;
}

/** The rule, binding by binding. */
function matches(args: FieldTable, message: FieldTable): boolean {
  const given = args.get('x-match');
  const mode = given?.type === 'S' ? given.value.toString() : 'all';
  const wanted = [...args.keys()].filter(
    (name) => name !== 'x-match' && (mode.endsWith('-with-x') || !name.startsWith('x-')),
  );
  const fits = (name: string) => {
    const [value, found] = [args.get(name)!, message.get(name)];
    return found !== undefined && (value.type === 'V' || equalValues(value, found, true));
  };
  return mode.startsWith('any') ? wanted.some(fits) : wanted.every(fits);
}

/** A value that counts how often its type is looked at. */
function watched(text: string, looked: { count: number }): TypedValue {
  return {
    value: Buffer.from(text),
    get type(): 'S' {
      looked.count++;
      return 'S';
    },
  };
}

describe('R8: headers routing', () => {
  test('the index reaches what the rule says while bindings come and go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new HeadersTable();
        const present: Binding[] = [];
        for (const each of steps) {
          if ('add' in each) {
            const binding = bindingOf(each.add);
            present.push(binding);
            table.add(binding);
          } else if ('remove' in each) {
            const [binding] = present.splice(each.remove % Math.max(1, present.length), 1);
            if (binding) table.remove(binding);
          } else {
            const expected = present.filter((binding) => matches(binding.arguments, each.route));
            expect(reached(table, each.route)).toEqual(new Set(expected.map(indexOf)));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('equal values have equal keys', () => {
    fc.assert(
      fc.property(anyTable, anyTable, (one, other) => {
        const all = [...values, ...one.values(), ...other.values()];
        for (const a of all)
          for (const b of all) if (equalValues(a, b, true)) expect(valueKey(a)).toBe(valueKey(b));
      }),
    );
  });

  test.each<[TypedValue, TypedValue, boolean]>([
    [{ type: 'b', value: 1 }, { type: 'L', value: 1 }, true],
    [{ type: 'l', value: 2n ** 60n }, { type: 'L', value: 2n ** 60n }, true],
    [{ type: 'f', value: 0.5 }, { type: 'd', value: 0.5 }, true],
    [{ type: 'I', value: 1 }, { type: 'd', value: 1 }, true],
    [{ type: 'I', value: 1 }, { type: 't', value: true }, false],
    [{ type: 'I', value: 1 }, { type: 'T', value: 1 }, true],
    [{ type: 'S', value: Buffer.from('a') }, { type: 'x', value: Buffer.from('a') }, true],
    [{ type: 'A', value: [{ type: 'b', value: 1 }] }, { type: 'A', value: [{ type: 'I', value: 1 }] }, false],
  ])('%o and %o: %s', (one, other, equal) => {
    expect(equalValues(one, other, true)).toBe(equal);
    if (equal) expect(valueKey(one)).toBe(valueKey(other));
  });

  test.each(matchModes)('%s: 10,000 bindings cost a message that matches few no more than 10', (mode) => {
    const costs = [10, 10_000].map((bindings) => {
      const looked = { count: 0 };
      const table = new HeadersTable();
      for (let index = 0; index < bindings; index++)
        table.add(
          bindingOf(
            new Map([
              pair('x-match', mode),
              // What all have in common is not what they are found by.
              ...(mode.startsWith('all') ? [['kind', watched('report', looked)] as const] : []),
              ['number', watched(String(index), looked)],
              ['x-number', watched(String(index), looked)],
            ]),
          ),
        );
      looked.count = 0;
      const message = new Map([pair('kind', 'report'), pair('number', '7'), pair('x-number', '7')]);
      expect(reached(table, message).size).toBe(1);
      expect(looked.count).toBeGreaterThan(0);
      return looked.count;
    });
    expect(costs[1]).toBeLessThanOrEqual(costs[0]!);
  });
});
