// Frames made to be wrong in a way that knows the protocol: every method with arguments at their limits, and each
// kind of lie that content, tables and sizes can tell.
import { encodeMethod, methods, type MethodArguments, type MethodName } from '../../broker/amqp/methods.ts';
import type { FieldTable, TypedValue } from '../../broker/amqp/field-table.ts';
import type { Random } from './random.ts';
import { bytesOf, type WireFrame } from './wire-frame.ts';

const names = Object.keys(methods) as MethodName[];
const words = [
  ...['', 'q', 'b1', 'e1', 'amq.direct', 'amq.topic', 'amq.headers', 'amq.fanout', 'amq.rabbitmq.reply-to'],
  ...[
    'amq.gen-x',
    'direct',
    'topic',
    'headers',
    '#.#.a.#',
    '*.*',
    'fuzz',
    '/',
    'PLAIN',
    '__proto__',
    'ü\u0000',
  ],
];
const argumentNames = [
  ...['x-message-ttl', 'x-expires', 'x-max-length', 'x-max-length-bytes', 'x-max-priority', 'x-overflow'],
  ...['x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-single-active-consumer', 'x-queue-type'],
  ...[
    'x-match',
    'x-priority',
    'alternate-exchange',
    'x-death',
    'CC',
    'BCC',
    'constructor',
    'capabilities',
    'a',
  ],
];

function text(random: Random): string {
  if (random.oneIn(12)) return 'n'.repeat(255);
  return random.pick(words);
}

function value(random: Random, depth: number): TypedValue {
  const number = () => random.pick([0, 1, -1, 2, 255, -128, 2 ** 31 - 1, random.below(1000)]);
  switch (random.below(depth > 3 ? 9 : 11)) {
    case 0:
      return { type: 't', value: random.oneIn(2) };
    case 1:
      return { type: 'I', value: number() };
    case 2:
      return { type: 'l', value: random.pick([number(), -(2n ** 63n), 2n ** 63n - 1n]) };
    case 3:
      return { type: 'T', value: random.pick([0, 2n ** 64n - 1n]) };
    case 4:
      return { type: 'd', value: random.pick([NaN, Infinity, -0, 1e300, 0.5]) };
    case 5:
      return { type: 'D', value: { scale: random.below(256), unscaled: random.below(2 ** 31) } };
    case 6:
      return { type: 'V', value: null };
    case 7:
      return { type: 'x', value: random.bytes(random.below(30)) };
    case 8:
      return { type: 'S', value: Buffer.from(random.oneIn(3) ? random.pick(argumentNames) : text(random)) };
    case 9:
      return {
        type: 'A',
        value: Array.from({ length: random.below(4) }, () => value(random, depth + 1)),
      };
    default:
      return { type: 'F', value: fieldTable(random, depth + 1) };
  }
}

function fieldTable(random: Random, depth = 0): FieldTable {
  return new Map(
    Array.from({ length: random.below(5) }, () => [random.pick(argumentNames), value(random, depth)]),
  );
}

const fields = {
  bit: (random: Random) => random.oneIn(2),
  octet: (random: Random) => random.below(256),
  short: (random: Random) => random.pick([0, 1, 2, 60, 2047, 65_535]),
  long: (random: Random) => random.pick([0, 1, 4096, 131_072, 0xffff_ffff]),
  longlong: (random: Random) => random.pick([0, 1, 2, 3, 2 ** 53 - 1]),
  shortstr: (random: Random) => text(random),
  longstr: (random: Random) =>
    random.oneIn(2) ? Buffer.from(`\0guest\0${text(random)}`) : random.bytes(random.below(60)),
  table: (random: Random) => fieldTable(random),
};

/** Some method of the protocol, sound in itself, whoever may say it and when. */
export function frameOf(random: Random, channel: number): WireFrame {
  const name = random.pick(names);
  const args = Object.fromEntries(
    Object.entries(methods[name].fields as Record<string, keyof typeof fields>).map(([field, type]) => [
      field,
      fields[type](random),
    ]),
  );
  return { type: 1, channel, payload: encodeMethod(name, args as MethodArguments<typeof name>) };
}

/** One of the lies below, on that channel. */
export function unsound(random: Random, channel: number): Buffer {
  return random.pick(lies)(random, channel);
}

type Lie = (random: Random, channel: number) => Buffer;

const publish = (channel: number) =>
  bytesOf({ type: 1, channel, payload: Buffer.from([0, 60, 0, 40, 0, 0, 0, 2, 98, 49, 0]) });

function header(channel: number, bodySize: bigint, properties: Buffer, weight = 0, classId = 60): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(classId, 0);
  head.writeUInt16BE(weight, 2);
  head.writeBigUInt64BE(BigInt.asUintN(64, bodySize), 4);
  return bytesOf({ type: 2, channel, payload: Buffer.concat([head, properties]) });
}

const body = (channel: number, payload: Buffer) => bytesOf({ type: 3, channel, payload });
const noProperties = Buffer.alloc(2);

function sized(bytes: Buffer, size = bytes.length): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(size >>> 0);
  return Buffer.concat([length, bytes]);
}

/** Tables or arrays in each other, with all their sizes right. */
function nested(levels: number, type: 'F' | 'A'): Buffer {
  const step = type === 'F' ? 7 : 5;
  const bytes = Buffer.alloc(levels * step);
  for (let level = 0; level < levels; level++) {
    const at = level * step;
    if (type === 'F') bytes.write('\x01aF', at, 'latin1');
    else bytes.write('A', at, 'latin1');
    bytes.writeUInt32BE(bytes.length - at - step, at + step - 4);
  }
  return type === 'F' ? sized(bytes) : sized(Buffer.concat([Buffer.from('\x01a', 'latin1'), bytes]));
}

function damagedTable(random: Random): Buffer {
  const name = Buffer.from('\x01a', 'latin1');
  switch (random.below(7)) {
    case 0:
      return nested(random.pick([99, 101, 150, 1000, 9000]), random.pick(['F', 'A']));
    case 1:
      return sized(Buffer.concat([name, Buffer.of(random.below(256)), random.bytes(random.below(20))]));
    case 2:
      return sized(Buffer.concat([name, random.bytes(6)]), random.pick([0xffff_ffff, 7, 9, 0x7fff_ffff]));
    case 3:
      return sized(Buffer.concat([name, Buffer.from('S'), sized(Buffer.from('x'), 0xffff_ffff)]));
    case 4:
      return sized(Buffer.concat([Buffer.of(255), Buffer.from('short')]));
    case 5:
      return sized(random.bytes(random.below(80)));
    default:
      return sized(Buffer.concat([Buffer.from([1, 0xff]), Buffer.from('t'), Buffer.of(9)]));
  }
}

function declare(channel: number, name: Buffer, table: Buffer): Buffer {
  const payload = Buffer.concat([
    Buffer.from([0, 50, 0, 10, 0, 0, name.length]),
    name,
    Buffer.from([0]),
    table,
  ]);
  return bytesOf({ type: 1, channel, payload });
}

const bodySizes = [1n, 100n, 131_073n, 2n ** 27n, 2n ** 27n + 1n, 2n ** 29n + 1n, 2n ** 32n, 2n ** 63n, -1n];

const lies: Lie[] = [
  // Content that does not follow, or not so.
  (random, channel) => header(channel, random.pick(bodySizes), noProperties),
  (random, channel) => body(channel, random.bytes(random.below(50))),
  (random, channel) =>
    Buffer.concat([publish(channel), header(channel, random.pick(bodySizes), noProperties)]),
  (random, channel) =>
    Buffer.concat([publish(channel), header(channel, 5n, noProperties), body(channel, random.bytes(9))]),
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 5n, noProperties),
      body(channel, random.bytes(5)),
      body(channel, random.bytes(random.below(9))),
    ]),
  (_random, channel) =>
    Buffer.concat([publish(channel), header(channel, 5n, noProperties), header(channel, 5n, noProperties)]),
  (_random, channel) => Buffer.concat([publish(channel), publish(channel)]),
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 0n, noProperties, random.between(1, 9)),
      publish(channel),
    ]),
  (random, channel) =>
    Buffer.concat([publish(channel), header(channel, 0n, noProperties, 0, random.below(100))]),
  // A body in frames of one byte, and in empty ones.
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 200n, noProperties),
      ...Array.from({ length: 150 }, () => body(channel, random.bytes(random.below(3)))),
    ]),
  // Properties.
  (random, channel) => Buffer.concat([publish(channel), header(channel, 0n, random.bytes(random.below(40)))]),
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 0n, Buffer.concat([Buffer.from([random.below(256), 1]), random.bytes(20)])),
    ]),
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 0n, Buffer.concat([Buffer.from([0x20, 0]), damagedTable(random)])),
    ]),
  (random, channel) =>
    Buffer.concat([
      publish(channel),
      header(channel, 0n, Buffer.from([0x04, 0, 3, 0xff, 0xfe, random.below(256)])),
    ]),
  // Tables and names in methods.
  (random, channel) => declare(channel, Buffer.from('b1'), damagedTable(random)),
  (random, channel) => declare(channel, random.bytes(random.below(40)), sized(Buffer.alloc(0))),
  (_random, channel) => declare(channel, Buffer.alloc(255, 0xff), sized(Buffer.alloc(0))),
  // Frames.
  (random, channel) => bytesOf({ type: 8, channel: random.pick([0, channel]), payload: random.bytes(3) }),
  (_random, channel) => bytesOf({ type: 8, channel, payload: Buffer.alloc(0) }),
  (random, channel) =>
    bytesOf({ type: random.below(256), channel, payload: random.bytes(20), size: random.below(2 ** 32) }),
  (random, channel) =>
    bytesOf({ type: random.pick([1, 2, 3]), channel, payload: random.bytes(random.below(4)) }),
  (random, channel) =>
    bytesOf({ type: 3, channel, payload: Buffer.alloc(0), size: random.pick([131_072, 65_536]) }),
  // Many of something.
  (random) =>
    Buffer.concat(
      Array.from({ length: 60 }, () =>
        bytesOf({ type: 1, channel: random.between(1, 200), payload: Buffer.from([0, 20, 0, 10, 0]) }),
      ),
    ),
  (random, channel) =>
    Buffer.concat(Array.from({ length: random.between(2, 12) }, () => bytesOf(frameOf(random, channel)))),
  // The protocol from the start, in the middle.
  () => Buffer.from('AMQP\0\0\x09\x01', 'latin1'),
];
