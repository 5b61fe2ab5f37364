// What the disk under the temporary folder gives: appends that are each synced before the next.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figures } from '../load/scenario.ts';

const smallBytes = 1024;
const largeBytes = 1 << 20;

export function measureDisk(measureMs: number): Figures {
  const folder = mkdtempSync(join(tmpdir(), 'bench-disk-'));
  try {
    const small = syncedAppends(join(folder, 'small'), smallBytes, measureMs / 2);
    const large = syncedAppends(join(folder, 'large'), largeBytes, measureMs / 2);
    return { 'syncs/s': small, 'mb/s': (large * largeBytes) / 1e6 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A second. */
function syncedAppends(file: string, bytes: number, ms: number): number {
  const block = Buffer.alloc(bytes, 'warren');
  const handle = openSync(file, 'w');
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ms) {
    writeSync(handle, block);
    fdatasyncSync(handle);
    count++;
  }
  const elapsedMs = performance.now() - startedAt;
  closeSync(handle);
  return (count * 1000) / elapsedMs;
}
