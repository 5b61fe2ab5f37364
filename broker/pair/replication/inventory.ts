// What files a journal's folder has, and the checksums by which two nodes find out how far theirs are the same.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Storage, StorageReader } from '../../base/storage.ts';
import type { FileState } from './wire.ts';

export const quarantineFolder = 'quarantine';
/** Says where a journal began: copies have it from their original. */
export const lineageFile = 'lineage';
/** Says what was handed out. Rewritten as a whole, so its size says nothing. */
export const marksFile = /\.marks$/;
const pieceBytes = 1 << 20;

/** Every file but what was set aside. */
export async function namesIn(storage: Storage, folder: string): Promise<string[]> {
  return (await storage.list(folder)).filter((name) => name !== quarantineFolder).sort();
}

export async function inventory(storage: Storage, folder: string): Promise<FileState[]> {
  const files: FileState[] = [];
  for (const name of await namesIn(storage, folder)) {
    const size = await storage.size(join(folder, name));
    files.push({ name, size, checksum: await checksum(storage, join(folder, name), size) });
  }
  return files;
}

/** Of the file's first `size` bytes, or of all when it is shorter. */
export async function checksum(storage: Storage, path: string, size: number): Promise<number> {
  const reader = storage.reader(path);
  try {
    return await checksumOf(reader, size);
  } finally {
    reader.close();
  }
}

export async function checksumOf(reader: StorageReader, size: number): Promise<number> {
  let sum = 0;
  for (let at = 0; at < size; at += pieceBytes)
    sum = crc32(await reader.read(at, Math.min(pieceBytes, size - at)), sum);
  return sum;
}
