// What waits in a queue, in order. New entries join a ring at the tail; a requeued one goes back to its own
// place (R31). An entry handed out had been at the head, so its place is always before the ring: a short
// sorted list in front of it holds those. Removing from the middle leaves a hole that is skipped.
import type { QueueEntry } from './queue-entry.ts';

const capacityMin = 16;

export class ReadyList {
  size = 0;
  #ring: (QueueEntry | null)[] = new Array<QueueEntry | null>(capacityMin).fill(null);
  #head = 0;
  /** Slots in use from the head, holes included. */
  #span = 0;
  #returned: QueueEntry[] = [];
  #returnedHead = 0;

  push(entry: QueueEntry): void {
    if (this.#span === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#ring[(this.#head + this.#span) & (this.#ring.length - 1)] = entry;
    this.#span++;
    this.size++;
  }

  /** Puts an entry back at its position. */
  restore(entry: QueueEntry): void {
    const returned = this.#returned;
    let low = this.#returnedHead;
    let high = returned.length;
    if (high > low && returned[high - 1]!.position < entry.position) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (returned[middle]!.position < entry.position) low = middle + 1;
      else high = middle;
    }
    if (low === this.#returnedHead && low > 0) {
      this.#returnedHead--;
      returned[this.#returnedHead] = entry;
    } else returned.splice(low, 0, entry);
    this.size++;
  }

  peek(): QueueEntry | null {
    if (this.#returnedHead < this.#returned.length) return this.#returned[this.#returnedHead]!;
    if (this.size === 0) return null;
    this.#skipHoles();
    return this.#ring[this.#head]!;
  }

  shift(): QueueEntry | null {
    if (this.size === 0) return null;
    this.size--;
    if (this.#returnedHead < this.#returned.length) return this.#shiftReturned();
    this.#skipHoles();
    const entry = this.#ring[this.#head]!;
    this.#ring[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#span--;
    if (this.#span * 4 < this.#ring.length && this.#ring.length > 1024) this.#resize(this.#ring.length / 2);
    return entry;
  }

  /** Takes an entry out wherever it is; false when it is not here. */
  remove(entry: QueueEntry): boolean {
    const index = this.#returned.indexOf(entry, this.#returnedHead);
    if (index >= 0) this.#returned.splice(index, 1);
    else {
      const slot = this.#slotOf(entry.position);
      if (slot < 0 || this.#ring[slot] !== entry) return false;
      this.#ring[slot] = null;
    }
    this.size--;
    return true;
  }

  /** The entry at a position, or null. */
  find(position: number): QueueEntry | null {
    for (let i = this.#returnedHead; i < this.#returned.length; i++)
      if (this.#returned[i]!.position === position) return this.#returned[i]!;
    const slot = this.#slotOf(position);
    return slot < 0 ? null : this.#ring[slot]!;
  }

  /** Entries from the head in order, starting with the `offset`-th. */
  *from(offset: number): Generator<QueueEntry> {
    const returnedCount = this.#returned.length - this.#returnedHead;
    for (let i = offset; i < returnedCount; i++) yield this.#returned[this.#returnedHead + i]!;
    let skip = Math.max(0, offset - returnedCount);
    const holes = this.#span !== this.size - returnedCount;
    let i = 0;
    if (!holes) {
      i = skip;
      skip = 0;
    }
    for (; i < this.#span; i++) {
      const entry = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
      if (!entry) continue;
      if (skip > 0) skip--;
      else yield entry;
    }
  }

  clear(): void {
    this.size = 0;
    this.#ring = new Array<QueueEntry | null>(capacityMin).fill(null);
    this.#head = 0;
    this.#span = 0;
    this.#returned = [];
    this.#returnedHead = 0;
  }

  #shiftReturned(): QueueEntry {
    const entry = this.#returned[this.#returnedHead++]!;
    if (this.#returnedHead * 2 > this.#returned.length) {
      this.#returned = this.#returned.slice(this.#returnedHead);
      this.#returnedHead = 0;
    }
    return entry;
  }

  #skipHoles(): void {
    while (this.#ring[this.#head] === null) {
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#span--;
    }
  }

  /** Binary search among the ring's slots; holes are passed by walking to the next entry. */
  #slotOf(position: number): number {
    const mask = this.#ring.length - 1;
    let low = 0;
    let high = this.#span;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let probe = middle;
      while (probe < high && this.#ring[(this.#head + probe) & mask] === null) probe++;
      if (probe === high) high = middle;
      else {
        const found = this.#ring[(this.#head + probe) & mask]!.position;
        if (found === position) return (this.#head + probe) & mask;
        if (found < position) low = probe + 1;
        else high = middle;
      }
    }
    return -1;
  }

  #resize(capacity: number): void {
    const ring = new Array<QueueEntry | null>(capacity).fill(null);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < this.#span; i++) ring[i] = this.#ring[(this.#head + i) & mask]!;
    this.#ring = ring;
    this.#head = 0;
  }
}
