// What the journal has promised so far, kept beside it: every record ever appended, who holds it, and what a
// recovery must, may and must not bring back.
import type { ConfirmMode, RecoveryReport } from '../../broker/journal/journal.ts';
import { promised } from './violation.ts';

export interface ExpectedRecord {
  readonly id: number;
  readonly bytes: Buffer;
  /** Log position behind it; 0 once it comes from a recovery. */
  position: number;
  /** Whether losing it breaks a promise: it was confirmed, or a recovery has shown it. */
  safe: boolean;
  /**
   * Its sync failed and it was never confirmed: the page cache shows it, the disk may not have it, and no later sync
   * changes that. It may go with the power at any time.
   */
  doubtful: boolean;
  readonly holders: Map<number, Holding>;
}

interface Holding {
  held: boolean;
  /** Of a release: it must be in the page cache at least, so a process death does not undo it. */
  written: boolean;
  /** What took its place before it was released: at least one of the two survives. */
  copy: Held | null;
}

export interface Held {
  readonly record: ExpectedRecord;
  readonly holder: number;
}

export interface FoundRecord {
  readonly id: number;
  readonly holders: readonly number[];
  readonly delivered: readonly boolean[];
  readonly bytes: Buffer;
}

/** How a life ended. */
export type End = 'clean' | 'process' | 'power';

export class Expectations {
  /** In the order in which they were appended or found. */
  held: Held[] = [];
  readonly #confirmMode: ConfirmMode;
  #records = new Map<number, ExpectedRecord>();
  /** Released by all, or gone with the power in `written` mode: they may come back after a power loss. */
  readonly #past = new Map<number, ExpectedRecord>();
  /** Appended in this life and not confirmed yet, oldest first. */
  #unsafe: ExpectedRecord[] = [];
  #lastId = 0;
  #lastPromisedId = 0;
  /** Since the last recovery. */
  #powerLost = false;
  #powerEverLost = false;
  /** Every end so far was a clean stop, so that marks are exact. */
  #onlyClean = true;
  /** Per holder, up to which record it has handed out: ever, as the journal must know, and as its file must say. */
  readonly #everMarked = new Map<number, number>();
  #marked = new Map<number, number>();
  #writtenMarks = new Map<number, number>();
  /** Records in a place that rot has hit; a loss must be reported, but is nobody's fault. */
  readonly #rotten = new Set<number>();
  #releasesRotten = false;
  #syncFailed = false;

  constructor(confirmMode: ConfirmMode) {
    this.#confirmMode = confirmMode;
  }

  // ---- Life ----

  appended(id: number, holders: readonly number[], bytes: Buffer, position: number): ExpectedRecord {
    promised(id > this.#lastId, () => `record id ${id} after ${this.#lastId}`);
    promised(id > this.#lastPromisedId, () => `record id ${id} is used again`);
    this.#lastId = id;
    const holdings = holders.map((holder) => [holder, { held: true, written: false, copy: null }] as const);
    const record: ExpectedRecord = {
      id,
      bytes,
      position,
      safe: false,
      doubtful: false,
      holders: new Map(holdings),
    };
    this.#records.set(id, record);
    this.#past.delete(id);
    this.#unsafe.push(record);
    for (const holder of holders) this.held.push({ record, holder });
    return record;
  }

  safeUpTo(position: number): void {
    while (this.#unsafe.length > 0 && this.#unsafe[0]!.position <= position) {
      const record = this.#unsafe.shift()!;
      record.safe = true;
      this.#lastPromisedId = record.id;
    }
  }

  get unsafeCount(): number {
    return this.#unsafe.length;
  }

  released({ record, holder }: Held, copy: Held | null): void {
    const holding = record.holders.get(holder)!;
    holding.held = false;
    holding.copy = copy;
    this.held = this.held.filter((each) => each.record !== record || each.holder !== holder);
  }

  marked(holder: number, id: number): void {
    for (const marks of [this.#everMarked, this.#marked])
      marks.set(holder, Math.max(id, marks.get(holder) ?? 0));
  }

  markWritten(holder: number, id: number): void {
    this.#writtenMarks.set(holder, Math.max(id, this.#writtenMarks.get(holder) ?? 0));
  }

  /** The journal has had the time to write all it was told, or has closed. */
  allWritten(): void {
    for (const record of this.#records.values())
      for (const holding of record.holders.values()) if (!holding.held) holding.written = true;
    this.#writtenMarks = new Map(this.#marked);
  }

  get liveRecords(): number {
    return new Set(this.held.map(({ record }) => record)).size;
  }

  isRotten({ id }: ExpectedRecord): boolean {
    return this.#rotten.has(id);
  }

  rot(ids: Iterable<number>, releases: boolean): void {
    for (const id of ids) this.#rotten.add(id);
    if (releases) this.#releasesRotten = true;
  }

  syncFailed(): void {
    this.#syncFailed = true;
  }

  ended(end: End): void {
    if (end === 'clean') this.allWritten();
    else this.#onlyClean = false;
    if (end === 'power') this.#powerLost = this.#powerEverLost = true;
  }

  // ---- Recovery ----

  /** Checks what a recovery has brought back, and goes on from there. */
  recovered(found: readonly FoundRecord[], report: Omit<RecoveryReport, 'durationMs'>): void {
    const promiseLost = this.#powerLost && this.#confirmMode === 'written';
    const byId = new Map(found.map((each) => [each.id, each]));
    let before = 0;
    for (const each of found) {
      promised(each.id > before, () => `record ${each.id} is recovered after record ${before}`);
      before = each.id;
      this.#checkFound(each);
    }
    const losses = promiseLost ? [] : this.#losses(byId);
    const rotten = losses.filter((id) => this.#rotten.has(id));
    promised(losses.length === rotten.length, () => `confirmed records are lost: ${losses.join(', ')}`);
    const told = report.damaged.length > 0 || report.tornTailBytes > 0;
    promised(rotten.length === 0 || told, () => `damaged records left out in silence: ${rotten.join(', ')}`);
    // After clean stops alone it is known how far the disk had everything, so nothing is taken for a torn commit.
    const noted = this.#onlyClean && this.#confirmMode === 'synced';
    promised(
      rotten.length === 0 || !noted || report.damaged.length > 0,
      () => `damaged records taken for a torn commit: ${rotten.join(', ')}`,
    );
    const mayBeDamaged = this.#powerEverLost || this.#rotten.size > 0 || this.#releasesRotten;
    promised(
      mayBeDamaged || report.damaged.length === 0,
      () => `damage out of nowhere: ${JSON.stringify(report.damaged)}`,
    );
    promised(
      report.records === found.length,
      () => `${report.records} records reported, ${found.length} shown`,
    );
    this.#goOn(byId, promiseLost);
  }

  #checkFound({ id, bytes, holders, delivered }: FoundRecord): void {
    const record = this.#records.get(id) ?? this.#past.get(id);
    promised(record !== undefined, () => `record ${id} is recovered, which is not or no longer there`);
    promised(bytes.equals(record.bytes), () => `record ${id} has other bytes than it was given`);
    const comesBack = this.#powerLost || this.#releasesRotten;
    promised(
      new Set(holders).size === holders.length && holders.length > 0,
      () => `record ${id} holders ${holders.join()}`,
    );
    for (const [index, holder] of holders.entries()) {
      const holding = record.holders.get(holder);
      promised(holding !== undefined, () => `record ${id} is held by ${holder}, who never did`);
      promised(
        comesBack || !holding.written,
        () => `record ${id} is back for ${holder}, who has released it`,
      );
      this.#checkMark(id, holder, delivered[index]!);
    }
  }

  #checkMark(id: number, holder: number, delivered: boolean): void {
    if (this.#powerLost || this.#releasesRotten) return;
    const wasWritten = id <= (this.#writtenMarks.get(holder) ?? 0);
    promised(
      delivered || !wasWritten,
      () => `record ${id} was handed out by ${holder}, and is not marked so`,
    );
    const wasMarked = id <= (this.#everMarked.get(holder) ?? 0);
    promised(
      !delivered || wasMarked || !this.#onlyClean,
      () => `record ${id} is marked as handed out by ${holder}`,
    );
  }

  #losses(found: ReadonlyMap<number, FoundRecord>): number[] {
    const isThere = ({ record, holder }: Held) => found.get(record.id)?.holders.includes(holder) ?? false;
    /** It is there, or what took its place is (or was, where rot came in), or it was let go for good. */
    const survives = (held: Held): boolean => {
      const { held: isHeld, copy } = held.record.holders.get(held.holder)!;
      if (isThere(held)) return true;
      return !isHeld && (copy === null || this.#rotten.has(copy.record.id) || survives(copy));
    };
    return [...this.#records.values()].flatMap((record) =>
      record.safe && [...record.holders.keys()].some((holder) => !survives({ record, holder }))
        ? [record.id]
        : [],
    );
  }

  /** What was found is held from now on, by those who were found to hold it. */
  #goOn(found: ReadonlyMap<number, FoundRecord>, promiseLost: boolean): void {
    const records = new Map<number, ExpectedRecord>();
    for (const record of [...this.#records.values(), ...this.#past.values()]) {
      const there = found.get(record.id);
      const released = [...record.holders.values()].every(({ held }) => !held);
      for (const [holder, holding] of record.holders) {
        holding.held = there?.holders.includes(holder) ?? false;
        holding.written = !holding.held;
        holding.copy = null;
      }
      if (there) records.set(record.id, record);
      else if (released || record.safe) this.#past.set(record.id, record);
    }
    this.held = [];
    for (const { id, holders } of found.values()) {
      const record = records.get(id)!;
      this.#past.delete(id);
      record.doubtful ||= !record.safe && this.#syncFailed;
      record.safe ||= !record.doubtful;
      record.position = 0;
      for (const holder of holders) this.held.push({ record, holder });
    }
    this.#records = records;
    this.#unsafe = [];
    this.#lastId = 0;
    this.#syncFailed = false;
    const lastFound = [...records.values()].reduce(
      (last, { id, safe }) => (safe ? Math.max(last, id) : last),
      0,
    );
    const forgotten = promiseLost || this.#rotten.size > 0;
    this.#lastPromisedId = forgotten ? lastFound : Math.max(this.#lastPromisedId, lastFound);
    if (this.#powerLost) this.#writtenMarks.clear();
    // What was handed out and never written is gone, and its ids are free again.
    for (const [holder, id] of this.#writtenMarks)
      this.#writtenMarks.set(holder, Math.min(id, this.#lastPromisedId));
    this.#marked = new Map(this.#writtenMarks);
    this.#powerLost = false;
  }
}
