// When two field values are the same, as a headers exchange and an equivalence check see it: typed, but integers
// of any width are equal, and so are floats.
import { isInteger, type FieldTable, type TypedValue } from './field-table.ts';

export function equalValues(a: TypedValue, b: TypedValue): boolean {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  switch (kind) {
    case 'integer':
      return a.value === b.value || BigInt(a.value as number) === BigInt(b.value as number);
    case 'S':
    case 'x':
      return (a.value as Buffer).equals(b.value as Buffer);
    case 'D': {
      const [x, y] = [a.value, b.value] as { scale: number; unscaled: number }[];
      return x!.scale === y!.scale && x!.unscaled === y!.unscaled;
    }
    case 'A': {
      const [x, y] = [a.value, b.value] as TypedValue[][];
      return x!.length === y!.length && x!.every((item, index) => equalValues(item, y![index]!));
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
    if (!other || !equalValues(value, other)) return false;
  }
  return true;
}

/** Equal values have equal keys. Values that are not equal mostly have different ones. */
export function valueKey(field: TypedValue): string {
  const kind = kindOf(field);
  switch (field.type) {
    case 'S':
    case 'x':
      return kind + field.value.toString('latin1');
    case 'D':
      return `${kind}${field.value.scale} ${field.value.unscaled}`;
    case 'A':
      return kind + field.value.map(valueKey).join();
    case 'F':
      return (
        kind +
        [...field.value]
          .map(([name, value]) => `${name}:${valueKey(value)}`)
          .sort()
          .join()
      );
    default:
      return kind + String(field.value);
  }
}

function kindOf(field: TypedValue): string {
  if (isInteger(field)) return 'integer';
  return field.type === 'f' || field.type === 'd' ? 'float' : field.type;
}
