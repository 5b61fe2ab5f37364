// The world as a node's process sees it, in one piece: the simulator hands in another.
import type { Clock } from '../base/clock.ts';
import { lockDataFolder, type FolderLock } from '../base/data-folder-lock.ts';
import type { Network } from '../base/network.ts';
import { osClock } from '../base/os-clock.ts';
import { osNetwork } from '../base/os-network.ts';
import { osStorage } from '../base/os-storage.ts';
import type { Storage } from '../base/storage.ts';
import type { DefinitionsStore } from '../definitions/definitions-store.ts';
import { DiscStore } from '../definitions/disc-store.ts';

export interface Doors {
  clock: Clock;
  network: Network;
  storage: Storage;
  /** Throws DataFolderInUse. */
  lockFolder(folder: string): Promise<FolderLock>;
  definitionsStore(file: string): DefinitionsStore;
  /** Of this process. */
  memoryUsedBytes(): number;
}

export const osDoors: Doors = {
  clock: osClock,
  network: osNetwork,
  storage: osStorage,
  lockFolder: lockDataFolder,
  definitionsStore: (file) => new DiscStore(file),
  memoryUsedBytes: () => process.memoryUsage.rss(),
};
