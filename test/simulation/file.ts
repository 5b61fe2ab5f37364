// A file on the simulated disk: what the page cache shows, what the disk has, and the changes between the two.
// A power loss keeps any of those changes, sector by sector, in any order.
import type { Random } from './random.ts';

export const sectorBytes = 512;

/** A sector as the page cache had it after a change; the disk writes whole sectors or none. */
interface SectorImage {
  readonly sector: number;
  readonly bytes: Buffer;
}

interface Change {
  /** Size of the file after it. */
  readonly size: number;
  readonly truncates: boolean;
  readonly sectors: readonly SectorImage[];
}

class Content {
  bytes = Buffer.alloc(0);
  size = 0;

  get view(): Buffer {
    return this.bytes.subarray(0, this.size);
  }

  write(part: Uint8Array, position: number): void {
    const end = position + part.length;
    if (end > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.bytes.length * 2, 1024));
      this.view.copy(grown);
      this.bytes = grown;
    }
    this.bytes.set(part, position);
    this.size = Math.max(this.size, end);
  }

  /** Also grows, with zeros. */
  resize(size: number): void {
    if (size < this.size) this.bytes.fill(0, size, this.size);
    else if (size > this.bytes.length) this.write(Buffer.alloc(size - this.size), this.size);
    this.size = size;
  }

  copy(): Content {
    const copy = new Content();
    copy.write(this.view, 0);
    return copy;
  }
}

export class SimulatedFile {
  #cached = new Content();
  #durable = new Content();
  #changes: Change[] = [];
  /** Changes before the first of those. */
  #settled = 0;

  get size(): number {
    return this.#cached.size;
  }

  /** As a reader sees it; valid until the next change. */
  get view(): Buffer {
    return this.#cached.view;
  }

  read(position: number, length: number): Buffer {
    return Buffer.from(this.#cached.view.subarray(position, position + length));
  }

  write(bytes: Uint8Array, position: number): void {
    this.#cached.write(bytes, position);
    const sectors: SectorImage[] = [];
    const end = position + bytes.length;
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector++)
      sectors.push({ sector, bytes: this.read(sector * sectorBytes, sectorBytes) });
    this.#changes.push({ size: this.size, truncates: false, sectors });
  }

  truncate(size: number): void {
    this.#cached.resize(size);
    this.#changes.push({ size, truncates: true, sectors: [] });
  }

  /** Changes ever: a mark for `sync`, which covers what came before it. */
  get changeCount(): number {
    return this.#settled + this.#changes.length;
  }

  #settle(changeCount: number): Change[] {
    const settled = this.#changes.splice(0, Math.max(0, changeCount - this.#settled));
    this.#settled += settled.length;
    return settled;
  }

  /** All changes up to the mark are on the disk. */
  sync(changeCount: number): void {
    for (const change of this.#settle(changeCount)) {
      if (change.truncates) this.#durable.resize(change.size);
      for (const { sector, bytes } of change.sectors) this.#durable.write(bytes, sector * sectorBytes);
    }
  }

  /** A failed sync: some of it is on the disk, and the system has forgotten that the rest is not. */
  syncPartly(changeCount: number, random: Random): void {
    const lost = this.#settle(changeCount);
    if (!lost.some(({ truncates }) => truncates)) keep(this.#durable, lost, somehow(random, lost.length));
  }

  /** What the disk has becomes what there is; what was not synced is there or not. */
  losePower(random: Random): void {
    const durableSize = this.#durable.size;
    const cachedSize = this.#cached.size;
    const truncated = this.#changes.some(({ truncates }) => truncates);
    keep(this.#durable, this.#changes, somehow(random, this.#changes.length));
    if (this.#changes.length > 0 && !truncated) {
      const size = random.weighted({ written: 5, zeros: 2, before: 1 });
      // Data and size are separate writes: the file may be longer than what was written, or shorter.
      if (size === 'zeros') this.#durable.resize(Math.max(cachedSize, this.#durable.size));
      else if (size === 'before') this.#durable.resize(durableSize);
    }
    this.#settle(this.changeCount);
    this.#cached = this.#durable.copy();
  }

  get isOnDisk(): boolean {
    return this.size > 0 && this.#changes.length === 0;
  }

  /** Rot: one bit of what is on the disk and in the cache. */
  flip(offset: number, bit: number): void {
    for (const content of [this.#cached, this.#durable])
      if (offset < content.size) content.bytes[offset]! ^= 1 << bit;
  }
}

/** Whether a sector of a change was kept. */
type Keeper = (change: number, sector: number) => boolean;

function somehow(random: Random, count: number): Keeper {
  const manner = random.weighted({ nothing: 3, all: 1, first: 3, any: 4, anySectors: 5 });
  const share = random.fraction();
  const upTo = random.below(count + 1);
  const torn = random.below(4);
  const chosen = Array.from({ length: count }, () => random.chance(share));
  if (manner === 'nothing') return () => false;
  if (manner === 'all') return () => true;
  if (manner === 'first') return (change, sector) => change < upTo || (change === upTo && sector < torn);
  if (manner === 'any') return (change) => chosen[change]!;
  return () => random.chance(share);
}

function keep(content: Content, changes: readonly Change[], keeps: Keeper): void {
  for (const [index, change] of changes.entries()) {
    if (change.truncates) {
      // Nothing behind a truncation is there without it: the space was given back first.
      if (!keeps(index, 0)) return;
      content.resize(change.size);
    }
    for (const [place, { sector, bytes }] of change.sectors.entries())
      if (keeps(index, place)) content.write(bytes, sector * sectorBytes);
  }
}
