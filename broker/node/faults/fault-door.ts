// The doors to the world with faults on them, put there and taken away at run time by the host: what a disk, a cable, a
// clock or other programs' hunger for memory do to a node, without any of them.
import type { Clock } from '../../base/clock.ts';
import { placeOf, type FaultPlace, type LastingFault } from '../../contract/node-faults.ts';
import type { Doors } from '../doors.ts';
import { faultyDefinitions } from './faulty-definitions.ts';
import { faultyNetwork, FaultyLink, type LinkFault } from './faulty-network.ts';
import { faultyStorage, FaultyDisk, type DiskFault } from './faulty-storage.ts';

export class FaultDoor {
  readonly doors: Doors;
  readonly #disk = new FaultyDisk();
  readonly #link = new FaultyLink();
  readonly #realNow: () => number;
  readonly #clock: Clock;
  #memory = false;

  constructor(doors: Doors) {
    this.#realNow = doors.clock.now;
    this.#clock = { ...doors.clock };
    this.doors = {
      ...doors,
      clock: this.#clock,
      network: faultyNetwork(doors.network, this.#link),
      storage: faultyStorage(doors.storage, this.#disk),
      definitionsStore: (file) => faultyDefinitions(doors.definitionsStore(file), this.#disk),
      memoryUsedBytes: () => (this.#memory ? Infinity : doors.memoryUsedBytes()),
    };
  }

  /** All that are on from now on. */
  set(faults: readonly LastingFault[]): void {
    const on = new Map<FaultPlace, LastingFault>(faults.map((fault) => [placeOf(fault), fault]));
    this.#disk.set((on.get('disk') as DiskFault | undefined) ?? null);
    this.#link.set((on.get('peer-link') as LinkFault | undefined) ?? null);
    this.#memory = on.has('memory');
    const clock = on.get('clock');
    const byMs = clock?.kind === 'clock-jump' ? clock.byMs : 0;
    this.#clock.now = byMs === 0 ? this.#realNow : () => this.#realNow() + byMs;
  }
}
