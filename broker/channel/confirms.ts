// Publisher confirms of a channel (R25). Publishes are numbered; each waits for its log position to be safe.
// Acknowledgements go out in order and together: one basic.ack for all that became safe since the last tick.
// A refused publish is nacked at once, by itself.
import type { FrameWriter } from '../amqp/frame-writer.ts';
import type { Journal } from '../journal/journal.ts';
import type { EndOfTick, TickTask } from './end-of-tick.ts';

const capacityMin = 64;

export class Confirms implements TickTask {
  readonly #channel: number;
  readonly #writer: FrameWriter;
  readonly #journal: Journal;
  readonly #endOfTick: EndOfTick;
  readonly #confirmed: (count: number) => void;
  /** Ring of log positions, by publish number. */
  #positions = new Float64Array(capacityMin);
  #first = 1;
  #next = 1;
  #scheduled = false;
  #closed = false;
  /** Largest position waited for: 0 when all is settled. */
  readonly #stopListening: () => void;

  constructor(
    channel: number,
    writer: FrameWriter,
    journal: Journal,
    endOfTick: EndOfTick,
    confirmed: (count: number) => void,
  ) {
    this.#channel = channel;
    this.#writer = writer;
    this.#journal = journal;
    this.#endOfTick = endOfTick;
    this.#confirmed = confirmed;
    this.#stopListening = journal.onSafe(() => {
      if (this.#first < this.#next) this.endOfTick();
    });
  }

  get unconfirmed(): number {
    return this.#next - this.#first;
  }

  /** Counts a publish that waits for `position` (0: for nothing). */
  published(position: number): void {
    if (this.#next - this.#first === this.#positions.length) this.#grow();
    this.#positions[this.#next & (this.#positions.length - 1)] = position;
    this.#next++;
    this.#schedule();
  }

  /** Counts a publish that a queue refused. */
  refused(): void {
    const deliveryTag = this.#next;
    this.published(0);
    // Those before it that are still on their way are not meant.
    const multiple = this.#first === deliveryTag;
    // RabbitMQ leaves `requeue` at its default, which is true.
    this.#writer.method(this.#channel, 'basic.nack', { deliveryTag, multiple, requeue: true });
    this.#refusedTags.push(deliveryTag);
  }

  #refusedTags: number[] = [];

  endOfTick(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const safe = this.#journal.safePosition;
    const from = this.#first;
    const mask = this.#positions.length - 1;
    let to = from;
    while (to < this.#next && this.#positions[to & mask]! <= safe) to++;
    if (to === from) return;
    this.#first = to;
    this.#acknowledge(from, to);
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
  }

  /** Acks [from, to), leaving out what was nacked. */
  #acknowledge(from: number, to: number): void {
    while (this.#refusedTags.length > 0 && this.#refusedTags[0]! < to) {
      const refused = this.#refusedTags.shift()!;
      this.#ack(from, refused);
      from = refused + 1;
    }
    this.#ack(from, to);
  }

  #ack(from: number, to: number): void {
    if (from >= to) return;
    this.#confirmed(to - from);
    this.#writer.method(this.#channel, 'basic.ack', { deliveryTag: to - 1, multiple: to - from > 1 });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#endOfTick.confirm(this);
  }

  #grow(): void {
    const grown = new Float64Array(this.#positions.length * 2);
    const oldMask = this.#positions.length - 1;
    for (let tag = this.#first; tag < this.#next; tag++)
      grown[tag & (grown.length - 1)] = this.#positions[tag & oldMask]!;
    this.#positions = grown;
  }
}
