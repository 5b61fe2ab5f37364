// How the node's disk does, told with every heartbeat: a process whose event loop lives may have a disk that hangs. It
// looks at what the node does to its files anyway; an idle node asks nothing of its disk.
import type { Clock } from '../base/clock.ts';
import type { Storage, StorageFile } from '../base/storage.ts';
import type { DefinitionsStore } from '../definitions/definitions-store.ts';
import type { Doors } from './doors.ts';

/** A disk that nothing was asked of for so long may be well again. */
const forgetAfterMs = 5000;

export class DiskWatch {
  /** A sync that takes longer is slow. */
  slowSyncMs = Infinity;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #underWay = new Set<{ since: number }>();
  #slowSince: number | null = null;
  #slowUntil = 0;
  #endedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the oldest operation has been under way, 0 when there is none. */
  get pendingMs(): number {
    const [oldest] = this.#underWay;
    return oldest ? this.#clock.monotonic() - oldest.since : 0;
  }

  /** Since when nothing was asked of the disk; 0 while something is under way. */
  get idleMs(): number {
    return this.#underWay.size > 0 ? 0 : this.#clock.monotonic() - this.#endedAt;
  }

  /** Since when there has been no sync but slow ones, up to the last of them; 0 when that is long ago. */
  get slowForMs(): number {
    if (this.#slowSince === null || this.#clock.monotonic() - this.#slowUntil > forgetAfterMs) return 0;
    return this.#slowUntil - this.#slowSince;
  }

  watched(doors: Doors): Doors {
    return {
      ...doors,
      storage: this.#storage(doors.storage),
      definitionsStore: (file) => this.#definitions(doors.definitionsStore(file)),
    };
  }

  follow<Result>(operation: Promise<Result>, isSync: boolean): Promise<Result> {
    const begun = { since: this.#clock.monotonic() };
    this.#underWay.add(begun);
    const ended = () => {
      this.#underWay.delete(begun);
      this.#endedAt = this.#clock.monotonic();
      if (isSync) this.#synced(begun.since);
    };
    operation.then(ended, ended);
    return operation;
  }

  #synced(since: number): void {
    const now = this.#clock.monotonic();
    if (now - since <= this.slowSyncMs) this.#slowSince = null;
    else {
      if (this.#slowSince === null || now - this.#slowUntil > forgetAfterMs) this.#slowSince = since;
      this.#slowUntil = now;
    }
  }

  #file(file: StorageFile): StorageFile {
    return {
      write: (parts, position) => this.follow(file.write(parts, position), false),
      sync: () => this.follow(file.sync(), true),
      writeSynced: (parts, position) => this.follow(file.writeSynced(parts, position), true),
      close: () => file.close(),
    };
  }

  #storage(storage: Storage): Storage {
    return {
      ...storage,
      open: async (path) => this.#file(await this.follow(storage.open(path), false)),
      reopen: async (path) => this.#file(await this.follow(storage.reopen(path), false)),
      rename: (from, to) => this.follow(storage.rename(from, to), false),
      remove: (path) => this.follow(storage.remove(path), false),
      truncate: (path, size) => this.follow(storage.truncate(path, size), false),
      syncFolder: (folder) => this.follow(storage.syncFolder(folder), true),
    };
  }

  #definitions(store: DefinitionsStore): DefinitionsStore {
    return {
      kind: store.kind,
      load: () => store.load(),
      entries: () => store.entries(),
      put: (definition, alone) => this.follow(store.put(definition, alone), false),
      settleOne: (key, alone) => this.follow(store.settleOne(key, alone), false),
      settle: (upTo) => this.follow(store.settle(upTo), false),
      remove: (kind, key) => this.follow(store.remove(kind, key), false),
      close: () => store.close(),
    };
  }
}
