// Field tables of every type, for property tests.
import fc from 'fast-check';
import type { FieldTable, TypedValue } from '../../broker/amqp/field-table.ts';

export const text = fc.string({ maxLength: 40 }).map((value) => Buffer.from(value));
export const shortText = fc.string({ maxLength: 50 });
const { value } = fc.letrec<{ value: TypedValue; table: FieldTable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.boolean().map((each): TypedValue => ({ type: 't', value: each })),
    fc.integer({ min: -128, max: 127 }).map((each): TypedValue => ({ type: 'b', value: each })),
    fc.integer({ min: 0, max: 255 }).map((each): TypedValue => ({ type: 'B', value: each })),
    fc.integer({ min: -32768, max: 32767 }).map((each): TypedValue => ({ type: 's', value: each })),
    fc.integer({ min: 0, max: 65535 }).map((each): TypedValue => ({ type: 'u', value: each })),
    fc.integer().map((each): TypedValue => ({ type: 'I', value: each })),
    fc.nat().map((each): TypedValue => ({ type: 'i', value: each })),
    fc.maxSafeInteger().map((each): TypedValue => ({ type: 'l', value: each })),
    fc.double({ noNaN: true }).map((each): TypedValue => ({ type: 'd', value: each })),
    fc.float({ noNaN: true }).map((each): TypedValue => ({ type: 'f', value: each })),
    fc.nat().map((each): TypedValue => ({ type: 'T', value: each })),
    fc
      .record({ scale: fc.integer({ min: 0, max: 255 }), unscaled: fc.nat() })
      .map((each): TypedValue => ({ type: 'D', value: each })),
    text.map((each): TypedValue => ({ type: 'S', value: each })),
    text.map((each): TypedValue => ({ type: 'x', value: each })),
    fc.constant<TypedValue>({ type: 'V', value: null }),
    fc.array(tie('value'), { maxLength: 4 }).map((each): TypedValue => ({ type: 'A', value: each })),
    tie('table').map((each): TypedValue => ({ type: 'F', value: each })),
  ),
  table: fc.array(fc.tuple(shortText, tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
}));
export const table: fc.Arbitrary<FieldTable> = fc
  .array(fc.tuple(shortText, value), { maxLength: 6 })
  .map((pairs) => new Map(pairs));
