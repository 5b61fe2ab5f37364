// How many holders each record still has, by record id. Ids are handed out in sequence, so counts live in
// small typed arrays, made and dropped by the chunk: two bytes a record, no object each.

const chunkBits = 14;
const chunkSize = 1 << chunkBits;

export class ReferenceCounts {
  readonly #chunks = new Map<number, { counts: Uint16Array; live: number }>();
  #lastNumber = -1;
  #last: { counts: Uint16Array; live: number } | null = null;

  set(id: number, count: number): void {
    const chunk = this.#chunk(Math.floor(id / chunkSize), true)!;
    chunk.counts[id % chunkSize] = count;
    if (count > 0) chunk.live++;
  }

  get(id: number): number {
    return this.#chunk(Math.floor(id / chunkSize), false)?.counts[id % chunkSize] ?? 0;
  }

  /** One holder less; answers how many are left, -1 when there was none. */
  decrement(id: number): number {
    const number = Math.floor(id / chunkSize);
    const chunk = this.#chunk(number, false);
    const at = id % chunkSize;
    if (!chunk || chunk.counts[at] === 0) return -1;
    const left = --chunk.counts[at]!;
    if (left === 0 && --chunk.live === 0) this.#drop(number);
    return left;
  }

  /** An empty chunk goes, unless records are still being added to it. */
  #drop(number: number): void {
    if (number === this.#newest) return;
    this.#chunks.delete(number);
    if (number === this.#lastNumber) this.#lastNumber = -1;
  }

  #newest = -1;

  #chunk(number: number, create: boolean): { counts: Uint16Array; live: number } | null {
    if (number === this.#lastNumber) return this.#last;
    let chunk = this.#chunks.get(number);
    if (!chunk) {
      if (!create) return null;
      chunk = { counts: new Uint16Array(chunkSize), live: 0 };
      this.#chunks.set(number, chunk);
      const before = this.#newest;
      this.#newest = Math.max(this.#newest, number);
      if (before !== this.#newest && this.#chunks.get(before)?.live === 0) this.#chunks.delete(before);
    }
    this.#lastNumber = number;
    this.#last = chunk;
    return chunk;
  }
}
