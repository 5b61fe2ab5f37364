// Keeps the memory that waiting messages take within a budget (R13). What is over it is paged out: a queue
// closes a page of its entries, and once the bytes of all of them are in a file the entries are dropped and only
// the numbers of their records stay. Journalled messages are in the journal already; the others go to a scratch
// log that does not outlive the process.
import type { Log } from '../../base/log.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Message } from '../message.ts';
import type { Page } from './page.ts';

/** What a message costs besides its bytes: the objects that stand for it. */
const messageOverheadBytes = 400;
/** With more waiting for the disk, whole queues' dead letters wait. */
const behindBytes = 16 << 20;
const pageBytesDefault = 256 * 1024;
const scratchHolder = [1];

export class Pager {
  readonly budgetBytes: number;
  /** A page is full with so many bytes of messages. */
  readonly pageBytesMax: number;
  readonly journal: Journal;
  readonly scratch: Journal;
  readonly log: Log;
  residentBytes = 0;
  /** Messages that could not be read back. */
  lostMessages = 0;
  /** Closed, and waiting for the disk. */
  #pending: Page[] = [];
  #nextWrite: PromiseWithResolvers<void> | null = null;

  constructor(parts: {
    budgetBytes: number;
    pageBytesMax?: number;
    journal: Journal;
    scratch: Journal;
    log: Log;
  }) {
    this.budgetBytes = parts.budgetBytes;
    this.pageBytesMax = parts.pageBytesMax ?? pageBytesDefault;
    this.journal = parts.journal;
    this.scratch = parts.scratch;
    this.log = parts.log;
    parts.journal.onWritten(() => this.#written());
    parts.scratch.onWritten(() => this.#written());
  }

  get over(): boolean {
    return this.residentBytes > this.budgetBytes;
  }

  added(message: Message): void {
    this.residentBytes += costOf(message);
  }

  removed(message: Message): void {
    this.residentBytes -= costOf(message);
  }

  /** Copies a message to the scratch log. Throws JournalFault when that takes no more. */
  keep(head: Uint8Array, message: Message): number {
    const size = message.propertiesSize + message.bodySize;
    return this.scratch.append(scratchHolder, 1, head, message.bytes, message.start, size);
  }

  forget(scratchId: number): void {
    this.scratch.release(scratchHolder[0]!, scratchId);
  }

  /** The disk is so far behind that whatever can wait should. */
  get behind(): boolean {
    return this.journal.pendingBytes > behindBytes || this.scratch.pendingBytes > behindBytes;
  }

  /** Settles when something more is on the disk. */
  nextWrite(): Promise<void> {
    return (this.#nextWrite ??= Promise.withResolvers<void>()).promise;
  }

  /** What could not be read back is told in total, each time that has doubled: it may be very many. */
  lost(count: number, resource: string): void {
    const before = this.lostMessages;
    this.lostMessages += count;
    if (Math.floor(Math.log2(before)) === Math.floor(Math.log2(this.lostMessages))) return;
    this.log.error(
      `${this.lostMessages} waiting messages so far could not be read back, the last of ${resource}`,
    );
  }

  /** The page's entries are dropped as soon as they can be read again. */
  close(page: Page): void {
    if (!page.dropIfWritten(this)) this.#pending.push(page);
  }

  #written(): void {
    this.#nextWrite?.resolve();
    this.#nextWrite = null;
    if (this.#pending.length === 0) return;
    this.#pending = this.#pending.filter((page) => !page.dropIfWritten(this));
  }
}

export function costOf(message: Message): number {
  return message.propertiesSize + message.bodySize + messageOverheadBytes;
}
