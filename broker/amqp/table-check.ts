// Whether bytes are a field table, found out without making one: content is checked as it comes in and
// decoded only when somebody looks. Accepts exactly what `decodeTable` accepts.
import { damaged, nestingMax } from './field-table.ts';

/** Checks a table (with its length) at `offset`; `end` bounds it. Throws ConnectionError 502 on damage. */
export function checkTable(bytes: Buffer, offset: number, end: number): void {
  checkNested(bytes, offset, end, 0, true);
}

/** A table or an array; answers where it ends. */
function checkNested(bytes: Buffer, offset: number, end: number, depth: number, named: boolean): number {
  if (depth > nestingMax) throw damaged(`field tables nested deeper than ${nestingMax}`);
  let at = offset + 4;
  if (at > end) throw damaged('a field value longer than its frame');
  const size = bytes.readUInt32BE(offset);
  if (size > end - at) throw damaged('a field table longer than its frame');
  const nestedEnd = at + size;
  while (at < nestedEnd) {
    if (named) at += 1 + bytes[at]!;
    if (at >= end) throw damaged('a field value longer than its frame');
    at = checkValue(bytes, at, end, depth);
  }
  if (at !== nestedEnd) throw damaged('a field table that ends within a value');
  return at;
}

const fixedSizes: Record<string, number> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  l: 8,
  L: 8,
  T: 8,
  f: 4,
  d: 8,
  D: 5,
  V: 0,
};
const sizes = new Int8Array(256).fill(-1);
for (const [type, size] of Object.entries(fixedSizes)) sizes[type.charCodeAt(0)] = size;
const [longString, binary, array, table] = ['S', 'x', 'A', 'F'].map((type) => type.charCodeAt(0));

/** A value with its type letter; answers where it ends. */
function checkValue(bytes: Buffer, offset: number, end: number, depth: number): number {
  const type = bytes[offset]!;
  const fixed = sizes[type]!;
  let at = offset + 1;
  if (fixed >= 0) at += fixed;
  else if (type === longString || type === binary) {
    if (at + 4 > end) throw damaged('a field value longer than its frame');
    at += 4 + bytes.readUInt32BE(at);
  } else if (type === array || type === table) return checkNested(bytes, at, end, depth + 1, type === table);
  else throw damaged(`unknown field type ${JSON.stringify(String.fromCharCode(type))}`);
  if (at > end) throw damaged('a field value longer than its frame');
  return at;
}
