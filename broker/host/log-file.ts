// A log on disk that stays small: one line per entry, and when it has grown enough it becomes the one before. It
// keeps nobody waiting, and a disk that takes no more costs the log and nothing else.
import {
  closeSync,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { dirname } from 'node:path';
import type { LogLevel } from '../base/log.ts';

const fileBytesMax = 4 * 1024 * 1024;
const tailBytes = 512 * 1024;

export interface LogEntry {
  at: number;
  level: LogLevel;
  message: string;
}

export class LogFile {
  readonly #path: string;
  readonly #onFault: (reason: string) => void;
  #stream: WriteStream | null = null;
  #bytes = 0;
  #faulted = false;

  /** `onFault` hears once that nothing more is written, and why. */
  constructor(path: string, onFault: (reason: string) => void) {
    this.#path = path;
    this.#onFault = onFault;
  }

  /** The last entries, oldest first; none when there is no file. */
  tail(): LogEntry[] {
    let text: string;
    try {
      text = readTail(this.#path);
    } catch {
      return [];
    }
    return text.split('\n').flatMap((line) => parse(line) ?? []);
  }

  write({ at, level, message }: LogEntry): void {
    if (this.#faulted) return;
    const escaped = message.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    const line = `${new Date(at).toISOString()} ${level} ${escaped}\n`;
    try {
      if (this.#bytes > fileBytesMax) this.#turn();
      this.#stream ??= this.#open();
      this.#stream.write(line);
      this.#bytes += line.length;
    } catch (error) {
      this.#fault(error);
    }
  }

  /** Resolves when everything is with the system. */
  close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    this.#faulted = true;
    if (!stream) return Promise.resolve();
    return new Promise((resolve) => stream.end(() => resolve()));
  }

  #open(): WriteStream {
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#bytes = sizeOf(this.#path);
    // Opened here and now: what is renamed must be there.
    const stream = createWriteStream(this.#path, { fd: openSync(this.#path, 'a') });
    stream.on('error', (error) => this.#fault(error));
    return stream;
  }

  #turn(): void {
    this.#stream?.end();
    this.#stream = null;
    renameSync(this.#path, `${this.#path}.1`);
  }

  #fault(error: unknown): void {
    if (this.#faulted) return;
    this.#faulted = true;
    this.#stream?.destroy();
    this.#stream = null;
    this.#onFault(error instanceof Error ? error.message : String(error));
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

function readTail(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString();
    // The first line may have lost its beginning.
    return size > bytes.length ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(file);
  }
}

function parse(line: string): LogEntry | null {
  const match = /^(\S+) (debug|info|warn|error) (.*)$/.exec(line);
  const at = match ? Date.parse(match[1]!) : NaN;
  if (!match || Number.isNaN(at)) return null;
  const message = match[3]!.replace(/\\(\\|n)/g, (_all, escaped) => (escaped === 'n' ? '\n' : '\\'));
  return { at, level: match[2] as LogLevel, message };
}
