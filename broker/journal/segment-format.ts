// The bytes of a segment and of its release file. Records are gathered into blocks, one per group commit,
// and a block carries the checksum: a torn commit is one torn block, and nothing in it was ever confirmed.
//
//   segment file   <n>.log       u32 magic "WSEG" | u16 version | u16 0 | f64 first record id | blocks
//   block                        u32 magic "WBLK" | u32 size of records | u32 crc32 of records | records
//   record                       u32 size of the rest | f64 id | u16 n | n x u32 holder | bytes
//   release file   <n>.released  blocks of entries: u32 holder | u32 id - first id | u32 run
import { crc32 } from 'node:zlib';

export const segmentVersion = 1;
export const segmentHeaderSize = 16;
export const blockHeaderSize = 12;
export const recordHeaderSize = 4 + 8 + 2;
export const releaseEntrySize = 12;

const segmentMagic = 0x5753_4547;
const blockMagic = 0x5742_4c4b;

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

export function segmentHeader(firstId: number): Buffer {
  const header = Buffer.alloc(segmentHeaderSize);
  header.writeUInt32BE(segmentMagic, 0);
  header.writeUInt16BE(segmentVersion, 4);
  header.writeDoubleBE(firstId, 8);
  return header;
}

/** The first record id a segment may hold, or null when its header is not one of ours. */
export function firstIdIn(bytes: Buffer): number | null {
  if (bytes.length < segmentHeaderSize || bytes.readUInt32BE(0) !== segmentMagic) return null;
  if (bytes.readUInt16BE(4) !== segmentVersion) return null;
  return bytes.readDoubleBE(8);
}

/** Fills in the header of a block whose records stand at `blockHeaderSize` and end at `end`. */
export function sealBlock(block: Buffer, end: number): void {
  block.writeUInt32BE(blockMagic, 0);
  block.writeUInt32BE(end - blockHeaderSize, 4);
  block.writeUInt32BE(crc32(block.subarray(blockHeaderSize, end)), 8);
}

export interface Damage {
  kind: 'damage';
  offset: number;
  end: number;
  reason: string;
}

export type Piece = { kind: 'block'; offset: number; records: Buffer } | Damage;

/** Cuts a file into sound blocks and what is between them. */
export function* piecesOf(bytes: Buffer, start: number): Generator<Piece> {
  let offset = start;
  while (offset < bytes.length) {
    const problem = blockProblem(bytes, offset);
    if (problem === null) {
      const size = bytes.readUInt32BE(offset + 4);
      const from = offset + blockHeaderSize;
      yield { kind: 'block', offset, records: bytes.subarray(from, from + size) };
      offset = from + size;
    } else {
      const end = nextBlock(bytes, offset + 1);
      yield { kind: 'damage', offset, end, reason: problem };
      offset = end;
    }
  }
}

/** Why no sound block stands at the offset, null when one does. */
export function blockProblem(bytes: Buffer, offset: number): string | null {
  if (offset + blockHeaderSize > bytes.length) return 'ends within a block header';
  if (bytes.readUInt32BE(offset) !== blockMagic) return 'no block where one should begin';
  const size = bytes.readUInt32BE(offset + 4);
  const from = offset + blockHeaderSize;
  if (size > bytes.length - from) return 'ends within a block';
  if (crc32(bytes.subarray(from, from + size)) !== bytes.readUInt32BE(offset + 8)) return 'checksum differs';
  return null;
}

const magicBytes = Buffer.from('WBLK');

function nextBlock(bytes: Buffer, from: number): number {
  for (let at = from; ; at++) {
    at = bytes.indexOf(magicBytes, at);
    if (at < 0) return bytes.length;
    if (blockProblem(bytes, at) === null) return at;
  }
}
