// A page: a run of a queue's waiting entries, in order. While it fills, and until the disk has them, it holds the
// entries themselves; then only the numbers of their records, from which it makes them again.
import { RecordUnreadable } from '../../journal/journal.ts';
import { messageOfRecord, recordHead } from '../message-record.ts';
import { QueueEntry } from '../queue/queue-entry.ts';
import { costOf, type Pager } from './pager.ts';
import { RecordSlab } from './record-slab.ts';
import { SlotNumbers } from './slot-numbers.ts';

const entriesMax = 1024;

/** Messages that could not be read back and have left their queue. */
export interface Lost {
  messages: number;
  bodyBytes: number;
  persistent: number;
  /** The journal's records among them whose bytes are damaged or gone: they are of no more use. */
  records: number[];
}

export class Page {
  /** Entries not taken out. */
  size = 0;
  /** Whether this queue holds what is journalled here, so that the journal keeps it. */
  readonly #journalled: boolean;
  /** By slot; null where only the record is known. All of it is null once dropped. */
  #entries: (QueueEntry | null)[] | null = [];
  /** Record numbers by slot: the journal's, the scratch log's below zero, 0 where there is none (yet). */
  #ids = new SlotNumbers();
  #positions = new SlotNumbers();
  /** Unix milliseconds by slot; null while no entry expires. */
  #expiries: number[] | Float64Array | null = null;
  /** Slots that were handed out before a restart. */
  #redelivered: Set<number> | null = null;
  readonly #bytesMax: number;
  #bytes = 0;
  /** Of the entries not taken out, which may be more than can be read. */
  #bodyBytes = 0;
  #persistent = 0;
  #lastJournalId = 0;
  #lastScratchId = 0;

  constructor(journalled: boolean, bytesMax: number) {
    this.#journalled = journalled;
    this.#bytesMax = bytesMax;
  }

  get full(): boolean {
    return this.#ids.length >= entriesMax || this.#bytes >= this.#bytesMax;
  }

  get lastPosition(): number {
    return this.#positions.length === 0 ? 0 : this.#positions.at(this.#positions.length - 1);
  }

  // ---- Filling and dropping ----

  /** Takes an entry at its end; the page must not be closed. */
  push(entry: QueueEntry): void {
    const { message } = entry;
    this.#bytes += costOf(message);
    this.#bodyBytes += message.bodySize;
    if (message.persistent) this.#persistent++;
    this.#slot(entry, 0, entry.position, entry.expiresAt, entry.redelivered);
  }

  /** Takes one of which only the journal's record is known. */
  pushRecord(recordId: number, position: number, bodyBytes: number, redelivered: boolean): void {
    this.#bodyBytes += bodyBytes;
    this.#persistent++;
    this.#slot(null, recordId, position, 0, redelivered);
  }

  #slot(entry: QueueEntry | null, id: number, position: number, expiresAt: number, again: boolean): void {
    const slot = this.#ids.length;
    this.#entries!.push(entry);
    this.#ids.push(id);
    this.#positions.push(position);
    if (expiresAt > 0) this.#expiries ??= new Array<number>(slot).fill(0);
    if (this.#expiries) (this.#expiries as number[]).push(expiresAt);
    if (again) (this.#redelivered ??= new Set()).add(slot);
    this.size++;
  }

  /** Nothing is added from here on. False when the scratch log takes no more: the page stays in memory. */
  close(pager: Pager): boolean {
    try {
      for (const [slot, entry] of this.#entries!.entries())
        if (entry) this.#ids.set(slot, this.#record(entry, pager));
    } catch {
      for (const [slot, entry] of this.#entries!.entries())
        if (entry) {
          if (this.#ids.at(slot) < 0) pager.forget(-this.#ids.at(slot));
          this.#ids.set(slot, 0);
        }
      return false;
    }
    this.#ids.pack();
    this.#positions.pack();
    if (this.#expiries) this.#expiries = Float64Array.from(this.#expiries);
    return true;
  }

  /** Throws JournalFault when the scratch log takes no more. */
  #record(entry: QueueEntry, pager: Pager): number {
    const { message } = entry;
    if (this.#journalled && message.recordId > 0) {
      this.#lastJournalId = Math.max(this.#lastJournalId, message.recordId);
      return message.recordId;
    }
    this.#lastScratchId = pager.keep(recordHead(message), message);
    return -this.#lastScratchId;
  }

  /** Lets go of the entries if all can be read again; true when there is nothing to wait for any more. */
  dropIfWritten(pager: Pager): boolean {
    if (!this.#entries) return true;
    if (pager.journal.writtenId < this.#lastJournalId) return false;
    if (pager.scratch.writtenId < this.#lastScratchId) return false;
    for (const entry of this.#entries) if (entry) pager.removed(entry.message);
    this.#entries = null;
    return true;
  }

  // ---- Taking and looking ----

  /**
   * All entries in order, which leave the page for good; `lose` hears of those that are damaged. Null, and nothing has
   * changed, when the disk does not give them now; unless it is `passedOver`: those are then lost too.
   */
  takeAll(pager: Pager, passedOver: boolean, lose: (lost: Lost) => void): QueueEntry[] | null {
    const taken: QueueEntry[] = [];
    const read: QueueEntry[] = [];
    const records: number[] = [];
    const slab = new RecordSlab();
    for (let slot = 0; slot < this.#ids.length; slot++) {
      if (this.#isHole(slot)) continue;
      const resident = this.#entries?.[slot] ?? null;
      const entry = resident ?? this.#read(slot, pager, slab);
      if (entry === 'not now') {
        if (!passedOver) return null;
      } else if (entry === 'damaged') {
        if (this.#ids.at(slot) > 0) records.push(this.#ids.at(slot));
      } else {
        taken.push(entry);
        if (!resident) read.push(entry);
      }
    }
    for (const { message } of read) pager.added(message);
    for (let slot = 0; slot < this.#ids.length; slot++)
      if (this.#ids.at(slot) < 0) pager.forget(-this.#ids.at(slot));
    if (taken.length < this.size) lose(this.#without(taken, records));
    this.#empty();
    return taken;
  }

  /** What is missing of the page. */
  #without(taken: QueueEntry[], records: number[]): Lost {
    const lost = {
      messages: this.size - taken.length,
      bodyBytes: this.#bodyBytes,
      persistent: this.#persistent,
      records,
    };
    for (const { message } of taken) {
      lost.bodyBytes -= message.bodySize;
      if (message.persistent) lost.persistent--;
    }
    return lost;
  }

  /** Entries from the `skip`-th on; those read for it are made for the looker alone. */
  *from(skip: number, pager: Pager): Generator<QueueEntry> {
    const slab = new RecordSlab();
    for (let slot = 0; slot < this.#ids.length; slot++) {
      if (this.#isHole(slot) || skip-- > 0) continue;
      const entry = this.#entries?.[slot] ?? this.#read(slot, pager, slab);
      if (typeof entry === 'object') yield entry;
    }
  }

  find(position: number, pager: Pager): QueueEntry | null {
    const slot = this.#slotOf(position);
    if (slot < 0) return null;
    const entry = this.#entries?.[slot] ?? this.#read(slot, pager, new RecordSlab());
    return typeof entry === 'object' ? entry : null;
  }

  /** Takes one out; false when it is not here. Its record in the journal is the queue's to release. */
  remove({ position, message }: QueueEntry, pager: Pager): boolean {
    const slot = this.#slotOf(position);
    if (slot < 0) return false;
    this.#forgetSlot(slot, pager);
    this.#bodyBytes -= message.bodySize;
    if (message.persistent) this.#persistent--;
    if (this.#entries) this.#entries[slot] = null;
    this.#ids.set(slot, 0);
    this.size--;
    return true;
  }

  /** Takes all out, unread; `release` gets the journal's records. */
  clear(pager: Pager, release: (recordId: number) => void): void {
    for (let slot = 0; slot < this.#ids.length; slot++) {
      const recordId = this.#entries?.[slot]?.message.recordId ?? this.#ids.at(slot);
      if (this.#journalled && recordId > 0) release(recordId);
      this.#forgetSlot(slot, pager);
    }
    this.#empty();
  }

  /** The journal's and the scratch log's records here. */
  records(): { journal: number[]; scratch: number[] } {
    const ids: number[] = [];
    if (!this.#entries) for (let slot = 0; slot < this.#ids.length; slot++) ids.push(this.#ids.at(slot));
    return { journal: ids.filter((id) => id > 0), scratch: ids.flatMap((id) => (id < 0 ? -id : [])) };
  }

  #empty(): void {
    this.size = this.#bodyBytes = this.#persistent = 0;
    this.#entries = null;
    this.#ids = new SlotNumbers();
    this.#positions = new SlotNumbers();
  }

  #forgetSlot(slot: number, pager: Pager): void {
    const entry = this.#entries?.[slot];
    if (entry) pager.removed(entry.message);
    if (this.#ids.at(slot) < 0) pager.forget(-this.#ids.at(slot));
  }

  #isHole(slot: number): boolean {
    return this.#ids.at(slot) === 0 && !this.#entries?.[slot];
  }

  #read(slot: number, pager: Pager, slab: RecordSlab): QueueEntry | 'not now' | 'damaged' {
    const id = this.#ids.at(slot);
    try {
      const view = (id > 0 ? pager.journal : pager.scratch).read(Math.abs(id));
      if (!view.owned) slab.keep(view);
      const message = messageOfRecord(Math.max(0, id), view.bytes, view.start, view.end);
      const entry = new QueueEntry(message, this.#positions.at(slot));
      entry.expiresAt = this.#expiries?.[slot] ?? 0;
      entry.redelivered = this.#redelivered?.has(slot) ?? false;
      return entry;
    } catch (error) {
      if (!(error instanceof RecordUnreadable)) throw error;
      return error.passing ? 'not now' : 'damaged';
    }
  }

  #slotOf(position: number): number {
    let low = 0;
    let high = this.#positions.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#positions.at(middle);
      if (found === position) return this.#isHole(middle) ? -1 : middle;
      if (found < position) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
