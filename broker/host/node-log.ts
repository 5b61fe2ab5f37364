// A node's last log lines, in memory, for the console.
import type { LogLine } from '../contract/host-procedures.ts';

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

  add(at: number, level: LogLine['level'], message: string): void {
    this.#lines.push({ sequence: ++this.#last, at, level, message: message.slice(0, messageCharsMax) });
    // Dropped in one go now and then, not a line at a time.
    if (this.#lines.length > linesMax * 1.2) this.#lines = this.#lines.slice(-linesMax);
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
