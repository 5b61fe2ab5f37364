// Reading the journal back after a stop of any kind. Observed facts -> decision:
//
//   sound block                                        records go to their holders, less what was released
//   damage with no sound block after it, in any file   a torn commit, never confirmed: cut
//   damage with a sound block after it                 quarantined: copied aside, named in the report, passed
//   segment without a sound header, nothing after it   a file that was being made: removed
//   segment without a sound header, others after it    quarantined whole
//   release file torn or damaged                       read up to the damage: the rest costs redeliveries
//   release file without its segment                   removed
import { join } from 'node:path';
import type { Storage } from '../base/storage.ts';
import type { RecoveryReport, RecoveryVisitor } from './journal.ts';
import type { DeliveredMarks } from './delivered-marks.ts';
import type { ReferenceCounts } from './reference-counts.ts';
import {
  blockHeaderSize,
  firstIdIn,
  numberIn,
  piecesOf,
  recordHeaderSize,
  releaseEntrySize,
  releaseName,
  segmentHeaderSize,
  segmentName,
  type Damage,
} from './segment-format.ts';
import { Segment } from './segment.ts';

export interface Recovered {
  segments: Segment[];
  lastId: number;
  lastNumber: number;
  report: Omit<RecoveryReport, 'durationMs'>;
}

export interface RecoveryParts {
  storage: Storage;
  folder: string;
  counts: ReferenceCounts;
  /** Already loaded. */
  marks: DeliveredMarks;
  visitor: RecoveryVisitor;
}

/** Reads all segments of a folder in order, telling the visitor of each record that is still held. */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  return new Recovery(parts).run();
}

class Recovery {
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #counts: ReferenceCounts;
  readonly #marks: DeliveredMarks;
  readonly #visitor: RecoveryVisitor;
  readonly #result: Recovered = {
    segments: [],
    lastId: 0,
    lastNumber: 0,
    report: { records: 0, segments: 0, tornTailBytes: 0, damaged: [] },
  };
  /** Damage that is a torn tail unless a sound block follows; `bytes` are the damaged ones. */
  #undecided: { number: number; bytes: Buffer; offset: number; end: number; reason: string }[] = [];
  /** For one segment after the other: a start must not take memory by the size of the journal. */
  #buffer: Buffer = Buffer.alloc(0);

  constructor({ storage, folder, counts, marks, visitor }: RecoveryParts) {
    this.#storage = storage;
    this.#folder = folder;
    this.#counts = counts;
    this.#marks = marks;
    this.#visitor = visitor;
  }

  async run(): Promise<Recovered> {
    const names = await this.#storage.list(this.#folder);
    const numbers = names.filter((name) => name.endsWith('.log')).flatMap((name) => numberIn(name) ?? []);
    numbers.sort((a, b) => a - b);
    for (const number of numbers) await this.#open(number);
    for (const segment of this.#opened) {
      const releases = new Releases(segment.firstId);
      if (names.includes(releaseName(segment.number))) await this.#readReleases(segment, releases);
      await this.#readRecords(segment, releases);
    }
    await this.#cutTail();
    this.#marks.keepOnly(this.#seen);
    await this.#removeStrays(names, new Set(numbers));
    this.#result.report.segments = this.#result.segments.length;
    return this.#result;
  }

  readonly #holders: number[] = [];
  readonly #handedOut: boolean[] = [];
  readonly #opened: Segment[] = [];
  readonly #seen = new Set<number>();

  async #open(number: number): Promise<void> {
    this.#result.lastNumber = Math.max(this.#result.lastNumber, number);
    const header = await this.#storage.read(join(this.#folder, segmentName(number)), segmentHeaderSize);
    const segment = new Segment(number, firstIdIn(header) ?? -1);
    segment.sealed = true;
    this.#opened.push(segment);
  }

  async #readReleases(segment: Segment, releases: Releases): Promise<void> {
    const bytes = await this.#storage.read(join(this.#folder, releaseName(segment.number)));
    for (const piece of piecesOf(bytes, 0)) if (piece.kind === 'block') releases.read(piece.records);
    segment.releaseWritten = bytes.length;
  }

  async #readRecords(segment: Segment, releases: Releases): Promise<void> {
    const { number, firstId } = segment;
    const path = join(this.#folder, segmentName(number));
    if (firstId < 0) {
      const bytes = await this.#storage.read(path);
      this.#undecided.push({ number, bytes, offset: 0, end: bytes.length, reason: 'no segment header' });
      return;
    }
    const bytes = await this.#storage.readInto(path, this.#buffer);
    if (bytes.buffer !== this.#buffer.buffer) this.#buffer = bytes;
    segment.size = segment.written = bytes.length;
    for (const piece of piecesOf(bytes, segmentHeaderSize)) {
      if (piece.kind === 'damage') this.#keepUndecided(number, bytes, piece);
      else {
        await this.#quarantineUndecided();
        segment.blocks.add(
          piece.offset,
          blockHeaderSize + piece.records.length,
          piece.records.readDoubleBE(4) - firstId,
        );
        this.#records(segment, piece.records, releases);
      }
    }
    this.#result.lastId = Math.max(this.#result.lastId, firstId - 1);
    this.#result.segments.push(segment);
  }

  #records(segment: Segment, block: Buffer, released: Releases): void {
    for (let at = 0; at < block.length;) {
      const end = at + 4 + block.readUInt32BE(at);
      const id = block.readDoubleBE(at + 4);
      const count = block.readUInt16BE(at + 12);
      const bytesAt = at + recordHeaderSize + 4 * count;
      const holders = this.#holders;
      const delivered = this.#handedOut;
      holders.length = delivered.length = 0;
      for (let i = 0; i < count; i++) {
        const holder = block.readUInt32BE(at + recordHeaderSize + 4 * i);
        if (released.has(holder, id)) continue;
        this.#seen.add(holder);
        holders.push(holder);
        delivered.push(id <= this.#marks.last(holder));
      }
      segment.records++;
      this.#result.lastId = Math.max(this.#result.lastId, id);
      if (holders.length > 0) {
        segment.live++;
        this.#counts.set(id, holders.length);
        this.#result.report.records++;
        this.#visitor(id, holders, delivered, block, bytesAt, end);
      }
      at = end;
    }
  }

  /** A copy: the buffer is used again for the next segment. */
  #keepUndecided(number: number, bytes: Buffer, { offset, end, reason }: Damage): void {
    const damaged = Buffer.from(bytes.subarray(offset, end));
    this.#undecided.push({ number, bytes: damaged, offset, end, reason });
  }

  /** A sound block follows, so this was no torn tail. */
  async #quarantineUndecided(): Promise<void> {
    for (const { number, bytes, offset, reason } of this.#undecided.splice(0)) {
      const name = `${segmentName(number)}.${offset}.damaged`;
      const file = await this.#storage.open(join(this.#folder, name));
      await file.write([bytes], 0);
      await file.sync();
      await file.close();
      this.#result.report.damaged.push({ file: segmentName(number), offset, reason });
    }
  }

  async #cutTail(): Promise<void> {
    for (const { number, offset, end } of this.#undecided) {
      this.#result.report.tornTailBytes += end - offset;
      const path = join(this.#folder, segmentName(number));
      if (offset === 0) await this.#storage.remove(path);
      else await this.#storage.truncate(path, offset);
      const segment = this.#result.segments.find((each) => each.number === number);
      if (segment) segment.size = segment.written = offset;
    }
  }

  async #removeStrays(names: string[], numbers: Set<number>): Promise<void> {
    for (const name of names) {
      const number = numberIn(name);
      const stray =
        name.endsWith('.new') || (name.endsWith('.released') && number !== null && !numbers.has(number));
      if (stray) await this.#storage.remove(join(this.#folder, name));
    }
  }
}

/** What a release file says, as one bit per holder and record. */
class Releases {
  readonly #firstId: number;
  readonly #bits = new Map<number, Uint8Array>();

  constructor(firstId: number) {
    this.#firstId = firstId;
  }

  read(entries: Buffer): void {
    for (let at = 0; at + releaseEntrySize <= entries.length; at += releaseEntrySize) {
      const holder = entries.readUInt32BE(at);
      const offset = entries.readUInt32BE(at + 4);
      const run = entries.readUInt32BE(at + 8);
      this.#setBits(holder, offset, run);
    }
  }

  has(holder: number, id: number): boolean {
    const offset = id - this.#firstId;
    const bits = this.#bits.get(holder);
    return (
      bits !== undefined && offset >>> 3 < bits.length && (bits[offset >>> 3]! & (1 << (offset & 7))) !== 0
    );
  }

  #setBits(holder: number, offset: number, run: number): void {
    let bits = this.#bits.get(holder) ?? new Uint8Array(1024);
    const needed = ((offset + run) >>> 3) + 1;
    if (needed > bits.length) {
      const grown = new Uint8Array(Math.max(needed, bits.length * 2));
      grown.set(bits);
      bits = grown;
    }
    for (let i = offset; i < offset + run; i++) bits[i >>> 3]! |= 1 << (i & 7);
    this.#bits.set(holder, bits);
  }
}
