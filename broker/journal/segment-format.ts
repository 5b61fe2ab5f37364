// The bytes of a segment and of its release file. Records are gathered into blocks, one per group commit,
// and a block carries the checksum: a torn commit is one torn block, and nothing in it was ever confirmed.
//
//   segment file   <n>.log       u32 magic "WSEG" | u16 version | u16 0 | f64 first record id | u32 block magic |
//                                u32 crc32 of all before | blocks
//   block                        u32 block magic | u32 size of records | u32 crc32 | records
//   record                       u32 size of the rest | f64 id | u16 n | n x u32 holder | bytes
//   release file   <n>.released  blocks of entries: u32 holder | u32 id - first id | u32 run
//                                or, of the segment file: u32 0 | u32 size that is on the disk | u32 block magic
//
// A block's checksum covers its records and begins with its place in the file, and each segment draws its own block
// magic: a message's body may be a piece of a journal, or be made to look like one, and must not be taken for blocks
// where damage is searched for what is whole.
import { crc32 } from 'node:zlib';

export const segmentVersion = 2;
export const segmentHeaderSize = 24;
export const blockHeaderSize = 12;
export const recordHeaderSize = 4 + 8 + 2;
export const releaseEntrySize = 12;
/** In place of a holder: the entry tells how much of the segment file is on the disk. No holder has this number. */
export const syncedEntryHolder = 0;
/** Of blocks that hold nothing a client sent. */
export const ownBlockMagic = 0x5742_4c4b;

const segmentMagic = 0x5753_4547;

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.log`;
}

export function releaseName(number: number): string {
  return `${String(number).padStart(8, '0')}.released`;
}

/** The number in a segment's or release file's name, or null. */
export function numberIn(name: string): number | null {
  const match = /^(\d{8,})\.(log|released)$/.exec(name);
  return match ? Number(match[1]) : null;
}

export interface SegmentHeader {
  /** The first record id the segment may hold. */
  firstId: number;
  blockMagic: number;
}

export function segmentHeader({ firstId, blockMagic }: SegmentHeader): Buffer {
  const header = Buffer.alloc(segmentHeaderSize);
  header.writeUInt32BE(segmentMagic, 0);
  header.writeUInt16BE(segmentVersion, 4);
  header.writeDoubleBE(firstId, 8);
  header.writeUInt32BE(blockMagic, 16);
  header.writeUInt32BE(crc32(header.subarray(0, 20)), 20);
  return header;
}

/** What the header says, or null when it is not a whole one of ours. */
export function headerIn(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < segmentHeaderSize || bytes.readUInt32BE(0) !== segmentMagic) return null;
  if (bytes.readUInt16BE(4) !== segmentVersion) return null;
  if (bytes.readUInt32BE(20) !== crc32(bytes.subarray(0, 20))) return null;
  return { firstId: bytes.readDoubleBE(8), blockMagic: bytes.readUInt32BE(16) };
}

/** What a lost header said, as far as a sound first block tells; null when there is none. */
export function headerByFirstBlock(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < segmentHeaderSize + blockHeaderSize) return null;
  const blockMagic = bytes.readUInt32BE(segmentHeaderSize);
  if (blockMagic === 0 || blockProblem(bytes, segmentHeaderSize, blockMagic) !== null) return null;
  return { firstId: bytes.readDoubleBE(segmentHeaderSize + blockHeaderSize + 4), blockMagic };
}

/**
 * Fills in the header of a block whose records stand at `blockHeaderSize`, end at `end` and go on in `rest`, and which
 * will stand at `position` of its file.
 */
export function sealBlock(
  block: Buffer,
  end: number,
  magic: number,
  position: number,
  rest: Buffer | null = null,
): void {
  const sum = crc32(block.subarray(blockHeaderSize, end), position);
  block.writeUInt32BE(magic, 0);
  block.writeUInt32BE(end - blockHeaderSize + (rest?.length ?? 0), 4);
  block.writeUInt32BE(rest ? crc32(rest, sum) : sum, 8);
}

export interface Damage {
  kind: 'damage';
  offset: number;
  end: number;
  reason: string;
}

export type Piece = { kind: 'block'; offset: number; records: Buffer } | Damage;

/** Cuts a file into sound blocks and what is between them. */
export function* piecesOf(bytes: Buffer, start: number, magic: number): Generator<Piece> {
  let offset = start;
  while (offset < bytes.length) {
    const problem = blockProblem(bytes, offset, magic);
    if (problem === null) {
      const size = bytes.readUInt32BE(offset + 4);
      const from = offset + blockHeaderSize;
      yield { kind: 'block', offset, records: bytes.subarray(from, from + size) };
      offset = from + size;
    } else {
      const end = nextBlock(bytes, offset + 1, magic);
      yield { kind: 'damage', offset, end, reason: problem };
      offset = end;
    }
  }
}

/** Why no sound block stands at the offset, which is `position` in its file; null when one does. */
export function blockProblem(
  bytes: Buffer,
  offset: number,
  magic: number,
  position: number = offset,
): string | null {
  if (offset + blockHeaderSize > bytes.length) return 'ends within a block header';
  if (bytes.readUInt32BE(offset) !== magic) return 'no block where one should begin';
  const size = bytes.readUInt32BE(offset + 4);
  const from = offset + blockHeaderSize;
  if (size === 0) return 'a block without records';
  if (size > bytes.length - from) return 'ends within a block';
  const sum = crc32(bytes.subarray(from, from + size), position);
  return sum === bytes.readUInt32BE(offset + 8) ? null : 'checksum differs';
}

function nextBlock(bytes: Buffer, from: number, magic: number): number {
  const magicBytes = Buffer.alloc(4);
  magicBytes.writeUInt32BE(magic);
  for (let at = from; ; at++) {
    at = bytes.indexOf(magicBytes, at);
    if (at < 0) return bytes.length;
    if (blockProblem(bytes, at, magic) === null) return at;
  }
}
