// One segment: a file of records and a file of what was released of them. Its files are written by the
// segment log only; it goes when nothing in it is held any more.
import type { StorageFile } from '../base/storage.ts';
import { BlockIndex } from './block-index.ts';
import { ReleaseLog } from './release-log.ts';

export class Segment {
  readonly number: number;
  readonly firstId: number;
  /** Records ever in it, and those still held. */
  records = 0;
  live = 0;
  /** Bytes in its file, or on their way there. */
  size = 0;
  /** No further records go in. */
  sealed = false;
  removed = false;
  /** Of what is in its file. */
  blocks = new BlockIndex();
  /** Grows when compaction replaces the file: what was read of the old one is no guide to the new. */
  generation = 0;
  readonly releases = new ReleaseLog();
  file: StorageFile | null = null;
  written = 0;
  releaseFile: StorageFile | null = null;
  releaseWritten = 0;

  constructor(number: number, firstId: number) {
    this.number = number;
    this.firstId = firstId;
  }
}
