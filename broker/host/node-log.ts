// A node's last log lines, in memory for the console, and in a file so that they outlive the host.
import type { LogLine } from '../contract/host-procedures.ts';
import { LogFile } from './log-file.ts';

const linesMax = 5000;
const messageCharsMax = 4000;
const ranks = { debug: 0, info: 1, warn: 2, error: 3 } as const;

export interface LogQuery {
  after: number;
  limit: number;
  level: LogLine['level'];
  filter: string;
}

export class NodeLog {
  #lines: LogLine[] = [];
  #last = 0;
  readonly #file: LogFile;

  constructor(path: string) {
    this.#file = new LogFile(path, (reason) =>
      this.#keep(Date.now(), 'error', `the log file ${path} cannot be written: ${reason}`),
    );
    for (const { at, level, message } of this.#file.tail()) this.#keep(at, level, message);
  }

  add(at: number, level: LogLine['level'], message: string): void {
    const kept = this.#keep(at, level, message);
    this.#file.write(kept);
  }

  /** Resolves when the file has everything. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #keep(at: number, level: LogLine['level'], message: string): LogLine {
    const line = { sequence: ++this.#last, at, level, message: message.slice(0, messageCharsMax) };
    this.#lines.push(line);
    // Dropped in one go now and then, not a line at a time.
    if (this.#lines.length > linesMax * 1.2) this.#lines = this.#lines.slice(-linesMax);
    return line;
  }

  read({ after, limit, level, filter }: LogQuery): {
    lines: LogLine[];
    lastSequence: number;
    dropped: number;
  } {
    const wanted = filter.toLowerCase();
    const matching = this.#lines.filter(
      (line) =>
        line.sequence > after &&
        ranks[line.level] >= ranks[level] &&
        (wanted === '' || line.message.toLowerCase().includes(wanted)),
    );
    const first = this.#lines[0]?.sequence ?? 1;
    return {
      lines: matching.slice(-limit),
      lastSequence: this.#last,
      dropped: Math.max(0, first - 1 - after),
    };
  }
}
