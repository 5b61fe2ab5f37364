// Every list is filtered, sorted and paged here, on the server.
import type { Turns } from '../base/turns.ts';
import { ContractError } from '../contract/errors.ts';
import type { ListInput } from '../contract/node-procedures.ts';
import type { Page } from '../contract/rows.ts';
import { mappedInTurns, sortedInTurns } from './in-turns.ts';

/** `nameOf` is what the filter looks at. Throws ContractError for an impossible pattern or sort column. */
export function paged<Row extends object>(
  rows: Row[],
  input: Partial<ListInput>,
  nameOf: (row: Row) => string,
): Page<Row> {
  const { filter = '', sort, descending = false, page = 1, pageSize = 100 } = input;
  const matching = filter === '' ? rows : rows.filter((row) => matcherOf(filter)(nameOf(row)));
  const sorted = sort === undefined ? matching : sortedBy(matching, sort, descending);
  return {
    items: sorted.slice((page - 1) * pageSize, page * pageSize),
    totalCount: rows.length,
    filteredCount: matching.length,
    page,
    pageSize,
  };
}

/** The same for what there may be very many of: a few rows at a time. */
export async function pagedInTurns<Source, Row extends object>(
  turns: Turns,
  sources: readonly Source[],
  rowOf: (source: Source) => Row,
  input: Partial<ListInput>,
  nameOf: (row: Row) => string,
): Promise<Page<Row>> {
  const { filter = '', sort, descending = false, page = 1, pageSize = 100 } = input;
  const rows = await mappedInTurns(turns, sources, rowOf);
  const matching = filter === '' ? rows : rows.filter((row) => matcherOf(filter)(nameOf(row)));
  const sorted = sort === undefined ? matching : await sortedByInTurns(turns, matching, sort, descending);
  return {
    items: sorted.slice((page - 1) * pageSize, page * pageSize),
    totalCount: rows.length,
    filteredCount: matching.length,
    page,
    pageSize,
  };
}

const matchers = new Map<string, (name: string) => boolean>();

function matcherOf(filter: string): (name: string) => boolean {
  const known = matchers.get(filter);
  if (known) return known;
  const matcher = newMatcher(filter);
  if (matchers.size > 100) matchers.clear();
  matchers.set(filter, matcher);
  return matcher;
}

function newMatcher(filter: string): (name: string) => boolean {
  const pattern = /^\/(.+)\/$/s.exec(filter)?.[1];
  if (pattern === undefined) {
    const wanted = filter.toLowerCase();
    return (name) => name.toLowerCase().includes(wanted);
  }
  try {
    const expression = new RegExp(pattern, 'i');
    return (name) => expression.test(name);
  } catch (error) {
    throw new ContractError('invalid', `the filter is no regular expression: ${(error as Error).message}`);
  }
}

function sortedBy<Row extends object>(rows: Row[], column: string, descending: boolean): Row[] {
  const { valueOf, order } = orderBy(rows, column, descending);
  return rows
    .map((row) => ({ row, value: valueOf(row) }))
    .sort(order)
    .map(({ row }) => row);
}

async function sortedByInTurns<Row extends object>(
  turns: Turns,
  rows: Row[],
  column: string,
  descending: boolean,
): Promise<Row[]> {
  const { valueOf, order } = orderBy(rows, column, descending);
  const keyed = rows.map((row) => ({ row, value: valueOf(row) }));
  return (await sortedInTurns(turns, keyed, order)).map(({ row }) => row);
}

interface Keyed {
  value: unknown;
}

/** Throws ContractError for a column that is not there. */
function orderBy<Row extends object>(rows: Row[], column: string, descending: boolean) {
  const path = column.split('.');
  const valueOf = (row: Row): unknown =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], row);
  if (rows.length > 0 && valueOf(rows[0]!) === undefined && !(path[0]! in rows[0]!))
    throw new ContractError('invalid', `there is no column '${column}' to sort by`);
  const direction = descending ? -1 : 1;
  return { valueOf, order: (a: Keyed, b: Keyed) => direction * compare(a.value, b.value) };
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
