// The codec against itself and against bytes: whatever is encoded comes back, whatever is damaged is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTable, encodeTable, type FieldTable } from '../../broker/amqp/field-table.ts';
import {
  decodeMethod,
  encodeMethod,
  methods,
  type MethodArguments,
  type MethodName,
} from '../../broker/amqp/methods.ts';
import { decodeProperties, encodeProperties, newScan, scanProperties } from '../../broker/amqp/properties.ts';
import { ConnectionError } from '../../broker/amqp/reply-codes.ts';
import { shortText, table, text } from './field-values.ts';

const fields: Record<string, fc.Arbitrary<unknown>> = {
  bit: fc.boolean(),
  octet: fc.integer({ min: 0, max: 255 }),
  short: fc.integer({ min: 0, max: 65535 }),
  long: fc.integer({ min: 0, max: 0xffff_ffff }),
  longlong: fc.maxSafeNat(),
  shortstr: shortText,
  longstr: text,
  table,
};

describe('R2: field tables of any size', () => {
  test('a table is what it was wherever its buffer had to grow', () => {
    for (let size = 0; size < 1100; size++) {
      const table: FieldTable = new Map([
        ['padding', { type: 'S', value: Buffer.alloc(size, 'x') }],
        ['flag', { type: 't', value: true }],
        ['inner', { type: 'F', value: new Map([['reason', { type: 'S', value: Buffer.from('rejected') }]]) }],
        ['void', { type: 'V', value: null }],
      ]);
      expect(decodeTable(encodeTable(table))).toEqual(table);
    }
  });
});

describe('R1: the wire', () => {
  test('every type of field comes back from a table as it was', () => {
    fc.assert(
      fc.property(table, (given) => {
        expect(decodeTable(encodeTable(given))).toEqual(given);
      }),
    );
  });

  test('a table comes back wherever its buffer had to grow', () => {
    for (let size = 0; size < 1200; size++) {
      const given: FieldTable = new Map([
        ['filling', { type: 'S', value: Buffer.alloc(size) }],
        ['a', { type: 't', value: true }],
        ['b', { type: 'I', value: 5 }],
        ['c', { type: 'A', value: [{ type: 'F', value: new Map([['d', { type: 'l', value: 6 }]]) }] }],
      ]);
      const bytes = encodeTable(given);
      expect(encodeTable(decodeTable(bytes)).equals(bytes)).toBe(true);
    }
  });

  for (const name of Object.keys(methods) as MethodName[])
    test(`${name} comes back with its arguments`, () => {
      const shape = Object.fromEntries(
        Object.entries(methods[name].fields).map(([field, type]) => [field, fields[type as string]!]),
      );
      fc.assert(
        fc.property(fc.record(shape), (args) => {
          const bytes = encodeMethod(name, args as MethodArguments<typeof name>);
          expect(decodeMethod(bytes, 0, bytes.length)).toEqual({ name, args });
        }),
        { numRuns: 30 },
      );
    });

  test('a method cut short is a syntax error, never a crash', () => {
    for (const name of Object.keys(methods) as MethodName[]) {
      const shape = Object.fromEntries(
        Object.entries(methods[name].fields).map(([field, type]) => [field, fields[type as string]!]),
      );
      fc.assert(
        fc.property(fc.record(shape), fc.nat(), (args, cut) => {
          const bytes = encodeMethod(name, args as MethodArguments<typeof name>);
          const end = cut % bytes.length;
          try {
            decodeMethod(bytes, 0, end);
          } catch (error) {
            expect(error).toBeInstanceOf(ConnectionError);
          }
        }),
        { numRuns: 20 },
      );
    }
  });

  test('properties come back, and a scan finds what routing needs', () => {
    const properties = fc.record(
      {
        contentType: shortText,
        contentEncoding: shortText,
        headers: table,
        deliveryMode: fc.integer({ min: 1, max: 2 }),
        priority: fc.integer({ min: 0, max: 255 }),
        correlationId: shortText,
        replyTo: shortText,
        expiration: shortText,
        messageId: shortText,
        timestamp: fc.nat(),
        type: shortText,
        userId: shortText,
        appId: shortText,
        clusterId: shortText,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(properties, (given) => {
        const bytes = encodeProperties(given);
        expect(decodeProperties(bytes)).toEqual(given);
        const scan = newScan();
        scanProperties(bytes, 0, bytes.length, scan);
        expect(scan.deliveryMode).toBe(given.deliveryMode ?? 1);
        expect(scan.expiration).toBe(given.expiration ?? null);
      }),
    );
  });

  test('tables nested without end are refused', () => {
    let nested: FieldTable = new Map();
    for (let i = 0; i < 200; i++) nested = new Map([['a', { type: 'F', value: nested }]]);
    expect(() => decodeTable(encodeTable(nested))).toThrow(ConnectionError);
  });
});
