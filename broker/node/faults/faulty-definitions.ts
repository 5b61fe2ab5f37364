// The definitions on a disk with a fault on it.
import { StoreFault, type DefinitionsStore } from '../../definitions/definitions-store.ts';
import type { FaultyDisk } from './faulty-storage.ts';

export function faultyDefinitions(store: DefinitionsStore, disk: FaultyDisk): DefinitionsStore {
  const change = async (operation: () => Promise<void>): Promise<void> => {
    if (disk.isWell) return operation();
    try {
      await disk.through('room', () => Promise.resolve());
      await disk.through('sync', () => Promise.resolve());
    } catch (error) {
      throw new StoreFault(`the definitions cannot be stored: ${(error as Error).message}`, { cause: error });
    }
    return operation();
  };
  return {
    kind: store.kind,
    load: () => disk.through('read', () => store.load()),
    entries: () => disk.through('read', () => store.entries()),
    put: (definition, alone) => change(() => store.put(definition, alone)),
    settleOne: (key, alone) => change(() => store.settleOne(key, alone)),
    settle: (upTo) => change(() => store.settle(upTo)),
    remove: (kind, key) => change(() => store.remove(kind, key)),
    close: () => store.close(),
  };
}
