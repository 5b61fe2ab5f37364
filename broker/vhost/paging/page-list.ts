// The pages of one queue, in order: closed ones, and the one that fills.
import type { LongWork } from '../../base/turns.ts';
import type { QueueEntry } from '../queue/queue-entry.ts';
import { Page, type Lost } from './page.ts';
import type { Pager } from './pager.ts';

export class PageList {
  size = 0;
  readonly #pager: Pager;
  readonly #journalled: boolean;
  #closed: Page[] = [];
  #closedHead = 0;
  #open: Page;

  constructor(pager: Pager, journalled: boolean) {
    this.#pager = pager;
    this.#journalled = journalled;
    this.#open = this.#newPage();
  }

  #newPage(): Page {
    return new Page(this.#journalled, this.#pager.pageBytesMax);
  }

  push(entry: QueueEntry): void {
    this.#open.push(entry);
    this.#pushed();
  }

  pushRecord(recordId: number, position: number, bodyBytes: number, redelivered: boolean): void {
    this.#open.pushRecord(recordId, position, bodyBytes, redelivered);
    this.#pushed();
  }

  #pushed(): void {
    this.size++;
    if (!this.#open.full) return;
    if (this.#open.close(this.#pager)) this.#pager.close(this.#open);
    this.#closed.push(this.#open);
    this.#open = this.#newPage();
  }

  /** The entries of the first page, which leaves, as `Page.takeAll` has it; the next one is read ahead. */
  takeFirst(passedOver: boolean, lose: (lost: Lost) => void): QueueEntry[] | null {
    const first = this.#closed[this.#closedHead] ?? this.#open;
    const { size } = first;
    const entries = first.takeAll(this.#pager, passedOver, lose);
    if (!entries) return null;
    if (first === this.#open) this.#open = this.#newPage();
    else this.#dropHead();
    this.size -= size;
    const next = this.#closed[this.#closedHead];
    if (next) this.#readAhead(next);
    return entries;
  }

  #dropHead(): void {
    this.#closedHead++;
    if (this.#closedHead < 64 || this.#closedHead * 2 < this.#closed.length) return;
    this.#closed = this.#closed.slice(this.#closedHead);
    this.#closedHead = 0;
  }

  #readAhead(page: Page): void {
    const { journal, scratch } = page.records();
    if (journal.length > 0) void this.#pager.journal.prefetch(journal);
    if (scratch.length > 0) void this.#pager.scratch.prefetch(scratch);
  }

  find(position: number): QueueEntry | null {
    return this.#pageOf(position).find(position, this.#pager);
  }

  remove(entry: QueueEntry): boolean {
    const removed = this.#pageOf(entry.position).remove(entry, this.#pager);
    if (removed) this.size--;
    return removed;
  }

  *from(offset: number): Generator<QueueEntry> {
    let skip = offset;
    for (const page of [...this.#closed.slice(this.#closedHead), this.#open]) {
      if (skip < page.size) yield* page.from(skip, this.#pager);
      skip = Math.max(0, skip - page.size);
    }
  }

  /** The end of it: page by page, unread; `release` gets the journal's records. */
  *clear(release: (recordId: number) => void): LongWork {
    for (const page of [...this.#closed.slice(this.#closedHead), this.#open]) {
      page.clear(this.#pager, release);
      yield;
    }
  }

  /** The page in whose range the position is. */
  #pageOf(position: number): Page {
    let low = this.#closedHead;
    let high = this.#closed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#closed[middle]!.lastPosition < position) low = middle + 1;
      else high = middle;
    }
    return this.#closed[low] ?? this.#open;
  }
}
