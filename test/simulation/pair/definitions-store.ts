// A store of definitions that keeps what it has promised, and of the rest what it got to: it stands for the disc store,
// whose file has tests of its own.
import { definitionKey } from '../../../broker/definitions/definition-key.ts';
import type {
  Definition,
  DefinitionKey,
  DefinitionKind,
  DefinitionsStore,
  StoredDefinition,
} from '../../../broker/definitions/definitions-store.ts';
import type { SimulatedDisk } from '../disk.ts';
import type { Random } from '../random.ts';
import type { SimulatedProcess } from './process.ts';

/** By data folder; outlives processes. */
export type StoredDefinitions = Map<DefinitionKey, StoredDefinition>;

export interface StoreParts {
  process: SimulatedProcess;
  disk: SimulatedDisk;
  random: Random;
  /** Of a change, on average. */
  syncMs: number;
  stored: StoredDefinitions;
}

export class SimulatedStore implements DefinitionsStore {
  readonly kind = 'disc';
  readonly #parts: StoreParts;
  #lastAt = 0;
  #open = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async load(): Promise<StoredDefinition[]> {
    this.#open = true;
    return this.entries();
  }

  async entries(): Promise<StoredDefinition[]> {
    await this.#change(() => undefined);
    return [...this.#parts.stored.values()].map((stored) => ({ ...stored }));
  }

  put(definition: Definition, alone: number | null = null): Promise<void> {
    return this.#change((stored) => void stored.set(definitionKey(definition), { definition, alone }));
  }

  settleOne(key: DefinitionKey, upTo: number): Promise<void> {
    return this.#change((stored) => {
      const here = stored.get(key);
      if (here?.alone === upTo) stored.set(key, { ...here, alone: null });
    });
  }

  settle(upTo: number): Promise<void> {
    return this.#change((stored) => {
      for (const [key, here] of stored)
        if (here.alone !== null && here.alone <= upTo) stored.set(key, { ...here, alone: null });
    });
  }

  remove(_kind: DefinitionKind, key: DefinitionKey): Promise<void> {
    return this.#change((stored) => void stored.delete(key));
  }

  async close(): Promise<void> {
    await this.#change(() => undefined);
    this.#open = false;
  }

  /** One after the other, on the disk when it answers. */
  #change(effect: (stored: StoredDefinitions) => void): Promise<void> {
    const { process, disk, random, syncMs, stored } = this.#parts;
    if (!this.#open) return Promise.reject(new Error('the definitions store is closed'));
    const now = process.kernel.monotonic();
    this.#lastAt = Math.max(this.#lastAt, now + syncMs * random.fraction(), disk.stalledUntil);
    return new Promise((resolve) =>
      process.kernel.after(this.#lastAt - now, () => {
        effect(stored);
        process.clock.soon(resolve);
      }),
    );
  }
}
