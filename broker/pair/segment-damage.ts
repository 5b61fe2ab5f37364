// Damage done to a journal at rest, on purpose: what a bad disk or a power failure leaves behind, for people who want
// to see what becomes of it.
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreDamage } from '../contract/node-faults.ts';
import {
  blockHeaderSize,
  headerIn,
  numberIn,
  ownBlockMagic,
  segmentHeaderSize,
} from '../journal/segment-format.ts';

const turnedBytes = 16;
/** Bytes of a block that promises more than there is. */
const tornBytes = 40;

/** Answers what was done, in words. Rejects when there is no journal to damage. */
export async function damageJournal(folder: string, damage: StoreDamage): Promise<string> {
  const name = await lastSegment(folder);
  const path = join(folder, name);
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    if (damage.kind === 'torn-tail') {
      const header = Buffer.alloc(segmentHeaderSize);
      await handle.read(header, 0, segmentHeaderSize, 0);
      await handle.write(tornBlock(headerIn(header)?.blockMagic ?? ownBlockMagic), 0, tornBytes, size);
      await handle.sync();
      return `half a commit was put behind ${name}`;
    }
    const from = segmentHeaderSize + blockHeaderSize;
    const bytes = Math.min(turnedBytes, size - from);
    if (bytes < 1) throw new Error(`${path} holds nothing that could be damaged`);
    const at = from + Math.floor((size - from - bytes) / 2);
    const piece = Buffer.alloc(bytes);
    await handle.read(piece, 0, bytes, at);
    for (let i = 0; i < bytes; i++) piece[i]! ^= 0xff;
    await handle.write(piece, 0, bytes, at);
    await handle.sync();
    return `${bytes} bytes of ${name} at ${at} were turned over`;
  } finally {
    await handle.close();
  }
}

async function lastSegment(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const last = names
    .filter((name) => name.endsWith('.log') && numberIn(name) !== null)
    .sort()
    .at(-1);
  if (last === undefined) throw new Error(`${folder} holds no journal`);
  return last;
}

function tornBlock(magic: number): Buffer {
  const block = Buffer.alloc(tornBytes, 0x5a);
  block.writeUInt32BE(magic, 0);
  block.writeUInt32BE(4096, 4);
  return block;
}
