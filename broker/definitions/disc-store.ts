// The definitions of a disc node, in NeDB. NeDB appends without syncing and would pass over damaged lines, so
// a change is promised only after an fdatasync of ours (one for all that wait), a torn last line is cut
// before loading, and any other damage refuses to load.
import Datastore from '@seald-io/nedb';
import { mkdir, open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { definitionKey } from './definition-key.ts';
import type {
  Definition,
  DefinitionKey,
  DefinitionKind,
  DefinitionsStore,
  StoredDefinition,
} from './definitions-store.ts';

interface Document {
  _id: DefinitionKey;
  kind: DefinitionKind;
  /** JSON text: NeDB refuses keys with dots and dollars, which arguments and parameters may have. */
  body: string;
  /** Present while no peer is known to have it. */
  alone?: number;
}

export class DiscStore implements DefinitionsStore {
  readonly kind = 'disc';
  readonly #path: string;
  #datastore: Datastore<Document> | null = null;
  #handle: FileHandle | null = null;
  #syncing: Promise<void> | null = null;
  #nextSync: Promise<void> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens the store. Rejects when the file is damaged beyond its last line. */
  async load(): Promise<StoredDefinition[]> {
    await mkdir(dirname(this.#path), { recursive: true });
    await cutTornLine(this.#path);
    await refuseDamage(this.#path);
    const datastore = new Datastore<Document>({ filename: this.#path, corruptAlertThreshold: 0 });
    await datastore.loadDatabaseAsync();
    this.#datastore = datastore;
    this.#handle = await open(this.#path, 'r+');
    // Loading compacted the file through a rename: it lasts from here on.
    await this.#handle.datasync();
    return this.entries();
  }

  async entries(): Promise<StoredDefinition[]> {
    const documents = await this.#opened().findAsync({});
    return documents.map(({ kind, body, alone = null }) => ({
      definition: { kind, body: JSON.parse(body) } as Definition,
      alone,
    }));
  }

  async put(definition: Definition, alone: number | null = null): Promise<void> {
    const document = { kind: definition.kind, body: JSON.stringify(definition.body) };
    const _id = definitionKey(definition);
    const mark = alone === null ? {} : { alone };
    await this.#opened().updateAsync({ _id }, { _id, ...document, ...mark }, { upsert: true });
    await this.#sync();
  }

  async settleOne(key: DefinitionKey, alone: number): Promise<void> {
    await this.#opened().updateAsync({ _id: key, alone }, { $unset: { alone: true } });
  }

  async settle(upTo: number): Promise<void> {
    const settled = { alone: { $lte: upTo } };
    await this.#opened().updateAsync(settled, { $unset: { alone: true } }, { multi: true });
    await this.#sync();
  }

  async remove(_kind: DefinitionKind, key: DefinitionKey): Promise<void> {
    await this.#opened().removeAsync({ _id: key }, {});
    await this.#sync();
  }

  async close(): Promise<void> {
    await this.#nextSync;
    await this.#syncing;
    await this.#handle?.close();
    this.#handle = null;
    this.#datastore = null;
  }

  #opened(): Datastore<Document> {
    if (!this.#datastore) throw new Error('the definitions store is closed');
    return this.#datastore;
  }

  /** One fdatasync for everyone who appended before it began. */
  #sync(): Promise<void> {
    this.#nextSync ??= (this.#syncing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#syncing = this.#nextSync;
        this.#nextSync = null;
        return this.#handle?.datasync();
      });
    return this.#nextSync;
  }
}

/** NeDB would say how much is damaged, not where. */
async function refuseDamage(path: string): Promise<void> {
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
