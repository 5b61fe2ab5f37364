// `npm start` where there is no Electron to start: one line that says why, and the headless host with everything it
// was asked for.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../peers/free-port.ts';

const script = fileURLToPath(new URL('../../build/start.mjs', import.meta.url));
const electron = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
const electronIsFetched = existsSync(join(electron, 'dist', 'version'));
const linux = process.platform === 'linux';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-start-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

interface Started {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

function start(args: string[], env: NodeJS.ProcessEnv): Started {
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...rest } = process.env;
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, output: () => output, ended };
}

/** The lines before the headless host's own. */
async function reasons(started: Started): Promise<string[]> {
  await expect.poll(started.output, { timeout: 20_000 }).toContain('Ctrl-C stops it.');
  return started.output().split('\nwarren ')[0]!.split('\n');
}

async function options(): Promise<string[]> {
  const data = mkdtempSync(join(folder, 'data-'));
  return ['--data', data, '--port', String(await freePort()), '--console-port', String(await freePort())];
}

describe.skipIf(!linux)('npm start', () => {
  test('without a display: says so, runs headless with the arguments, prints the console, stops with 0', async () => {
    const args = await options();
    const started = start(args, {});
    expect(await reasons(started)).toEqual([
      'The desktop app cannot start (there is no display); running headless.',
    ]);
    expect(started.output()).toContain(`amqp://guest:guest@127.0.0.1:${args[3]}/`);
    expect(started.output()).toMatch(new RegExp(`console +http://127\\.0\\.0\\.1:${args[5]}/#token=`));
    started.child.kill('SIGTERM');
    expect(await started.ended).toBe(0);
  });

  test("passes on the headless host's exit code and its words", async () => {
    const started = start(['--port', 'x'], {});
    expect(await started.ended).toBe(2);
    expect(started.output()).toContain("--port: 'x' is not a port");
    const help = start(['--help'], {});
    expect(await help.ended).toBe(0);
    expect(help.output()).toMatch(/^Usage: warren/);
  });

  test.skipIf(electronIsFetched)("when Electron's binary cannot be fetched", async () => {
    const started = start(await options(), { DISPLAY: ':9', ELECTRON_MIRROR: 'http://127.0.0.1:9/' });
    expect(await reasons(started)).toEqual([
      "Fetching Electron's binary (first start only)...",
      expect.stringMatching(
        /^The desktop app cannot start \(Electron's binary could not be fetched: .+\); running headless\.$/,
      ),
    ]);
  });
});
