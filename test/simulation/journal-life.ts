// A life with a journal: it appends, releases, moves and reads at random. What it does is noted in the expectations;
// what the journal answers is held against them.
import { JournalFault, RecordUnreadable, type RecordView } from '../../broker/journal/journal.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import type { FoundRecord, Held } from './expectations.ts';
import { Life, type LifeParts } from './life.ts';
import { recordsAt, segmentHeaderSize } from './rot.ts';
import { promised } from './violation.ts';

const folder = '/data/journal';

export class JournalLife extends Life {
  readonly #journal: SegmentLog;
  /** How far the safe position may go at most, after a disk fault. */
  #safeMax = Infinity;
  /** By a fault that no later write undoes. */
  #stopped = false;

  constructor(parts: LifeParts) {
    super(parts);
    const { loop, random, conditions } = parts;
    this.#journal = new SegmentLog({
      folder,
      storage: this.storage,
      clock: loop,
      log: this.log,
      confirmMode: conditions.confirmMode,
      segmentBytesMax: conditions.segmentBytesMax,
      blockBytesMax: conditions.blockBytesMax,
      cacheBytesMax: conditions.cacheBytesMax,
      pendingBytesMax: conditions.pendingBytesMax,
      newBlockMagic: () => 1 + random.below(2 ** 32 - 1),
    });
    this.#journal.onSafe((position) => this.#safe(position));
  }

  protected async recover(): Promise<void> {
    const found: FoundRecord[] = [];
    const report = await this.#journal.recover((id, holders, delivered, bytes, start, end) =>
      found.push({
        id,
        holders: [...holders],
        delivered: [...delivered],
        bytes: Buffer.from(bytes.subarray(start, end)),
      }),
    );
    this.parts.trace(`recovered ${found.length} records: ${JSON.stringify(report)}`);
    this.parts.expectations.recovered(found, report);
  }

  // ---- Checks ----

  #safe(position: number): void {
    this.parts.trace(`safe up to ${position}`);
    const { safePosition, appendedPosition } = this.#journal;
    promised(position === safePosition && position <= appendedPosition, () => `safe position ${position}`);
    promised(position <= this.#safeMax, () => `confirms go on after a disk fault: ${position} is safe`);
    this.parts.expectations.safeUpTo(position);
  }

  protected afterEvent(): void {
    const { fault, safePosition } = this.#journal;
    if (fault !== null && !fault.startsWith('no space')) {
      this.#stopped = true;
      this.#safeMax = Math.min(this.#safeMax, safePosition);
    }
    promised(!this.#stopped || fault !== null, () => 'a fault that is no full disk went away');
    promised(safePosition <= this.#safeMax, () => 'confirms go on after a disk fault');
  }

  protected override syncFailed(): void {
    this.#safeMax = Math.min(this.#safeMax, this.#journal.safePosition);
  }

  protected settled(): void {
    const { expectations, disk } = this.parts;
    const journal = this.#journal;
    if (this.#stopped) return;
    promised(journal.fault === null, () => `the fault stays: ${journal.fault}`);
    promised(journal.safePosition === journal.appendedPosition, () => 'not all is safe, and nothing happens');
    promised(expectations.unsafeCount === 0, () => 'not all was told to be safe, and nothing happens');
    promised(journal.pendingBytes === 0, () => `${journal.pendingBytes} bytes wait, and nothing happens`);
    expectations.allWritten();
    const { liveRecords, segments } = journal.statistics();
    const expected = expectations.liveRecords;
    promised(liveRecords === expected, () => `${liveRecords} live records, not ${expected}`);
    const files = disk.paths().filter((path) => path.endsWith('.log')).length;
    promised(files === segments || files === segments - 1, () => `${files} files for ${segments} segments`);
  }

  // ---- Work ----

  protected act(): void {
    const { random, conditions, expectations } = this.parts;
    const replaced = this.#beingReplaced();
    if (replaced.length > 0 && random.chance(0.3)) return this.#disturb(replaced);
    const action = random.weighted(conditions.actions);
    if (action === 'append') for (let i = random.pick([1, 1, 3, 20]); i > 0; i--) this.#append();
    else if (action === 'settle') this.state = 'settling';
    else if (action === 'close')
      this.close(
        () => this.#journal.close(),
        () => this.#journal.fault === null,
      );
    else if (action === 'flush') this.watch(this.#flush());
    else if (action === 'fill') this.fillDisk();
    else if (action === 'rot') this.rot();
    else if (expectations.held.length > 0) this.#actOn(action);
  }

  #actOn(action: 'release' | 'releaseMany' | 'move' | 'mark' | 'read' | 'prefetch'): void {
    const { random, expectations } = this.parts;
    const { held } = expectations;
    const one = random.chance(0.6) ? held[0]! : random.pick(held);
    if (action === 'release') this.#release(one, null);
    else if (action === 'releaseMany') {
      const share = random.pick([0.5, 0.8, 0.8, 1]);
      for (const each of held.filter(() => random.chance(share))) this.#release(each, null);
    } else if (action === 'move') {
      const copy = this.#append();
      if (copy) this.#release(one, copy);
    } else if (action === 'mark') this.#mark(one);
    else if (action === 'read')
      for (let i = random.pick([1, 1, 10]); i > 0; i--) this.#read(random.pick(held));
    else {
      const ids = held.slice(0, 5).map(({ record }) => record.id);
      this.watch(this.#journal.prefetch(ids.filter((id) => id <= this.#journal.writtenId)));
    }
  }

  /** What is held in a segment that is being compacted, or just was. */
  #beingReplaced(): Held[] {
    const { disk, expectations, loop } = this.parts;
    const path = disk.paths().find((each) => each.endsWith('.log.new'));
    if (path) {
      const segment = disk.file(path.slice(0, -'.new'.length));
      const ids = segment && recordsAt(segment.view, 0);
      this.#replaced = { ids: new Set(ids), until: loop.count + 10 };
    }
    const { ids, until } = this.#replaced;
    if (loop.count > until) return [];
    return expectations.held.filter(({ record }) => ids.has(record.id));
  }

  #replaced = { ids: new Set<number>(), until: 0 };

  /** Such moments are short, and worth some attention. */
  #disturb(held: Held[]): void {
    const { random } = this.parts;
    const what = random.weighted({ read: 6, releaseOne: 2, releaseAll: 1 });
    if (what === 'read') for (const each of held) this.#read(each);
    else if (what === 'releaseOne') this.#release(random.pick(held), null);
    else for (const each of held) this.#release(each, null);
  }

  /** Null when the journal takes no more. */
  #append(): Held | null {
    const { random, conditions, expectations, trace } = this.parts;
    const all = Array.from({ length: conditions.holders }, (_, index) => index + 1);
    const some = all.filter(() => random.chance(0.4));
    const holders = some.length > 0 ? some : [random.pick(all)];
    const own = random.bytes(random.below(conditions.bodyBytesMax));
    const bytes = random.chance(0.05) ? this.#pieceOfSegment() : own;
    const head = bytes.subarray(0, random.below(bytes.length + 1));
    const start = random.below(8);
    const body = Buffer.concat([Buffer.alloc(start), bytes.subarray(head.length)]);
    let id: number;
    try {
      id = this.#journal.append(holders, holders.length, head, body, start, body.length - start);
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      trace(`append refused: ${error.message}`);
      return null;
    }
    trace(`append ${id} for ${holders.join()}, ${bytes.length} bytes`);
    const record = expectations.appended(id, holders, bytes, this.#journal.appendedPosition);
    return { record, holder: random.pick(holders) };
  }

  /** A message may be anything, a part of a journal too. */
  #pieceOfSegment(): Buffer {
    const { random, disk } = this.parts;
    const segments = disk.paths().filter((path) => path.endsWith('.log'));
    if (segments.length === 0) return Buffer.alloc(0);
    const { view } = disk.file(random.pick(segments))!;
    const from = random.chance(0.5) ? random.below(view.length + 1) : segmentHeaderSize;
    return Buffer.from(view.subarray(from, from + 1000));
  }

  #release(held: Held, copy: Held | null): void {
    this.parts.trace(`release ${held.record.id} of ${held.holder}`);
    this.#journal.release(held.holder, held.record.id, copy ? this.#journal.appendedPosition : 0);
    this.parts.expectations.released(held, copy);
  }

  #mark({ record, holder }: Held): void {
    this.parts.trace(`mark ${record.id} of ${holder}`);
    this.#journal.markDelivered(holder, record.id);
    this.parts.expectations.marked(holder, record.id);
    const written = () => {
      if (this.#journal.fault === null) this.parts.expectations.markWritten(holder, record.id);
    };
    // A delivery leaves once this has resolved.
    if (this.#journal.marksPending) this.watch(this.#journal.marksPending.then(written));
    else written();
  }

  #read({ record }: Held): void {
    if (record.id > this.#journal.writtenId) return;
    this.parts.trace(`read ${record.id}`);
    const failuresBefore = this.storage.failed.length;
    let view: RecordView;
    try {
      view = this.#journal.read(record.id);
    } catch (error) {
      promised(error instanceof RecordUnreadable, () => `reading record ${record.id}: ${String(error)}`);
      const failed = this.storage.failed.length > failuresBefore;
      const excused = failed || this.parts.expectations.isRotten(record);
      promised(excused, () => `record ${record.id} is unreadable without a reason: ${error.message}`);
      return;
    }
    const { bytes, start, end } = view;
    const same = bytes.subarray(start, end).equals(record.bytes);
    promised(same, () => `record ${record.id} reads as other bytes`);
  }

  async #flush(): Promise<void> {
    const wanted = this.#journal.appendedPosition;
    try {
      await this.#journal.flush();
    } catch (error) {
      if (error instanceof JournalFault) return;
      throw error;
    }
    promised(this.#journal.safePosition >= wanted, () => 'flush answers before all is safe');
  }
}
