// The simulated disk: files by path, as the running system sees them and as a power loss would leave them. A
// creation, renaming or removal lasts only once its folder is synced; until then it may have happened or not.
import { dirname } from 'node:path';
import { SimulatedFile } from './file.ts';
import type { Random } from './random.ts';

/** Paths and the file each stands for from then on, null for none. */
type Names = readonly (readonly [path: string, file: SimulatedFile | null])[];

/** One atomic change of names. */
interface NameChange {
  readonly number: number;
  readonly names: Names;
}

export class SimulatedDisk {
  capacityBytes = Infinity;
  /** By the simulated time: calls made before take until then. */
  stalledUntil = 0;
  readonly #names = new Map<string, SimulatedFile>();
  readonly #durableNames = new Map<string, SimulatedFile>();
  #changes: NameChange[] = [];
  /** Of names, ever: a mark for `syncFolder`, which covers what came before it. */
  changeCount = 0;

  file(path: string): SimulatedFile | null {
    return this.#names.get(path) ?? null;
  }

  /** In the order of their names. */
  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  get usedBytes(): number {
    let sum = 0;
    for (const file of this.#names.values()) sum += file.size;
    return sum;
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  /** Opens for writing: an empty file, new or cut. */
  create(path: string): SimulatedFile {
    const existing = this.#names.get(path);
    if (existing) {
      existing.truncate(0);
      return existing;
    }
    const file = new SimulatedFile();
    this.#change([[path, file]]);
    return file;
  }

  rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (!file) throw notFound('rename', from);
    this.#change([
      [from, null],
      [to, file],
    ]);
  }

  /** Nothing happens when there is none. */
  remove(path: string): void {
    if (this.#names.has(path)) this.#change([[path, null]]);
  }

  #change(names: Names): void {
    apply(this.#names, names);
    this.#changes.push({ number: this.changeCount++, names });
  }

  syncFolder(folder: string, changeCount: number): void {
    const kept: NameChange[] = [];
    for (const change of this.#changes)
      if (change.number < changeCount && dirname(change.names[0]![0]) === folder)
        apply(this.#durableNames, change.names);
      else kept.push(change);
    this.#changes = kept;
  }

  losePower(random: Random): void {
    const manner = random.weighted({ nothing: 2, all: 1, first: 4, any: 3 });
    const upTo = random.below(this.#changes.length + 1);
    const share = random.fraction();
    for (const [index, change] of this.#changes.entries()) {
      const happened =
        manner === 'all' ||
        (manner === 'first' && index < upTo) ||
        (manner === 'any' && random.chance(share));
      if (happened) apply(this.#durableNames, change.names);
    }
    this.#changes = [];
    this.#names.clear();
    for (const [path, file] of this.#durableNames) this.#names.set(path, file);
    for (const file of new Set(this.#names.values())) file.losePower(random);
  }
}

function apply(to: Map<string, SimulatedFile>, names: Names): void {
  for (const [path, file] of names)
    if (file) to.set(path, file);
    else to.delete(path);
}

export function notFound(call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOENT: no such file or directory, ${call} '${path}'`), { code: 'ENOENT' });
}
