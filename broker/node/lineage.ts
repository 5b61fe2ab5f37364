// Where a journal began. A copy has its original's mark, so that a pair can tell a standby that was left behind from
// one whose messages are its own.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.ts';
import type { Storage } from '../base/storage.ts';
import { lineageFile } from '../pair/replication/inventory.ts';

/** Marks a journal's folder that has no mark yet. Answers the mark. */
export async function markLineage(folder: string, storage: Storage): Promise<string> {
  const path = join(folder, lineageFile);
  const names = await storage.list(folder);
  if (names.includes(lineageFile)) return (await storage.read(path)).toString();
  const mark = randomBytes(16).toString('hex');
  await replaceFile(path, mark, storage);
  return mark;
}
