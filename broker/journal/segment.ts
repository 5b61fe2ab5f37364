// One segment: a file of records and a file of what was released of them. Its files are written by the
// segment log only; it goes when nothing in it is held any more.
import type { StorageFile } from '../base/storage.ts';
import { BlockIndex } from './block-index.ts';
import { ReleaseLog } from './release-log.ts';
import type { SegmentHeader } from './segment-format.ts';

export class Segment {
  readonly number: number;
  readonly firstId: number;
  /** What each of its blocks begins with. */
  blockMagic: number;
  /** Records ever in it, and those still held. */
  records = 0;
  live = 0;
  /** Bytes in its file, or on their way there. */
  size = 0;
  /** Log position behind all that took the place of records in it: that must be safe before it goes. */
  replacedAt = 0;
  /** Damage was found in it: it is left as it is. */
  damaged = false;
  /** Its file is being replaced. */
  compacting = false;
  /** No further records go in. */
  sealed = false;
  removed = false;
  /** By block, why what was read of it is no good: it is not read again. */
  readonly unreadable = new Map<number, string>();
  /** Of what is in its file. */
  blocks = new BlockIndex();
  /** Grows when compaction replaces the file: what was read of the old one is no guide to the new. */
  generation = 0;
  readonly releases = new ReleaseLog();
  file: StorageFile | null = null;
  written = 0;
  releaseFile: StorageFile | null = null;
  releaseWritten = 0;

  constructor(number: number, { firstId, blockMagic }: SegmentHeader) {
    this.number = number;
    this.firstId = firstId;
    this.blockMagic = blockMagic;
  }
}
