// Which records stand in a place that rot may hit, by the format's own words and not by the code under test.

export const segmentHeaderSize = 24;
const blockMagicAt = 16;
const blockHeaderSize = 12;

/**
 * Ids of the records that a damaged byte at `offset` of a segment file may take with it: those of its block, or all
 * when it is in the file's header. Null when the file is damaged already on the way there.
 */
export function recordsAt(segment: Buffer, offset: number): number[] | null {
  const ids: number[] = [];
  if (segment.length < segmentHeaderSize) return null;
  const blockMagic = segment.readUInt32BE(blockMagicAt);
  for (let at = segmentHeaderSize; at < segment.length;) {
    const records = at + blockHeaderSize;
    if (records > segment.length || segment.readUInt32BE(at) !== blockMagic) return null;
    const end = records + segment.readUInt32BE(at + 4);
    if (end > segment.length) return null;
    if (offset < end && offset >= segmentHeaderSize) return idsIn(segment.subarray(records, end));
    if (offset < segmentHeaderSize) ids.push(...idsIn(segment.subarray(records, end)));
    at = end;
  }
  return ids;
}

function idsIn(records: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at < records.length; at += 4 + records.readUInt32BE(at))
    ids.push(records.readDoubleBE(at + 4));
  return ids;
}
