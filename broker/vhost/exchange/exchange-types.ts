// The exchange types by name. A new type is a table and a line here.
import { DirectTable } from './direct.ts';
import type { RoutingTable } from './exchange.ts';
import { FanoutTable } from './fanout.ts';
import { HeadersTable } from './headers.ts';
import { TopicTable } from './topic.ts';

const tables: Record<string, () => RoutingTable> = {
  direct: () => new DirectTable(),
  fanout: () => new FanoutTable(),
  topic: () => new TopicTable(),
  headers: () => new HeadersTable(),
};

export const exchangeTypes: readonly string[] = Object.keys(tables);

/** The table of a type, or null for a type that does not exist. */
export function newRoutingTable(type: string): RoutingTable | null {
  return Object.hasOwn(tables, type) ? tables[type]!() : null;
}
