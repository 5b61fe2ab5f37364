// Time as a door to the world: everything that waits or stamps goes through a Clock, so that the simulator
// can run the real code under its own time.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Milliseconds that never go back, from an arbitrary start. */
  monotonic(): number;
  /** Calls back once, no earlier than `delayMs` from now; never in the same tick. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls back in the event loop's next turn, after what is at hand now. */
  soon(callback: () => void): void;
}
