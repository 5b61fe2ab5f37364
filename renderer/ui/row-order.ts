// Rows that stay under the pointer: while somebody is about to click, a list sorted by a live figure keeps the
// order it had; new rows come last, rows that have gone leave.
export function inOrderOf<Row>(
  before: readonly string[],
  rows: readonly Row[],
  key: (row: Row) => string,
): Row[] {
  const place = new Map(before.map((each, index) => [each, index]));
  return rows
    .map((row, index) => ({ row, place: place.get(key(row)) ?? before.length + index }))
    .sort((left, right) => left.place - right.place)
    .map(({ row }) => row);
}
