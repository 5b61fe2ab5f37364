// Growing typed arrays for the audit: a run may hold millions of messages, and a record of each is one byte.

/** One byte per sequence number. */
export class GrowingBytes {
  /** The highest sequence number written, 0 for none. */
  highest = 0;
  #bytes = new Uint8Array(1024);

  at(sequence: number): number {
    return this.#bytes[sequence] ?? 0;
  }

  or(sequence: number, bits: number): void {
    this.#reach(sequence);
    this.#bytes[sequence]! |= bits;
  }

  /** Stays at 255. */
  increment(sequence: number): void {
    this.#reach(sequence);
    if (this.#bytes[sequence]! < 255) this.#bytes[sequence]!++;
  }

  #reach(sequence: number): void {
    if (sequence > this.highest) this.highest = sequence;
    if (sequence < this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, sequence + 1));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Points in time, in Unix milliseconds; several in the same millisecond are one. */
export class Moments {
  #times = new Float64Array(256);
  #size = 0;

  /** All in order, from several that each may be a little out of order. */
  static merged(moments: Moments[]): Float64Array {
    const size = moments.reduce((sum, each) => sum + each.#size, 0);
    const merged = new Float64Array(size);
    let at = 0;
    for (const each of moments) {
      merged.set(each.#times.subarray(0, each.#size), at);
      at += each.#size;
    }
    return merged.sort();
  }

  add(at: number): void {
    if (this.#size > 0 && this.#times[this.#size - 1] === at) return;
    if (this.#size === this.#times.length) {
      const grown = new Float64Array(this.#size * 2);
      grown.set(this.#times);
      this.#times = grown;
    }
    this.#times[this.#size++] = at;
  }
}
