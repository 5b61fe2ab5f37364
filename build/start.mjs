// `npm start`: the desktop app; where Electron cannot start, the headless host, with one line that says why.
// Arguments after -- go to either.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const fetchMs = 10 * 60_000;
const asksText = args.some((each) => ['--help', '-h', '--version', '-v'].includes(each));

/** Electron's binary, or why there is none. Its package fetches the binary on first use. */
async function electronBinary() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return { reason: 'there is no display' };
  const require = createRequire(import.meta.url);
  try {
    const install = join(dirname(require.resolve('electron/package.json')), 'install.js');
    const given = process.env.ELECTRON_OVERRIDE_DIST_PATH !== undefined;
    if (!given && !existsSync(join(dirname(install), 'path.txt'))) {
      console.error("Fetching Electron's binary (first start only)...");
      const fault = await fetched(install);
      if (fault) return { reason: `Electron's binary could not be fetched: ${fault}` };
    }
    const path = require('electron');
    return existsSync(path) ? { path } : { reason: `there is no ${path}` };
  } catch {
    return { reason: "Electron's binary could not be fetched" };
  }
}

/** Null, or why not. */
async function fetched(install) {
  const child = spawn(process.execPath, [install], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: fetchMs,
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const { code, error } = await ended(child);
  if (code === 0) return null;
  // The stack below the first line is of use to nobody.
  return (
    error?.message ?? telling(said.split('\n    at ')[0]) ?? `it took more than ${fetchMs / 60_000} minutes`
  );
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, signal: null, error }));
    child.once('close', (code, signal) => resolve({ code, signal, error: null }));
  });
}

/** Runs a command in this one's place as far as signals go. */
function run(command, commandArgs, options) {
  const child = spawn(command, commandArgs, { cwd: root, ...options });
  // A terminal sends Ctrl-C to the child as well; a plain kill of this process is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return child;
}

const exitWith = ({ code, signal }) => process.exit(signal ? 1 : (code ?? 1));

/**
 * Runs the desktop app and exits as it did. Resolves with the reason when it ended before its main process ran: a
 * library or a display was missing, or Chromium's sandbox could not be set up. Until then what Chromium says is held
 * back, because only one line of it matters.
 */
async function runDesktop(electron) {
  const folder = mkdtempSync(join(tmpdir(), 'warren-start-'));
  const mark = join(folder, 'ready');
  const child = run(electron, [root, ...args], {
    stdio: ['inherit', 'inherit', 'pipe'],
    env: { ...process.env, WARREN_READY_MARK: mark },
  });
  let held = '';
  child.stderr.on('data', (chunk) => {
    held += chunk;
    if (!existsSync(mark)) return;
    process.stderr.write(held);
    held = '';
  });
  const end = await ended(child);
  const ready = existsSync(mark);
  rmSync(folder, { recursive: true, force: true });
  if (ready) {
    process.stderr.write(held);
    exitWith(end);
  }
  return telling(held) ?? end.error?.message ?? `Electron ended with ${end.signal ?? `code ${end.code}`}`;
}

/** The last line that names a fault, without Chromium's `[pid:time:ERROR:file(line)]`. */
function telling(text) {
  const lines = text.split('\n').filter((line) => /error|fatal|missing|cannot|not /i.test(line));
  return lines
    .at(-1)
    ?.replace(/^\[[^\]]*\]\s*/, '')
    .trim();
}

const electron = asksText ? { reason: null } : await electronBinary();
const reason = electron.path ? await runDesktop(electron.path) : electron.reason;
if (reason) console.error(`The desktop app cannot start (${reason}); running headless.`);
const warren = run(process.execPath, [join(root, 'dist', 'warren.mjs'), ...args], { stdio: 'inherit' });
exitWith(await ended(warren));
