// Up to which record each holder has handed out, so that a recovery marks what may come a second time (R30). While
// the node runs a mark is written ahead of what it says: once per some hundred records, and before they leave. A
// kill so makes a few look handed out that were not, never the reverse; a clean stop writes the truth.
import { join } from 'node:path';
import type { Storage, StorageFile } from '../base/storage.ts';
import { blockHeaderSize, ownBlockMagic, piecesOf, sealBlock } from './segment-format.ts';

const fileName = 'delivered.marks';
const ahead = 255;
/** u32 holder | f64 record id. */
const entrySize = 12;

interface Mark {
  readonly holder: number;
  /** The last record handed out. */
  last: number;
  /** What the file says, or will. */
  written: number;
}

export class DeliveredMarks {
  readonly #storage: Storage;
  readonly #path: string;
  readonly #folder: string;
  readonly #marks = new Map<number, Mark>();
  #dirty: Mark[] = [];
  #file: StorageFile | null = null;
  #size = 0;

  constructor(storage: Storage, folder: string) {
    this.#storage = storage;
    this.#folder = folder;
    this.#path = join(folder, fileName);
  }

  /** Reads what an earlier run left; the last entry of a holder counts. */
  async load(): Promise<void> {
    const names = await this.#storage.list(this.#folder);
    if (!names.includes(fileName)) return;
    for (const piece of piecesOf(await this.#storage.read(this.#path), 0, ownBlockMagic))
      if (piece.kind === 'block')
        for (let at = 0; at + entrySize <= piece.records.length; at += entrySize) {
          const id = piece.records.readDoubleBE(at + 4);
          this.#mark(piece.records.readUInt32BE(at)).last = id;
        }
  }

  /** 0 when it has handed out none. */
  last(holder: number): number {
    return this.#marks.get(holder)?.last ?? 0;
  }

  /** Keeps only the marks of holders that hold something. */
  keepOnly(holders: ReadonlySet<number>): void {
    for (const holder of this.#marks.keys()) if (!holders.has(holder)) this.#marks.delete(holder);
  }

  /** True when there is something new to write. */
  handedOut(holder: number, recordId: number): boolean {
    const mark = this.#mark(holder);
    if (recordId <= mark.last) return false;
    mark.last = recordId;
    if (recordId <= mark.written) return false;
    mark.written = recordId + ahead;
    this.#dirty.push(mark);
    return true;
  }

  get dirty(): boolean {
    return this.#dirty.length > 0;
  }

  /** Not synced: what a power loss takes is a flag, never a message. */
  async write(): Promise<void> {
    if (this.#dirty.length === 0) return;
    const dirty = this.#dirty;
    this.#dirty = [];
    try {
      // The first write of a run replaces what earlier runs left.
      if (!this.#file) await this.#replace(blockOf([...this.#marks.values()].map(written)));
      else await this.#append(blockOf(dirty.map(written), this.#size));
    } catch (error) {
      this.#dirty.push(...dirty);
      throw error;
    }
  }

  async #append(block: Buffer): Promise<void> {
    await this.#file!.write([block], this.#size);
    this.#size += block.length;
  }

  /** At a clean stop: the marks as they are. */
  async finish(): Promise<void> {
    const marks = [...this.#marks.values()];
    if (this.#file || marks.length > 0)
      await this.#replace(blockOf(marks.map(({ holder, last }) => [holder, last])));
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #replace(block: Buffer): Promise<void> {
    await this.close();
    const file = await this.#storage.open(`${this.#path}.new`);
    try {
      await file.write([block], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#storage.rename(`${this.#path}.new`, this.#path);
    this.#file = await this.#storage.reopen(this.#path);
    this.#size = block.length;
  }

  #mark(holder: number): Mark {
    let mark = this.#marks.get(holder);
    if (!mark) this.#marks.set(holder, (mark = { holder, last: 0, written: 0 }));
    return mark;
  }
}

function written({ holder, last, written }: Mark): [number, number] {
  return [holder, Math.max(last, written)];
}

function blockOf(entries: [number, number][], position = 0): Buffer {
  const block = Buffer.alloc(blockHeaderSize + entries.length * entrySize);
  for (const [index, [holder, id]] of entries.entries()) {
    const at = blockHeaderSize + index * entrySize;
    block.writeUInt32BE(holder, at);
    block.writeDoubleBE(id, at + 4);
  }
  sealBlock(block, block.length, ownBlockMagic, position);
  return block;
}
