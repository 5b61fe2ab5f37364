// A node that serves nobody until it is told to. `cold` holds nothing open: the store is the other's (R33d).
// `replica` keeps a copy of the active node's journal and definitions in its own folder (R33b).
import { join } from 'node:path';
import { EpochFile } from '../base/epoch-file.ts';
import type { Log } from '../base/log.ts';
import type { Storage } from '../base/storage.ts';
import { definitionKey } from '../definitions/definition-key.ts';
import type { Definition, DefinitionsStore } from '../definitions/definitions-store.ts';
import { Replica, type ReplicaDefinitions } from '../pair/replication/replica.ts';
import type { Doors } from './doors.ts';

export interface Standby {
  /** Where the active node sends its operations; null when it sends none. */
  readonly address: { port: number; token: string } | null;
  /** The highest epoch written down in its folder, or of the active node it follows. */
  readonly epoch: number;
  /** Resolves when its folder is free for the node to open. */
  close(): Promise<void>;
}

export const journalFolder = (dataFolder: string) => join(dataFolder, 'journal');
export const definitionsFile = (dataFolder: string) => join(dataFolder, 'definitions', 'definitions.db');
export const epochFile = (dataFolder: string, storage: Storage) =>
  new EpochFile(join(dataFolder, 'epoch'), storage);

export const coldStandby: Standby = { address: null, epoch: 0, close: () => Promise.resolve() };

/** Throws DataFolderInUse. */
export async function openReplica(dataFolder: string, log: Log, doors: Doors): Promise<Standby> {
  const { clock, network, storage } = doors;
  const lock = await doors.lockFolder(dataFolder);
  const store = doors.definitionsStore(definitionsFile(dataFolder));
  try {
    await store.load();
    const epoch = await epochFile(dataFolder, storage).read();
    const folder = journalFolder(dataFolder);
    const definitions = definitionsOf(store);
    const replica = new Replica({ clock, network, storage, folder, log, epoch, definitions });
    const port = await replica.listen();
    return {
      address: { port, token: replica.token },
      get epoch() {
        return replica.epoch;
      },
      close: async () => {
        await replica.close();
        await store.close();
        lock.release();
      },
    };
  } catch (error) {
    await store.close();
    lock.release();
    throw error;
  }
}

function definitionsOf(store: DefinitionsStore): ReplicaDefinitions {
  const putAll = (wanted: Definition[]) => Promise.all(wanted.map((definition) => store.put(definition)));
  return {
    becomeLike: async (wanted) => {
      const keys = new Map(
        wanted.map((definition) => [definitionKey(definition), JSON.stringify(definition)]),
      );
      const same = new Set<string>();
      const gone: Promise<void>[] = [];
      for (const { definition } of await store.entries()) {
        const key = definitionKey(definition);
        if (!keys.has(key)) gone.push(store.remove(definition.kind, key));
        else if (keys.get(key) === JSON.stringify(definition)) same.add(key);
      }
      await Promise.all(gone);
      await putAll(wanted.filter((definition) => !same.has(definitionKey(definition))));
    },
    apply: (change) =>
      change.op === 'put' ? store.put(change.definition) : store.remove(change.kind, change.key),
  };
}
