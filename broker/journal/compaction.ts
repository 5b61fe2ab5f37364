// Rewriting a sparse segment without its dead records, in small steps beside the data path. Ids and the
// release file stay as they are; the new file takes the old one's place by rename.
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Storage } from '../base/storage.ts';
import type { ReferenceCounts } from './reference-counts.ts';
import { BlockIndex } from './block-index.ts';
import { blockHeaderSize, piecesOf, sealBlock, segmentHeaderSize, segmentName } from './segment-format.ts';
import type { Segment } from './segment.ts';

export interface CompactionOptions {
  storage: Storage;
  folder: string;
  clock: Clock;
}

/** `replaced` is called in the moment from which the new file is the one to read. */
export async function compactSegment(
  { storage, folder, clock }: CompactionOptions,
  segment: Segment,
  counts: ReferenceCounts,
  replaced: () => void,
): Promise<void> {
  const path = join(folder, segmentName(segment.number));
  const bytes = await storage.read(path);
  const kept: Buffer[] = [bytes.subarray(0, segmentHeaderSize)];
  const blocks = new BlockIndex();
  let size = segmentHeaderSize;
  let records = 0;
  for (const piece of piecesOf(bytes, segmentHeaderSize)) {
    // Damage is recovery's matter: a segment that has some is left alone.
    if (piece.kind === 'damage') return;
    const live = liveRecords(piece.records, counts);
    records += live.count;
    if (live.count > 0) {
      kept.push(live.block);
      blocks.add(size, live.block.length, live.firstId - segment.firstId);
      size += live.block.length;
    }
    await new Promise<void>((resolve) => clock.soon(resolve));
    if (segment.removed) return;
  }
  const file = await storage.open(`${path}.new`);
  await file.write(kept, 0);
  await file.sync();
  await file.close();
  if (segment.removed) return storage.remove(`${path}.new`);
  await segment.file?.close();
  segment.file = null;
  await storage.rename(`${path}.new`, path);
  await storage.syncFolder(folder);
  segment.records = records;
  segment.size = segment.written = size;
  segment.blocks = blocks;
  segment.generation++;
  replaced();
}

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
  const block = Buffer.concat(kept);
  sealBlock(block, block.length);
  return { block, count: kept.length - 1, firstId };
}
