// What waits in a queue, in order. New entries join at the tail: a ring in memory, or pages once the node's
// messages are over their budget. A requeued one goes back to its own place (R31): it had been at the head, so
// its place is before all of those, in a short sorted list.
import type { LongWork } from '../../base/turns.ts';
import type { Lost } from '../paging/page.ts';
import { PageList } from '../paging/page-list.ts';
import type { Pager } from '../paging/pager.ts';
import { EntryRing } from './entry-ring.ts';
import type { QueueEntry } from './queue-entry.ts';

/** Let go of between two looks at the time, see LongWork. */
const clearedPerStep = 256;
/** Entries that come back are merged with those before them unless these are so many times more. */
const mergeWithin = 64;
/** So many stay in memory at the head of each queue, unless they are large. */
const residentMin = 64;
const largeBytes = 64 * 1024;

/** Hears of what the disk keeps from the list. */
export interface ReadyListener {
  /** They have left the list. */
  lost(lost: Lost): void;
  /** The head cannot be read now: nothing more comes until `readAgain`. */
  stalled(): void;
}

export class ReadyList {
  size = 0;
  stalled = false;
  readonly #pager: Pager;
  readonly #journalled: boolean;
  readonly #listener: ReadyListener;
  #returned: QueueEntry[] = [];
  #returnedHead = 0;
  #ring = new EntryRing();
  /** Behind the ring; while there are any, all that comes goes there. */
  #pages: PageList | null = null;

  /** `journalled`: the queue is a holder of its persistent messages' records. */
  constructor(pager: Pager, journalled: boolean, listener: ReadyListener) {
    this.#pager = pager;
    this.#journalled = journalled;
    this.#listener = listener;
  }

  push(entry: QueueEntry): void {
    this.size++;
    this.#pager.added(entry.message);
    if (this.#pages) this.#pages.push(entry);
    else if (this.#pager.over && (this.#ring.size >= residentMin || entry.message.bodySize >= largeBytes))
      this.#startPaging().push(entry);
    else this.#ring.push(entry);
  }

  /** Whether what comes now is paged out, so that `pushRecord` will do. */
  get pages(): boolean {
    return this.#pages !== null || (this.#pager.over && this.#ring.size >= residentMin);
  }

  /** Adds a journalled message unseen; for recovery, while `pages`. */
  pushRecord(recordId: number, position: number, bodyBytes: number, redelivered: boolean): void {
    this.size++;
    (this.#pages ?? this.#startPaging()).pushRecord(recordId, position, bodyBytes, redelivered);
  }

  #startPaging(): PageList {
    return (this.#pages = new PageList(this.#pager, this.#journalled));
  }

  /** Puts an entry back at its position. */
  restore(entry: QueueEntry): void {
    this.#pager.added(entry.message);
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

  /** Puts many back, which come in the order of their positions. */
  restoreAll(entries: readonly QueueEntry[]): void {
    if (entries.length * mergeWithin < this.#returned.length) {
      for (const entry of entries) this.restore(entry);
      return;
    }
    const before = this.#returned.slice(this.#returnedHead);
    this.#returned = [];
    this.#returnedHead = 0;
    let at = 0;
    for (const entry of entries) {
      while (at < before.length && before[at]!.position < entry.position) this.#returned.push(before[at++]!);
      this.#returned.push(entry);
      this.#pager.added(entry.message);
    }
    while (at < before.length) this.#returned.push(before[at++]!);
    this.size += entries.length;
  }

  /** Null when it is empty, and while it is stalled. */
  peek(): QueueEntry | null {
    if (this.#returnedHead < this.#returned.length) return this.#returned[this.#returnedHead]!;
    if (this.#ring.size === 0 && this.#pages) this.#refill();
    return this.#ring.peek();
  }

  /** Null when it is empty, and while it is stalled. */
  shift(): QueueEntry | null {
    if (this.size === 0) return null;
    let entry: QueueEntry | null;
    if (this.#returnedHead < this.#returned.length) entry = this.#shiftReturned();
    else {
      if (this.#ring.size === 0 && this.#pages) this.#refill();
      entry = this.#ring.shift();
      if (!entry) return null;
    }
    this.size--;
    this.#pager.removed(entry.message);
    return entry;
  }

  /** Takes an entry out wherever it is; false when it is not here. */
  remove(entry: QueueEntry): boolean {
    const { position } = entry;
    const index = this.#returnedIndex(position);
    const resident = index < 0 ? this.#ring.remove(position) : this.#returned.splice(index, 1)[0]!;
    if (resident) this.#pager.removed(resident.message);
    else if (!this.#pages?.remove(entry)) return false;
    this.size--;
    return true;
  }

  /** The entry at a position, or null. One that is paged out is made for the looker alone. */
  find(position: number): QueueEntry | null {
    const index = this.#returnedIndex(position);
    if (index >= 0) return this.#returned[index]!;
    return this.#ring.find(position) ?? this.#pages?.find(position) ?? null;
  }

  /** Entries from the head in order, starting with the `offset`-th. */
  *from(offset: number): Generator<QueueEntry> {
    const returnedCount = this.#returned.length - this.#returnedHead;
    for (let i = offset; i < returnedCount; i++) yield this.#returned[this.#returnedHead + i]!;
    let skip = Math.max(0, offset - returnedCount);
    if (skip < this.#ring.size) yield* this.#ring.from(skip);
    skip = Math.max(0, skip - this.#ring.size);
    if (this.#pages) yield* this.#pages.from(skip);
  }

  /**
   * Takes everything out at once, unread where it is paged out. It is let go of by the work that this answers:
   * `release` gets the journal's records.
   */
  clear(release: (recordId: number) => void): LongWork {
    const returned = this.#returned.slice(this.#returnedHead);
    const work = this.#letGo(returned, this.#ring, this.#pages, release);
    this.#pages = null;
    this.stalled = false;
    this.size = 0;
    this.#ring = new EntryRing();
    this.#returned = [];
    this.#returnedHead = 0;
    return work;
  }

  *#letGo(
    returned: QueueEntry[],
    ring: EntryRing,
    pages: PageList | null,
    release: (recordId: number) => void,
  ): LongWork {
    let cleared = 0;
    for (const entries of [returned, ring.from(0)])
      for (const { message } of entries) {
        this.#pager.removed(message);
        if (this.#journalled && message.recordId > 0) release(message.recordId);
        if (++cleared % clearedPerStep === 0) yield;
      }
    if (pages) yield* pages.clear(release);
  }

  /** After it was stalled: the disk is asked once more, and a page that it does not give is lost if `passedOver`. */
  readAgain(passedOver: boolean): void {
    if (!this.stalled) return;
    this.stalled = false;
    if (this.#ring.size === 0) this.#refill(passedOver);
  }

  /** Brings pages in until there is an entry at the head, none is left, or the disk does not give them. */
  #refill(passedOver = false): void {
    for (let first = true; this.#pages && this.#ring.size === 0 && !this.stalled; first = false) {
      const entries = this.#pages.takeFirst(first && passedOver, this.#lose);
      if (!entries) {
        this.stalled = true;
        return this.#listener.stalled();
      }
      for (const entry of entries) this.#ring.push(entry);
      if (this.#pages.size === 0) this.#pages = null;
    }
  }

  readonly #lose = (lost: Lost) => {
    this.size -= lost.messages;
    this.#listener.lost(lost);
  };

  #returnedIndex(position: number): number {
    for (let i = this.#returnedHead; i < this.#returned.length; i++)
      if (this.#returned[i]!.position === position) return i;
    return -1;
  }

  #shiftReturned(): QueueEntry {
    const entry = this.#returned[this.#returnedHead++]!;
    if (this.#returnedHead * 2 > this.#returned.length) {
      this.#returned = this.#returned.slice(this.#returnedHead);
      this.#returnedHead = 0;
    }
    return entry;
  }
}
