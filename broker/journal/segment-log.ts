// The journal on disk: one sequential log in segments. Appends gather in memory; a group commit writes what
// has gathered as one block and syncs it, and the next begins when it is done, so an idle journal commits at
// the end of the tick and a busy one in large batches. Invariant: safePosition never passes a byte that is
// not as safe as the confirm mode says.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Storage } from '../base/storage.ts';
import { compactSegment, type CompactionHost } from './compaction.ts';
import {
  JournalFault,
  type ConfirmMode,
  type Journal,
  type JournalStatistics,
  type RecoveryReport,
  type RecordView,
  type RecoveryVisitor,
} from './journal.ts';
import { DeliveredMarks } from './delivered-marks.ts';
import { Quarantine } from './quarantine.ts';
import { recover } from './recovery.ts';
import { ReferenceCounts } from './reference-counts.ts';
import { RecordReader } from './record-reader.ts';
import { blockHeaderSize, recordHeaderSize, segmentHeaderSize } from './segment-format.ts';
import { SegmentWriter, type ReleaseNote, type Slab } from './segment-writer.ts';
import { Segment } from './segment.ts';

export interface JournalOptions {
  folder: string;
  storage: Storage;
  clock: Clock;
  log: Log;
  confirmMode: ConfirmMode;
  /** What is in it need not outlive the process: it starts empty, and what was released is not written down. */
  scratch?: boolean;
  segmentBytesMax?: number;
  /** Size of the slabs that records gather in; one is written as one block. A larger record has its own. */
  blockBytesMax?: number;
  /** Of blocks read back, for those who read on in order. */
  cacheBytesMax?: number;
  /** What may wait for the disk before appends are refused. */
  pendingBytesMax?: number;
  retryMs?: number;
  /** A random number of 32 bits, other than 0. */
  newBlockMagic?: () => number;
}

const sparesMax = 4;
const notesEveryMs = 10;
/** A sealed segment with fewer of its records alive is rewritten without the dead. */
const compactBelow = 0.25;
const compactAgainMs = 10_000;

export class SegmentLog implements Journal {
  readonly confirmMode: ConfirmMode;
  fault: string | null = null;
  appendedPosition = 0;
  safePosition = 0;
  writtenId = 0;
  /** The newest segment there was when the journal was opened, 0 for none. */
  recoveredSegment = 0;
  readonly #options: Required<JournalOptions>;
  readonly #writer: SegmentWriter;
  readonly #quarantine: Quarantine;
  readonly #reader: RecordReader;
  readonly #counts = new ReferenceCounts();
  readonly #safeListeners: ((safePosition: number) => void)[] = [];
  readonly #writtenListeners: (() => void)[] = [];
  readonly #faultListeners: ((reason: string | null) => void)[] = [];
  #segments: Segment[] = [];
  #current!: Segment;
  #slab: Slab | null = null;
  /** Full slabs, oldest first, with the current one last when a commit takes them. */
  #waiting: Slab[] = [];
  #waitingBytes = 0;
  readonly #spares: Buffer[] = [];
  #nextId = 1;
  readonly #touched = new Set<Segment>();
  /** Releases on their way to their files, oldest first. */
  #notes: ReleaseNote[] = [];
  readonly #marks: DeliveredMarks;
  #notesTimer: Timer | null = null;
  #notesDue = false;
  #commitScheduled = false;
  #committing: Promise<void> | null = null;
  #closed = false;
  #compaction: Promise<void> | null = null;
  #marksWriting: Promise<void> | null = null;
  /** After one that failed: no earlier than this, by the clock's monotonic time. */
  #compactFrom = 0;
  #retryTimer: Timer | null = null;
  /** A fault that no later write undoes. */
  #stopped = false;

  constructor(options: JournalOptions) {
    this.#options = {
      scratch: false,
      segmentBytesMax: 32 << 20,
      blockBytesMax: 1 << 20,
      cacheBytesMax: 16 << 20,
      pendingBytesMax: 256 << 20,
      retryMs: 1000,
      newBlockMagic: () => randomInt(1, 2 ** 32),
      ...options,
    };
    this.confirmMode = options.confirmMode;
    this.#writer = new SegmentWriter(options);
    const { storage, folder, log } = options;
    this.#quarantine = new Quarantine(storage, folder, log);
    this.#reader = new RecordReader(storage, folder, this.#options.cacheBytesMax, this.#quarantine);
    this.#marks = new DeliveredMarks(options.storage, options.folder);
  }

  /** Reads the folder, telling the visitor of every record that is still held. Comes before anything else. */
  async recover(visitor: RecoveryVisitor): Promise<RecoveryReport> {
    const { clock, storage, folder, scratch } = this.#options;
    const startedAt = clock.monotonic();
    if (scratch) for (const name of await storage.list(folder)) await storage.remove(join(folder, name));
    await this.#marks.load();
    const found = await recover({ storage, folder, counts: this.#counts, marks: this.#marks, visitor });
    this.#segments = found.segments;
    this.#quarantine.count = found.report.damaged.length;
    this.recoveredSegment = found.lastNumber;
    this.#nextId = found.lastId + 1;
    this.writtenId = found.lastId;
    const last = this.#segments.at(-1);
    this.#begin(found.lastNumber + 1, this.#nextId);
    if (last && !last.damaged) this.#noteSynced(last);
    await this.#removeDead();
    return { ...found.report, durationMs: clock.monotonic() - startedAt };
  }

  /** What no later write undoes. */
  get faultForGood(): string | null {
    return this.#stopped ? this.fault : null;
  }

  get state(): 'ready' | 'faulted' {
    return this.fault === null ? 'ready' : 'faulted';
  }

  get lastRecordId(): number {
    return this.#nextId - 1;
  }

  get pendingBytes(): number {
    return this.#waitingBytes;
  }

  append(
    holders: ArrayLike<number>,
    holderCount: number,
    head: Uint8Array,
    body: Uint8Array,
    start: number,
    length: number,
  ): number {
    const size = recordHeaderSize + 4 * holderCount + head.length + length;
    if (this.#waitingBytes + size > this.#options.pendingBytesMax)
      throw new JournalFault(this.fault ?? 'more is waiting for the disk than may wait');
    const id = this.#nextId++;
    const large = blockHeaderSize + size > this.#options.blockBytesMax;
    const slab = this.#slabFor(size, id, large ? size - length : size);
    const { bytes } = slab;
    let at = slab.end;
    bytes.writeUInt32BE(size - 4, at);
    bytes.writeDoubleBE(id, at + 4);
    bytes.writeUInt16BE(holderCount, at + 12);
    at += recordHeaderSize;
    for (let i = 0; i < holderCount; i++, at += 4) bytes.writeUInt32BE(holders[i]!, at);
    bytes.set(head, at);
    at += head.length;
    if (large) slab.rest = (body as Buffer).subarray(start, start + length);
    else at += (body as Buffer).copy(bytes, at, start, start + length);
    slab.end = at;
    slab.lastId = id;
    this.#current.records++;
    this.#current.live++;
    this.#current.size += size;
    this.#counts.set(id, holderCount);
    this.#waitingBytes += size;
    this.appendedPosition += size;
    this.#schedule();
    return id;
  }

  read(recordId: number): RecordView {
    return this.#reader.read(this.#segmentOf(recordId), recordId);
  }

  async prefetch(recordIds: Iterable<number>): Promise<void> {
    for (const id of recordIds) await this.#reader.prefetch(this.#segmentOf(id), id);
  }

  release(holder: number, recordId: number, after = 0): void {
    const segment = this.#segmentOf(recordId);
    const left = this.#counts.decrement(recordId);
    if (left < 0) return;
    if (!this.#options.scratch) {
      segment.releases.release(holder, recordId - segment.firstId);
      this.#touched.add(segment);
    }
    if (left === 0) segment.live--;
    if (after > segment.replacedAt) segment.replacedAt = after;
    this.#scheduleNotes();
  }

  markDelivered(holder: number, recordId: number): void {
    if (this.#marks.handedOut(holder, recordId)) this.#marksWriting ??= this.#writeMarks();
  }

  get marksPending(): Promise<void> | null {
    return this.#marksWriting;
  }

  async #writeMarks(): Promise<void> {
    try {
      while (this.#marks.dirty) await this.#marks.write();
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException);
    } finally {
      this.#marksWriting = null;
    }
  }

  onWritten(listener: () => void): () => void {
    this.#writtenListeners.push(listener);
    return () => void this.#writtenListeners.splice(this.#writtenListeners.indexOf(listener), 1);
  }

  onSafe(listener: (safePosition: number) => void): () => void {
    this.#safeListeners.push(listener);
    return () => void this.#safeListeners.splice(this.#safeListeners.indexOf(listener), 1);
  }

  onFault(listener: (reason: string | null) => void): () => void {
    this.#faultListeners.push(listener);
    return () => void this.#faultListeners.splice(this.#faultListeners.indexOf(listener), 1);
  }

  async flush(): Promise<void> {
    const wanted = this.appendedPosition;
    do {
      if (this.#stopped) break;
      await (this.#committing ?? this.#commit());
    } while (this.safePosition < wanted && this.fault === null);
    if (this.fault !== null) throw new JournalFault(this.fault);
  }

  async flushReleases(): Promise<void> {
    // The commit under way may have taken its releases already.
    await this.#committing;
    this.#notesDue = true;
    if (!this.#stopped) await (this.#committing ?? this.#commit());
    if (this.fault === null)
      await this.#writer.syncReleases().catch((error: unknown) => {
        this.#failed(error as NodeJS.ErrnoException);
      });
    if (this.fault !== null) throw new JournalFault(this.fault);
  }

  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    this.#closed = true;
    this.#notesTimer?.cancel();
    this.#retryTimer?.cancel();
    await this.#committing;
    await this.#compaction;
    await this.#marksWriting;
    await this.#quarantine.copied;
    if (!this.#options.scratch && this.fault === null)
      await this.#finish().catch((error: unknown) => this.#failed(error as NodeJS.ErrnoException));
    await this.#marks.close();
    for (const segment of this.#segments) {
      await segment.file?.close();
      await segment.releaseFile?.close();
    }
    this.#reader.close();
  }

  async #finish(): Promise<void> {
    this.#takeNotes();
    await this.#removeDead();
    await this.#writeNotes();
    await this.#marks.finish();
  }

  statistics(): JournalStatistics {
    const { syncs, writtenBytes } = this.#writer.statistics;
    let liveRecords = 0;
    let bytes = 0;
    for (const segment of this.#segments) {
      liveRecords += segment.live;
      bytes += segment.size;
    }
    const damagedPieces = this.#quarantine.count;
    return { segments: this.#segments.length, bytes, liveRecords, damagedPieces, syncs, writtenBytes };
  }

  takeSyncDurationsMs(): number[] {
    const { syncDurationsMs } = this.#writer;
    this.#writer.syncDurationsMs = [];
    return syncDurationsMs;
  }

  /**
   * Room for a record in the current block, after rolling to a new segment or block where needed. `copied`: of its
   * bytes, those that go into the block's buffer.
   */
  #slabFor(size: number, id: number, copied: number): Slab {
    if (this.#current.size + size > this.#options.segmentBytesMax && this.#current.records > 0) this.#roll();
    let slab = this.#slab;
    if (slab && slab.end + size > slab.bytes.length) {
      this.#waiting.push(slab);
      slab = this.#slab = null;
    }
    if (!slab) {
      const { blockBytesMax } = this.#options;
      const bytes =
        blockHeaderSize + size <= blockBytesMax
          ? (this.#spares.pop() ?? Buffer.allocUnsafeSlow(blockBytesMax))
          : Buffer.allocUnsafeSlow(blockHeaderSize + copied);
      const place = { firstId: id, lastId: id };
      slab = this.#slab = { segment: this.#current, bytes, end: blockHeaderSize, rest: null, ...place };
      this.#current.size += blockHeaderSize;
    }
    return slab;
  }

  #roll(): void {
    this.#current.sealed = true;
    if (this.#slab) this.#waiting.push(this.#slab);
    this.#slab = null;
    this.#begin(this.#current.number + 1, this.#nextId - 1);
  }

  #begin(number: number, firstId: number): void {
    this.#current = new Segment(number, { firstId, blockMagic: this.#options.newBlockMagic() });
    this.#current.size = segmentHeaderSize;
    this.#segments.push(this.#current);
  }

  #segmentOf(recordId: number): Segment {
    const segments = this.#segments;
    let low = 0;
    let high = segments.length - 1;
    if (segments[high]!.firstId <= recordId) return segments[high]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (segments[middle]!.firstId <= recordId) low = middle;
      else high = middle - 1;
    }
    return segments[low]!;
  }

  // ---- Group commit ----

  /** Releases can wait a little: a loss costs a redelivery, and together they are one write. */
  #scheduleNotes(): void {
    if (this.#notesTimer || this.#closed) return;
    this.#notesTimer = this.#options.clock.after(notesEveryMs, () => {
      this.#notesDue = true;
      this.#schedule();
    });
  }

  /** Of a segment whose file is on the disk as it is. */
  #noteSynced(segment: Segment): void {
    const { scratch, confirmMode } = this.#options;
    if (scratch || confirmMode !== 'synced') return;
    segment.releases.synced(segment.written, segment.blockMagic);
    this.#touched.add(segment);
    this.#scheduleNotes();
  }

  #takeNotes(): void {
    this.#notesDue = false;
    this.#notesTimer = null;
    for (const segment of this.#touched) this.#notes.push({ segment, block: segment.releases.take() });
    this.#touched.clear();
  }

  async #writeNotes(): Promise<void> {
    for (let note = this.#notes[0]; note; note = this.#notes[0]) {
      await this.#writer.writeReleases(note);
      this.#notes.shift();
    }
    // What a fault kept from being written.
    if (this.#marks.dirty && !this.#marksWriting) await (this.#marksWriting = this.#writeMarks());
  }

  #schedule(): void {
    if (this.#commitScheduled || this.#committing || this.#closed || this.#stopped) return;
    this.#commitScheduled = true;
    this.#options.clock.soon(() => {
      this.#commitScheduled = false;
      if (!this.#committing && !this.#closed && !this.#stopped) void this.#commit();
    });
  }

  #commit(): Promise<void> {
    this.#committing = this.#commitOnce()
      .catch((error: unknown) => this.#failed(error as NodeJS.ErrnoException))
      .finally(() => {
        this.#committing = null;
        const more = this.#waiting.length > 0 || this.#slab !== null || this.#notesDue;
        if (more && this.fault === null) this.#schedule();
      });
    return this.#committing;
  }

  async #commitOnce(): Promise<void> {
    if (this.#slab) this.#waiting.push(this.#slab);
    this.#slab = null;
    const position = this.appendedPosition;
    // What is released from here on waits for the next commit: a release must not be on the disk before what was
    // appended before it, which may be what took its place (a dead letter).
    if (this.#notesDue) this.#takeNotes();
    // On a full disk this makes the room for what comes next.
    if (this.fault !== null) await this.#removeDead();
    await this.#writeSlabs(this.#waiting.length);
    this.#waitingBytes = this.appendedPosition - position;
    // The marks have failed meanwhile.
    if (this.#stopped) return;
    if (position > this.safePosition) {
      this.safePosition = position;
      for (const listener of this.#safeListeners) listener(position);
      for (const listener of this.#writtenListeners) listener();
    }
    await this.#removeDead();
    await this.#writeNotes();
    if (this.fault !== null && !this.#stopped && !this.#marks.dirty) this.#recoveredFromFault();
    this.#compactSparse();
  }

  /** Appends meanwhile go to slabs of their own, behind these. What was written once is not written again. */
  async #writeSlabs(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const { segment } = this.#waiting[0]!;
      const group: Slab[] = [];
      for (const slab of this.#waiting.slice(0, left)) {
        if (slab.segment !== segment) break;
        group.push(slab);
      }
      await this.#writer.write(group);
      this.#noteSynced(segment);
      this.writtenId = group.at(-1)!.lastId;
      this.#waiting.splice(0, group.length);
      left -= group.length;
      for (const { bytes } of group)
        if (bytes.length === this.#options.blockBytesMax && this.#spares.length < sparesMax)
          this.#spares.push(bytes);
    }
  }

  async #removeDead(): Promise<void> {
    const newest = this.#newest();
    const dead = this.#segments.filter((segment) => segment !== newest && this.#isRemovable(segment));
    if (dead.length === 0) return;
    for (const segment of dead) {
      this.#reader.forget(segment);
      await this.#writer.remove(segment);
    }
    this.#segments = this.#segments.filter((segment) => !segment.removed);
  }

  /** The newest file stays as it is, dead or not: after a restart the ids go on behind it. */
  #newest(): Segment | undefined {
    return this.#segments.findLast(({ written }) => written > 0);
  }

  /** One that is dead before all of it is written still has writes coming. */
  #isRemovable(segment: Segment): boolean {
    const { sealed, live, written, size, replacedAt, compacting } = segment;
    if (!sealed || live > 0 || written !== size || compacting) return false;
    return replacedAt <= this.safePosition;
  }

  #compactSparse(): void {
    const { clock, log } = this.#options;
    if (this.#compaction || this.#closed || clock.monotonic() < this.#compactFrom) return;
    const newest = this.#newest();
    const sparse = this.#segments.find(
      (segment) =>
        segment !== newest &&
        segment.sealed &&
        !segment.damaged &&
        segment.written === segment.size &&
        segment.live > 0 &&
        segment.live < segment.records * compactBelow,
    );
    if (!sparse) return;
    const host: CompactionHost = {
      ...this.#options,
      counts: this.#counts,
      reader: this.#reader,
      ended: () => this.#closed || this.#stopped,
      safe: () => this.flush(),
    };
    this.#compaction = compactSegment(host, sparse)
      .then(() => this.#noteSynced(sparse))
      .catch((error: unknown) => {
        log.warn(`compaction of segment ${sparse.number} failed: ${String(error)}`);
        this.#compactFrom = clock.monotonic() + compactAgainMs;
      })
      .finally(() => {
        this.#compaction = null;
        // It may have died meanwhile.
        this.#scheduleNotes();
      });
  }

  // ---- Faults ----

  #failed(error: NodeJS.ErrnoException): void {
    const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
    const reason = full
      ? `no space left for the journal in ${this.#options.folder}`
      : `the journal cannot be written: ${error.message}`;
    const first = this.fault === null;
    this.fault = reason;
    if (first) {
      this.#options.log.error(reason);
      for (const listener of this.#faultListeners) listener(reason);
    }
    // After a failed sync the page cache may hold what the disk does not: only a full disk is tried again.
    if (!full) this.#stopped = true;
    else this.#retryTimer ??= this.#options.clock.after(this.#options.retryMs, () => this.#retry());
  }

  #retry(): void {
    this.#retryTimer = null;
    this.#schedule();
  }

  #recoveredFromFault(): void {
    this.fault = null;
    this.#options.log.info('the journal can be written again');
    for (const listener of this.#faultListeners) listener(null);
  }
}
