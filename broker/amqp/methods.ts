// The methods of AMQP 0-9-1 with RabbitMQ's extensions, as data: class and method id, and the fields in wire
// order [AMQP 1.x reference]. Types of arguments follow from the table; decoding and encoding walk it. The
// three methods of the data path (publish, deliver, ack) have code of their own in channel/.
import { decodeTable, encodeTable, type FieldTable } from './field-table.ts';
import { octetsOf } from './octets.ts';
import { ConnectionError, ReplyCode } from './reply-codes.ts';
import { nameIn } from './short-string.ts';

interface FieldTypes {
  bit: boolean;
  octet: number;
  short: number;
  long: number;
  longlong: number;
  shortstr: string;
  longstr: Buffer;
  table: FieldTable;
}

const ticketed = { reserved1: 'short' } as const;

export const methods = {
  'connection.start': {
    id: [10, 10],
    fields: {
      versionMajor: 'octet',
      versionMinor: 'octet',
      serverProperties: 'table',
      mechanisms: 'longstr',
      locales: 'longstr',
    },
  },
  'connection.start-ok': {
    id: [10, 11],
    fields: { clientProperties: 'table', mechanism: 'shortstr', response: 'longstr', locale: 'shortstr' },
  },
  'connection.secure': { id: [10, 20], fields: { challenge: 'longstr' } },
  'connection.secure-ok': { id: [10, 21], fields: { response: 'longstr' } },
  'connection.tune': { id: [10, 30], fields: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.tune-ok': {
    id: [10, 31],
    fields: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' },
  },
  'connection.open': {
    id: [10, 40],
    fields: { virtualHost: 'shortstr', reserved1: 'shortstr', reserved2: 'bit' },
  },
  'connection.open-ok': { id: [10, 41], fields: { reserved1: 'shortstr' } },
  'connection.close': {
    id: [10, 50],
    fields: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'connection.close-ok': { id: [10, 51], fields: {} },
  'connection.blocked': { id: [10, 60], fields: { reason: 'shortstr' } },
  'connection.unblocked': { id: [10, 61], fields: {} },
  'connection.update-secret': { id: [10, 70], fields: { newSecret: 'longstr', reason: 'shortstr' } },
  'connection.update-secret-ok': { id: [10, 71], fields: {} },
  'channel.open': { id: [20, 10], fields: { reserved1: 'shortstr' } },
  'channel.open-ok': { id: [20, 11], fields: { reserved1: 'longstr' } },
  'channel.flow': { id: [20, 20], fields: { active: 'bit' } },
  'channel.flow-ok': { id: [20, 21], fields: { active: 'bit' } },
  'channel.close': {
    id: [20, 40],
    fields: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'channel.close-ok': { id: [20, 41], fields: {} },
  'access.request': {
    id: [30, 10],
    fields: {
      realm: 'shortstr',
      exclusive: 'bit',
      passive: 'bit',
      active: 'bit',
      write: 'bit',
      read: 'bit',
    },
  },
  'access.request-ok': { id: [30, 11], fields: { ticket: 'short' } },
  'exchange.declare': {
    id: [40, 10],
    fields: {
      ...ticketed,
      exchange: 'shortstr',
      type: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      autoDelete: 'bit',
      internal: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.declare-ok': { id: [40, 11], fields: {} },
  'exchange.delete': {
    id: [40, 20],
    fields: { ...ticketed, exchange: 'shortstr', ifUnused: 'bit', noWait: 'bit' },
  },
  'exchange.delete-ok': { id: [40, 21], fields: {} },
  'exchange.bind': {
    id: [40, 30],
    fields: {
      ...ticketed,
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.bind-ok': { id: [40, 31], fields: {} },
  'exchange.unbind': {
    id: [40, 40],
    fields: {
      ...ticketed,
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.unbind-ok': { id: [40, 51], fields: {} },
  'queue.declare': {
    id: [50, 10],
    fields: {
      ...ticketed,
      queue: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      exclusive: 'bit',
      autoDelete: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.declare-ok': {
    id: [50, 11],
    fields: { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' },
  },
  'queue.bind': {
    id: [50, 20],
    fields: {
      ...ticketed,
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.bind-ok': { id: [50, 21], fields: {} },
  'queue.purge': { id: [50, 30], fields: { ...ticketed, queue: 'shortstr', noWait: 'bit' } },
  'queue.purge-ok': { id: [50, 31], fields: { messageCount: 'long' } },
  'queue.delete': {
    id: [50, 40],
    fields: { ...ticketed, queue: 'shortstr', ifUnused: 'bit', ifEmpty: 'bit', noWait: 'bit' },
  },
  'queue.delete-ok': { id: [50, 41], fields: { messageCount: 'long' } },
  'queue.unbind': {
    id: [50, 50],
    fields: {
      ...ticketed,
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      arguments: 'table',
    },
  },
  'queue.unbind-ok': { id: [50, 51], fields: {} },
  'basic.qos': { id: [60, 10], fields: { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' } },
  'basic.qos-ok': { id: [60, 11], fields: {} },
  'basic.consume': {
    id: [60, 20],
    fields: {
      ...ticketed,
      queue: 'shortstr',
      consumerTag: 'shortstr',
      noLocal: 'bit',
      noAck: 'bit',
      exclusive: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'basic.consume-ok': { id: [60, 21], fields: { consumerTag: 'shortstr' } },
  'basic.cancel': { id: [60, 30], fields: { consumerTag: 'shortstr', noWait: 'bit' } },
  'basic.cancel-ok': { id: [60, 31], fields: { consumerTag: 'shortstr' } },
  'basic.publish': {
    id: [60, 40],
    fields: { ...ticketed, exchange: 'shortstr', routingKey: 'shortstr', mandatory: 'bit', immediate: 'bit' },
  },
  'basic.return': {
    id: [60, 50],
    fields: { replyCode: 'short', replyText: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr' },
  },
  'basic.deliver': {
    id: [60, 60],
    fields: {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
  },
  'basic.get': { id: [60, 70], fields: { ...ticketed, queue: 'shortstr', noAck: 'bit' } },
  'basic.get-ok': {
    id: [60, 71],
    fields: {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    },
  },
  'basic.get-empty': { id: [60, 72], fields: { reserved1: 'shortstr' } },
  'basic.ack': { id: [60, 80], fields: { deliveryTag: 'longlong', multiple: 'bit' } },
  'basic.reject': { id: [60, 90], fields: { deliveryTag: 'longlong', requeue: 'bit' } },
  'basic.recover-async': { id: [60, 100], fields: { requeue: 'bit' } },
  'basic.recover': { id: [60, 110], fields: { requeue: 'bit' } },
  'basic.recover-ok': { id: [60, 111], fields: {} },
  'basic.nack': { id: [60, 120], fields: { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' } },
  'confirm.select': { id: [85, 10], fields: { noWait: 'bit' } },
  'confirm.select-ok': { id: [85, 11], fields: {} },
  'tx.select': { id: [90, 10], fields: {} },
  'tx.select-ok': { id: [90, 11], fields: {} },
  'tx.commit': { id: [90, 20], fields: {} },
  'tx.commit-ok': { id: [90, 21], fields: {} },
  'tx.rollback': { id: [90, 30], fields: {} },
  'tx.rollback-ok': { id: [90, 31], fields: {} },
} as const;

type Table = typeof methods;
export type MethodName = keyof Table;
export type MethodArguments<Name extends MethodName> = {
  -readonly [Field in keyof Table[Name]['fields']]: Table[Name]['fields'][Field] extends keyof FieldTypes
    ? FieldTypes[Table[Name]['fields'][Field]]
    : never;
};

/** A decoded method: the name tells which arguments it has. */
export type Method = { [Name in MethodName]: { name: Name; args: MethodArguments<Name> } }[MethodName];

const byId = new Map<number, MethodName>();
for (const [name, { id }] of Object.entries(methods)) byId.set(id[0] * 65536 + id[1], name as MethodName);

export function methodNamed(classId: number, methodId: number): MethodName | undefined {
  return byId.get(classId * 65536 + methodId);
}

/** The bytes do not make up the method's arguments exactly. */
export function undecodable(bytes: Buffer, start: number, end: number): ConnectionError {
  const shown = octetsOf(bytes, start + 4, end);
  const text = `cannot decode ${shown}`;
  return new ConnectionError(
    ReplyCode.FRAME_ERROR,
    text,
    bytes.readUInt16BE(start),
    bytes.readUInt16BE(start + 2),
  );
}

/**
 * Reads a method payload of at least 4 bytes. Throws ConnectionError 503 for an unknown method, 501 when the bytes
 * are not its arguments, 502 for a damaged table in them.
 */
export function decodeMethod(bytes: Buffer, start: number, end: number): Method {
  const classId = bytes.readUInt16BE(start);
  const methodId = bytes.readUInt16BE(start + 2);
  const name = methodNamed(classId, methodId);
  if (!name)
    throw new ConnectionError(
      ReplyCode.COMMAND_INVALID,
      `unknown method ${classId}.${methodId}`,
      classId,
      methodId,
    );
  const args = readFields(name, bytes, start, end);
  return { name, args } as unknown as Method;
}

function readFields(name: MethodName, bytes: Buffer, start: number, end: number): Record<string, unknown> {
  const fields: Record<string, keyof FieldTypes> = methods[name].fields;
  const args: Record<string, unknown> = {};
  let at = start + 4;
  let bit = 0;
  const take = (size: number): number => {
    if (size > end - at) throw undecodable(bytes, start, end);
    const from = at;
    at += size;
    return from;
  };
  for (const [field, type] of Object.entries(fields)) {
    if (type !== 'bit') bit = 0;
    switch (type) {
      case 'bit':
        if (bit === 0) take(1);
        args[field] = (bytes[at - 1]! & (1 << bit)) !== 0;
        bit = (bit + 1) % 8;
        break;
      case 'octet':
        args[field] = bytes[take(1)]!;
        break;
      case 'short':
        args[field] = bytes.readUInt16BE(take(2));
        break;
      case 'long':
        args[field] = bytes.readUInt32BE(take(4));
        break;
      case 'longlong':
        args[field] = Number(bytes.readBigUInt64BE(take(8)));
        break;
      case 'shortstr': {
        const size = bytes[take(1)]!;
        const from = take(size);
        args[field] = nameIn(bytes, from, from + size);
        break;
      }
      case 'longstr': {
        const size = bytes.readUInt32BE(take(4));
        const from = take(size);
        args[field] = Buffer.from(bytes.subarray(from, from + size));
        break;
      }
      case 'table': {
        const size = bytes.readUInt32BE(take(4));
        take(size);
        args[field] = tableOf(name, bytes, at - size - 4, at);
        break;
      }
    }
  }
  if (at !== end) throw undecodable(bytes, start, end);
  return args;
}

function tableOf(name: MethodName, bytes: Buffer, start: number, end: number): FieldTable {
  try {
    return decodeTable(bytes, start, end);
  } catch (error) {
    if (error instanceof ConnectionError) [error.classId, error.methodId] = methods[name].id;
    throw error;
  }
}

/** A method's payload: class id, method id and fields. Throws RangeError when a short string is too long. */
export function encodeMethod<Name extends MethodName>(name: Name, args: MethodArguments<Name>): Buffer {
  const { id, fields } = methods[name];
  const parts: Buffer[] = [Buffer.of(id[0] >> 8, id[0] & 255, id[1] >> 8, id[1] & 255)];
  const values = args as Record<string, unknown>;
  let bits: Buffer | null = null;
  let bit = 0;
  for (const [field, type] of Object.entries(fields) as [string, keyof FieldTypes][]) {
    const value = values[field];
    if (type === 'bit') {
      if (!bits || bit === 8) {
        bits = Buffer.of(0);
        bit = 0;
        parts.push(bits);
      }
      if (value) bits[0]! |= 1 << bit;
      bit++;
      continue;
    }
    bits = null;
    parts.push(encodeField(type, value));
  }
  return Buffer.concat(parts);
}

function encodeField(type: Exclude<keyof FieldTypes, 'bit'>, value: unknown): Buffer {
  switch (type) {
    case 'octet':
      return Buffer.of(value as number);
    case 'short': {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16BE(value as number);
      return bytes;
    }
    case 'long': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value as number);
      return bytes;
    }
    case 'longlong': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value as number));
      return bytes;
    }
    case 'shortstr': {
      const text = Buffer.from(value as string);
      if (text.length > 255) throw new RangeError(`short string of ${text.length} bytes`);
      return Buffer.concat([Buffer.of(text.length), text]);
    }
    case 'longstr': {
      const text = value as Buffer;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(text.length);
      return Buffer.concat([length, text]);
    }
    case 'table':
      return encodeTable(value as FieldTable);
  }
}
