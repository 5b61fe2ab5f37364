// Damage set aside: what cannot be used any more is copied beside its file before anything may remove it, and
// named in the log (DESIGN promise 3). A file with much damage is named a few times, not once per block.
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import type { Storage } from '../base/storage.ts';
import { segmentName } from './segment-format.ts';

const namedPerFileMax = 10;

export class Quarantine {
  /** Pieces found damaged. */
  count = 0;
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #log: Log;
  readonly #perFile = new Map<number, number>();
  #copying: Promise<void> = Promise.resolve();

  constructor(storage: Storage, folder: string, log: Log) {
    this.#storage = storage;
    this.#folder = folder;
    this.#log = log;
  }

  /** Copies the bytes aside, if there are any; they must not change. `file` is a segment's number. */
  setAside(file: number, offset: number, bytes: Buffer | null, reason: string): void {
    this.count++;
    const before = this.#perFile.get(file) ?? 0;
    this.#perFile.set(file, before + 1);
    if (before < namedPerFileMax)
      this.#log.error(`journal damage quarantined: ${segmentName(file)} at ${offset}: ${reason}`);
    else if (before === namedPerFileMax) this.#log.error(`${segmentName(file)} has more damage than that`);
    if (!bytes || bytes.length === 0) return;
    this.#copying = this.#copying
      .then(() => copyAside(this.#storage, this.#folder, file, offset, bytes))
      .catch((error: unknown) =>
        this.#log.warn(`damage of ${segmentName(file)} cannot be copied aside: ${String(error)}`),
      );
  }

  /** Resolves when what was set aside so far is copied. */
  get copied(): Promise<void> {
    return this.#copying;
  }
}

export function asidePath(folder: string, file: number, offset: number): string {
  return join(folder, `${segmentName(file)}.${offset}.damaged`);
}

export async function copyAside(
  storage: Storage,
  folder: string,
  number: number,
  offset: number,
  bytes: Buffer,
): Promise<void> {
  const file = await storage.open(asidePath(folder, number, offset));
  try {
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
