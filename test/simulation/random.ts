// Seeded random numbers: the same seed gives the same run (sfc32).

export class Random {
  #a = 0x9e37_79b9;
  #b = 0x243f_6a88;
  #c: number;
  #count = 1;

  constructor(seed: number) {
    this.#c = seed >>> 0;
    for (let i = 0; i < 16; i++) this.#bits();
  }

  #bits(): number {
    const sum = (this.#a + this.#b + this.#count) >>> 0;
    this.#count = (this.#count + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.#bits() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** Both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A key with a chance by its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) if ((left -= weight) < 0) return key;
    return entries.at(-1)![0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at += 4) {
      const bits = this.#bits();
      for (let i = at; i < Math.min(at + 4, length); i++) bytes[i] = bits >>> (8 * (i - at));
    }
    return bytes;
  }
}
