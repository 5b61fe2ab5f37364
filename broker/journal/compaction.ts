// Rewriting a sparse segment without its dead records, in small steps beside the data path. Ids and the
// release file stay as they are; the new file takes the old one's place by rename.
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Storage } from '../base/storage.ts';
import type { ReferenceCounts } from './reference-counts.ts';
import { blockHeaderSize, piecesOf, sealBlock, segmentHeaderSize, segmentName } from './segment-format.ts';
import type { Segment } from './segment.ts';

export async function compactSegment(
  storage: Storage,
  folder: string,
  segment: Segment,
  counts: ReferenceCounts,
): Promise<void> {
  const path = join(folder, segmentName(segment.number));
  const bytes = await storage.read(path);
  const kept: Buffer[] = [bytes.subarray(0, segmentHeaderSize)];
  let records = 0;
  for (const piece of piecesOf(bytes, segmentHeaderSize)) {
    // Damage is recovery's matter: a segment that has some is left alone.
    if (piece.kind === 'damage') return;
    const live = liveRecords(piece.records, counts);
    records += live.count;
    if (live.count > 0) kept.push(live.block);
    await nextTurn();
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
  segment.size = segment.written = kept.reduce((sum, part) => sum + part.length, 0);
}

function liveRecords(records: Buffer, counts: ReferenceCounts): { block: Buffer; count: number } {
  const kept: Buffer[] = [Buffer.alloc(blockHeaderSize)];
  for (let at = 0; at < records.length;) {
    const end = at + 4 + records.readUInt32BE(at);
    if (counts.get(records.readDoubleBE(at + 4)) > 0) kept.push(records.subarray(at, end));
    at = end;
  }
  const block = Buffer.concat(kept);
  sealBlock(block, block.length);
  return { block, count: kept.length - 1 };
}
