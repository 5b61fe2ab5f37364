// A simulated process: what reaches it waits while it is stopped (SIGSTOP) and is lost when it is dead. Its timers and
// reads go on with stale beliefs when it is continued, timers first, as an event loop has it.
import type { Clock, Timer } from '../../../broker/base/clock.ts';
import type { EventLoop } from '../event-loop.ts';

interface Due {
  readonly timer: boolean;
  readonly run: () => void;
}

export class SimulatedProcess {
  readonly name: string;
  /** Where it runs: connections within one place are never cut off. */
  readonly place: string;
  alive = true;
  paused = false;
  /** What its code sees. */
  readonly clock: Clock;
  /** What its system does for it goes on while it is stopped, and ends with it. */
  readonly kernel: Pick<Clock, 'after' | 'monotonic'>;
  /** Of its wall clock, against the world's. */
  skewMs = 0;
  readonly #loop: EventLoop;
  readonly #deaths: (() => void)[] = [];
  #due: Due[] = [];
  #draining = false;

  constructor(name: string, place: string, loop: EventLoop) {
    this.name = name;
    this.place = place;
    this.#loop = loop;
    this.clock = {
      now: () => loop.now() + this.skewMs,
      monotonic: () => loop.monotonic(),
      after: (delayMs, callback) => this.#timer(delayMs, callback),
      soon: (callback) => void this.#timer(0, callback),
    };
    this.kernel = {
      monotonic: () => loop.monotonic(),
      after: (delayMs, callback) => loop.after(delayMs, () => this.alive && callback()),
    };
  }

  /** Something arrives for it. */
  take(run: () => void, timer = false): void {
    if (!this.alive) return;
    if (this.paused || this.#draining) this.#due.push({ timer, run });
    else run();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.alive || !this.paused) return;
    this.paused = false;
    this.#due = [...this.#due.filter(({ timer }) => timer), ...this.#due.filter(({ timer }) => !timer)];
    if (this.#draining) return;
    this.#draining = true;
    this.#loop.soon(() => this.#drain());
  }

  #drain(): void {
    if (!this.alive) return;
    const next = this.paused ? undefined : this.#due.shift();
    if (!next) this.#draining = false;
    else {
      this.#loop.soon(() => this.#drain());
      next.run();
    }
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#due = [];
    for (const callback of this.#deaths) callback();
  }

  onDeath(callback: () => void): void {
    this.#deaths.push(callback);
  }

  #timer(delayMs: number, callback: () => void): Timer {
    let cancelled = false;
    const fire = () => {
      if (!cancelled) callback();
    };
    const timer = this.#loop.after(delayMs, () => {
      if (!cancelled) this.take(fire, true);
    });
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }
}
