// The journal's writes: filled slabs into their segments, and what was released beside them. One write and one
// sync per segment and commit. What was written once is not written again, so a commit that failed half way is
// taken up where it stopped.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Storage, StorageFile } from '../base/storage.ts';
import type { ConfirmMode } from './journal.ts';
import {
  ownBlockMagic,
  releaseName,
  sealBlock,
  segmentHeader,
  segmentHeaderSize,
  segmentName,
} from './segment-format.ts';
import type { Segment } from './segment.ts';

/** A block being filled: `bytes` up to `end`, its header's place included; `rest` is the body of a large record. */
export interface Slab {
  segment: Segment;
  bytes: Buffer;
  end: number;
  rest: Buffer | null;
  firstId: number;
  lastId: number;
}

/** A block of releases for a segment's release file. */
export interface ReleaseNote {
  segment: Segment;
  block: Buffer;
}

export interface SegmentWriterOptions {
  folder: string;
  storage: Storage;
  clock: Clock;
  confirmMode: ConfirmMode;
}

const durationsMax = 10_000;

export class SegmentWriter {
  readonly statistics = { syncs: 0, writtenBytes: 0 };
  syncDurationsMs: number[] = [];
  /** Whose releases were written and not synced; and whether files came or went besides. */
  readonly #unsynced = new Set<Segment>();
  #folderChanged = false;
  readonly #options: SegmentWriterOptions;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /** Writes slabs of one segment behind each other, and syncs where the confirm mode says so. */
  async write(slabs: Slab[]): Promise<void> {
    const { storage, folder } = this.#options;
    const { segment } = slabs[0]!;
    const parts: Uint8Array[] = [];
    const created = !segment.file;
    if (!segment.file) {
      segment.file = await storage.open(join(folder, segmentName(segment.number)));
      segment.written = 0;
      parts.push(segmentHeader(segment));
    }
    let at = segment.written + (created ? segmentHeaderSize : 0);
    for (const slab of slabs) {
      sealBlock(slab.bytes, slab.end, segment.blockMagic, at, slab.rest);
      at += sizeOf(slab);
      parts.push(slab.bytes.subarray(0, slab.end));
      if (slab.rest) parts.push(slab.rest);
    }
    try {
      await this.#writeSafe(segment.file, parts, segment.written);
      if (created) await storage.syncFolder(folder);
    } catch (error) {
      if (created) await this.#abandon(segment);
      throw error;
    }
    this.#account(segment, slabs, parts);
  }

  async #writeSafe(file: StorageFile, parts: Uint8Array[], position: number): Promise<void> {
    const { clock, confirmMode } = this.#options;
    if (confirmMode !== 'synced') return file.write(parts, position);
    const startedAt = clock.monotonic();
    await file.writeSynced(parts, position);
    this.statistics.syncs++;
    if (this.syncDurationsMs.length < durationsMax) this.syncDurationsMs.push(clock.monotonic() - startedAt);
  }

  #account(segment: Segment, slabs: Slab[], parts: Uint8Array[]): void {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    let at = segment.written + size - slabs.reduce((sum, slab) => sum + sizeOf(slab), 0);
    for (const slab of slabs) {
      segment.blocks.add(at, sizeOf(slab), slab.firstId - segment.firstId);
      at += sizeOf(slab);
    }
    segment.written += size;
    this.statistics.writtenBytes += size;
  }

  /** A file whose first write failed is made again by the next try. */
  async #abandon(segment: Segment): Promise<void> {
    await segment.file?.close().catch(() => undefined);
    segment.file = null;
  }

  /** Appends to a segment's release file. Not synced: a loss costs redeliveries. */
  async writeReleases({ segment, block }: ReleaseNote): Promise<void> {
    if (segment.removed) return;
    this.#folderChanged ||= segment.releaseWritten === 0;
    segment.releaseFile ??= await this.#openReleases(segment);
    this.#unsynced.add(segment);
    sealBlock(block, block.length, ownBlockMagic, segment.releaseWritten);
    await segment.releaseFile.write([block], segment.releaseWritten);
    segment.releaseWritten += block.length;
  }

  /** Makes what was written of releases last, where the confirm mode asks for the disk. */
  async syncReleases(): Promise<void> {
    const { storage, folder, confirmMode } = this.#options;
    const segments = [...this.#unsynced];
    this.#unsynced.clear();
    if (confirmMode !== 'synced') return;
    for (const segment of segments)
      await segment.releaseFile?.sync().catch((error: unknown) => {
        // One that goes meanwhile takes its releases with it.
        if (!segment.removed) throw error;
      });
    if (!this.#folderChanged) return;
    this.#folderChanged = false;
    await storage.syncFolder(folder);
  }

  /** A segment from before the restart may have a release file already. */
  #openReleases(segment: Segment): Promise<StorageFile> {
    const { storage, folder } = this.#options;
    const path = join(folder, releaseName(segment.number));
    return segment.releaseWritten === 0 ? storage.open(path) : storage.reopen(path);
  }

  async remove(segment: Segment): Promise<void> {
    const { storage, folder } = this.#options;
    segment.removed = true;
    this.#folderChanged = true;
    await segment.file?.close();
    await segment.releaseFile?.close();
    await storage.remove(join(folder, segmentName(segment.number)));
    await storage.remove(join(folder, releaseName(segment.number)));
  }
}

/** Of the whole block. */
function sizeOf({ end, rest }: Slab): number {
  return end + (rest?.length ?? 0);
}
