// The active node's storage in a replicated pair (R33b): everything done to the journal's files is told to a tap in
// the order in which it is done, and a sync is complete when the tap says so too. Nothing above the journal changes.
import { relative } from 'node:path';
import type { Storage, StorageFile } from '../../base/storage.ts';

/** Hears of file operations; names are relative to the journal's folder. */
export interface StorageTap {
  /** An operation on the files here has begun. */
  underWay(operation: Promise<unknown>): void;
  created(name: string): void;
  /** The parts are the caller's again when this returns. What the write waits for besides the disk. */
  written(name: string, position: number, parts: readonly Uint8Array[]): Promise<void> | undefined;
  /** What the sync waits for besides the disk. */
  synced(name: string): Promise<void> | undefined;
  /** What the renaming waits for besides the disk. */
  renamed(from: string, to: string): Promise<void> | undefined;
  removed(name: string): void;
  truncated(name: string, size: number): void;
  folderSynced(): void;
}

export function replicatingStorage(storage: Storage, folder: string, tap: StorageTap): Storage {
  const nameOf = (path: string) => relative(folder, path);
  const both = async (one: Promise<void> | undefined, other: Promise<void>): Promise<void> => {
    await Promise.all([one, other]);
  };
  const begun = <Result>(operation: Promise<Result>): Promise<Result> => {
    tap.underWay(operation);
    return operation;
  };
  const tapped = (name: string, file: StorageFile): StorageFile => ({
    write: (parts, position) => {
      const noted = tap.written(name, position, parts);
      return both(noted, begun(file.write(parts, position)));
    },
    sync: async () => {
      await Promise.all([tap.synced(name), file.sync()]);
    },
    writeSynced: async (parts, position) => {
      const noted = tap.written(name, position, parts);
      await Promise.all([noted, tap.synced(name), begun(file.writeSynced(parts, position))]);
    },
    close: () => file.close(),
  });
  return {
    ...storage,
    open: async (path) => {
      tap.created(nameOf(path));
      return tapped(nameOf(path), await begun(storage.open(path)));
    },
    reopen: async (path) => tapped(nameOf(path), await storage.reopen(path)),
    rename: (from, to) => {
      const noted = tap.renamed(nameOf(from), nameOf(to));
      return both(noted, begun(storage.rename(from, to)));
    },
    remove: (path) => {
      tap.removed(nameOf(path));
      return begun(storage.remove(path));
    },
    truncate: (path, size) => {
      tap.truncated(nameOf(path), size);
      return begun(storage.truncate(path, size));
    },
    syncFolder: async (path) => {
      tap.folderSynced();
      await storage.syncFolder(path);
    },
  };
}
