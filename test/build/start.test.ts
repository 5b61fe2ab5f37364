// `npm start` where Electron is there but cannot run: one line says why, and the headless host serves.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../peers/free-port.ts';

const command = fileURLToPath(new URL('../../build/start.mjs', import.meta.url));
let folder: string;
let child: ChildProcess;
let said: string;

/** Starts with a program in the place of Electron's binary. */
async function startWith(program: string): Promise<void> {
  writeFileSync(join(folder, 'electron'), `#!/bin/sh\n${program}\n`);
  chmodSync(join(folder, 'electron'), 0o755);
  const [port, consolePort] = [await freePort(), await freePort()];
  said = '';
  child = spawn(
    process.execPath,
    [command, '--port', String(port), '--console-port', String(consolePort), '--data', join(folder, 'data')],
    { env: { ...process.env, DISPLAY: ':99', ELECTRON_OVERRIDE_DIST_PATH: folder }, stdio: 'pipe' },
  );
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
}

describe.skipIf(process.platform === 'win32')('npm start', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'warren-start-'));
  });
  afterEach(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test('runs headless when a library of Electron is missing, and says which', async () => {
    const fault =
      'electron: error while loading shared libraries: libnss3.so: cannot open shared object file';
    await startWith(`echo '${fault}' >&2; exit 127`);
    await expect.poll(() => said, { timeout: 20_000 }).toContain('Ctrl-C stops it');
    expect(said).toContain(`The desktop app cannot start (${fault}); running headless.`);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test("runs headless when Chromium's sandbox cannot be set up", async () => {
    await startWith(
      `echo '[1:1125/010203.4:FATAL:sandbox_host_linux.cc(1)] The SUID sandbox helper binary is not configured correctly.' >&2; kill -TRAP $$`,
    );
    await expect.poll(() => said, { timeout: 20_000 }).toContain('Ctrl-C stops it');
    expect(said).toContain('(The SUID sandbox helper binary is not configured correctly.)');
  });

  test('ends as the desktop app did once that had begun', async () => {
    await startWith('touch "$WARREN_READY_MARK"; echo told >&2; exit 4');
    expect(await once(child, 'exit')).toEqual([4, null]);
    expect(said).toBe('told\n');
  });
});
