// Lists as RabbitMQ's query parameters ask for them: sort, sort_reverse, page, page_size, name, use_regex, columns.
import { ApiError, badRequest } from './api-error.ts';

export type Json = Record<string, unknown>;
type Query = Record<string, string | undefined>;

interface Paging {
  page: number;
  size: number;
  matches: (row: Json) => boolean;
}

const pageSizeDefault = 100;
const pageSizeMax = 500;

/** Throws ApiError 400 for impossible pages. */
export function answeredList(rows: Json[], query: Query, defaultSort: readonly string[]): Json | Json[] {
  const paging = pagingOf(query);
  const sorted = sortedBy(rows, query['sort'], defaultSort, query['sort_reverse'] === 'true');
  const columns = columnsOf(query['columns']);
  const cut = (row: Json) => cutTo(row, columns);
  if (!paging) return sorted.map(cut);
  const { page, size, matches } = paging;
  const matching = sorted.filter(matches);
  const offset = (page - 1) * size;
  if (offset > matching.length)
    throw new ApiError(
      400,
      'page_out_of_range',
      `Page out of range, page: ${page} page size: ${size}, len: ${matching.length}`,
    );
  const items = matching.slice(offset, offset + size).map(cut);
  return {
    filtered_count: matching.length,
    item_count: items.length,
    items,
    page,
    page_count: Math.ceil(matching.length / size),
    page_size: size,
    total_count: rows.length,
  };
}

/** Null when no page is asked for: then a name filters nothing either. */
function pagingOf(query: Query): Paging | null {
  const [page, size] = [integerIn(query['page']), integerIn(query['page_size'])];
  if (page === undefined) return null;
  if (page < 1 || (size !== undefined && (size < 1 || size > pageSizeMax)))
    throw new ApiError(
      400,
      'invalid_pagination_parameters',
      `Invalid pagination parameters: page number ${page}, page size ${size ?? 'undefined'}`,
    );
  return { page, size: size ?? pageSizeDefault, matches: matcherOf(query) };
}

function integerIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequest('Pagination parameters are invalid');
  return Number(text);
}

function matcherOf({ name, use_regex: asPattern }: Query): (row: Json) => boolean {
  if (!name) return () => true;
  const nameOf = (row: Json) => String(row['name'] ?? '');
  if (asPattern !== 'true') return (row) => nameOf(row).toLowerCase().includes(name.toLowerCase());
  let pattern: RegExp;
  try {
    pattern = new RegExp(name, 'i');
  } catch {
    throw badRequest('Pagination parameters are invalid');
  }
  return (row) => pattern.test(nameOf(row));
}

/** By the column that was asked for, then by the list's own order. */
function sortedBy(
  rows: Json[],
  sort: string | undefined,
  defaultSort: readonly string[],
  reverse: boolean,
): Json[] {
  const columns = [...(sort ? [sort] : []), ...defaultSort].map((column) => column.split('.'));
  if (columns.length === 0) return rows;
  const keyed = rows.map((row) => ({ row, key: columns.map((path) => valueAt(row, path)) }));
  keyed.sort((a, b) => {
    for (let i = 0; i < columns.length; i++) {
      const order = compare(a.key[i], b.key[i]);
      if (order !== 0) return order;
    }
    return 0;
  });
  const sorted = keyed.map(({ row }) => row);
  return reverse ? sorted.reverse() : sorted;
}

function valueAt(row: Json, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), row) ?? 0;
}

/** Numbers before truth values before texts, as Erlang orders its terms. */
function compare(a: unknown, b: unknown): number {
  const [left, right] = [rank(a), rank(b)];
  if (left !== right) return left - right;
  if (typeof a === 'number') return a - Number(b);
  const [x, y] = [String(a), String(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function rank(value: unknown): number {
  return typeof value === 'number' ? 0 : typeof value === 'boolean' ? 1 : 2;
}

/** Dotted paths; null for all of it. */
export function columnsOf(text: string | undefined): string[][] | null {
  return text ? text.split(',').map((column) => column.split('.')) : null;
}

export function cutTo(row: Json, columns: string[][] | null): Json {
  if (!columns) return row;
  const cut: Json = {};
  for (const [name, ...rest] of columns) {
    if (name === undefined || !(name in row)) continue;
    const value = row[name];
    if (rest.length === 0) cut[name] = value;
    else if (isObject(value)) cut[name] = { ...(cut[name] as Json | undefined), ...cutTo(value, [rest]) };
  }
  return cut;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
