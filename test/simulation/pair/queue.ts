// A durable queue on the real journal: messages in order, those handed out, and who wants some.
import type { SimulatedNode } from './node.ts';
import type { Session } from './session.ts';

export interface Entry {
  readonly id: number;
  readonly label: string;
  redelivered: boolean;
}

export interface Wanting {
  readonly session: Session;
  credit: number;
}

export class ModelledQueue {
  readonly name: string;
  /** Its number as a holder in the journal. */
  readonly id: number;
  readonly ready: Entry[] = [];
  readonly consumers: Wanting[] = [];
  unacked = 0;
  readonly #node: SimulatedNode;

  constructor(node: SimulatedNode, name: string, id: number) {
    this.#node = node;
    this.name = name;
    this.id = id;
  }

  get size(): number {
    return this.ready.length + this.unacked;
  }

  restore(id: number, bytes: string, delivered: boolean): void {
    this.ready.push({ id, label: labelIn(bytes), redelivered: delivered });
  }

  /** Throws JournalFault. */
  publish(label: string, body: Buffer): void {
    const id = this.#node.journal.append([this.id], 1, Buffer.alloc(0), body, 0, body.length);
    this.ready.push({ id, label, redelivered: false });
    this.serve();
  }

  serve(): void {
    for (let first = this.ready[0]; first; first = this.ready[0]) {
      const consumer = this.consumers.find(({ credit }) => credit > 0);
      if (!consumer) return;
      this.ready.shift();
      this.unacked++;
      consumer.credit--;
      this.#node.journal.markDelivered(this.id, first.id);
      consumer.session.deliver(this, first, consumer);
      // The next consumer's turn.
      this.consumers.push(this.consumers.splice(this.consumers.indexOf(consumer), 1)[0]!);
    }
  }

  done(entry: Entry): void {
    this.unacked--;
    this.#node.journal.release(this.id, entry.id);
  }

  requeue(entries: Entry[]): void {
    this.unacked -= entries.length;
    for (const entry of entries) entry.redelivered = true;
    this.ready.push(...entries);
    this.ready.sort((left, right) => left.id - right.id);
  }
}

/** A body is its label in angle brackets and something more. */
export function labelIn(bytes: string): string {
  return bytes.slice(1, bytes.indexOf('>'));
}
