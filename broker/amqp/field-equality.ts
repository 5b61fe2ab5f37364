// When two field values are the same, as a headers exchange and an equivalence check see it: whatever their wire
// types, as RabbitMQ's terms have it. Integers of any width and timestamps compare by number, text and bytes by bytes;
// inside lists and tables the wire type counts as well.
import { isInteger, type FieldTable, type TypedValue } from './field-table.ts';

/** `numeric` lets an integer equal a float, as headers do and an equivalence check does not. */
export function equalValues(a: TypedValue, b: TypedValue, numeric = false): boolean {
  const kind = kindOf(a);
  if (numeric && isNumber(kind) && isNumber(kindOf(b))) return Number(a.value) === Number(b.value);
  if (kind !== kindOf(b)) return false;
  switch (kind) {
    case 'integer':
      return a.value === b.value || BigInt(a.value as number) === BigInt(b.value as number);
    case 'bytes':
      return (a.value as Buffer).equals(b.value as Buffer);
    case 'D': {
      const [x, y] = [a.value, b.value] as { scale: number; unscaled: number }[];
      return x!.scale === y!.scale && x!.unscaled === y!.unscaled;
    }
    case 'A': {
      const [x, y] = [a.value, b.value] as TypedValue[][];
      return x!.length === y!.length && x!.every((item, index) => sameItem(item, y![index]!));
    }
    case 'F':
      return equalTables(a.value as FieldTable, b.value as FieldTable);
    default:
      return a.value === b.value;
  }
}

function equalTables(a: FieldTable, b: FieldTable): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (!other || !sameItem(value, other)) return false;
  }
  return true;
}

function sameItem(a: TypedValue, b: TypedValue): boolean {
  return a.type === b.type && equalValues(a, b);
}

/** Numerically equal values have equal keys. Values that are not equal mostly have different ones. */
export function valueKey(field: TypedValue): string {
  switch (field.type) {
    case 'S':
    case 'x':
      return `bytes${field.value.toString('latin1')}`;
    case 'D':
      return `D${field.value.scale} ${field.value.unscaled}`;
    case 'A':
      return `A${field.value.map(valueKey).join()}`;
    case 'F':
      return `F${[...field.value]
        .map(([name, value]) => `${name}:${valueKey(value)}`)
        .sort()
        .join()}`;
    default:
      return (isNumber(kindOf(field)) ? 'number' : field.type) + String(field.value);
  }
}

function isNumber(kind: string): boolean {
  return kind === 'integer' || kind === 'float';
}

function kindOf(field: TypedValue): string {
  if (isInteger(field) || field.type === 'T') return 'integer';
  if (field.type === 'f' || field.type === 'd') return 'float';
  return field.type === 'S' || field.type === 'x' ? 'bytes' : field.type;
}
