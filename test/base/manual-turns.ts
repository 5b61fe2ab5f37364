// A clock whose turns and whose time the test makes. Its timers never fire.
import type { Clock, Timer } from '../../broker/base/clock.ts';

export class ManualTurns implements Clock {
  milliseconds = 1_000_000;
  #soon: (() => void)[] = [];

  /** Callbacks that wait for the next turn. */
  get pending(): number {
    return this.#soon.length;
  }

  turn(): void {
    const callbacks = this.#soon;
    this.#soon = [];
    for (const callback of callbacks) callback();
  }

  now(): number {
    return Math.floor(this.milliseconds);
  }

  monotonic(): number {
    return this.milliseconds;
  }

  after(): Timer {
    return { cancel: () => undefined };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }
}
