// One owner per data folder: a lock that dies with its process, whatever kills it. Linux has abstract
// sockets for that; elsewhere an exclusive SQLite transaction does the same. Pids prove nothing (a killed
// child lingers as a zombie); the file beside the lock only names its holder for people.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

export class DataFolderInUse extends Error {
  override name = 'DataFolderInUse';

  constructor(folder: string, holder: string) {
    super(`the data folder ${folder} is in use by ${holder}`);
  }
}

export interface FolderLock {
  release(): void;
}

/** Throws DataFolderInUse when another process has the folder. Creates the folder. */
export async function lockDataFolder(folder: string): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true });
  const path = realpathSync(folder);
  const lock = process.platform === 'linux' ? await lockBySocket(path) : await lockByDatabase(path);
  if (!lock) throw new DataFolderInUse(folder, holderOf(path));
  writeFileSync(join(path, 'holder'), String(process.pid));
  return lock;
}

function holderOf(folder: string): string {
  try {
    return `process ${readFileSync(join(folder, 'holder'), 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

function lockBySocket(folder: string): Promise<FolderLock | null> {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path: `\0warren-${name}` }, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}

async function lockByDatabase(folder: string): Promise<FolderLock | null> {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(join(folder, 'lock.sqlite'));
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch {
    database.close();
    return null;
  }
  return { release: () => database.close() };
}
