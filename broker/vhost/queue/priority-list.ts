// The ready entries of a queue with x-max-priority: one list per priority, the highest first. A queue
// without priorities has a single list and goes through none of this.
import { inTurn, type LongWork } from '../../base/turns.ts';
import type { Pager } from '../paging/pager.ts';
import type { QueueEntry } from './queue-entry.ts';
import { ReadyList, type ReadyListener } from './ready-list.ts';

export class PriorityList {
  size = 0;
  readonly #lists: ReadyList[];

  constructor(maxPriority: number, pager: Pager, journalled: boolean, listener: ReadyListener) {
    const counting: ReadyListener = {
      lost: (lost) => {
        this.size -= lost.messages;
        listener.lost(lost);
      },
      stalled: () => listener.stalled(),
    };
    this.#lists = Array.from({ length: maxPriority + 1 }, () => new ReadyList(pager, journalled, counting));
  }

  get stalled(): boolean {
    return this.#lists.some((list) => list.stalled);
  }

  readAgain(passedOver: boolean): void {
    for (const list of this.#lists) list.readAgain(passedOver);
  }

  push(entry: QueueEntry): void {
    this.#listOf(entry).push(entry);
    this.size++;
  }

  restore(entry: QueueEntry): void {
    this.#listOf(entry).restore(entry);
    this.size++;
  }

  restoreAll(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.restore(entry);
  }

  peek(): QueueEntry | null {
    return this.#withHead()?.peek() ?? null;
  }

  shift(): QueueEntry | null {
    const entry = this.#withHead()?.shift() ?? null;
    if (entry) this.size--;
    return entry;
  }

  remove(entry: QueueEntry): boolean {
    const removed = this.#lists.some((list) => list.remove(entry));
    if (removed) this.size--;
    return removed;
  }

  find(position: number): QueueEntry | null {
    for (const list of this.#lists) {
      const entry = list.find(position);
      if (entry) return entry;
    }
    return null;
  }

  *from(offset: number): Generator<QueueEntry> {
    let skip = offset;
    for (let i = this.#lists.length - 1; i >= 0; i--) {
      const list = this.#lists[i]!;
      if (skip >= list.size) skip -= list.size;
      else {
        yield* list.from(skip);
        skip = 0;
      }
    }
  }

  /** As each of its lists does it. */
  clear(release: (recordId: number) => void): LongWork {
    this.size = 0;
    return inTurn(this.#lists.map((list) => list.clear(release)));
  }

  #listOf(entry: QueueEntry): ReadyList {
    return this.#lists[Math.min(entry.message.priority, this.#lists.length - 1)]!;
  }

  /** The highest with an entry that can be had; a stalled one holds back those below it, for the order's sake. */
  #withHead(): ReadyList | null {
    for (let i = this.#lists.length - 1; i >= 0; i--) {
      const list = this.#lists[i]!;
      if (list.size === 0) continue;
      if (list.peek()) return list;
      if (list.stalled) return null;
    }
    return null;
  }
}
