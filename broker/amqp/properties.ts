// basic's content properties [AMQP 1.8.3]: a flag word and the list of what it announces. On the data path
// they stay bytes; `scanProperties` finds the few that routing and queues need without decoding the rest.
import { compact, decodeTable, encodeTable, type FieldTable } from './field-table.ts';
import { ConnectionError, ReplyCode } from './reply-codes.ts';
import { carriedBytes, carriedText } from './short-string.ts';
import { checkTable } from './table-check.ts';

export interface BasicProperties {
  contentType?: string;
  contentEncoding?: string;
  headers?: FieldTable;
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  expiration?: string;
  messageId?: string;
  /** Unix seconds; a bigint where a number would not be exact. */
  timestamp?: number | bigint;
  type?: string;
  userId?: string;
  appId?: string;
  clusterId?: string;
}

const flag = {
  contentType: 1 << 15,
  contentEncoding: 1 << 14,
  headers: 1 << 13,
  deliveryMode: 1 << 12,
  priority: 1 << 11,
  correlationId: 1 << 10,
  replyTo: 1 << 9,
  expiration: 1 << 8,
  messageId: 1 << 7,
  timestamp: 1 << 6,
  type: 1 << 5,
  userId: 1 << 4,
  appId: 1 << 3,
  clusterId: 1 << 2,
} as const;

const stringsBeforeHeaders = ['contentType', 'contentEncoding'] as const;

/** What a scan found. Offsets are into the scanned bytes; -1 and empty where a property is absent. */
export interface ScannedProperties {
  deliveryMode: number;
  priority: number;
  expiration: string | null;
  /** Of the headers table with its length. */
  headersOffset: number;
  headersEnd: number;
  userId: string | null;
  replyTo: string | null;
}

export function newScan(): ScannedProperties {
  return {
    deliveryMode: 1,
    priority: 0,
    expiration: null,
    headersOffset: -1,
    headersEnd: -1,
    userId: null,
    replyTo: null,
  };
}

/** Fills `out` from the property flags at `offset`. Throws ConnectionError 502 on damage: what passed decodes. */
export function scanProperties(bytes: Buffer, offset: number, end: number, out: ScannedProperties): void {
  out.deliveryMode = 1;
  out.priority = 0;
  out.expiration = null;
  out.headersOffset = -1;
  out.headersEnd = -1;
  out.userId = null;
  out.replyTo = null;
  if (end - offset < 2) throw tooShort();
  const flags = (bytes[offset]! << 8) | bytes[offset + 1]!;
  let at = offset + 2;
  if (flags & 1) throw new ConnectionError(ReplyCode.SYNTAX_ERROR, 'property flags beyond the first word');
  if (flags & flag.contentType) at += 1 + bytes[at]!;
  if (flags & flag.contentEncoding) at += 1 + bytes[at]!;
  if (flags & flag.headers) {
    // A length read past the end makes `at` NaN.
    if (!(at + 4 <= end)) throw tooShort();
    out.headersOffset = at;
    at += 4 + bytes.readUInt32BE(at);
    out.headersEnd = at;
    if (at > end) throw tooShort();
    checkTable(bytes, out.headersOffset, at);
  }
  if (flags & flag.deliveryMode) out.deliveryMode = bytes[at++]!;
  if (flags & flag.priority) out.priority = bytes[at++]!;
  if (flags & flag.correlationId) at += 1 + bytes[at]!;
  if (flags & flag.replyTo) {
    out.replyTo = carriedText(bytes, at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
  }
  if (flags & flag.expiration) {
    out.expiration = carriedText(bytes, at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
  }
  if (flags & flag.messageId) at += 1 + bytes[at]!;
  if (flags & flag.timestamp) at += 8;
  if (flags & flag.type) at += 1 + bytes[at]!;
  if (flags & flag.userId) {
    out.userId = carriedText(bytes, at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
  }
  if (flags & flag.appId) at += 1 + bytes[at]!;
  if (flags & flag.clusterId) at += 1 + bytes[at]!;
  if (!(at <= end)) throw tooShort();
  if (at < end)
    throw new ConnectionError(ReplyCode.SYNTAX_ERROR, 'content header longer than its properties');
}

function tooShort(): ConnectionError {
  return new ConnectionError(ReplyCode.SYNTAX_ERROR, 'content header shorter than its properties');
}

/** Everything, decoded. Throws ConnectionError 502 on damage. */
export function decodeProperties(bytes: Buffer, offset = 0, end = bytes.length): BasicProperties {
  const scan = newScan();
  scanProperties(bytes, offset, end, scan);
  const flags = bytes.readUInt16BE(offset);
  const found: BasicProperties = {};
  let at = offset + 2;
  const text = () => {
    const size = bytes[at]!;
    const value = carriedText(bytes, at + 1, at + 1 + size);
    at += 1 + size;
    return value;
  };
  for (const name of stringsBeforeHeaders) if (flags & flag[name]) found[name] = text();
  if (flags & flag.headers) {
    found.headers = decodeTable(bytes, at, scan.headersEnd);
    at = scan.headersEnd;
  }
  if (flags & flag.deliveryMode) found.deliveryMode = bytes[at++]!;
  if (flags & flag.priority) found.priority = bytes[at++]!;
  if (flags & flag.correlationId) found.correlationId = text();
  if (flags & flag.replyTo) found.replyTo = text();
  if (flags & flag.expiration) found.expiration = text();
  if (flags & flag.messageId) found.messageId = text();
  if (flags & flag.timestamp) {
    found.timestamp = compact(bytes.readBigUInt64BE(at));
    at += 8;
  }
  if (flags & flag.type) found.type = text();
  if (flags & flag.userId) found.userId = text();
  if (flags & flag.appId) found.appId = text();
  if (flags & flag.clusterId) found.clusterId = text();
  return found;
}

/** Property flags and list. Throws RangeError when a string is longer than 255 bytes. */
export function encodeProperties(properties: BasicProperties): Buffer {
  let flags = 0;
  const parts: Buffer[] = [Buffer.alloc(2)];
  const text = (name: keyof typeof flag & keyof BasicProperties) => {
    const value = properties[name];
    if (value === undefined) return;
    const bytes = carriedBytes(value as string);
    if (bytes.length > 255) throw new RangeError(`${name} of ${bytes.length} bytes`);
    flags |= flag[name];
    parts.push(Buffer.of(bytes.length), bytes);
  };
  const octet = (name: 'deliveryMode' | 'priority') => {
    const value = properties[name];
    if (value === undefined) return;
    flags |= flag[name];
    parts.push(Buffer.of(value));
  };
  text('contentType');
  text('contentEncoding');
  if (properties.headers) {
    flags |= flag.headers;
    parts.push(encodeTable(properties.headers));
  }
  octet('deliveryMode');
  octet('priority');
  text('correlationId');
  text('replyTo');
  text('expiration');
  text('messageId');
  if (properties.timestamp !== undefined) {
    flags |= flag.timestamp;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(properties.timestamp));
    parts.push(bytes);
  }
  text('type');
  text('userId');
  text('appId');
  text('clusterId');
  parts[0]!.writeUInt16BE(flags);
  return Buffer.concat(parts);
}
