// One life of a process on the simulated disk: it starts, does things at random until it is told to stop, or its
// events run out and it dies. What it does is for those that extend this.
import { logTo, type Log } from '../../broker/base/log.ts';
import type { Conditions } from './conditions.ts';
import type { SimulatedDisk } from './disk.ts';
import { DiskStorage } from './disk-storage.ts';
import type { EventLoop } from './event-loop.ts';
import type { Expectations } from './expectations.ts';
import type { Random } from './random.ts';
import { recordsAt, segmentHeaderSize } from './rot.ts';
import { promised, Violation } from './violation.ts';

const fullMsMax = 5000;
/** Of a log whose ids are its own. */
export const scratchFolder = '/data/paging';

export interface LifeParts {
  disk: SimulatedDisk;
  loop: EventLoop;
  random: Random;
  conditions: Conditions;
  expectations: Expectations;
  /** Rot hits once in a run at most. */
  rotted: { yes: boolean; scratch: boolean };
  trace: (line: string) => void;
}

export abstract class Life {
  state: 'starting' | 'working' | 'settling' | 'closing' | 'closed' | 'failed' = 'starting';
  protected readonly parts: LifeParts;
  protected readonly storage: DiskStorage;
  protected readonly log: Log;
  /** The first thing that went wrong where nobody waits for it. */
  #violation: unknown = null;

  constructor(parts: LifeParts) {
    this.parts = parts;
    this.storage = new DiskStorage(parts);
    this.log = logTo((level, message) => parts.trace(`log ${level}: ${message}`));
  }

  /** Runs at most so many events; answers whether the process has ended by itself. Throws a Violation. */
  async run(eventsMax: number): Promise<boolean> {
    this.watch(this.#start());
    for (let left = eventsMax; left > 0; left--) {
      const more = await this.parts.loop.step();
      if (this.#violation) throw this.#violation;
      const [misuse] = this.storage.misuse;
      promised(misuse === undefined, () => misuse!);
      this.#noteFailures();
      this.afterEvent();
      if (this.state === 'failed') return true;
      if (more) continue;
      if (this.state === 'closed') return true;
      promised(this.state === 'settling', () => `nothing happens any more while ${this.state}`);
      this.parts.trace('settled');
      this.settled();
      this.state = 'working';
      this.#actLater();
    }
    return this.state === 'closed';
  }

  #failuresSeen = 0;

  #noteFailures(): void {
    const { failed } = this.storage;
    for (; this.#failuresSeen < failed.length; this.#failuresSeen++) {
      const { call, path } = failed[this.#failuresSeen]!;
      if (call !== 'sync' || !path.endsWith('.log')) continue;
      this.parts.expectations.syncFailed();
      this.syncFailed();
    }
  }

  async #start(): Promise<void> {
    try {
      await this.recover();
    } catch (error) {
      if (error instanceof Violation || this.storage.failed.length === 0) throw error;
      this.parts.trace(`the start failed: ${String(error)}`);
      this.state = 'failed';
      return;
    }
    this.state = 'working';
    this.#actLater();
  }

  #actLater(): void {
    const { loop, random, conditions } = this.parts;
    loop.after(conditions.pauseMs * random.fraction() * 2, () => {
      if (this.state !== 'working') return;
      this.act();
      // What the state has become meanwhile is not for the compiler to know.
      if ((this.state as string) === 'working') this.#actLater();
    });
  }

  /** Rejects with a Violation, or with what the disk says. */
  protected abstract recover(): Promise<void>;
  protected abstract act(): void;
  protected abstract afterEvent(): void;
  /** A journal's segment could not be synced. */
  protected syncFailed(): void {}
  /** Nothing is left to happen, so all must be done. */
  protected abstract settled(): void;

  protected watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => (this.#violation ??= error));
  }

  // ---- What any process can do or suffer ----

  /** `clean` tells whether the end was one. */
  protected close(work: () => Promise<void>, clean: () => boolean): void {
    this.state = 'closing';
    this.parts.trace('close');
    const closing = work().then(() => {
      this.parts.trace('closed');
      this.state = clean() ? 'closed' : 'failed';
      this.storage.closed = true;
      const [leaked] = this.storage.inUse.values();
      promised(leaked === undefined, () => `${leaked} is left open`);
    });
    this.watch(closing);
  }

  protected fillDisk(): void {
    const { disk, loop, random, trace } = this.parts;
    if (disk.capacityBytes !== Infinity) return;
    disk.capacityBytes = disk.usedBytes + random.pick([0, 30, 500, 3000]);
    trace(`the disk is full at ${disk.capacityBytes}`);
    loop.after(fullMsMax * random.fraction(), () => {
      trace('the disk has room again');
      disk.capacityBytes = Infinity;
    });
  }

  protected rot(): void {
    const { disk, random, expectations, rotted, trace } = this.parts;
    const paths = disk.paths().filter((path) => disk.file(path)!.isOnDisk);
    if (rotted.yes || paths.length === 0) return;
    const path = random.pick(paths);
    const file = disk.file(path)!;
    // Headers are small, and what they say matters to all that follows.
    const offset = random.below(random.chance(0.3) ? Math.min(file.size, segmentHeaderSize) : file.size);
    const ids = path.endsWith('.log') ? recordsAt(file.view, offset) : [];
    if (!ids) return;
    rotted.yes = true;
    trace(`rot in ${path} at ${offset}`);
    file.flip(offset, random.below(8));
    if (path.startsWith(scratchFolder)) rotted.scratch = true;
    else expectations.rot(ids, !path.endsWith('.log') || offset < segmentHeaderSize);
  }
}
