// What a demo producer has to send: new messages at a rate, and first of all what was unconfirmed when its
// connection went. A message leaves it when its confirm has come.
import type { AuditSink } from '../../broker/lab/audit.ts';

export class Outbox {
  readonly #producer: string;
  readonly #messagesPerSecond: number;
  readonly #audit: AuditSink;
  readonly #inFlight = new Set<number>();
  #toResend: number[] = [];
  #lastSequence = 0;
  #pacedFrom = Date.now();
  #paced = 0;
  #making = true;

  constructor(producer: string, messagesPerSecond: number, audit: AuditSink) {
    this.#producer = producer;
    this.#messagesPerSecond = messagesPerSecond;
    this.#audit = audit;
  }

  /** Nothing is waiting to be sent or confirmed, and nothing more will be made. */
  get isDone(): boolean {
    return !this.#making && this.#inFlight.size + this.#toResend.length === 0;
  }

  /** The next sequence number to send now, or null when none is due. */
  next(unconfirmedMax = 200): number | null {
    if (this.#inFlight.size >= unconfirmedMax) return null;
    const sequence = this.#toResend.shift() ?? this.#due();
    if (sequence === null) return null;
    this.#inFlight.add(sequence);
    this.#audit.published(this.#producer, sequence, Date.now());
    return sequence;
  }

  /** `confirmed` is false for a client that has no confirms. */
  settled(sequence: number, confirmed = true): void {
    if (!this.#inFlight.delete(sequence)) return;
    if (confirmed) this.#audit.confirmed(this.#producer, sequence, Date.now());
  }

  /** No word came about these: they go again, in order. All that is in flight when none is named. */
  failed(...sequences: number[]): void {
    const left = sequences.length > 0 ? sequences : [...this.#inFlight];
    for (const sequence of left) if (this.#inFlight.delete(sequence)) this.#toResend.push(sequence);
    this.#toResend.sort((a, b) => a - b);
  }

  /** What was not made while nobody took it is not made up for. */
  repace(): void {
    this.#pacedFrom = Date.now();
    this.#paced = 0;
  }

  finish(): void {
    this.#making = false;
  }

  #due(): number | null {
    if (!this.#making) return null;
    const due = Math.floor(((Date.now() - this.#pacedFrom) * this.#messagesPerSecond) / 1000);
    if (this.#paced >= due) return null;
    this.#paced++;
    return ++this.#lastSequence;
  }
}
