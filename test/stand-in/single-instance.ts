// One instance per folder of user data, as Electron's lock does it: a second one is refused at once and makes itself
// known to the first. A folder made exclusively is the lock, its owner's id lies in it, a signal is the knock.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class SingleInstance {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Null when another process has it; that one's `knocked` runs. */
  static acquire(userData: string, knocked: () => void): SingleInstance | null {
    const folder = join(userData, 'instance');
    try {
      mkdirSync(folder);
    } catch {
      if (knocks(Number(readFileSync(join(folder, 'pid'), 'utf8')))) return null;
      // Its owner was killed: the lock is free, as the system's would be.
    }
    writeFileSync(join(folder, 'pid'), String(process.pid));
    process.on('SIGUSR2', knocked);
    return new SingleInstance(folder);
  }

  release(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** False when there is nobody any more. */
function knocks(pid: number): boolean {
  try {
    process.kill(pid, 'SIGUSR2');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
