// Makes a fresh clone ready: dependencies when the lock file changed, dist/ when a source changed, and with
// --test the browser and the peers that tests use. Plain JavaScript for the Node the machine has; every later
// step runs on the Node that the dependencies brought.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamps = join(root, 'node_modules', '.warren');
const forTests = process.argv.includes('--test');

const say = (text) => process.stderr.write(`set-up: ${text}\n`);
const stampOf = (name) => join(stamps, name);
const isStamped = (name, hash) => existsSync(stampOf(name)) && readFileSync(stampOf(name), 'utf8') === hash;

function stamp(name, hash) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stampOf(name), hash);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    ...options,
  });
  if (result.status !== 0) {
    say(`${command} ${args.join(' ')} failed`);
    process.exit(result.status ?? 1);
  }
}

function hashOf(paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    const file = join(root, path);
    if (!existsSync(file)) return;
    if (statSync(file).isDirectory()) for (const name of readdirSync(file).sort()) visit(join(path, name));
    else hash.update(path).update('\0').update(readFileSync(file)).update('\0');
  };
  for (const path of paths) visit(path);
  return hash.digest('hex');
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  say(`Node ${process.versions.node} is too old, 20 or newer is needed`);
  process.exit(1);
}

const lockHash = hashOf(['package-lock.json', 'package.json']);
if (!isStamped('dependencies', lockHash)) {
  say('installing dependencies');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    env: { ...process.env, ELECTRON_SKIP_BINARY_DOWNLOAD: '1' },
  });
  stamp('dependencies', lockHash);
}

const sources = [
  'broker',
  'electron',
  'renderer',
  'build',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];
const sourceHash = hashOf(sources);
if (!isStamped('build', sourceHash) || !existsSync(join(root, 'dist', 'renderer', 'index.html'))) {
  say('building');
  // The package's Node: its own binary, so that an older Node on the path does not matter.
  run('npm', ['run', '--silent', 'build']);
  stamp('build', sourceHash);
}

if (forTests) installPeers();

/** Debian's Chromium and AMQP peers where apt may be used; what cannot be had is named by the tests it skips. */
function installPeers() {
  const packages = {
    chromium: '/usr/bin/chromium',
    'rabbitmq-server': '/usr/sbin/rabbitmq-server',
    'amqp-tools': '/usr/bin/amqp-publish',
    'python3-pika': '/usr/lib/python3/dist-packages/pika',
    'python3-amqp': '/usr/lib/python3/dist-packages/amqp',
    'python3-kombu': '/usr/lib/python3/dist-packages/kombu',
    'ruby-bunny': '/var/lib/dpkg/info/ruby-bunny.list',
    'php-cli': '/usr/bin/php',
    strace: '/usr/bin/strace',
    'php-amqplib': '/usr/share/php/PhpAmqpLib',
    // A Go toolchain is large: its client is tested where there is one.
    ...(existsSync('/usr/bin/go') && {
      'golang-github-rabbitmq-amqp091-go-dev': '/usr/share/gocode/src/github.com/rabbitmq/amqp091-go',
    }),
  };
  const missing = Object.keys(packages).filter((name) => !existsSync(packages[name]));
  if (missing.length > 0 && canUseApt()) {
    say(`installing ${missing.join(', ')}`);
    const environment = {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    };
    spawnSync('apt-get', ['update', '-qq'], environment);
    // One by one: a package that cannot be had does not keep the others away.
    for (const name of missing)
      spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], environment);
  }
  if (!existsSync('/usr/bin/chromium') && !process.env.WARREN_CHROMIUM) installPlaywrightChromium();
}

function canUseApt() {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

function installPlaywrightChromium() {
  say("installing Playwright's Chromium");
  const cli = join(root, 'node_modules', 'playwright-core', 'cli.js');
  try {
    execFileSync(process.execPath, [cli, 'install', 'chromium-headless-shell'], {
      cwd: root,
      stdio: 'inherit',
    });
  } catch {
    say('no Chromium could be installed; the browser tests will say so');
  }
}
