// `npm run test:electron`: the end-to-end specs through the desktop shell in Electron itself. Says so and passes where
// there is no Electron binary (its package fetches it at the first `npm start`) or no display.
import { spawn } from 'node:child_process';
import { electronBinary } from './electron-surface.ts';

function missing(): string | null {
  if (electronBinary() === null)
    return "Electron's binary is not there; `npm start` fetches it where there is internet";
  const display = process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'];
  return process.platform === 'linux' && display === undefined
    ? 'there is no display; xvfb-run gives one'
    : null;
}

const reason = missing();
if (reason !== null) {
  console.log(`test:electron: skipped: ${reason}`);
  process.exit(0);
}
const specs = ['topology', 'messages', 'dead-letters', 'pair', 'administration', 'lists', 'accessibility'];
const child = spawn(
  'npx',
  ['--no-install', 'vitest', 'run', '--config', 'test/e2e/vitest.config.ts', ...specs],
  {
    stdio: 'inherit',
    env: { ...process.env, WARREN_SURFACES: 'electron' },
    shell: process.platform === 'win32',
  },
);
child.once('exit', (code) => process.exit(code ?? 1));
