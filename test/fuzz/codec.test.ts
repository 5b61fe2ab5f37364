// The decoders under bytes that nobody sane would send: however a stream is cut into chunks it gives the same
// frames, and damage only ever throws ConnectionError.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTable, encodeTable, type FieldTable } from '../../broker/amqp/field-table.ts';
import { FrameDecoder, type FrameHandler } from '../../broker/amqp/frame-decoder.ts';
import { decodeMethod, encodeMethod, methods } from '../../broker/amqp/methods.ts';
import {
  decodeProperties,
  encodeProperties,
  newScan,
  scanProperties,
  type BasicProperties,
} from '../../broker/amqp/properties.ts';
import { ConnectionError } from '../../broker/amqp/reply-codes.ts';
import { carriedBytes, carriedText, nameIn } from '../../broker/amqp/short-string.ts';
import { checkTable } from '../../broker/amqp/table-check.ts';
import { table } from '../amqp/field-values.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));
const runs = { numRuns: 1000 };

class Collector implements FrameHandler {
  readonly frames: string[] = [];
  stopped = false;
  /** Stops after each of these, counted from 1. */
  stopAfter = new Set<number>();

  frame(type: number, channel: number, payload: Buffer, start: number, end: number): void {
    this.frames.push(`${type} ${channel} ${payload.toString('hex', start, end)}`);
    if (this.stopAfter.has(this.frames.length)) this.stopped = true;
  }
}

/** Damage or none, as text; anything but a ConnectionError fails the test. */
function outcome(action: () => unknown): string {
  try {
    action();
    return 'sound';
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionError);
    return 'damaged';
  }
}

function frameBytes(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(0xce)]);
}

function cut(stream: Buffer, places: number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => stream.subarray(from, sorted[index] ?? stream.length));
}

const frames = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 65535 }), bytes(300)),
  { maxLength: 12 },
);

describe('R2: the frame decoder', () => {
  test('any cutting into chunks, with any stops, gives the same frames', () => {
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.nat(4000), { maxLength: 20 }),
        fc.array(fc.nat(12)),
        (sent, at, stops) => {
          const stream = Buffer.concat(sent.map((each) => frameBytes(...each)));
          const handler = new Collector();
          handler.stopAfter = new Set(stops);
          const decoder = new FrameDecoder(handler, 4096);
          for (const chunk of cut(stream, at)) decoder.push(chunk);
          for (let turn = 0; turn <= sent.length; turn++) {
            handler.stopped = false;
            decoder.resume();
          }
          expect(handler.frames).toEqual(
            sent.map(([type, channel, payload]) => `${type} ${channel} ${payload.toString('hex')}`),
          );
          expect(decoder.heldBytes).toBe(0);
        },
      ),
      runs,
    );
  });

  test('random bytes give frames or ConnectionError, and memory no larger than a frame', () => {
    fc.assert(
      fc.property(fc.array(bytes(500), { maxLength: 20 }), (chunks) => {
        const decoder = new FrameDecoder(new Collector(), 4096);
        for (const chunk of chunks) outcome(() => decoder.push(chunk));
        expect(decoder.heldBytes).toBe(0);
      }),
      runs,
    );
  });

  test('after damage the next chunk begins anew', () => {
    fc.assert(
      fc.property(frames, bytes(40), (sent, noise) => {
        const handler = new Collector();
        const decoder = new FrameDecoder(handler, 4096);
        const tooLarge = Buffer.from([1, 0, 0, 255, 255, 255, 255]);
        expect(outcome(() => decoder.push(Buffer.concat([tooLarge, noise])))).toBe('damaged');
        for (const each of sent) decoder.push(frameBytes(...each));
        expect(handler.frames).toHaveLength(sent.length);
      }),
    );
  });
});

/** Sound bytes with a few of them changed, cut off or put in. */
function mutated(sound: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.tuple(
    fc.constantFrom('set', 'cut', 'insert'),
    fc.nat(),
    fc.integer({ min: 0, max: 255 }),
  );
  return fc.tuple(sound, fc.array(change, { minLength: 1, maxLength: 4 })).map(([start, changes]) => {
    let result = Buffer.from(start);
    for (const [kind, place, value] of changes) {
      const at = place % (result.length + 1);
      if (kind === 'set' && at < result.length) result[at] = value;
      else if (kind === 'cut') result = result.subarray(0, at);
      else result = Buffer.concat([result.subarray(0, at), Buffer.of(value), result.subarray(at)]);
    }
    return result;
  });
}

const properties: fc.Arbitrary<BasicProperties> = fc.record(
  {
    contentType: fc.string({ maxLength: 20 }),
    headers: table,
    deliveryMode: fc.integer({ min: 0, max: 255 }),
    priority: fc.integer({ min: 0, max: 255 }),
    correlationId: fc.string({ maxLength: 20 }),
    replyTo: fc.string({ maxLength: 20 }),
    expiration: fc.string({ maxLength: 20 }),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    userId: fc.string({ maxLength: 20 }),
    appId: fc.string({ maxLength: 20 }),
  },
  { requiredKeys: [] },
);

describe('R1: tables, properties and methods under damage', () => {
  test('a damaged table throws ConnectionError, and the check agrees with the decoder', () => {
    const damaged = fc.oneof(mutated(table.map(encodeTable)), bytes(200));
    fc.assert(
      fc.property(damaged, (given) => {
        const decoded = outcome(() => decodeTable(given));
        expect(outcome(() => checkTable(given, 0, given.length))).toBe(decoded);
      }),
      { numRuns: 5000 },
    );
  });

  test('damaged properties throw ConnectionError; what passed comes back byte for byte', () => {
    const damaged = fc.oneof(mutated(properties.map(encodeProperties)), bytes(100));
    fc.assert(
      fc.property(damaged, bytes(20), (given, body) => {
        // The body lies behind the properties: a length must not reach into it.
        const both = Buffer.concat([given, body]);
        const scanned = outcome(() => scanProperties(both, 0, given.length, newScan()));
        expect(outcome(() => decodeProperties(both, 0, given.length))).toBe(scanned);
        if (scanned === 'damaged') return;
        const decoded = decodeProperties(both, 0, given.length);
        const again = encodeProperties(decoded);
        expect(encodeProperties(decodeProperties(again))).toEqual(again);
      }),
      { numRuns: 5000 },
    );
  });

  test('a damaged method throws ConnectionError', () => {
    const ids = fc.constantFrom(...Object.values(methods).map(({ id }) => id));
    const withId = fc
      .tuple(ids, bytes(120))
      .map(([[classId, methodId], rest]) =>
        Buffer.concat([Buffer.from([classId >> 8, classId & 255, methodId >> 8, methodId & 255]), rest]),
      );
    const declare = table.map((args) =>
      encodeMethod('queue.declare', {
        reserved1: 0,
        queue: 'q',
        passive: false,
        durable: true,
        exclusive: false,
        autoDelete: false,
        noWait: false,
        arguments: args,
      }),
    );
    const atLeastAnId = fc.oneof(withId, mutated(declare)).filter((each) => each.length >= 4);
    fc.assert(
      fc.property(atLeastAnId, bytes(20), (given, behind) => {
        outcome(() => decodeMethod(Buffer.concat([given, behind]), 0, given.length));
      }),
      { numRuns: 5000 },
    );
  });

  test('tables of a hundred levels pass, deeper ones are refused by both', () => {
    const nested = (levels: number): Buffer => {
      let inner: FieldTable = new Map();
      for (let i = 1; i < levels; i++) inner = new Map([['a', { type: 'F', value: inner }]]);
      return encodeTable(inner);
    };
    for (const [levels, expected] of [
      [101, 'sound'],
      [102, 'damaged'],
      [20_000, 'damaged'],
    ] as const) {
      const given = levels < 1000 ? nested(levels) : arraysNested(levels);
      expect(outcome(() => decodeTable(given))).toBe(expected);
      expect(outcome(() => checkTable(given, 0, given.length))).toBe(expected);
    }
  });

  test('short strings within content come back byte for byte; names must be UTF-8', () => {
    fc.assert(
      fc.property(bytes(255), (given) => {
        expect(carriedBytes(carriedText(given, 0, given.length))).toEqual(given);
        const name = outcome(() => nameIn(given, 0, given.length));
        const isUtf8 = Buffer.from(given.toString('utf8')).equals(given);
        expect(name).toBe(isUtf8 ? 'sound' : 'damaged');
      }),
      runs,
    );
  });
});

/** A table with one array in an array and so on, sizes and all. */
function arraysNested(levels: number): Buffer {
  const stream = Buffer.alloc(4 + 2 + levels * 5);
  stream.writeUInt32BE(stream.length - 4, 0);
  stream.write('\x01a', 4, 'latin1');
  for (let level = 0; level < levels; level++) {
    const at = 6 + level * 5;
    stream.write('A', at, 'latin1');
    stream.writeUInt32BE(stream.length - at - 5, at + 1);
  }
  return stream;
}
