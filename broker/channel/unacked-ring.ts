// What a channel has delivered and not heard of, by delivery tag. Tags are given in sequence and mostly
// acknowledged in sequence, so what is outstanding lies in a ring in the order of tags. One that is settled
// early leaves a hole; the ring is as long as the most that was ever outstanding, holes do not make it grow.
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
  /** By slot: the tag, and what is outstanding under it, null once settled. Tags grow along the ring. */
  #tags = new Float64Array(capacityMin);
  #items = new Array<Unacked | null>(capacityMin).fill(null);
  /** Slots in use are [head, tail), counted without wrapping. The one at head is never a hole. */
  #head = 0;
  #tail = 0;
  #nextTag = 1;

  /** Of the next delivery; tags of deliveries without acknowledgement are used up too. */
  get nextTag(): number {
    return this.#nextTag;
  }

  /** Slots that there is room for. */
  get capacity(): number {
    return this.#tags.length;
  }

  has(tag: number): boolean {
    const slot = this.#slotOf(tag);
    return slot >= 0 && this.#items[slot] !== null;
  }

  /** The next tag, for this delivery; null for one that needs no acknowledgement. */
  add(unacked: Unacked | null): number {
    const tag = this.#nextTag++;
    if (unacked !== null) this.#append(tag, unacked);
    return tag;
  }

  /** Takes one out; null when the tag is not outstanding. */
  take(tag: number): Unacked | null {
    const slot = this.#slotOf(tag);
    if (slot < 0) return null;
    const unacked = this.#items[slot]!;
    if (unacked === null) return null;
    this.#items[slot] = null;
    this.count--;
    const mask = this.capacity - 1;
    while (this.#head < this.#tail && this.#items[this.#head & mask] === null) this.#head++;
    return unacked;
  }

  /** Calls back, in order, with everything up to and including the tag (all: 0), taking it out. */
  takeUpTo(tag: number, settle: (unacked: Unacked, tag: number) => void): void {
    const mask = this.capacity - 1;
    const taken: Unacked[] = [];
    const tags: number[] = [];
    for (; this.#head < this.#tail; this.#head++) {
      const slot = this.#head & mask;
      const unacked = this.#items[slot]!;
      if (unacked === null) continue;
      if (tag !== 0 && this.#tags[slot]! > tag) break;
      this.#items[slot] = null;
      taken.push(unacked);
      tags.push(this.#tags[slot]!);
    }
    this.count -= taken.length;
    // Settling may deliver more, which adds to the ring.
    for (let i = 0; i < taken.length; i++) settle(taken[i]!, tags[i]!);
  }

  /** What was taken out is outstanding again, each under its own tag (tx.rollback). */
  putBack(settled: readonly { tag: number; unacked: Unacked }[]): void {
    const all = [...settled];
    this.takeUpTo(0, (unacked, tag) => all.push({ tag, unacked }));
    all.sort((a, b) => a.tag - b.tag);
    this.#head = 0;
    this.#tail = 0;
    for (const { tag, unacked } of all) this.#append(tag, unacked);
  }

  #append(tag: number, unacked: Unacked): void {
    if (this.#tail - this.#head === this.capacity) this.#makeRoom();
    const slot = this.#tail++ & (this.capacity - 1);
    this.#tags[slot] = tag;
    this.#items[slot] = unacked;
    this.count++;
  }

  /** -1 when no slot has the tag. Without gaps in the tags the first guess is right. */
  #slotOf(tag: number): number {
    const mask = this.capacity - 1;
    let low = this.#head;
    let high = this.#tail - 1;
    if (high < low) return -1;
    const guess = low + (tag - this.#tags[low & mask]!);
    if (guess >= low && guess <= high && this.#tags[guess & mask] === tag) return guess & mask;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.#tags[middle & mask]!;
      if (found === tag) return middle & mask;
      if (found < tag) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Without the holes, in a ring twice as large unless they were half of it. */
  #makeRoom(): void {
    const size = this.count * 2 > this.capacity ? this.capacity * 2 : this.capacity;
    const tags = new Float64Array(size);
    const items = new Array<Unacked | null>(size).fill(null);
    const mask = this.capacity - 1;
    let tail = 0;
    for (let each = this.#head; each < this.#tail; each++) {
      const unacked = this.#items[each & mask]!;
      if (unacked === null) continue;
      tags[tail] = this.#tags[each & mask]!;
      items[tail++] = unacked;
    }
    this.#tags = tags;
    this.#items = items;
    this.#head = 0;
    this.#tail = tail;
  }
}
