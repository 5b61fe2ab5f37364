// What holders let go of, gathered between two writes: runs of ids per segment. Lost entries cost a
// redelivery, never a message, so they are written without waiting for the disk. Beside them it notes how much of the
// segment is on the disk: damage in front of that place cannot be a torn commit.
import { blockHeaderSize, releaseEntrySize, syncedEntryHolder } from './segment-format.ts';

export class ReleaseLog {
  #block = Buffer.allocUnsafe(4096);
  #end = blockHeaderSize;
  #lastHolder = -1;
  #lastOffset = -1;
  #runAt = 0;
  /** To be noted, 0 when nothing is new. */
  #syncedSize = 0;
  #blockMagic = 0;

  get empty(): boolean {
    return this.#end === blockHeaderSize;
  }

  /** `offset` is the record's id less the segment's first. */
  release(holder: number, offset: number): void {
    if (holder === this.#lastHolder && offset === this.#lastOffset + 1) {
      this.#block.writeUInt32BE(this.#block.readUInt32BE(this.#runAt) + 1, this.#runAt);
    } else this.#add(holder, offset, 1);
    this.#lastHolder = holder;
    this.#lastOffset = offset;
  }

  /** So much of the segment's file, whose blocks begin with this, is on the disk. */
  synced(size: number, blockMagic: number): void {
    this.#syncedSize = size;
    this.#blockMagic = blockMagic;
  }

  /** The block to seal and write; the log is empty afterwards. */
  take(): Buffer {
    if (this.#syncedSize > 0) this.#add(syncedEntryHolder, this.#syncedSize, this.#blockMagic);
    this.#syncedSize = 0;
    const block = Buffer.from(this.#block.subarray(0, this.#end));
    this.#end = blockHeaderSize;
    this.#lastHolder = -1;
    return block;
  }

  #add(holder: number, offset: number, run: number): void {
    if (this.#end + releaseEntrySize > this.#block.length) {
      const grown = Buffer.allocUnsafe(this.#block.length * 2);
      this.#block.copy(grown, 0, 0, this.#end);
      this.#block = grown;
    }
    this.#block.writeUInt32BE(holder, this.#end);
    this.#block.writeUInt32BE(offset, this.#end + 4);
    this.#block.writeUInt32BE(run, this.#end + 8);
    this.#runAt = this.#end + 8;
    this.#end += releaseEntrySize;
  }
}
