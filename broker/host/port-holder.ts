// Whether a port is free, and if not, who has it, as far as the system tells.
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Null when the port can be bound, otherwise the system's error code. */
export function portFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The next port after `port` that can be bound, or null when none of the next hundred can. */
export async function nextFreePort(host: string, port: number): Promise<number | null> {
  for (let next = port + 1; next <= Math.min(port + 100, 65_535); next++)
    if ((await portFault(host, next)) === null) return next;
  return null;
}

/** Such as `process 123 (beam.smp)`, or null where the system does not tell. */
export async function portHolder(port: number): Promise<string | null> {
  try {
    if (process.platform === 'linux') return await linuxHolder(port);
    if (process.platform === 'win32') return await windowsHolder(port);
    const { stdout } = await run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']);
    const pid = /^p(\d+)/m.exec(stdout)?.[1];
    return pid ? `process ${pid} (${/^c(.+)/m.exec(stdout)?.[1] ?? 'unknown'})` : null;
  } catch {
    return null;
  }
}

async function linuxHolder(port: number): Promise<string | null> {
  const inode = await listeningInode(port);
  if (inode === null) return null;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    // Processes of other users do not show their files.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (target === `socket:[${inode}]`)
        return `process ${pid} (${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()})`;
    }
  }
  return null;
}

async function listeningInode(port: number): Promise<string | null> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A') return fields[9] ?? null;
    }
  }
  return null;
}

async function windowsHolder(port: number): Promise<string | null> {
  const { stdout } = await run('netstat', ['-ano', '-p', 'TCP']);
  const line = stdout.split('\n').find((each) => each.includes(`:${port} `) && each.includes('LISTENING'));
  const pid = line?.trim().split(/\s+/).at(-1);
  return pid ? `process ${pid}` : null;
}
