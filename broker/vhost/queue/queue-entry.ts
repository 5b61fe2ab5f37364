// A message in one queue, ready or unacknowledged. Entries out for acknowledgement form a list through
// their own links, so that browsing them costs nothing while messages flow.
import type { Consumer } from '../consumer.ts';
import type { Message } from '../message.ts';

export class QueueEntry {
  readonly message: Message;
  /** Grows along the queue; where a requeued message goes back to. */
  readonly position: number;
  redelivered = false;
  /** Times it came back without an acknowledgement. */
  returns = 0;
  /** Unix milliseconds, 0 when it does not expire. */
  expiresAt = 0;
  /** Who holds it while unacknowledged; null for a basic.get. */
  holder: Consumer | null = null;
  previous: QueueEntry | null = null;
  next: QueueEntry | null = null;

  constructor(message: Message, position: number) {
    this.message = message;
    this.position = position;
  }
}

/** The unacknowledged entries of a queue in the order they were handed out. */
export class UnackedList {
  count = 0;
  bytes = 0;
  first: QueueEntry | null = null;
  #last: QueueEntry | null = null;

  add(entry: QueueEntry): void {
    entry.previous = this.#last;
    entry.next = null;
    if (this.#last) this.#last.next = entry;
    else this.first = entry;
    this.#last = entry;
    this.count++;
    this.bytes += entry.message.bodySize;
  }

  remove(entry: QueueEntry): void {
    if (entry.previous) entry.previous.next = entry.next;
    else this.first = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
    else this.#last = entry.previous;
    entry.previous = entry.next = null;
    this.count--;
    this.bytes -= entry.message.bodySize;
  }
}
