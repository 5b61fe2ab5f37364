// The machine's own files.
import {
  close,
  closeSync,
  constants,
  fdatasync,
  open as openFile,
  openSync,
  read,
  readSync,
  writev,
  writevSync,
} from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Storage, StorageFile, StorageReader } from './storage.ts';

/** Up to here a write into the page cache costs less than handing it to another thread. */
const writeSyncMax = 16 * 1024;

/** Linux has a write that returns when it is on the disk; elsewhere a sync follows. */
const syncedWriteFlags = process.platform === 'linux' ? constants.O_WRONLY | constants.O_DSYNC : null;

class OsFile implements StorageFile {
  readonly #path: string;
  readonly #descriptor: number;
  /** The same file, open for writes that are synced. */
  #synced: number | null = null;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  async write(parts: Uint8Array[], position: number): Promise<void> {
    if (sizeOf(parts) > writeSyncMax) return writeAside(this.#descriptor, parts, position);
    let at = position;
    for (let rest = parts; rest.length > 0;) {
      const written = writevSync(this.#descriptor, rest, at);
      at += written;
      rest = afterWritten(rest, written);
    }
  }

  async writeSynced(parts: Uint8Array[], position: number): Promise<void> {
    if (syncedWriteFlags !== null && sizeOf(parts) > writeSyncMax) {
      // One trip to another thread instead of two, between which the event loop may be busy.
      this.#synced ??= openSync(this.#path, syncedWriteFlags);
      return writeAside(this.#synced, parts, position);
    }
    await this.write(parts, position);
    await this.sync();
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) =>
      fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve())),
    );
  }

  close(): Promise<void> {
    if (this.#synced !== null) closeSync(this.#synced);
    this.#synced = null;
    return new Promise((resolve, reject) =>
      close(this.#descriptor, (error) => (error ? reject(error) : resolve())),
    );
  }
}

/** Its descriptor stays open until the reads under way have ended. */
class OsReader implements StorageReader {
  readonly #descriptor: number;
  #reading = 0;
  #closed = false;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#reading++;
    return new Promise((resolve, reject) => {
      const more = (done: number) =>
        read(this.#descriptor, bytes, done, length - done, position + done, (error, bytesRead) => {
          if (!error && bytesRead > 0 && done + bytesRead < length) return more(done + bytesRead);
          this.#reading--;
          if (this.#closed) this.#release();
          if (error) reject(error);
          else resolve(bytes.subarray(0, done + bytesRead));
        });
      more(0);
    });
  }

  readSync(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#descriptor, bytes, done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  #release(): void {
    if (this.#reading === 0) closeSync(this.#descriptor);
  }
}

function openFor(path: string, flags: 'w' | 'r+'): Promise<StorageFile> {
  return new Promise((resolve, reject) =>
    openFile(path, flags, (error, descriptor) =>
      error ? reject(error) : resolve(new OsFile(path, descriptor)),
    ),
  );
}

function sizeOf(parts: Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

async function writeAside(descriptor: number, parts: Uint8Array[], position: number): Promise<void> {
  let at = position;
  for (let rest = parts; rest.length > 0;) {
    const written = await writeParts(descriptor, rest, at);
    at += written;
    rest = afterWritten(rest, written);
  }
}

/** Resolves with how many bytes were written, which may be fewer than there are. */
function writeParts(descriptor: number, parts: Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    writev(descriptor, parts, position, (error, written) => (error ? reject(error) : resolve(written))),
  );
}

/** What is left of the parts after a short write. */
function afterWritten(parts: Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  for (const [index, part] of parts.entries()) {
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.length;
  }
  return [];
}

async function syncFolder(folder: string): Promise<void> {
  // Windows can neither open nor sync a folder; its rename is as lasting as it gets there.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const osStorage: Storage = {
  open: (path) => openFor(path, 'w'),
  reopen: (path) => openFor(path, 'r+'),
  size: async (path) => (await stat(path)).size,
  reader: (path) => new OsReader(path),
  read: async (path, sizeMax) => {
    if (sizeMax === undefined) return readFile(path);
    const handle = await open(path, 'r');
    try {
      const bytes = Buffer.alloc(sizeMax);
      const { bytesRead } = await handle.read(bytes, 0, sizeMax, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  },
  readInto: async (path, buffer) => {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const bytes = size <= buffer.length ? buffer.subarray(0, size) : Buffer.allocUnsafeSlow(size);
      let done = 0;
      while (done < size) {
        const { bytesRead } = await handle.read(bytes, done, size - done, done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    } finally {
      await handle.close();
    }
  },
  list: async (folder) => {
    const created = await mkdir(folder, { recursive: true });
    if (created !== undefined)
      for (let made = folder; made.length >= created.length; made = dirname(made))
        await syncFolder(dirname(made));
    return readdir(folder);
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  truncate: async (path, size) => {
    const handle = await open(path, 'r+');
    try {
      await handle.truncate(size);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  },
  syncFolder,
};
