// What a channel has delivered and not heard of, by delivery tag. Tags are given in sequence and mostly
// acknowledged in sequence, so they index a ring; a tag settled early leaves a hole until those before it go.
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { ChannelConsumer } from './channel-consumer.ts';

export interface Unacked {
  readonly queue: Queue;
  readonly entry: QueueEntry;
  readonly consumer: ChannelConsumer | null;
}

const capacityMin = 32;

export class UnackedRing {
  count = 0;
  #ring: (Unacked | null)[] = new Array<Unacked | null>(capacityMin).fill(null);
  #first = 1;
  #next = 1;

  /** Of the next delivery; tags of deliveries without acknowledgement are used up too. */
  get nextTag(): number {
    return this.#next;
  }

  has(tag: number): boolean {
    return tag >= this.#first && tag < this.#next && this.#ring[tag & (this.#ring.length - 1)] !== null;
  }

  /** Whether anything is outstanding at or before the tag, and the tag was given. */
  hasUpTo(tag: number): boolean {
    return tag < this.#next && tag >= this.#first && this.count > 0;
  }

  /** One slot of the tag sequence; null for a delivery that needs no acknowledgement. */
  add(unacked: Unacked | null): number {
    if (this.count === 0) this.#first = this.#next;
    else if (this.#next - this.#first === this.#ring.length) this.#grow();
    this.#ring[this.#next & (this.#ring.length - 1)] = unacked;
    if (unacked) this.count++;
    else if (this.count === 0) this.#first = this.#next + 1;
    return this.#next++;
  }

  /** Takes one out; null when the tag is not outstanding. */
  take(tag: number): Unacked | null {
    if (tag < this.#first || tag >= this.#next) return null;
    const mask = this.#ring.length - 1;
    const unacked = this.#ring[tag & mask]!;
    if (!unacked) return null;
    this.#ring[tag & mask] = null;
    this.count--;
    if (tag === this.#first)
      while (this.#first < this.#next && !this.#ring[this.#first & mask]) this.#first++;
    return unacked;
  }

  /** Calls back, in order, with everything up to and including the tag (all: 0), taking it out. */
  takeUpTo(tag: number, settle: (unacked: Unacked) => void): void {
    const end = tag === 0 ? this.#next - 1 : Math.min(tag, this.#next - 1);
    const mask = this.#ring.length - 1;
    const first = this.#first;
    this.#first = Math.max(first, end + 1);
    const taken: Unacked[] = [];
    for (let each = first; each <= end; each++) {
      const unacked = this.#ring[each & mask];
      if (!unacked) continue;
      this.#ring[each & mask] = null;
      taken.push(unacked);
    }
    this.count -= taken.length;
    // Settling may deliver more, which adds to the ring.
    for (const unacked of taken) settle(unacked);
  }

  #grow(): void {
    const grown = new Array<Unacked | null>(this.#ring.length * 2).fill(null);
    const mask = this.#ring.length - 1;
    for (let tag = this.#first; tag < this.#next; tag++)
      grown[tag & (grown.length - 1)] = this.#ring[tag & mask]!;
    this.#ring = grown;
  }
}
