// A small file changed as a whole: temporary file, sync, rename, sync of the folder. After a crash it holds the old
// text or the new, never a part.
import { dirname } from 'node:path';
import { osStorage } from './os-storage.ts';
import type { Storage } from './storage.ts';

/** Creates the folder. One call at a time per path. */
export async function replaceFile(path: string, text: string, storage: Storage = osStorage): Promise<void> {
  const folder = dirname(path);
  // This makes it too.
  await storage.list(folder);
  const file = await storage.open(`${path}.new`);
  try {
    await file.write([Buffer.from(text)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await storage.rename(`${path}.new`, path);
  await storage.syncFolder(folder);
}
