// Changes that wait for the disk together: of each definition only the newest, and what was promised to be gone.
import type { DefinitionKey, DefinitionKind } from './definitions-store.ts';

/** A definition as NeDB keeps it. */
export interface StoredDocument {
  _id: DefinitionKey;
  kind: DefinitionKind;
  /** JSON text: NeDB refuses keys with dots and dollars, which arguments and parameters may have. */
  body: string;
  /** Present while no peer is known to have it. */
  alone?: number;
}

export class ChangeBatch {
  readonly puts = new Map<DefinitionKey, StoredDocument>();
  readonly removals = new Set<DefinitionKey>();
  /** Marks to be taken off what is stored already, where they are still the same. */
  readonly settled = new Map<DefinitionKey, number>();
  /** The marks of everything stored before, up to this number, are to be taken off. */
  settledUpTo: number | null = null;
  /** Settles when all of it is on disk. */
  done: Promise<void> = Promise.resolve();

  /** Whether anything in it was promised; a mark too many is harmless. */
  get promised(): boolean {
    return this.puts.size > 0 || this.removals.size > 0 || this.settledUpTo !== null;
  }

  put(document: StoredDocument): void {
    this.#forget(document._id);
    this.puts.set(document._id, document);
  }

  remove(key: DefinitionKey): void {
    this.#forget(key);
    this.removals.add(key);
  }

  settle(key: DefinitionKey, alone: number): void {
    const document = this.puts.get(key);
    if (document?.alone === alone) delete document.alone;
    else if (!document && !this.removals.has(key)) this.settled.set(key, alone);
  }

  settleUpTo(upTo: number): void {
    this.settledUpTo = Math.max(upTo, this.settledUpTo ?? upTo);
    for (const document of this.puts.values())
      if (document.alone !== undefined && document.alone <= upTo) delete document.alone;
  }

  #forget(key: DefinitionKey): void {
    this.puts.delete(key);
    this.removals.delete(key);
    this.settled.delete(key);
  }
}
