// Messages that can be told whole from damaged: a name in the properties, and in the body a checksum of the rest.
import { crc32 } from 'node:zlib';
import { Random } from '../fuzz/random.ts';

const checksumSize = 4;
const bodyBytesMax = 300_000;
/** Bodies are cut from here: noise, so that a byte out of place shows. */
const noise = new Random(4711).bytes(bodyBytesMax + 1024);

export interface MessageName {
  /** Of the publisher, over all its lives. */
  publisher: string;
  sequence: number;
}

export function nameText({ publisher, sequence }: MessageName): string {
  return `${publisher}#${sequence}`;
}

export function nameIn(text: string | undefined): MessageName | null {
  const match = /^([^#]+)#(\d+)$/.exec(text ?? '');
  return match ? { publisher: match[1]!, sequence: Number(match[2]) } : null;
}

/** Nothing, a little, or up to 300 kB; mostly a little. */
export function bodySize(random: Random): number {
  const kind = random.below(100);
  if (kind < 5) return 0;
  if (kind < 65) return random.between(1, 1000);
  if (kind < 90) return random.between(1000, 16_000);
  if (kind < 98) return random.between(16_000, 100_000);
  return random.between(200_000, bodyBytesMax);
}

export function bodyOf(sequence: number, size: number): Buffer {
  const from = sequence % 1024;
  const body = Buffer.from(noise.subarray(from, from + size));
  if (size >= checksumSize) body.writeUInt32BE(crc32(body.subarray(checksumSize)), 0);
  return body;
}

/** What is wrong with a body, null when nothing is. */
export function damageIn(body: Buffer, sequence: number, size: number): string | null {
  if (body.length !== size) return `${body.length} bytes instead of ${size}`;
  if (size >= checksumSize && body.readUInt32BE(0) !== crc32(body.subarray(checksumSize)))
    return 'the checksum differs';
  return body.equals(bodyOf(sequence, size)) ? null : 'another body';
}
