// Where the blocks of a segment stand in its file, and the first record of each: what finds a record again
// without reading the segment. Twelve bytes a block, and a block is a group commit of up to a megabyte.

const capacityMin = 4;

export class BlockIndex {
  count = 0;
  #offsets = new Uint32Array(capacityMin);
  #sizes = new Uint32Array(capacityMin);
  /** Of the first record, less the segment's first id. */
  #firsts = new Uint32Array(capacityMin);

  /** Blocks come in the order of their ids. `size` is the whole block's, header included. */
  add(offset: number, size: number, firstRecord: number): void {
    if (this.count === this.#offsets.length) this.#grow();
    this.#offsets[this.count] = offset;
    this.#sizes[this.count] = size;
    this.#firsts[this.count] = firstRecord;
    this.count++;
  }

  /** The block that would hold the record, -1 when all begin behind it. */
  find(record: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= record) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  offset(block: number): number {
    return this.#offsets[block]!;
  }

  size(block: number): number {
    return this.#sizes[block]!;
  }

  #grow(): void {
    const capacity = this.#offsets.length * 2;
    this.#offsets = grown(this.#offsets, capacity);
    this.#sizes = grown(this.#sizes, capacity);
    this.#firsts = grown(this.#firsts, capacity);
  }
}

function grown(array: Uint32Array<ArrayBuffer>, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(array);
  return larger;
}
