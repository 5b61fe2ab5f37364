// Where a journal began. A copy has its original's mark, so that a pair can tell a standby that was left behind from
// one whose messages are its own.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.ts';
import { lineageFile } from '../pair/replication/inventory.ts';

/** Marks a journal's folder that has no mark yet. */
export async function markLineage(folder: string): Promise<void> {
  const path = join(folder, lineageFile);
  if (!existsSync(path)) await replaceFile(path, randomBytes(16).toString('hex'));
}
