// Records copied out of the reader's cache, many to a buffer: a message must not keep a whole block in memory.
import type { RecordView } from '../../journal/journal.ts';

const slabBytes = 64 * 1024;

export class RecordSlab {
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;

  /** Moves the view onto a copy that stays. */
  keep(view: RecordView): void {
    const size = view.end - view.start;
    if (this.#end + size > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(slabBytes, size));
      this.#end = 0;
    }
    view.bytes.copy(this.#bytes, this.#end, view.start, view.end);
    view.bytes = this.#bytes;
    view.start = this.#end;
    view.end = this.#end += size;
  }
}
