// Entries in the order of their positions, in a ring that grows and shrinks: taken at the head, added at the tail.
// Removing from the middle leaves a hole that is skipped.
import type { QueueEntry } from './queue-entry.ts';

const capacityMin = 16;

export class EntryRing {
  size = 0;
  /** None at first: most queues are empty. */
  #slots: (QueueEntry | null)[] = [];
  #head = 0;
  /** Slots in use from the head, holes included. */
  #span = 0;

  push(entry: QueueEntry): void {
    if (this.#span === this.#slots.length) this.#resize(Math.max(capacityMin, this.#slots.length * 2));
    this.#slots[(this.#head + this.#span) & (this.#slots.length - 1)] = entry;
    this.#span++;
    this.size++;
  }

  peek(): QueueEntry | null {
    if (this.size === 0) return null;
    this.#skipHoles();
    return this.#slots[this.#head]!;
  }

  shift(): QueueEntry | null {
    if (this.size === 0) return null;
    this.size--;
    this.#skipHoles();
    const entry = this.#slots[this.#head]!;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#span--;
    if (this.#span * 4 < this.#slots.length && this.#slots.length > 1024)
      this.#resize(this.#slots.length / 2);
    return entry;
  }

  find(position: number): QueueEntry | null {
    const slot = this.#slotOf(position);
    return slot < 0 ? null : this.#slots[slot]!;
  }

  /** Takes one out wherever it is; null when it is not here. */
  remove(position: number): QueueEntry | null {
    const slot = this.#slotOf(position);
    if (slot < 0) return null;
    const entry = this.#slots[slot]!;
    this.#slots[slot] = null;
    this.size--;
    return entry;
  }

  /** Entries in order, starting with the `offset`-th. */
  *from(offset: number): Generator<QueueEntry> {
    let skip = offset;
    let i = 0;
    if (this.#span === this.size) {
      i = skip;
      skip = 0;
    }
    for (; i < this.#span; i++) {
      const entry = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
      if (!entry) continue;
      if (skip > 0) skip--;
      else yield entry;
    }
  }

  #skipHoles(): void {
    while (this.#slots[this.#head] === null) {
      this.#head = (this.#head + 1) & (this.#slots.length - 1);
      this.#span--;
    }
  }

  /** Binary search among the slots; holes are passed by walking to the next entry. */
  #slotOf(position: number): number {
    const mask = this.#slots.length - 1;
    let low = 0;
    let high = this.#span;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let probe = middle;
      while (probe < high && this.#slots[(this.#head + probe) & mask] === null) probe++;
      if (probe === high) high = middle;
      else {
        const found = this.#slots[(this.#head + probe) & mask]!.position;
        if (found === position) return (this.#head + probe) & mask;
        if (found < position) low = probe + 1;
        else high = middle;
      }
    }
    return -1;
  }

  #resize(capacity: number): void {
    const slots = new Array<QueueEntry | null>(capacity).fill(null);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < this.#span; i++) slots[i] = this.#slots[(this.#head + i) & mask]!;
    this.#slots = slots;
    this.#head = 0;
  }
}
