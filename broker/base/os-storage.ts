// The machine's own files.
import { mkdir, open, readdir, readFile, rename, rm, truncate, type FileHandle } from 'node:fs/promises';
import type { Storage, StorageFile } from './storage.ts';

class OsFile implements StorageFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(parts: Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (let rest = parts; rest.length > 0;) {
      const { bytesWritten } =
        rest.length === 1
          ? await this.#handle.write(rest[0]!, 0, rest[0]!.length, at)
          : await this.#handle.writev(rest, at);
      at += bytesWritten;
      rest = afterWritten(rest, bytesWritten);
    }
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
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

export const osStorage: Storage = {
  open: async (path) => new OsFile(await open(path, 'w')),
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
  list: async (folder) => {
    await mkdir(folder, { recursive: true });
    return readdir(folder);
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  truncate,
  syncFolder: async (folder) => {
    // Windows can neither open nor sync a folder; its rename is as lasting as it gets there.
    if (process.platform === 'win32') return;
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
