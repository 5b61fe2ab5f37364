// A small file changed as a whole: temporary file, sync, rename, sync of the folder. After a crash it holds the old
// text or the new, never a part.
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Creates the folder. One call at a time per path. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/** Windows cannot open folders; its rename is durable by the file system's own journal. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
