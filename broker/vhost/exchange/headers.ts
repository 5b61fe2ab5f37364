// headers: by the headers table. `all` needs every binding argument, `any` at least one; arguments that begin
// with x- count only in the -with-x forms; a void argument means "present"; values compare as numbers, texts, flags (R8).
// Patterns lie under the pairs they want, so that the cost of a message follows its headers and the patterns that
// share a pair with it, not the number of bindings: `any` under each pair, `all` under the one that fewest others
// are under.
import { equalValues, valueKey } from '../../amqp/field-equality.ts';
import { stringOf, type FieldTable, type TypedValue } from '../../amqp/field-table.ts';
import type { Message } from '../message.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

type Pair = readonly [name: string, value: TypedValue];

interface Pattern {
  readonly binding: Binding;
  readonly any: boolean;
  readonly wanted: readonly Pair[];
  /** Those of `wanted` that it lies under. */
  under: readonly Pair[];
}

/** The patterns under one header name: for a certain value, or for its presence. */
class NameIndex {
  readonly present = new Set<Pattern>();
  readonly byValue = new Map<string, Set<Pattern>>();

  get empty(): boolean {
    return this.present.size === 0 && this.byValue.size === 0;
  }

  at(value: TypedValue): Set<Pattern> | undefined {
    return value.type === 'V' ? this.present : this.byValue.get(valueKey(value));
  }

  add(value: TypedValue, pattern: Pattern): void {
    let patterns = this.at(value);
    if (!patterns) this.byValue.set(valueKey(value), (patterns = new Set()));
    patterns.add(pattern);
  }

  remove(value: TypedValue, pattern: Pattern): void {
    const patterns = this.at(value);
    patterns?.delete(pattern);
    if (patterns?.size === 0 && value.type !== 'V') this.byValue.delete(valueKey(value));
  }
}

export const matchModes = ['all', 'any', 'all-with-x', 'any-with-x'] as const;

export class HeadersTable implements RoutingTable {
  readonly #patterns = new Map<Binding, Pattern>();
  readonly #names = new Map<string, NameIndex>();
  /** `all` of nothing: every message. */
  readonly #always = new Set<Pattern>();

  add(binding: Binding): void {
    const pattern = patternOf(binding);
    this.#patterns.set(binding, pattern);
    if (pattern.any) pattern.under = pattern.wanted;
    else if (pattern.wanted.length === 0) this.#always.add(pattern);
    else pattern.under = [this.#leastCrowded(pattern.wanted)];
    for (const [name, value] of pattern.under) {
      let index = this.#names.get(name);
      if (!index) this.#names.set(name, (index = new NameIndex()));
      index.add(value, pattern);
    }
  }

  remove(binding: Binding): void {
    const pattern = this.#patterns.get(binding);
    if (!pattern) return;
    this.#patterns.delete(binding);
    this.#always.delete(pattern);
    for (const [name, value] of pattern.under) {
      const index = this.#names.get(name)!;
      index.remove(value, pattern);
      if (index.empty) this.#names.delete(name);
    }
  }

  route(message: Message, _routingKey: string, routing: Routing): void {
    for (const { binding } of this.#always) routing.reach(binding.destination);
    if (this.#names.size === 0) return;
    const headers = message.headers();
    for (const [name, value] of headers) {
      const index = this.#names.get(name);
      if (!index) continue;
      for (const pattern of index.present)
        if (pattern.any || matchesAll(pattern, headers)) routing.reach(pattern.binding.destination);
      if (index.byValue.size > 0) this.#routeByValue(index, name, value, headers, routing);
    }
  }

  #routeByValue(
    index: NameIndex,
    name: string,
    value: TypedValue,
    headers: FieldTable,
    routing: Routing,
  ): void {
    const patterns = index.byValue.get(valueKey(value));
    if (!patterns) return;
    for (const pattern of patterns) {
      const matched = pattern.any
        ? equalValues(pattern.binding.arguments.get(name)!, value, true)
        : matchesAll(pattern, headers);
      if (matched) routing.reach(pattern.binding.destination);
    }
  }

  /** A value rather than a presence where it is the same: any value brings up what lies under the presence. */
  #leastCrowded(pairs: readonly Pair[]): Pair {
    let least = pairs[0]!;
    let leastCrowd = Infinity;
    for (const pair of pairs) {
      const [name, value] = pair;
      const crowd = (this.#names.get(name)?.at(value)?.size ?? 0) + (value.type === 'V' ? 0.5 : 0);
      if (crowd < leastCrowd) [least, leastCrowd] = [pair, crowd];
    }
    return least;
  }
}

function patternOf(binding: Binding): Pattern {
  const mode = stringOf(binding.arguments.get('x-match')) ?? 'all';
  const withX = mode.endsWith('-with-x');
  const wanted = [...binding.arguments].filter(
    ([name]) => name !== 'x-match' && (withX || !name.startsWith('x-')),
  );
  return { binding, any: mode.startsWith('any'), wanted, under: [] };
}

function matchesAll(pattern: Pattern, headers: FieldTable): boolean {
  for (const [name, value] of pattern.wanted) {
    const found = headers.get(name);
    if (found === undefined || (value.type !== 'V' && !equalValues(value, found, true))) return false;
  }
  return true;
}
