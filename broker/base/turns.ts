// Long work, done a little in each turn of the event loop. All that is under way shares one small span a turn, so
// that much of it takes longer and nobody else waits longer. A little that is new is done at once.
import type { Clock } from './clock.ts';

/** Yields after steps of some ten microseconds, wherever others may have their turn; a promise is waited for. */
export type LongWork = Generator<Promise<void> | undefined, void>;

interface Job {
  work: LongWork;
  resolve: () => void;
  reject: (error: unknown) => void;
  failed: boolean;
}

export interface TurnLimits {
  /** Of one turn; the step that is under way is finished. */
  turnMs: number;
  stepsMax: number;
}

const defaultLimits: TurnLimits = { turnMs: 0.3, stepsMax: 32 };

export class Turns {
  readonly #clock: Clock;
  readonly #limits: TurnLimits;
  /** Not waiting for anything; each has a step in turn. */
  #ready: Job[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(clock: Clock, limits: Partial<TurnLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Begins at once. Undefined when that was all, else settles when the work has ended. */
  run(work: LongWork): Promise<void> | undefined {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const job: Job = { work, resolve, reject, failed: false };
    const own = [job];
    const ended = this.#turn(own);
    if (ended === 1 && !job.failed) return undefined;
    this.#keep(own);
    return promise;
  }

  /** Nothing goes on, and what was under way never settles: what it works on is about to be closed. */
  stop(): void {
    this.#stopped = true;
    this.#ready = [];
  }

  /** Steps of these in turn, as many as one turn may have; answers how many have ended. Who waits is kept elsewhere. */
  #turn(jobs: Job[]): number {
    const endAt = this.#clock.monotonic() + this.#limits.turnMs;
    let ended = 0;
    for (let left = this.#limits.stepsMax; left > 0 && jobs.length > 0; left--) {
      const job = jobs.shift()!;
      const { done, value: until } = this.#step(job);
      if (done) ended++;
      else if (until) this.#keepAfter(until, job);
      else jobs.push(job);
      if (this.#clock.monotonic() >= endAt) break;
    }
    return ended;
  }

  #step(job: Job): IteratorResult<Promise<void> | undefined, void> {
    try {
      const result = job.work.next();
      if (result.done) job.resolve();
      return result;
    } catch (error) {
      job.failed = true;
      job.reject(error);
      return { done: true, value: undefined };
    }
  }

  #keepAfter(until: Promise<void>, job: Job): void {
    const goOn = () => this.#keep([job]);
    until.then(goOn, goOn);
  }

  #keep(jobs: Job[]): void {
    if (this.#stopped) return;
    this.#ready.push(...jobs);
    if (this.#scheduled || this.#ready.length === 0) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#turn(this.#ready);
      this.#keep([]);
    });
  }
}

/** One after the other. */
export function* inTurn(works: LongWork[]): LongWork {
  for (const work of works) yield* work;
}
