// Numbers by slot, appended while a page fills and packed when it is closed: four bytes each where they lie close
// together, as the record numbers and positions of a page do; eight where they do not.

export class SlotNumbers {
  #growing: number[] | null = [];
  #packed: Uint32Array | Float64Array = none;
  /** Packed numbers are the distance from here plus one, 0 standing for 0; unused for those of eight bytes. */
  #base = 0;
  #sign = 1;

  get length(): number {
    return this.#growing ? this.#growing.length : this.#packed.length;
  }

  push(number: number): void {
    this.#growing!.push(number);
  }

  at(slot: number): number {
    if (this.#growing) return this.#growing[slot]!;
    const packed = this.#packed[slot]!;
    return this.#packed instanceof Float64Array || packed === 0 ? packed : this.#sign * (this.#base + packed);
  }

  /** Replaces one; after packing by 0 only. */
  set(slot: number, number: number): void {
    if (this.#growing) this.#growing[slot] = number;
    else this.#packed[slot] = number;
  }

  /** Nothing is appended from here on. */
  pack(): void {
    const numbers = this.#growing!;
    this.#growing = null;
    let least = Infinity;
    let most = 0;
    let sign = 0;
    for (const number of numbers) {
      if (number === 0) continue;
      const size = Math.abs(number);
      if (size < least) least = size;
      if (size > most) most = size;
      sign |= number > 0 ? 1 : 2;
    }
    if (sign === 3 || most - least >= 0xffff_ffff) {
      this.#packed = Float64Array.from(numbers);
      return;
    }
    this.#sign = sign === 2 ? -1 : 1;
    const base = (this.#base = least - 1);
    this.#packed = Uint32Array.from(numbers, (number) => (number === 0 ? 0 : Math.abs(number) - base));
  }
}

const none = new Uint32Array(0);
