// The host's claim on its data folder. Who holds it owns the nodes' folders as well: a node that still runs in one
// of them has lost its host, and ends by itself within moments; one that hangs is killed, for it might still hold
// the front address and go on as if it were active.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataFolderInUse, lockDataFolder, type FolderLock } from '../base/data-folder-lock.ts';

const patienceMs = 3000;
const afterKillMs = 5000;
const pollMs = 10;

/** Throws DataFolderInUse when another host has the folder, or a process that is no node of it will not go. */
export async function claimDataFolder(folder: string): Promise<FolderLock> {
  const claim = await lockDataFolder(folder);
  try {
    for (const id of ['a', 'b']) await freeNodeFolder(join(folder, 'nodes', id));
  } catch (error) {
    claim.release();
    throw error;
  }
  return claim;
}

async function freeNodeFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const held = await fault(folder, patienceMs);
  if (held === null) return;
  if (!killOrphan(folder)) throw held;
  const stillHeld = await fault(folder, afterKillMs);
  if (stillHeld) throw stillHeld;
}

/** Null once the folder is free. */
async function fault(folder: string, waitMs: number): Promise<DataFolderInUse | null> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    try {
      (await lockDataFolder(folder)).release();
      return null;
    } catch (error) {
      if (!(error instanceof DataFolderInUse)) throw error;
      if (Date.now() > deadline) return error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/**
 * The lock is held, so its holder lives and wrote its number down; where the system tells, it must be a node of this
 * folder. False when it is not, or cannot be killed.
 */
function killOrphan(folder: string): boolean {
  try {
    const pid = Number(readFileSync(join(folder, 'holder'), 'utf8'));
    if (!Number.isSafeInteger(pid) || pid <= 1) return false;
    if (process.platform === 'linux' && !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder))
      return false;
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    // ESRCH: it has gone meanwhile, which is as good.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
