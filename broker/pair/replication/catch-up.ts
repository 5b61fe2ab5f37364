// Bringing a returning standby's files up to the active node's while the active node goes on writing. Files are
// compared by size and checksum and only what is missing is sent, in passes that get shorter; for the last one the
// operations are held, so that nothing falls between the copy and the stream. What the standby has and the active
// node never had is set aside on the standby.
//
// A compacted segment takes its old one's name at any moment. The two differ in their first bytes (the block magic), so
// what is sent goes on from what was sent only if it is read, through one open file, behind the same first bytes.
import { join } from 'node:path';
import type { Storage, StorageReader } from '../../base/storage.ts';
import { segmentHeaderSize } from '../../journal/segment-format.ts';
import { checksum, checksumOf, lineageFile, marksFile, namesIn } from './inventory.ts';
import { Kind, type FileState } from './wire.ts';

export interface CatchUpParts {
  storage: Storage;
  folder: string;
  /** Highest segment number that both nodes had when this one became active. */
  baseSegment: number;
  /** The standby's. */
  files: FileState[];
  /** Resolves with the standby's answer; rejects when it failed or is gone. */
  ask(kind: Kind, name?: string, position?: number, parts?: readonly Uint8Array[]): Promise<number>;
  /** From now on operations wait for the end of the last pass; resolves when those before have ended. */
  hold(): Promise<void>;
}

const pieceBytes = 1 << 20;
/** A pass that sent no more than this is followed by the last one. */
const lastPassBytes = 4 << 20;
const passesMax = 20;

/** Resolves with the number of bytes sent, once the files are the same and all later operations are held. */
export async function catchUp(parts: CatchUpParts): Promise<number> {
  const run = new CatchUp(parts);
  return run.run();
}

/** What the standby has of a file. */
interface Had {
  /** Its first bytes, so many. */
  size: number;
  /** The very first of them, or as many as there were: they tell which file it was. */
  head: Buffer;
}

class CatchUp {
  readonly #parts: CatchUpParts;
  /** By name. */
  readonly #have = new Map<string, Had>();
  #sent = 0;

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
  }

  async run(): Promise<number> {
    await this.#compare(this.#parts.files);
    for (let pass = 1; ; pass++) {
      const before = this.#sent;
      await this.#pass();
      if (this.#sent - before <= lastPassBytes || pass === passesMax) break;
    }
    await this.#parts.hold();
    await this.#pass(true);
    await this.#parts.ask(Kind.SYNC_FOLDER);
    return this.#sent;
  }

  /** Finds how far each of the standby's files is ours, and has the rest set aside or removed. */
  async #compare(files: FileState[]): Promise<void> {
    const { storage, folder } = this.#parts;
    const names = new Set(await namesIn(storage, folder));
    if (!(await this.#related(files))) {
      for (const { name } of files) await this.#parts.ask(Kind.QUARANTINE, name);
      return;
    }
    for (const file of files) {
      if (!names.has(file.name)) await this.#notHere(file);
      else if (!marksFile.test(file.name))
        await this.#commonPart(file, await storage.size(join(folder, file.name)));
    }
  }

  /** Whether the standby's journal began as ours. One that did not is set aside as a whole. */
  async #related(files: FileState[]): Promise<boolean> {
    if (files.length === 0) return true;
    const theirs = files.find(({ name }) => name === lineageFile);
    if (!theirs) return false;
    const { storage, folder } = this.#parts;
    return theirs.checksum === (await checksum(storage, join(folder, lineageFile), theirs.size));
  }

  async #notHere({ name }: FileState): Promise<void> {
    const { ask, baseSegment } = this.#parts;
    const number = /^(\d+)\.(log|released)$/.exec(name)?.[1];
    const own = number !== undefined && Number(number) > baseSegment;
    await ask(own ? Kind.QUARANTINE : Kind.REMOVE, name);
  }

  async #commonPart(file: FileState, size: number): Promise<void> {
    const { storage, folder, ask } = this.#parts;
    const common = Math.min(size, file.size);
    const theirs = common === file.size ? file.checksum : await ask(Kind.CHECKSUM, file.name, common);
    const reader = storage.reader(join(folder, file.name));
    try {
      const head = await headOf(reader);
      const same = theirs === (await checksumOf(reader, common));
      if (!same || file.size !== common) await ask(Kind.QUARANTINE, file.name, same ? common : 0);
      if (!same) return;
      // What a link that broke had sent may be in the standby's memory only.
      await ask(Kind.SYNC, file.name);
      this.#have.set(file.name, { size: common, head });
    } finally {
      reader.close();
    }
  }

  /** Sends what is missing now. Files that go meanwhile are removed by the next pass or by the stream. */
  async #pass(isLast = false): Promise<void> {
    const { storage, folder, ask } = this.#parts;
    const names = await namesIn(storage, folder);
    for (const name of this.#have.keys())
      if (!names.includes(name)) {
        await ask(Kind.REMOVE, name);
        this.#have.delete(name);
      }
    // One that is about to be renamed belongs to what is held: the standby renames its own.
    for (const name of names) if (isLast || !name.endsWith('.new')) await this.#send(name);
  }

  async #send(name: string): Promise<void> {
    const { storage, folder, ask } = this.#parts;
    const path = join(folder, name);
    if (marksFile.test(name)) this.#have.delete(name);
    let reader;
    try {
      reader = storage.reader(path);
      const head = await headOf(reader);
      const size = await storage.size(path);
      const had = this.#had(name, head);
      if (had?.size === size) return;
      let at = had && had.size < size ? had.size : -1;
      if (at < 0) {
        await ask(Kind.CREATE, name);
        // Should it go meanwhile, the next pass removes it there too.
        this.#have.set(name, { size: (at = 0), head });
      }
      at = await this.#copy(name, reader, at, size);
      await ask(Kind.SYNC, name);
      this.#have.set(name, { size: at, head });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    } finally {
      reader?.close();
    }
  }

  /** What the standby has of the file that begins so; null when it has another one's, or none. */
  #had(name: string, head: Buffer): Had | null {
    const had = this.#have.get(name);
    return had && had.head.equals(head.subarray(0, had.head.length)) ? had : null;
  }

  /** Answers how far it came: the size may be that of a file that has taken the name meanwhile. */
  async #copy(name: string, reader: StorageReader, from: number, size: number): Promise<number> {
    let at = from;
    while (at < size) {
      const bytes = await reader.read(at, Math.min(pieceBytes, size - at));
      if (bytes.length === 0) break;
      await this.#parts.ask(Kind.WRITE, name, at, [bytes]);
      this.#sent += bytes.length;
      at += bytes.length;
    }
    return at;
  }
}

function headOf(reader: StorageReader): Promise<Buffer> {
  return reader.read(0, segmentHeaderSize);
}
