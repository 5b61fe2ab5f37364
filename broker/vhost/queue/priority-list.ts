// The ready entries of a queue with x-max-priority: one list per priority, the highest first. A queue
// without priorities has a single list and goes through none of this.
import { inTurn, type LongWork } from '../../base/turns.ts';
import type { Pager } from '../paging/pager.ts';
import type { QueueEntry } from './queue-entry.ts';
import { ReadyList } from './ready-list.ts';

export class PriorityList {
  size = 0;
  readonly #lists: ReadyList[];

  constructor(maxPriority: number, pager: Pager, journalled: boolean) {
    this.#lists = Array.from({ length: maxPriority + 1 }, () => new ReadyList(pager, journalled));
  }

  push(entry: QueueEntry): void {
    this.#listOf(entry).push(entry);
    this.size++;
  }

  restore(entry: QueueEntry): void {
    this.#listOf(entry).restore(entry);
    this.size++;
  }

  peek(): QueueEntry | null {
    return this.#highest()?.peek() ?? null;
  }

  shift(): QueueEntry | null {
    const list = this.#highest();
    const entry = list?.shift() ?? null;
    this.#recount();
    return entry;
  }

  remove(position: number): boolean {
    const removed = this.#lists.some((list) => list.remove(position));
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

  #recount(): void {
    this.size = 0;
    for (const list of this.#lists) this.size += list.size;
  }

  #listOf(entry: QueueEntry): ReadyList {
    return this.#lists[Math.min(entry.message.priority, this.#lists.length - 1)]!;
  }

  #highest(): ReadyList | null {
    for (let i = this.#lists.length - 1; i >= 0; i--) if (this.#lists[i]!.size > 0) return this.#lists[i]!;
    return null;
  }
}
