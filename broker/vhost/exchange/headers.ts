// headers: by the headers table. `all` needs every binding argument, `any` at least one; arguments that begin
// with x- count only in the -with-x forms; a void argument means "present"; values compare typed (R8).
import { equalValues, stringOf, type FieldTable, type TypedValue } from '../../amqp/field-table.ts';
import type { Message } from '../message.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

interface Pattern {
  readonly binding: Binding;
  readonly any: boolean;
  readonly wanted: readonly (readonly [string, TypedValue])[];
}

export const matchModes = ['all', 'any', 'all-with-x', 'any-with-x'] as const;

export class HeadersTable implements RoutingTable {
  readonly #patterns: Pattern[] = [];

  add(binding: Binding): void {
    this.#patterns.push(patternOf(binding));
  }

  remove(binding: Binding): void {
    const index = this.#patterns.findIndex((each) => each.binding === binding);
    if (index >= 0) this.#patterns.splice(index, 1);
  }

  route(message: Message, _routingKey: string, routing: Routing): void {
    if (this.#patterns.length === 0) return;
    const headers = message.headers();
    for (const pattern of this.#patterns)
      if (matches(pattern, headers)) routing.reach(pattern.binding.destination);
  }
}

function patternOf(binding: Binding): Pattern {
  const mode = stringOf(binding.arguments.get('x-match')) ?? 'all';
  const withX = mode.endsWith('-with-x');
  const wanted = [...binding.arguments].filter(
    ([name]) => name !== 'x-match' && (withX || !name.startsWith('x-')),
  );
  return { binding, any: mode.startsWith('any'), wanted };
}

function matches(pattern: Pattern, headers: FieldTable): boolean {
  const fits = ([name, value]: readonly [string, TypedValue]): boolean => {
    const found = headers.get(name);
    return found !== undefined && (value.type === 'V' || equalValues(value, found));
  };
  return pattern.any ? pattern.wanted.some(fits) : pattern.wanted.every(fits);
}
