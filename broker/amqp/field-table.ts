// Field tables [AMQP 4.2.5.5] with RabbitMQ's type letters. Values keep the wire type exactly, because a
// table that is passed on must not change. Tables are Maps: keys come from the peer.
import type { Arguments, FieldValue } from '../contract/rows.ts';
import { ConnectionError, ReplyCode } from './reply-codes.ts';
import { carriedBytes, carriedText } from './short-string.ts';

export type TypedValue =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd'; readonly value: number }
  | { readonly type: 'l' | 'L' | 'T'; readonly value: number | bigint }
  | { readonly type: 'D'; readonly value: { readonly scale: number; readonly unscaled: number } }
  | { readonly type: 'S' | 'x'; readonly value: Buffer }
  | { readonly type: 'A'; readonly value: TypedValue[] }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'V'; readonly value: null };

export type FieldTable = Map<string, TypedValue>;

/** Tables within tables, and arrays within arrays, deeper than this are refused. */
export const nestingMax = 100;

export const emptyTable: FieldTable = new Map();

/** Reads a table (with its length) at `offset`; `end` bounds it. Throws ConnectionError 502 on damage. */
export function decodeTable(bytes: Buffer, offset = 0, end = bytes.length): FieldTable {
  return new TableReader(bytes, offset, end).table(0);
}

class TableReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Buffer, offset: number, end: number) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  table(depth: number): FieldTable {
    const end = this.#nested(depth);
    const table: FieldTable = new Map();
    while (this.#offset < end) {
      const size = this.#bytes[this.#take(1)]!;
      const at = this.#take(size);
      const key = carriedText(this.#bytes, at, at + size);
      table.set(key, this.#value(depth));
    }
    if (this.#offset !== end) throw damaged('a field table that ends within a value');
    return table;
  }

  #array(depth: number): TypedValue[] {
    const end = this.#nested(depth);
    const values: TypedValue[] = [];
    while (this.#offset < end) values.push(this.#value(depth));
    if (this.#offset !== end) throw damaged('a field array that ends within a value');
    return values;
  }

  /** Reads a length and returns where it ends. */
  #nested(depth: number): number {
    if (depth > nestingMax) throw damaged(`field tables nested deeper than ${nestingMax}`);
    const size = this.#bytes.readUInt32BE(this.#take(4));
    if (size > this.#end - this.#offset) throw damaged('a field table longer than its frame');
    return this.#offset + size;
  }

  #take(size: number): number {
    const at = this.#offset;
    if (size > this.#end - at) throw damaged('a field value longer than its frame');
    this.#offset = at + size;
    return at;
  }

  #value(depth: number): TypedValue {
    const bytes = this.#bytes;
    const type = String.fromCharCode(bytes[this.#take(1)]!);
    switch (type) {
      case 't':
        return { type, value: bytes[this.#take(1)] !== 0 };
      case 'b':
        return { type, value: bytes.readInt8(this.#take(1)) };
      case 'B':
        return { type, value: bytes.readUInt8(this.#take(1)) };
      case 's':
        return { type, value: bytes.readInt16BE(this.#take(2)) };
      case 'u':
        return { type, value: bytes.readUInt16BE(this.#take(2)) };
      case 'I':
        return { type, value: bytes.readInt32BE(this.#take(4)) };
      case 'i':
        return { type, value: bytes.readUInt32BE(this.#take(4)) };
      case 'l':
        return { type, value: compact(bytes.readBigInt64BE(this.#take(8))) };
      case 'L':
      case 'T':
        return { type, value: compact(bytes.readBigUInt64BE(this.#take(8))) };
      case 'f':
        return { type, value: bytes.readFloatBE(this.#take(4)) };
      case 'd':
        return { type, value: bytes.readDoubleBE(this.#take(8)) };
      case 'D': {
        const at = this.#take(5);
        return { type, value: { scale: bytes.readUInt8(at), unscaled: bytes.readUInt32BE(at + 1) } };
      }
      case 'S':
      case 'x': {
        const size = bytes.readUInt32BE(this.#take(4));
        const at = this.#take(size);
        return { type, value: Buffer.from(bytes.subarray(at, at + size)) };
      }
      case 'A':
        return { type, value: this.#array(depth + 1) };
      case 'F':
        return { type, value: this.table(depth + 1) };
      case 'V':
        return { type, value: null };
      default:
        throw damaged(`unknown field type ${JSON.stringify(type)}`);
    }
  }
}

/** What is wrong with a table. */
export function damaged(what: string): ConnectionError {
  return new ConnectionError(ReplyCode.SYNTAX_ERROR, what);
}

/** A number where it is exact. */
export function compact(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** The table with its length, as it stands in a method or header. Throws RangeError for a name over 255 bytes. */
export function encodeTable(table: FieldTable): Buffer {
  const writer = new TableWriter();
  writer.table(table);
  return writer.bytes();
}

class TableWriter {
  #bytes = Buffer.allocUnsafe(256);
  #size = 0;

  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#size));
  }

  table(table: FieldTable): void {
    const lengthAt = this.#room(4);
    for (const [key, value] of table) {
      this.#name(key);
      this.#value(value);
    }
    this.#bytes.writeUInt32BE(this.#size - lengthAt - 4, lengthAt);
  }

  #name(key: string): void {
    const carried = key.isWellFormed() ? null : carriedBytes(key);
    const size = carried?.length ?? Buffer.byteLength(key);
    if (size > 255) throw new RangeError(`field name of ${size} bytes`);
    const at = this.#room(1 + size);
    this.#bytes[at] = size;
    if (carried) carried.copy(this.#bytes, at + 1);
    else this.#bytes.write(key, at + 1);
  }

  #room(size: number): number {
    const at = this.#size;
    if (at + size > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + size));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#size = at + size;
    return at;
  }

  #value(field: TypedValue): void {
    this.#octet(field.type.charCodeAt(0));
    switch (field.type) {
      case 't':
        this.#octet(field.value ? 1 : 0);
        break;
      case 'b':
        this.#put(1, (at) => this.#bytes.writeInt8(field.value, at));
        break;
      case 'B':
        this.#put(1, (at) => this.#bytes.writeUInt8(field.value, at));
        break;
      case 's':
        this.#put(2, (at) => this.#bytes.writeInt16BE(field.value, at));
        break;
      case 'u':
        this.#put(2, (at) => this.#bytes.writeUInt16BE(field.value, at));
        break;
      case 'I':
        this.#put(4, (at) => this.#bytes.writeInt32BE(field.value, at));
        break;
      case 'i':
        this.#put(4, (at) => this.#bytes.writeUInt32BE(field.value, at));
        break;
      case 'l':
        this.#put(8, (at) => this.#bytes.writeBigInt64BE(BigInt(field.value), at));
        break;
      case 'L':
      case 'T':
        this.#put(8, (at) => this.#bytes.writeBigUInt64BE(BigInt(field.value), at));
        break;
      case 'f':
        this.#put(4, (at) => this.#bytes.writeFloatBE(field.value, at));
        break;
      case 'd':
        this.#put(8, (at) => this.#bytes.writeDoubleBE(field.value, at));
        break;
      case 'D':
        this.#put(5, (at) => {
          this.#bytes.writeUInt8(field.value.scale, at);
          this.#bytes.writeUInt32BE(field.value.unscaled, at + 1);
        });
        break;
      case 'S':
      case 'x':
        this.#put(4, (at) => this.#bytes.writeUInt32BE(field.value.length, at));
        this.#put(field.value.length, (at) => field.value.copy(this.#bytes, at));
        break;
      case 'A': {
        const lengthAt = this.#room(4);
        for (const item of field.value) this.#value(item);
        this.#bytes.writeUInt32BE(this.#size - lengthAt - 4, lengthAt);
        break;
      }
      case 'F':
        this.table(field.value);
        break;
      case 'V':
        break;
    }
  }

  #octet(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** Makes room first: growing replaces the buffer that `write` goes to. */
  #put(size: number, write: (at: number) => void): void {
    const at = this.#room(size);
    write(at);
  }
}

export function longString(text: string): TypedValue {
  return { type: 'S', value: Buffer.from(text) };
}

/** What a person or JSON sees of a table; bytes that are not UTF-8 stay bytes. */
export function toPlain(table: FieldTable): Arguments {
  const plain: Arguments = {};
  for (const [key, value] of table)
    Object.defineProperty(plain, key, {
      value: plainValue(value),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  return plain;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function plainValue(field: TypedValue): FieldValue {
  switch (field.type) {
    case 'S':
      try {
        return utf8.decode(field.value);
      } catch {
        return new Uint8Array(field.value);
      }
    case 'x':
      return new Uint8Array(field.value);
    case 'A':
      return field.value.map(plainValue);
    case 'F':
      return toPlain(field.value);
    case 'D':
      return field.value.unscaled / 10 ** field.value.scale;
    case 'l':
    case 'L':
    case 'T':
      return typeof field.value === 'bigint' ? String(field.value) : field.value;
    default:
      return field.value;
  }
}

/** A table from plain data; integers are signed 64 bit, as RabbitMQ's HTTP API makes them. */
export function fromPlain(plain: Arguments): FieldTable {
  return new Map(Object.entries(plain).map(([key, value]) => [key, typedValue(value)]));
}

export function typedValue(value: FieldValue): TypedValue {
  if (value === null) return { type: 'V', value: null };
  switch (typeof value) {
    case 'string':
      return longString(value);
    case 'boolean':
      return { type: 't', value };
    case 'number':
      return { type: Number.isSafeInteger(value) ? 'l' : 'd', value };
    default:
      if (value instanceof Uint8Array) return { type: 'x', value: Buffer.from(value) };
      if (Array.isArray(value)) return { type: 'A', value: value.map(typedValue) };
      return { type: 'F', value: fromPlain(value) };
  }
}

const integerTypes = 'bBsuIilL';

/** Whether a field is an integer of some width. */
export function isInteger(field: TypedValue): boolean {
  return integerTypes.includes(field.type);
}

/** The integer in a field, or null when it is not one. */
export function integerOf(field: TypedValue): number | null {
  return isInteger(field) ? Number(field.value) : null;
}

/** The text in a long string, or null. */
export function stringOf(field: TypedValue | undefined): string | null {
  return field?.type === 'S' ? field.value.toString() : null;
}

const rabbitNames: Record<string, string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'unsignedlong',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  T: 'timestamp',
  V: 'void',
};

/** RabbitMQ's name of a field's type, as its error texts use it. */
export function typeNameOf(field: TypedValue): string {
  return rabbitNames[field.type]!;
}
