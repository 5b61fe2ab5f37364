// What is done to very many rows, a few at a time: making them, sorting them, writing them out. A list of ten thousand
// otherwise keeps every client waiting for as long as it takes.
import type { LongWork, Turns } from '../base/turns.ts';

const madePerStep = 8;
/** Sorted at once; merging passes so many elements a step. */
const sortedAtOnce = 128;
const mergedPerStep = 256;

/** Throws what `make` throws. */
export async function mappedInTurns<Item, Made>(
  turns: Turns,
  items: readonly Item[],
  make: (item: Item) => Made,
): Promise<Made[]> {
  const all: Made[] = [];
  await turns.run(mapping(items, make, all));
  return all;
}

function* mapping<Item, Made>(items: readonly Item[], make: (item: Item) => Made, all: Made[]): LongWork {
  for (const item of items) {
    all.push(make(item));
    if (all.length % madePerStep === 0) yield;
  }
}

/** Equal ones stay in their order. The items are left as they are. */
export async function sortedInTurns<Item>(
  turns: Turns,
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Promise<Item[]> {
  const runs: Item[][] = [];
  await turns.run(sorting(items, compare, runs));
  return runs[0] ?? [];
}

/** Leaves all of them in the only run. */
function* sorting<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
  runs: Item[][],
): LongWork {
  for (let at = 0; at < items.length; at += sortedAtOnce) {
    runs.push(items.slice(at, at + sortedAtOnce).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const before = runs.splice(0);
    for (let at = 0; at < before.length; at += 2) {
      const merged: Item[] = [];
      yield* merging(before[at]!, before[at + 1] ?? [], compare, merged);
      runs.push(merged);
    }
  }
}

function* merging<Item>(
  left: Item[],
  right: Item[],
  compare: (a: Item, b: Item) => number,
  merged: Item[],
): LongWork {
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const fromLeft = j >= right.length || (i < left.length && compare(left[i]!, right[j]!) <= 0);
    merged.push(fromLeft ? left[i++]! : right[j++]!);
    if (merged.length % mergedPerStep === 0) yield;
  }
}
