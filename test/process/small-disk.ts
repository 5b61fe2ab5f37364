// A small disk of its own for a test: a tmpfs, which only root may mount, and a ballast on it that can be thrown off.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a test that needs one is skipped for. */
export const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mounts();

export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'warren-disk-'));
  readonly dataFolder = join(this.folder, 'data');
  readonly #ballast = join(this.folder, 'ballast');

  constructor(sizeBytes: number, ballastBytes = 0) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', this.folder]);
    mkdirSync(this.dataFolder);
    if (ballastBytes > 0) writeFileSync(this.#ballast, Buffer.alloc(ballastBytes));
  }

  throwOffBallast(): void {
    rmSync(this.#ballast);
  }

  /** Takes all that is left. */
  fill(): void {
    for (let bytes = 1 << 20; bytes >= 4096;) {
      try {
        writeFileSync(this.#ballast, Buffer.alloc(bytes), { flag: 'a' });
      } catch {
        bytes /= 2;
      }
    }
  }

  dispose(): void {
    execFileSync('umount', ['-l', this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function mounts(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'warren-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
