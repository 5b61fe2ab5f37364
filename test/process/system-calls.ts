// The system calls of a running process, as strace sees them: what was written where, what was synced, in order.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a test that needs strace is skipped for: it is missing, or may not trace. */
export const canTrace =
  process.platform === 'linux' && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

export interface SystemCall {
  name: string;
  /** The file's or the socket's number. */
  descriptor: number;
  /** Of the file, or what strace says of the socket. */
  target: string;
  /** All that was written. */
  bytes: Buffer;
  /** Places in the trace: a call that another thread made meanwhile has its own between the two. */
  begun: number;
  ended: number;
  failed: boolean;
  /** How a file was opened, as openat has it; empty for other calls. */
  flags: string;
}

const traced = 'openat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync';

export class SystemCallTrace {
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'warren-trace-'));

  /** Resolves when all threads of the process are watched. */
  static async of(pid: number): Promise<SystemCallTrace> {
    const trace = new SystemCallTrace(pid);
    await trace.#attached();
    return trace;
  }

  private constructor(pid: number) {
    const output = ['-o', join(this.#folder, 'trace'), '-xx', '-s', '65536', '-yy'];
    this.#child = spawn('strace', ['-f', '-p', String(pid), '-e', `trace=${traced}`, ...output], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  #attached(): Promise<void> {
    let said = '';
    return new Promise((resolve, reject) => {
      this.#child.stderr!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('attached')) resolve();
      });
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error(`strace ended: ${said}`)));
    });
  }

  /** Stops watching; the process goes on. */
  async end(): Promise<SystemCall[]> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGINT');
    await gone;
    const text = readFileSync(join(this.#folder, 'trace'), 'utf8');
    rmSync(this.#folder, { recursive: true });
    return callsIn(text);
  }
}

/** Lines are `pid name(fd<target>, ...) = result`, or cut in two: `<unfinished ...>` and `<... name resumed>`. */
function callsIn(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { begun: number; line: string }>();
  for (const [place, line] of text.split('\n').entries()) {
    const match = /^(\d+)\s+(.*)$/.exec(line);
    if (!match) continue;
    const [, pid, rest] = match as unknown as [string, string, string];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const before = resumed ? unfinished.get(pid) : undefined;
    if (resumed && !before) continue;
    const whole = before ? before.line + resumed![1]! : rest;
    if (whole.endsWith('<unfinished ...>')) {
      unfinished.set(pid, { begun: place, line: whole.slice(0, -'<unfinished ...>'.length) });
      continue;
    }
    unfinished.delete(pid);
    const call = callIn(whole, before?.begun ?? place, place);
    if (call) calls.push(call);
  }
  return calls;
}

function callIn(line: string, begun: number, ended: number): SystemCall | null {
  const opened = /^openat\(.*", (O_[A-Z|_]+).* = (\d+)<(.*?)>$/.exec(line);
  if (opened) {
    const [, flags, descriptor, target] = opened as unknown as [string, string, string, string];
    const call = { name: 'openat', bytes: Buffer.alloc(0), begun, ended, failed: false };
    return { ...call, descriptor: Number(descriptor), target: unescaped(target), flags };
  }
  const match = /^(\w+)\((\d+)<(.*?)>[,)]/.exec(line);
  if (!match) return null;
  const strings = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => hex!.replaceAll('\\x', ''));
  return {
    name: match[1]!,
    descriptor: Number(match[2]),
    target: unescaped(match[3]!),
    flags: '',
    bytes: Buffer.from(strings.join(''), 'hex'),
    begun,
    ended,
    failed: / = -1 /.test(line),
  };
}

/** With -xx the names of files are escaped too. */
function unescaped(target: string): string {
  return target.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
