// `npm start`: the desktop app; where Electron cannot start, the headless host, with one line that says why.
// Arguments after -- go to either.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const asksText = args.some((each) => ['--help', '-h', '--version', '-v'].includes(each));

/** Electron's binary, or why there is none. Its package fetches the binary on first use. */
async function electronBinary() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return { reason: 'there is no display' };
  const require = createRequire(import.meta.url);
  try {
    const install = join(dirname(require.resolve('electron/package.json')), 'install.js');
    if (!existsSync(join(dirname(install), 'path.txt'))) {
      console.error("Fetching Electron's binary (first start only)...");
      await ended(spawn(process.execPath, [install], { stdio: 'ignore' }));
    }
    const path = require('electron');
    return existsSync(path) ? { path } : { reason: "Electron's binary could not be fetched" };
  } catch {
    return { reason: "Electron's binary could not be fetched" };
  }
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function runAndExit(command, commandArgs) {
  const child = spawn(command, commandArgs, { stdio: 'inherit', cwd: root });
  // A terminal sends Ctrl-C to the child as well; a plain kill of this process is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const { code, signal } = await ended(child);
  process.exit(signal ? 1 : (code ?? 1));
}

const electron = asksText ? { reason: null } : await electronBinary();
if (electron.path) await runAndExit(electron.path, [root, ...args]);
else {
  if (electron.reason) console.error(`The desktop app cannot start (${electron.reason}); running headless.`);
  await runAndExit(process.execPath, [join(root, 'dist', 'warren.mjs'), ...args]);
}
