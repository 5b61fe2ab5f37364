// Rewriting a sparse segment without its dead records, in small steps beside the data path. Ids and the
// release file stay as they are; the new file takes the old one's place by rename. It has a block magic of its own, so
// that whoever has a part of the old one can tell the two apart.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Storage } from '../base/storage.ts';
import type { RecordReader } from './record-reader.ts';
import type { ReferenceCounts } from './reference-counts.ts';
import { BlockIndex } from './block-index.ts';
import {
  blockHeaderSize,
  piecesOf,
  sealBlock,
  segmentHeader,
  segmentHeaderSize,
  segmentName,
} from './segment-format.ts';
import type { Segment } from './segment.ts';

export interface CompactionHost {
  storage: Storage;
  folder: string;
  clock: Clock;
  counts: ReferenceCounts;
  reader: RecordReader;
  newBlockMagic(): number;
  /** Nothing more is to be done. */
  ended(): boolean;
  /** Resolves once everything appended so far is safe. */
  safe(): Promise<void>;
}

export async function compactSegment(host: CompactionHost, segment: Segment): Promise<void> {
  const path = join(host.folder, segmentName(segment.number));
  segment.compacting = true;
  try {
    const sparse = await withoutDead(host, segment, path);
    if (sparse) await replace(host, segment, path, sparse);
  } catch (error) {
    // A file that has gone does not come back.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') segment.damaged = true;
    await host.storage.remove(`${path}.new`).catch(() => undefined);
    throw error;
  } finally {
    segment.compacting = false;
  }
}

interface Sparse {
  blockMagic: number;
  parts: Buffer[];
  blocks: BlockIndex;
  size: number;
  records: number;
}

/** Null when there is nothing to gain any more. */
async function withoutDead(host: CompactionHost, segment: Segment, path: string): Promise<Sparse | null> {
  const bytes = await host.storage.read(path);
  const blockMagic = host.newBlockMagic();
  const sparse: Sparse = {
    blockMagic,
    parts: [segmentHeader({ firstId: segment.firstId, blockMagic })],
    blocks: new BlockIndex(),
    size: segmentHeaderSize,
    records: 0,
  };
  for (const piece of piecesOf(bytes, segmentHeaderSize, segment.blockMagic)) {
    if (piece.kind === 'damage') return leftAlone(segment);
    const live = liveRecords(piece.records, host.counts);
    sparse.records += live.count;
    if (live.count > 0) {
      sealBlock(live.block, live.block.length, blockMagic, sparse.size);
      sparse.parts.push(live.block);
      sparse.blocks.add(sparse.size, live.block.length, live.firstId - segment.firstId);
      sparse.size += live.block.length;
    }
    await new Promise<void>((resolve) => host.clock.soon(resolve));
    if (host.ended() || segment.live === 0) return null;
  }
  // Cut between two blocks, it looks sound.
  return sparse.records < segment.live ? leftAlone(segment) : sparse;
}

/** Damage is for who reads its records, or a recovery, to tell and set aside. */
function leftAlone(segment: Segment): null {
  segment.damaged = true;
  return null;
}

async function replace(host: CompactionHost, segment: Segment, path: string, sparse: Sparse): Promise<void> {
  const { storage, reader } = host;
  const file = await storage.open(`${path}.new`);
  try {
    await file.write(sparse.parts, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  // What was left out may have been released because something appended after it took its place.
  await host.safe();
  if (host.ended()) return storage.remove(`${path}.new`);
  await segment.file?.close();
  segment.file = null;
  // Reads go on in the old file, where the old places are right, until the new ones are known.
  reader.pin(segment);
  try {
    await storage.rename(`${path}.new`, path);
    segment.records = sparse.records;
    segment.size = segment.written = sparse.size;
    segment.blocks = sparse.blocks;
    segment.blockMagic = sparse.blockMagic;
    segment.generation++;
    segment.unreadable.clear();
    reader.forget(segment);
  } finally {
    reader.unpin();
  }
  await storage.syncFolder(host.folder);
}

/** The block is not sealed yet. */
function liveRecords(
  records: Buffer,
  counts: ReferenceCounts,
): { block: Buffer; count: number; firstId: number } {
  const kept: Buffer[] = [Buffer.alloc(blockHeaderSize)];
  let firstId = 0;
  for (let at = 0; at < records.length;) {
    const end = at + 4 + records.readUInt32BE(at);
    const id = records.readDoubleBE(at + 4);
    if (counts.get(id) > 0) {
      if (kept.length === 1) firstId = id;
      kept.push(records.subarray(at, end));
    }
    at = end;
  }
  return { block: Buffer.concat(kept), count: kept.length - 1, firstId };
}
