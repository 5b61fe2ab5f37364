// A node's log lines on their way to the host, gathered for a moment: a message between processes costs more
// than the lines in it. An error goes at once, as it may be the last word.
import type { LogLevel } from '../base/log.ts';
import type { NodeLogLine } from '../contract/rpc.ts';

const gatherMs = 20;

export class LogSender {
  #lines: NodeLogLine[] = [];
  readonly #send: (lines: NodeLogLine[]) => void;

  constructor(send: (lines: NodeLogLine[]) => void) {
    this.#send = send;
  }

  add(level: LogLevel, message: string): void {
    if (this.#lines.length === 0) setTimeout(() => this.#flush(), gatherMs);
    this.#lines.push({ at: Date.now(), level, message });
    if (level === 'error') this.#flush();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#send(lines);
  }
}
