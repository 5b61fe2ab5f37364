// The desktop shell in Electron itself, where its binary and a display are.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { _electron } from 'playwright-core';
import { freePort } from '../peers/free-port.ts';
import type { Surface } from './surface.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Electron's binary, or null: its package fetches it at the first `npm start`, never here. */
export function electronBinary(): string | null {
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  const named = join(folder, 'path.txt');
  if (!existsSync(named)) return null;
  const binary = join(folder, 'dist', readFileSync(named, 'utf8'));
  return existsSync(binary) ? binary : null;
}

export async function openElectron(): Promise<Surface> {
  const executablePath = electronBinary();
  if (executablePath === null) throw new Error("Electron's binary is not there");
  const [amqpPort, httpPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const dataFolder = join(folder, 'data');
  const app = await _electron.launch({
    executablePath,
    acceptDownloads: true,
    args: [
      `--user-data-dir=${join(folder, 'shell')}`,
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      root,
      '--port',
      String(amqpPort),
      '--console-port',
      String(httpPort),
      '--data',
      dataFolder,
    ],
  });
  const page = await app.firstWindow();
  return {
    page,
    amqpPort,
    httpPort,
    dataFolder,
    close: async () => {
      // Past the quit guard: clients that a spec left connected are no reason to stay.
      await app.evaluate(({ app: shell }) => shell.exit(0)).catch(() => undefined);
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
