// The desktop app's package, made offline around a stub in Electron's place: exactly what runs is in it, and the fuses
// are set.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Electron's fuses lie behind this text: their version, how many, and one digit each. */
const sentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const fuseNames = [
  'runAsNode',
  'enableCookieEncryption',
  'enableNodeOptionsEnvironmentVariable',
  'enableNodeCliInspectArguments',
  'enableEmbeddedAsarIntegrityValidation',
  'onlyLoadAppFromAsar',
  'loadBrowserProcessSpecificV8Snapshot',
  'grantFileProtocolExtraPrivileges',
];

let folder: string;
let packed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'warren-package-'));
  const stub = join(folder, 'electron');
  mkdirSync(join(stub, 'resources'), { recursive: true });
  const fuses = Buffer.concat([
    Buffer.from(sentinel),
    Buffer.from([1, fuseNames.length]),
    Buffer.from('1'.repeat(fuseNames.length)),
  ]);
  writeFileSync(join(stub, 'electron'), fuses, { mode: 0o755 });
  for (const name of ['LICENSE', 'LICENSES.chromium.html']) writeFileSync(join(stub, name), '');
  const cli = join(root, 'node_modules', 'electron-builder', 'cli.js');
  const settings = [`-c.electronDist=${stub}`, `-c.directories.output=${join(folder, 'out')}`];
  await promisify(execFile)(
    process.execPath,
    [cli, '--linux', 'dir', '--config', 'build/electron-builder.yml', '--publish', 'never', ...settings],
    { cwd: root },
  );
  packed = join(folder, 'out', 'linux-unpacked');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('app.asar holds what runs and nothing else', () => {
  const files = filesIn(readFileSync(join(packed, 'resources', 'app.asar')));
  const assets = /^dist\/renderer\/assets\/[\w.-]+\.(js|css|woff2)$/;
  expect(files.filter((file) => !assets.test(file)).sort()).toEqual([
    'LICENSE',
    'build/icons/icon.png',
    'build/icons/tray.png',
    'build/icons/tray@2x.png',
    'dist/lab.mjs',
    'dist/main.mjs',
    'dist/node.mjs',
    'dist/preload.cjs',
    'dist/renderer/icon.svg',
    'dist/renderer/index.html',
    'package.json',
  ]);
  expect(files.some((file) => assets.test(file))).toBe(true);
});

test('the fuses leave no way to run it as Node or from other files', () => {
  const binary = readFileSync(join(packed, 'warren')).toString('latin1');
  const digits = binary.slice(binary.indexOf(sentinel) + sentinel.length + 2);
  const on = fuseNames.filter((_name, index) => digits[index] === '1');
  expect(on).toEqual([
    'enableCookieEncryption',
    'enableEmbeddedAsarIntegrityValidation',
    'onlyLoadAppFromAsar',
    'loadBrowserProcessSpecificV8Snapshot',
  ]);
});

interface AsarFolder {
  files: Record<string, AsarFolder | { size: number }>;
}

/** An archive opens with its directory as JSON, whose length is the fourth 32-bit number. */
function filesIn(archive: Buffer): string[] {
  const directory = JSON.parse(archive.toString('utf8', 16, 16 + archive.readUInt32LE(12))) as AsarFolder;
  const list = (at: AsarFolder, path: string): string[] =>
    Object.entries(at.files).flatMap(([name, entry]) =>
      'files' in entry ? list(entry, `${path}${name}/`) : [path + name],
    );
  return list(directory, '');
}
