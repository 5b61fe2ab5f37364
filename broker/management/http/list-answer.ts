// Lists as RabbitMQ's query parameters ask for them: sort, sort_reverse, page, page_size, name, use_regex, columns.
import type { Turns } from '../../base/turns.ts';
import { mappedInTurns, sortedInTurns } from '../in-turns.ts';
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
  const keyed = keyedBy(rows, query['sort'], defaultSort);
  return answerOf(keyed.sort(byKeys), paging, query);
}

/** The same a few rows at a time. */
export async function answeredInTurns(
  turns: Turns,
  rows: Json[],
  query: Query,
  defaultSort: readonly string[],
): Promise<Json | Json[]> {
  const paging = pagingOf(query);
  const keyed = await sortedInTurns(turns, keyedBy(rows, query['sort'], defaultSort), byKeys);
  return answerOf(keyed, paging, query);
}

function answerOf(keyed: Keyed[], paging: Paging | null, query: Query): Json | Json[] {
  const sorted = keyed.map(({ row }) => row);
  const isSorted = keyed.some(({ key }) => key.length > 0);
  if (isSorted && query['sort_reverse'] === 'true') sorted.reverse();
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
    total_count: sorted.length,
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

interface Keyed {
  row: Json;
  key: unknown[];
}

/** By the column that was asked for, then by the list's own order. */
function keyedBy(rows: Json[], sort: string | undefined, defaultSort: readonly string[]): Keyed[] {
  const columns = [...(sort ? [sort] : []), ...defaultSort].map((column) => column.split('.'));
  return rows.map((row) => ({ row, key: columns.map((path) => valueAt(row, path)) }));
}

function byKeys(a: Keyed, b: Keyed): number {
  for (let i = 0; i < a.key.length; i++) {
    const order = compare(a.key[i], b.key[i]);
    if (order !== 0) return order;
  }
  return 0;
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

/** The answer's JSON, a few rows at a time. */
export async function jsonInTurns(turns: Turns, answer: Json | Json[]): Promise<Uint8Array<ArrayBuffer>> {
  if (Array.isArray(answer))
    return joined([Buffer.from('['), ...(await textsOf(turns, answer)), Buffer.from(']')]);
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(answer)) {
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    if (name !== 'items') parts.push(Buffer.from(JSON.stringify(value)));
    else parts.push(Buffer.from('['), ...(await textsOf(turns, value as Json[])), Buffer.from(']'));
  }
  return joined([...parts, Buffer.from('}')]);
}

/** With commas between them. */
function textsOf(turns: Turns, rows: Json[]): Promise<Buffer[]> {
  let first = true;
  return mappedInTurns(turns, rows, (row) => {
    const text = Buffer.from(`${first ? '' : ','}${JSON.stringify(row)}`);
    first = false;
    return text;
  });
}

function joined(parts: Buffer[]): Uint8Array<ArrayBuffer> {
  return Buffer.concat(parts) as Buffer<ArrayBuffer>;
}
