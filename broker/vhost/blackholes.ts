// Messages that matched nothing are never silent (R28): counted per exchange and routing key, the newest
// keys kept, the rest folded into their exchange's total.
import type { BlackholeRow } from '../contract/rows.ts';

const keysMax = 200;

export class Blackholes {
  readonly #vhost: string;
  readonly #rows = new Map<string, BlackholeRow>();

  constructor(vhost: string) {
    this.#vhost = vhost;
  }

  note(exchange: string, routingKey: string, at: number): void {
    const key = `${exchange}\0${routingKey}`;
    const row = this.#rows.get(key);
    if (row) {
      row.count++;
      row.lastAt = at;
      return;
    }
    if (this.#rows.size >= keysMax) {
      const [oldest] = this.#rows.keys();
      this.#rows.delete(oldest!);
    }
    this.#rows.set(key, { vhost: this.#vhost, exchange, routingKey, count: 1, lastAt: at });
  }

  /** Newest first. */
  rows(): BlackholeRow[] {
    return [...this.#rows.values()].sort((a, b) => b.lastAt - a.lastAt);
  }
}
