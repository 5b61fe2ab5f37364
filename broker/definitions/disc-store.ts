// The definitions of a disc node, in NeDB. NeDB appends without syncing and would pass over damaged lines, so
// a change is promised only after an fdatasync of ours, a torn last line is cut before loading, and any other damage
// refuses to load. Changes are written in batches: what comes while one is being written goes into the next, and each
// costs a few appends and one fdatasync however many changes are in it.
import Datastore from '@seald-io/nedb';
import { open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { osStorage } from '../base/os-storage.ts';
import { ChangeBatch, type StoredDocument } from './change-batch.ts';
import { definitionKey } from './definition-key.ts';
import {
  StoreFault,
  type Definition,
  type DefinitionKey,
  type DefinitionKind,
  type DefinitionsStore,
  type StoredDefinition,
} from './definitions-store.ts';

/** Of one append: a batch of very many changes leaves others their turn in between. */
const sliceMax = 128;
const unmark = { $unset: { alone: true } };
const multi = { multi: true };

export class DiscStore implements DefinitionsStore {
  readonly kind = 'disc';
  readonly #path: string;
  #datastore: Datastore<StoredDocument> | null = null;
  #handle: FileHandle | null = null;
  /** Gathers until the one before it is written. */
  #next: ChangeBatch | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens the store. Rejects when the file is damaged beyond its last line. */
  async load(): Promise<StoredDefinition[]> {
    const folder = dirname(this.#path);
    await osStorage.list(folder);
    await cutTornLine(this.#path);
    const datastore = new Datastore<StoredDocument>({ filename: this.#path, corruptAlertThreshold: 0 });
    await datastore.loadDatabaseAsync().catch(async (error: unknown) => {
      await nameDamage(this.#path);
      throw isFull(error)
        ? new StoreFault(`no space left to open the definitions in ${folder}: nothing was changed; make room`)
        : error;
    });
    this.#datastore = datastore;
    this.#handle = await open(this.#path, 'r+');
    // Loading compacted the file through a rename: it lasts from here on.
    await this.#handle.datasync();
    await osStorage.syncFolder(folder);
    return this.entries();
  }

  async entries(): Promise<StoredDefinition[]> {
    await this.#flushed();
    const documents = this.#opened().getAllData<StoredDocument>();
    return documents.map(({ kind, body, alone = null }) => ({
      definition: { kind, body: JSON.parse(body) } as Definition,
      alone,
    }));
  }

  put(definition: Definition, alone: number | null = null): Promise<void> {
    const { kind, body } = definition;
    const document: StoredDocument = { _id: definitionKey(definition), kind, body: JSON.stringify(body) };
    if (alone !== null) document.alone = alone;
    return this.#change((batch) => batch.put(document));
  }

  settleOne(key: DefinitionKey, alone: number): Promise<void> {
    return this.#change((batch) => batch.settle(key, alone));
  }

  settle(upTo: number): Promise<void> {
    return this.#change((batch) => batch.settleUpTo(upTo));
  }

  remove(_kind: DefinitionKind, key: DefinitionKey): Promise<void> {
    return this.#change((batch) => batch.remove(key));
  }

  async close(): Promise<void> {
    await this.#flushed();
    await this.#handle?.close();
    this.#handle = null;
    this.#datastore = null;
  }

  #opened(): Datastore<StoredDocument> {
    if (!this.#datastore) throw new Error('the definitions store is closed');
    return this.#datastore;
  }

  // ---- Batches ----

  #change(add: (batch: ChangeBatch) => void): Promise<void> {
    const batch = (this.#next ??= this.#newBatch());
    add(batch);
    return batch.done;
  }

  /** It begins when the one before it is done, and when all of this tick have joined. */
  #newBatch(): ChangeBatch {
    const batch = new ChangeBatch();
    const joined = new Promise<void>((resolve) => setImmediate(resolve));
    batch.done = Promise.all([joined, this.#last.catch(() => undefined)]).then(() => {
      this.#next = null;
      return this.#write(batch);
    });
    this.#last = batch.done;
    return batch;
  }

  /** All that was asked for has been written, or has failed, which is known to who asked. */
  #flushed(): Promise<void> {
    return this.#last.catch(() => undefined);
  }

  async #write(batch: ChangeBatch): Promise<void> {
    try {
      const { settledUpTo } = batch;
      if (settledUpTo !== null)
        await this.#opened().updateAsync({ alone: { $lte: settledUpTo } }, unmark, multi);
      for (const documents of slices([...batch.puts.values()])) await this.#put(documents);
      for (const keys of slices([...batch.removals]))
        await this.#opened().removeAsync({ _id: { $in: keys } }, multi);
      for (const marks of slices([...batch.settled])) await this.#unmark(new Map(marks));
      if (batch.promised) await this.#handle?.datasync();
    } catch (error) {
      // Whatever comes next begins on a line of its own.
      await cutTornLine(this.#path).catch(() => undefined);
      throw new StoreFault(
        isFull(error)
          ? `no space left for the definitions in ${dirname(this.#path)}`
          : `the definitions cannot be stored: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  async #put(documents: StoredDocument[]): Promise<void> {
    const datastore = this.#opened();
    const keys = documents.map(({ _id }) => _id);
    const there = await datastore.findAsync({ _id: { $in: keys } }, { _id: 1 });
    const known = new Set(there.map(({ _id }) => _id));
    const added = documents.filter(({ _id }) => !known.has(_id));
    if (added.length > 0) await datastore.insertAsync(added);
    for (const document of documents)
      if (known.has(document._id)) await datastore.updateAsync({ _id: document._id }, document);
  }

  async #unmark(marks: Map<DefinitionKey, number>): Promise<void> {
    const datastore = this.#opened();
    const there = await datastore.findAsync({ _id: { $in: [...marks.keys()] } });
    const same = there.filter(({ _id, alone }) => alone === marks.get(_id)).map(({ _id }) => _id);
    await datastore.updateAsync({ _id: { $in: same } }, unmark, multi);
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function* slices<Item>(items: Item[]): Generator<Item[]> {
  for (let at = 0; at < items.length; at += sliceMax) yield items.slice(at, at + sliceMax);
}

/** Throws an error that says where the damage is: NeDB says how much of it there is. */
async function nameDamage(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    try {
      JSON.parse(line);
    } catch (error) {
      throw new Error(
        `the definitions in ${path} are damaged in line ${index + 1} (${(error as Error).message}): nothing was changed; ` +
          'put back a copy of the file or take the line out',
        { cause: error },
      );
    }
  }
}

/** A line without its end was being written when the process died; it was never promised. */
async function cutTornLine(path: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch {
    return;
  }
  try {
    const { size } = await handle.stat();
    if (size === 0) return;
    const tail = Buffer.alloc(Math.min(size, 1 << 20));
    await handle.read(tail, 0, tail.length, size - tail.length);
    if (tail.at(-1) === 10) return;
    const end = tail.lastIndexOf(10);
    if (end >= 0 || tail.length === size) await truncate(path, size - tail.length + end + 1);
  } finally {
    await handle.close();
  }
}
