// Reading the journal back after a stop of any kind. Observed facts -> decision:
//
//   sound block                                        records go to their holders, less what was released
//   damage with no sound block after it, in any file   a torn commit, never confirmed: cut
//   damage with a sound block after it, or within what quarantined: copied aside, named in the report, passed
//   was noted to be on the disk
//   a file that ends before what was noted              named in the report
//   segment without a sound header, a sound block next  the header is damage; records go to their holders, and what
//                                                      was released of them is not known: it costs redeliveries
//   segment with neither, nothing after it, no note    a file that was being made: removed
//   segment with neither, others after it or a note    quarantined whole: moved aside
//   release file torn or damaged                       read up to the damage: the rest costs redeliveries
//   release file without its segment                   removed
//
// In the end all of that lasts, and so does what was shown: the last commit before a kill may have been in the page
// cache only, and must not vanish after others have built on it.
import { join } from 'node:path';
import type { Storage } from '../base/storage.ts';
import type { RecoveryReport, RecoveryVisitor } from './journal.ts';
import type { DeliveredMarks } from './delivered-marks.ts';
import { asidePath, copyAside } from './quarantine.ts';
import type { ReferenceCounts } from './reference-counts.ts';
import {
  blockHeaderSize,
  headerByFirstBlock,
  headerIn,
  numberIn,
  ownBlockMagic,
  piecesOf,
  recordHeaderSize,
  releaseEntrySize,
  releaseName,
  segmentHeaderSize,
  segmentName,
  syncedEntryHolder,
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

/** Damage that is a torn tail unless a sound block follows. */
interface Undecided extends Omit<Damage, 'kind'> {
  number: number;
  /** Null when nothing of the file is known. */
  segment: Segment | null;
  /** A copy of what is damaged. */
  bytes: Buffer;
  /** It was on the disk once: it is no torn tail, whatever follows. */
  rotten: boolean;
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
  #undecided: Undecided[] = [];
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
    for (const number of numbers) await this.#readSegment(number, names);
    await this.#decideTail();
    this.#marks.keepOnly(this.#seen);
    await this.#removeStrays(names, new Set(numbers));
    if (names.length > 0) await this.#settle();
    this.#result.report.segments = this.#result.segments.length;
    return this.#result;
  }

  readonly #holders: number[] = [];
  readonly #handedOut: boolean[] = [];
  readonly #seen = new Set<number>();

  async #readSegment(number: number, names: string[]): Promise<void> {
    this.#result.lastNumber = Math.max(this.#result.lastNumber, number);
    const bytes = await this.#storage.readInto(join(this.#folder, segmentName(number)), this.#buffer);
    if (bytes.buffer !== this.#buffer.buffer) this.#buffer = bytes;
    const sound = headerIn(bytes);
    const header = sound ?? headerByFirstBlock(bytes);
    const segment = header && new Segment(number, header);
    const releases = new Releases(segment?.firstId ?? 0, sound !== null);
    const releaseBytes = names.includes(releaseName(number)) ? await this.#readReleases(number, releases) : 0;
    const onDisk = releases.syncedSize(segment?.blockMagic ?? null);
    if (!sound) {
      const end = segment ? segmentHeaderSize : bytes.length;
      const damage = { offset: 0, end, reason: 'no sound segment header', rotten: onDisk > 0 };
      this.#keepUndecided(number, segment, bytes, damage);
    }
    if (!segment) return;
    segment.sealed = true;
    segment.releaseWritten = sound ? releaseBytes : 0;
    await this.#readRecords(segment, bytes, releases, onDisk);
  }

  /** Answers the file's size. */
  async #readReleases(number: number, releases: Releases): Promise<number> {
    const bytes = await this.#storage.read(join(this.#folder, releaseName(number)));
    for (const piece of piecesOf(bytes, 0, ownBlockMagic))
      if (piece.kind === 'block') releases.read(piece.records);
    return bytes.length;
  }

  async #readRecords(segment: Segment, bytes: Buffer, releases: Releases, onDisk: number): Promise<void> {
    const { number, firstId, blockMagic } = segment;
    segment.size = segment.written = bytes.length;
    let soundEnd = true;
    for (const piece of piecesOf(bytes, segmentHeaderSize, blockMagic)) {
      soundEnd = piece.kind === 'block';
      if (piece.kind === 'damage') {
        this.#keepUndecided(number, segment, bytes, { ...piece, rotten: piece.offset < onDisk });
      } else {
        await this.#quarantineUndecided();
        segment.blocks.add(
          piece.offset,
          blockHeaderSize + piece.records.length,
          piece.records.readDoubleBE(4) - firstId,
        );
        this.#records(segment, piece.records, releases);
      }
    }
    if (soundEnd && bytes.length < onDisk) this.#endsEarly(segment, bytes.length);
    this.#result.lastId = Math.max(this.#result.lastId, firstId - 1);
    this.#result.segments.push(segment);
  }

  /** There is nothing left to set aside. */
  #endsEarly(segment: Segment, offset: number): void {
    segment.damaged = true;
    const file = segmentName(segment.number);
    this.#result.report.damaged.push({ file, offset, reason: 'ends before what was on the disk' });
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
  #keepUndecided(
    number: number,
    segment: Segment | null,
    bytes: Buffer,
    { offset, end, reason, rotten }: Omit<Damage, 'kind'> & { rotten: boolean },
  ): void {
    const damaged = segment ? Buffer.from(bytes.subarray(offset, end)) : Buffer.alloc(0);
    this.#undecided.push({ number, segment, bytes: damaged, offset, end, reason, rotten });
  }

  /** A sound block follows, so this was no torn tail. */
  async #quarantineUndecided(): Promise<void> {
    for (const each of this.#undecided.splice(0)) await this.#quarantine(each);
  }

  async #quarantine({ number, segment, bytes, offset, reason }: Undecided): Promise<void> {
    const path = join(this.#folder, segmentName(number));
    if (segment) await copyAside(this.#storage, this.#folder, number, offset, bytes);
    else await this.#storage.rename(path, asidePath(this.#folder, number, offset));
    if (segment) segment.damaged = true;
    this.#result.report.damaged.push({ file: segmentName(number), offset, reason });
  }

  /** Nothing sound follows. What stands before rot was complete when that was written. */
  async #decideTail(): Promise<void> {
    const undecided = this.#undecided.splice(0);
    const rotten = undecided.findLastIndex((each) => each.rotten) + 1;
    for (const each of undecided.slice(0, rotten)) await this.#quarantine(each);
    for (const each of undecided.slice(rotten)) await this.#cut(each);
  }

  async #cut({ number, segment, offset, end }: Undecided): Promise<void> {
    this.#result.report.tornTailBytes += end - offset;
    const path = join(this.#folder, segmentName(number));
    if (segment) await this.#storage.truncate(path, offset);
    else await this.#storage.remove(path);
    if (segment) segment.size = segment.written = offset;
  }

  async #settle(): Promise<void> {
    const last = this.#result.segments.at(-1);
    if (last) await this.#storage.truncate(join(this.#folder, segmentName(last.number)), last.written);
    await this.#storage.syncFolder(this.#folder);
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

/** What a release file says: one bit per holder and record, and how much of the segment was on the disk. */
class Releases {
  readonly #firstId: number;
  /** What was released counts from the first id: without that it says nothing. */
  readonly #firstIdKnown: boolean;
  readonly #bits = new Map<number, Uint8Array>();
  /** By block magic: a compacted segment is another file. */
  readonly #synced = new Map<number, number>();

  constructor(firstId: number, firstIdKnown: boolean) {
    this.#firstId = firstId;
    this.#firstIdKnown = firstIdKnown;
  }

  /** Of the file whose blocks begin so, or of any when that is not known; 0 when nothing was noted. */
  syncedSize(blockMagic: number | null): number {
    if (blockMagic !== null) return this.#synced.get(blockMagic) ?? 0;
    return Math.max(0, ...this.#synced.values());
  }

  read(entries: Buffer): void {
    for (let at = 0; at + releaseEntrySize <= entries.length; at += releaseEntrySize) {
      const holder = entries.readUInt32BE(at);
      const offset = entries.readUInt32BE(at + 4);
      const run = entries.readUInt32BE(at + 8);
      if (holder === syncedEntryHolder) this.#synced.set(run, offset);
      else if (this.#firstIdKnown) this.#setBits(holder, offset, run);
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
