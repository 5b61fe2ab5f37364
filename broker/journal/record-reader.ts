// Reading single records back while the journal runs. The unit of reading is the block, because that is what
// the checksum covers; the last blocks read stay in a small cache, so that a queue read in order touches the
// disk once per block.
import { join } from 'node:path';
import type { Storage, StorageReader } from '../base/storage.ts';
import { RecordUnreadable, type RecordView } from './journal.ts';
import { blockHeaderSize, blockProblem, recordHeaderSize, segmentName } from './segment-format.ts';
import type { Quarantine } from './quarantine.ts';
import type { Segment } from './segment.ts';

/** A block larger than this is handed over, not cached. */
const cachedBlockMax = 4 << 20;
const openFilesMax = 64;

interface LoadedBlock {
  readonly segment: Segment;
  readonly generation: number;
  readonly firstId: number;
  readonly lastId: number;
  /** The block with its header. */
  readonly bytes: Buffer;
  readonly ids: Float64Array;
  /** Where each record begins in `bytes`. */
  readonly starts: Uint32Array;
  readonly cached: boolean;
}

export class RecordReader {
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #cacheBytesMax: number;
  readonly #quarantine: Quarantine;
  readonly #files = new Map<Segment, StorageReader>();
  /** Oldest use first. */
  readonly #cache = new Map<string, LoadedBlock>();
  #cachedBytes = 0;
  #last: LoadedBlock | null = null;
  #pinned: Segment | null = null;
  #closed = false;
  readonly #view: RecordView = { bytes: Buffer.alloc(0), start: 0, end: 0, owned: false };

  constructor(storage: Storage, folder: string, cacheBytesMax: number, quarantine: Quarantine) {
    this.#storage = storage;
    this.#folder = folder;
    this.#cacheBytesMax = cacheBytesMax;
    this.#quarantine = quarantine;
  }

  /** The record's bytes, in a view that the next call uses again. Throws RecordUnreadable. */
  read(segment: Segment, id: number): RecordView {
    const last = this.#last;
    const hit =
      last &&
      last.segment === segment &&
      last.generation === segment.generation &&
      id >= last.firstId &&
      id <= last.lastId;
    const block = hit ? last : this.#blockOf(segment, id);
    const at = block.starts[slotOf(block.ids, id)];
    if (at === undefined) throw unreadable(segment, 0, `record ${id} is not in its block`);
    const { bytes } = block;
    this.#view.bytes = bytes;
    this.#view.start = at + recordHeaderSize + 4 * bytes.readUInt16BE(at + 12);
    this.#view.end = at + 4 + bytes.readUInt32BE(at);
    this.#view.owned = !block.cached;
    return this.#view;
  }

  /** Brings a record's block into the cache without holding anyone up. Never rejects: `read` tells of faults. */
  async prefetch(segment: Segment, id: number): Promise<void> {
    if (this.#closed) return;
    const last = this.#last;
    if (last?.segment === segment && id >= last.firstId && id <= last.lastId) return;
    const index = segment.blocks.find(id - segment.firstId);
    if (index < 0 || segment.blocks.size(index) > cachedBlockMax || segment.unreadable.has(index)) return;
    const { generation } = segment;
    if (this.#cache.has(keyOf(segment, index))) return;
    try {
      const { blocks } = segment;
      const bytes = await this.#file(segment).read(blocks.offset(index), blocks.size(index));
      if (segment.generation !== generation || segment.removed || this.#closed) return;
      const problem = problemOf(segment, index, bytes);
      if (problem === null && !this.#cache.has(keyOf(segment, index))) this.#keep(segment, index, bytes);
    } catch {
      // The reader that needs it meets the same fault and reports it.
    }
  }

  /** Keeps the file open that the segment has now: another is about to take its name. */
  pin(segment: Segment): void {
    this.#file(segment);
    this.#pinned = segment;
  }

  unpin(): void {
    this.#pinned = null;
  }

  /** The segment's file was replaced or removed. */
  forget(segment: Segment): void {
    this.#files.get(segment)?.close();
    this.#files.delete(segment);
    if (this.#last?.segment === segment) this.#last = null;
    for (const [key, block] of this.#cache)
      if (block.segment === segment) {
        this.#cache.delete(key);
        this.#cachedBytes -= block.bytes.length;
      }
  }

  close(): void {
    this.#closed = true;
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#cache.clear();
    this.#last = null;
  }

  #blockOf(segment: Segment, id: number): LoadedBlock {
    const index = segment.blocks.find(id - segment.firstId);
    if (index < 0) throw unreadable(segment, 0, `record ${id} is in none of its blocks`);
    const key = keyOf(segment, index);
    const cached = this.#cache.get(key);
    if (cached) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return (this.#last = cached);
    }
    const known = segment.unreadable.get(index);
    if (known !== undefined) throw unreadable(segment, segment.blocks.offset(index), known);
    const bytes = this.#readBlock(segment, index);
    const problem = problemOf(segment, index, bytes);
    if (problem !== null) throw this.#damaged(segment, index, bytes, problem);
    return this.#keep(segment, index, bytes);
  }

  /** One error may be nothing: the second is told. */
  #readBlock(segment: Segment, index: number): Buffer {
    const offset = segment.blocks.offset(index);
    for (let again = false; ; again = true)
      try {
        return this.#file(segment).readSync(offset, segment.blocks.size(index));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') throw this.#damaged(segment, index, null, message);
        if (again) throw unreadable(segment, offset, message, true);
      }
  }

  /** Told and set aside once, however many of its records are asked for. */
  #damaged(segment: Segment, index: number, bytes: Buffer | null, reason: string): RecordUnreadable {
    const offset = segment.blocks.offset(index);
    segment.unreadable.set(index, reason);
    segment.damaged = true;
    this.#quarantine.setAside(segment.number, offset, bytes, reason);
    return unreadable(segment, offset, reason);
  }

  #keep(segment: Segment, index: number, bytes: Buffer): LoadedBlock {
    const block = loadedBlock(segment, bytes);
    if (!block.cached) return block;
    this.#cache.set(keyOf(segment, index), block);
    this.#cachedBytes += bytes.length;
    for (const [key, oldest] of this.#cache) {
      if (this.#cachedBytes <= this.#cacheBytesMax) break;
      this.#cache.delete(key);
      this.#cachedBytes -= oldest.bytes.length;
    }
    return (this.#last = block);
  }

  #file(segment: Segment): StorageReader {
    const open = this.#files.get(segment);
    if (open) return open;
    if (this.#files.size >= openFilesMax) this.#closeOldest();
    const file = this.#storage.reader(join(this.#folder, segmentName(segment.number)));
    this.#files.set(segment, file);
    return file;
  }

  #closeOldest(): void {
    for (const [segment, file] of this.#files)
      if (segment !== this.#pinned) {
        file.close();
        this.#files.delete(segment);
        return;
      }
  }
}

function loadedBlock(segment: Segment, bytes: Buffer): LoadedBlock {
  let count = 0;
  for (let at = blockHeaderSize; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) count++;
  const ids = new Float64Array(count);
  const starts = new Uint32Array(count);
  let slot = 0;
  for (let at = blockHeaderSize; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    ids[slot] = bytes.readDoubleBE(at + 4);
    starts[slot++] = at;
  }
  const cached = bytes.length <= cachedBlockMax;
  const { generation } = segment;
  return { segment, generation, firstId: ids[0]!, lastId: ids[count - 1]!, bytes, ids, starts, cached };
}

/** Ids without gaps are found at once; a compacted block has some, and is searched. */
function slotOf(ids: Float64Array, id: number): number {
  const direct = id - ids[0]!;
  if (ids[direct] === id) return direct;
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if (ids[middle] === id) return middle;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function keyOf(segment: Segment, index: number): string {
  return `${segment.number}.${segment.generation}.${index}`;
}

function problemOf(segment: Segment, index: number, bytes: Buffer): string | null {
  return blockProblem(bytes, 0, segment.blockMagic, segment.blocks.offset(index));
}

function unreadable(segment: Segment, offset: number, reason: string, passing = false): RecordUnreadable {
  return new RecordUnreadable(`${segmentName(segment.number)} at ${offset}: ${reason}`, passing);
}
