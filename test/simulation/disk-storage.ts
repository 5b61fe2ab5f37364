// Storage on the simulated disk: every call takes its time, takes effect somewhere within it, and may fail. One
// instance serves one life of a process; when that ends, calls under way never answer.
import type { Clock } from '../../broker/base/clock.ts';
import type { Storage, StorageFile, StorageReader } from '../../broker/base/storage.ts';
import type { Call, DiskConditions } from './conditions.ts';
import { notFound, type SimulatedDisk } from './disk.ts';
import type { SimulatedFile } from './file.ts';
import type { Random } from './random.ts';

export interface StorageParts {
  disk: SimulatedDisk;
  /** Where a call takes effect. */
  loop: Pick<Clock, 'after' | 'monotonic'>;
  /** Where its answer comes, if that is another place: a stopped process hears nothing. */
  answers?: Pick<Clock, 'after'>;
  random: Random;
  conditions: DiskConditions;
  trace: (line: string) => void;
}

export class DiskStorage implements Storage {
  /** The last calls that failed on purpose, by call and path. */
  readonly failed: { call: Call; path: string; code: string }[] = [];
  /** What no code may do, such as writing to a closed file. */
  readonly misuse: string[] = [];
  /** Paths of files and readers not closed yet. */
  readonly inUse = new Map<object, string>();
  /** Whoever had it open has told that it is done. */
  closed = false;
  readonly #parts: StorageParts;

  constructor(parts: StorageParts) {
    this.#parts = parts;
  }

  async open(path: string): Promise<StorageFile> {
    const { disk } = this.#parts;
    const file = await this.call('open', path, () => {
      if (!disk.file(path) && disk.freeBytes === 0) throw this.failure('open', path, 'ENOSPC');
      return disk.create(path);
    });
    return new OpenFile(this, this.#parts, path, file);
  }

  async reopen(path: string): Promise<StorageFile> {
    const file = await this.call('open', path, () => this.#existing('open', path));
    return new OpenFile(this, this.#parts, path, file);
  }

  size(path: string): Promise<number> {
    return this.call('read', path, () => this.#existing('stat', path).size);
  }

  reader(path: string): StorageReader {
    const file = this.#parts.disk.file(path);
    if (!file) throw notFound('open', path);
    return new OpenReader(this, path, file);
  }

  read(path: string, sizeMax = Infinity): Promise<Buffer> {
    return this.call('read', path, () => this.#existing('read', path).read(0, sizeMax));
  }

  readInto(path: string, buffer: Buffer): Promise<Buffer> {
    return this.call('read', path, () => {
      const { view } = this.#existing('read', path);
      if (view.length > buffer.length) return Buffer.from(view);
      view.copy(buffer);
      return buffer.subarray(0, view.length);
    });
  }

  list(folder: string): Promise<string[]> {
    const prefix = `${folder}/`;
    return this.call('list', folder, () => {
      const inside = this.#parts.disk.paths().filter((path) => path.startsWith(prefix));
      return [...new Set(inside.map((path) => path.slice(prefix.length).split('/', 1)[0]!))];
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.call('rename', from, () => this.#parts.disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.call('remove', path, () => this.#parts.disk.remove(path));
  }

  truncate(path: string, size: number): Promise<void> {
    return this.call('truncate', path, () => {
      const file = this.#existing('truncate', path);
      file.truncate(size);
      file.sync(file.changeCount);
    });
  }

  async syncFolder(folder: string): Promise<void> {
    const { disk } = this.#parts;
    const { changeCount } = disk;
    await this.call('syncFolder', folder, () => {
      if (!this.#parts.conditions.lies.includes('syncFolder')) disk.syncFolder(folder, changeCount);
    });
  }

  #existing(call: string, path: string): SimulatedFile {
    const file = this.#parts.disk.file(path);
    if (!file) throw notFound(call, path);
    return file;
  }

  /** Takes effect after some time and answers after some more; or fails, mostly without effect. */
  call<T>(
    call: Call,
    path: string,
    effect: () => T,
    faultShare = this.#parts.conditions.faults[call],
  ): Promise<T> {
    const { random, loop, answers = loop } = this.#parts;
    if (this.closed) this.misuse.push(`${call} ${path} after the end`);
    const fails = random.chance(faultShare);
    const failsLate = fails && call !== 'sync' && call !== 'syncFolder' && random.chance(0.3);
    return new Promise((resolve, reject) =>
      loop.after(this.#latencyMs(call), () => {
        let answer: () => void;
        try {
          if (fails && !failsLate) throw this.failure(call, path, 'EIO');
          const value = effect();
          if (failsLate) throw this.failure(call, path, 'EIO');
          this.#parts.trace(`${call} ${path}`);
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error as Error);
        }
        answers.after(this.#latencyMs('read'), answer);
      }),
    );
  }

  failure(call: Call, path: string, code: 'EIO' | 'ENOSPC'): NodeJS.ErrnoException {
    this.failed.push({ call, path, code });
    this.#parts.trace(`${call} ${path} fails: ${code}`);
    return Object.assign(new Error(`${code}: ${call} '${path}'`), { code });
  }

  failsAtOnce(): boolean {
    return this.#parts.random.chance(this.#parts.conditions.faults.read);
  }

  #latencyMs(call: Call): number {
    const { random, conditions, disk, loop } = this.#parts;
    const stalledMs = Math.max(0, disk.stalledUntil - loop.monotonic());
    if (stalledMs > 0) return stalledMs + conditions.latencyMs * random.fraction();
    if (random.chance(conditions.stallShare)) return 1000 * random.fraction();
    const usual = call === 'sync' || call === 'syncFolder' ? conditions.syncMs : conditions.latencyMs;
    return usual * random.fraction() * 2;
  }
}

class OpenFile implements StorageFile {
  readonly #storage: DiskStorage;
  readonly #parts: StorageParts;
  readonly #path: string;
  readonly #file: SimulatedFile;
  #underWay = 0;
  #closed = false;

  constructor(storage: DiskStorage, parts: StorageParts, path: string, file: SimulatedFile) {
    this.#storage = storage;
    this.#parts = parts;
    this.#path = path;
    this.#file = file;
    storage.inUse.set(this, path);
  }

  /** The bytes are taken when they are written, in one or two steps, not when the call is made. */
  async write(parts: Uint8Array[], position: number): Promise<void> {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const { random, conditions } = this.#parts;
    const fails = random.chance(conditions.faults.write);
    const first = fails || random.chance(0.3) ? random.below(size + 1) : size;
    await this.#use('write', async () => {
      await this.#piece(parts, position, 0, first);
      if (fails) throw this.#storage.failure('write', this.#path, 'EIO');
      if (first < size) await this.#piece(parts, position, first, size);
    });
  }

  #piece(parts: Uint8Array[], position: number, from: number, to: number): Promise<void> {
    const { disk } = this.#parts;
    const what = `${this.#path} ${position + from}..${position + to}`;
    const effect = () => {
      const bytes = Buffer.concat(parts).subarray(from, to);
      const grows = Math.max(0, position + to - this.#file.size);
      const room = bytes.length - Math.max(0, grows - disk.freeBytes);
      if (room > 0) this.#file.write(bytes.subarray(0, room), position + from);
      if (room < bytes.length) throw this.#storage.failure('write', this.#path, 'ENOSPC');
    };
    return this.#storage.call('write', what, effect, 0);
  }

  async sync(): Promise<void> {
    const { changeCount } = this.#file;
    await this.#use('sync', () =>
      this.#storage
        .call('sync', this.#path, () => this.#synced(changeCount))
        .catch((error: unknown) => {
          this.#file.syncPartly(changeCount, this.#parts.random);
          throw error;
        }),
    );
  }

  async writeSynced(parts: Uint8Array[], position: number): Promise<void> {
    await this.write(parts, position);
    await this.sync();
  }

  #synced(changeCount: number): void {
    if (!this.#parts.conditions.lies.includes('sync')) this.#file.sync(changeCount);
  }

  async close(): Promise<void> {
    if (this.#underWay > 0) this.#storage.misuse.push(`${this.#path} is closed while it is in use`);
    this.#closed = true;
    this.#storage.inUse.delete(this);
  }

  async #use(call: Call, work: () => Promise<void>): Promise<void> {
    if (this.#closed) this.#storage.misuse.push(`${call} on ${this.#path}, which is closed`);
    this.#underWay++;
    try {
      await work();
    } finally {
      this.#underWay--;
    }
  }
}

class OpenReader implements StorageReader {
  readonly #storage: DiskStorage;
  readonly #path: string;
  readonly #file: SimulatedFile;
  #closed = false;

  constructor(storage: DiskStorage, path: string, file: SimulatedFile) {
    this.#storage = storage;
    this.#path = path;
    this.#file = file;
    storage.inUse.set(this, path);
  }

  read(position: number, length: number): Promise<Buffer> {
    this.#check();
    return this.#storage.call('read', this.#path, () => this.#file.read(position, length));
  }

  readSync(position: number, length: number): Buffer {
    this.#check();
    if (this.#storage.failsAtOnce()) throw this.#storage.failure('read', this.#path, 'EIO');
    return this.#file.read(position, length);
  }

  close(): void {
    this.#closed = true;
    this.#storage.inUse.delete(this);
  }

  #check(): void {
    if (this.#closed) this.#storage.misuse.push(`a read of ${this.#path}, which is closed`);
  }
}
