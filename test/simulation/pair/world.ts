// Everything one seed's pair lives in: time, places with their disks, links, locks, processes and clients.
import { DataFolderInUse } from '../../../broker/base/data-folder-lock.ts';
import type { Storage } from '../../../broker/base/storage.ts';
import type { Clock } from '../../../broker/base/clock.ts';
import type { Doors } from '../../../broker/node/doors.ts';
import type { NodeId } from '../../../broker/pair/pair-machine.ts';
import { SimulatedDisk } from '../disk.ts';
import { DiskStorage } from '../disk-storage.ts';
import { EventLoop } from '../event-loop.ts';
import type { Random } from '../random.ts';
import type { PairConditions } from './conditions.ts';
import { SimulatedStore, type StoredDefinitions } from './definitions-store.ts';
import { Front } from './front.ts';
import { Ledger } from './ledger.ts';
import { SimulatedNetwork } from './network.ts';
import type { SimulatedNode } from './node.ts';
import { SimulatedProcess } from './process.ts';

export type Place = NodeId | 'host';

/** What broker/host/data-folder-claim.ts gives the nodes of a host before. */
const orphanPatienceMs = 3000;

export class World {
  readonly loop = new EventLoop();
  readonly random: Random;
  readonly conditions: PairConditions;
  readonly network: SimulatedNetwork;
  readonly front: Front;
  readonly ledger: Ledger;
  readonly trace: (line: string) => void;
  readonly traced: boolean;
  readonly disks: Record<Place, SimulatedDisk>;
  /** Definitions by their file. */
  readonly stored = new Map<string, StoredDefinitions>();
  readonly processes = new Set<SimulatedProcess>();
  /** Nodes that have their store open, or had until their process ended. */
  readonly open = new Map<SimulatedProcess, SimulatedNode>();
  /** Processes so far. */
  spawned = 0;
  readonly #locks = new Map<string, SimulatedProcess>();
  readonly #storages: DiskStorage[] = [];

  constructor(random: Random, conditions: PairConditions, trace: ((line: string) => void) | null) {
    this.random = random;
    this.conditions = conditions;
    this.traced = trace !== null;
    const startedAt = this.loop.monotonic();
    this.trace = (line) => trace?.(`${(this.loop.monotonic() - startedAt).toFixed(2).padStart(9)} ${line}`);
    this.network = new SimulatedNetwork(this.loop, random, conditions.delayMs);
    this.front = new Front(this.loop, random, this.network);
    const { model, mode } = conditions;
    this.ledger = new Ledger({
      lagOf: (process) => this.open.get(process)?.replicator.status().lagMessages ?? 0,
      model,
      lenient: model === 'replicated' && mode === 'async',
      trace: trace && this.trace,
    });
    const a = new SimulatedDisk();
    this.disks = { a, b: model === 'shared-store' ? a : new SimulatedDisk(), host: new SimulatedDisk() };
  }

  spawn(name: string, place: Place): SimulatedProcess {
    this.trace(`${name} starts`);
    const process = new SimulatedProcess(name, place, this.loop);
    this.processes.add(process);
    process.onDeath(() => {
      this.trace(`${name} is gone`);
      this.processes.delete(process);
      const node = this.open.get(process);
      if (node) this.ledger.lags(process, node.replicator.status().lagMessages);
      this.open.delete(process);
      for (const [folder, holder] of this.#locks) if (holder === process) this.#locks.delete(folder);
    });
    return process;
  }

  doorsOf(process: SimulatedProcess, place: Place): Doors {
    const disk = this.disks[place];
    const { random, conditions } = this;
    const trace = () => undefined;
    const storage = new DiskStorage({
      disk,
      loop: process.kernel,
      answers: process.clock,
      random,
      conditions,
      trace,
    });
    this.#storages.push(storage);
    return {
      clock: process.clock,
      network: this.network.of(process),
      storage: methodsOf(storage),
      memoryUsedBytes: () => 0,
      lockFolder: (folder) => this.#lock(process, folder),
      definitionsStore: (file) => {
        let stored = this.stored.get(file);
        if (!stored) this.stored.set(file, (stored = new Map()));
        return new SimulatedStore({ process, disk, random, syncMs: conditions.syncMs, stored });
      },
    };
  }

  /** As a new host does with the nodes of one before it: who does not let go in time is killed. */
  async freeFolder(folder: string, clock: Clock): Promise<void> {
    if (!this.#locks.has(folder)) return;
    await new Promise<void>((resolve) => void clock.after(orphanPatienceMs, resolve));
    this.#locks.get(folder)?.kill();
  }

  async #lock(process: SimulatedProcess, folder: string): Promise<{ release: () => void }> {
    await new Promise<void>((resolve) => void process.clock.after(this.random.fraction(), resolve));
    const holder = this.#locks.get(folder);
    if (holder) throw new DataFolderInUse(folder, holder.name);
    this.#locks.set(folder, process);
    return {
      release: () => {
        if (this.#locks.get(folder) === process) this.#locks.delete(folder);
      },
    };
  }

  /** Of a place: its processes die, and what was not synced is lost or torn. */
  losePower(place: Place): void {
    this.trace(`power loss of ${place}`);
    for (const process of [...this.processes]) if (process.place === place) process.kill();
    this.disks[place].losePower(this.random);
    if (place !== 'host') this.ledger.powerLost = true;
  }

  /** What no code may do, such as writing to a closed file; null when nothing of the kind was done. */
  get misuse(): string | null {
    for (const { misuse } of this.#storages) if (misuse.length > 0) return misuse[0]!;
    return null;
  }
}

/** As an object whose methods are its own: code spreads what it is given. */
function methodsOf(storage: DiskStorage): Storage {
  return {
    open: (path) => storage.open(path),
    reopen: (path) => storage.reopen(path),
    size: (path) => storage.size(path),
    reader: (path) => storage.reader(path),
    read: (path, sizeMax) => storage.read(path, sizeMax),
    readInto: (path, buffer) => storage.readInto(path, buffer),
    list: (folder) => storage.list(folder),
    rename: (from, to) => storage.rename(from, to),
    remove: (path) => storage.remove(path),
    truncate: (path, size) => storage.truncate(path, size),
    syncFolder: (folder) => storage.syncFolder(folder),
  };
}
