// Files as a door to the world: what the journal needs of a disk, so that the simulator can lose, tear and
// delay writes under the real code.

export interface StorageFile {
  /** Writes all parts one after the other from `position`. */
  write(parts: Uint8Array[], position: number): Promise<void>;
  /** fdatasync: resolves when what was written is on the disk. */
  sync(): Promise<void>;
  /** Writes as `write` does, and resolves when that is on the disk. */
  writeSynced(parts: Uint8Array[], position: number): Promise<void>;
  close(): Promise<void>;
}

/** A file open for reading at any place. */
export interface StorageReader {
  /** Exactly `length` bytes from `position`, fewer only at the file's end. */
  read(position: number, length: number): Promise<Buffer>;
  readSync(position: number, length: number): Buffer;
  close(): void;
}

export interface Storage {
  /** Opens for writing, creating the file. */
  open(path: string): Promise<StorageFile>;
  /** Opens a file that exists for writing, keeping what is in it. */
  reopen(path: string): Promise<StorageFile>;
  /** In bytes. */
  size(path: string): Promise<number>;
  /** Opens for reading, at once. */
  reader(path: string): StorageReader;
  /** The whole file, or its first bytes. */
  read(path: string, sizeMax?: number): Promise<Buffer>;
  /** The whole file, in `buffer` if it has room for it, else in one of its own. */
  readInto(path: string, buffer: Buffer): Promise<Buffer>;
  /** Names in a folder, which is created when missing, and lasts. */
  list(folder: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Cuts a file. That and all that was written to it before is on the disk then. */
  truncate(path: string, size: number): Promise<void>;
  /** Makes creations, renames and removals in a folder last. */
  syncFolder(folder: string): Promise<void>;
}
