// An append-only file without records: what came since the last write is written at once, and synced where asked.
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fileBytesMax = 64 << 20;
const slabBytes = 4 << 20;

export class BareJournal {
  /** Publishes that are in the file. */
  committed = 0;
  readonly #sync: boolean;
  readonly #folder = mkdtempSync(join(tmpdir(), 'bare-journal-'));
  readonly #listeners: (() => void)[] = [];
  #filling = Buffer.allocUnsafeSlow(slabBytes);
  #spare = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;
  #published = 0;
  #busy = false;
  #file = -1;
  #files = 0;
  #fileBytes = 0;

  constructor(sync: boolean) {
    this.#sync = sync;
    this.#nextFile();
  }

  onCommit(listener: () => void): void {
    this.#listeners.push(listener);
  }

  append(bytes: Buffer, from: number, to: number): void {
    if (this.#used + to - from > this.#filling.length) {
      const grown = Buffer.allocUnsafeSlow(this.#filling.length * 2);
      this.#filling.copy(grown, 0, 0, this.#used);
      this.#filling = grown;
    }
    bytes.copy(this.#filling, this.#used, from, to);
    this.#used += to - from;
  }

  /** `published`: how many publishes what was appended makes up. */
  schedule(published: number): void {
    if (published > this.#published) this.#published = published;
    if (this.#used === 0 || this.#busy) return;
    this.#busy = true;
    setImmediate(() => this.#commit());
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #commit(): void {
    const [slab, size, position] = [this.#filling, this.#used, this.#published];
    this.#filling = this.#spare;
    this.#used = 0;
    const done = (error: Error | null) => {
      if (error) throw error;
      this.#spare = slab;
      this.committed = position;
      this.#busy = false;
      for (const listener of this.#listeners) listener();
      this.schedule(0);
    };
    if (this.#fileBytes > fileBytesMax) this.#nextFile();
    write(this.#file, slab, 0, size, this.#fileBytes, (error) => {
      if (error || !this.#sync) return done(error);
      fdatasync(this.#file, done);
    });
    this.#fileBytes += size;
  }

  #nextFile(): void {
    if (this.#file >= 0) {
      closeSync(this.#file);
      rmSync(join(this.#folder, String(this.#files)));
    }
    this.#files++;
    this.#file = openSync(join(this.#folder, String(this.#files)), 'w');
    this.#fileBytes = 0;
  }
}
