// The simulator's time. Everything that happens is an event in one queue, in the order of its time; between two
// events all promises run to their end. Nothing here waits for real time, so a run depends on its seed alone.
import type { Clock, Timer } from '../../broker/base/clock.ts';

interface Event {
  readonly at: number;
  readonly sequence: number;
  /** Null once cancelled. */
  callback: (() => void) | null;
}

export class EventLoop implements Clock {
  /** Events so far. */
  count = 0;
  #time = 1_700_000_000_000;
  #sequence = 0;
  /** A binary heap, earliest first. */
  #events: Event[] = [];

  now(): number {
    return Math.floor(this.#time);
  }

  monotonic(): number {
    return this.#time;
  }

  after(delayMs: number, callback: () => void): Timer {
    const event: Event = { at: this.#time + Math.max(0, delayMs), sequence: this.#sequence++, callback };
    this.#push(event);
    return { cancel: () => void (event.callback = null) };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Runs the next event and what follows from it; false when there is none. */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.#pop();
      if (!event) return false;
      if (!event.callback) continue;
      this.#time = event.at;
      this.count++;
      event.callback();
      await settled();
      return true;
    }
  }

  /** What was to come does not: the process has died. */
  clear(): void {
    this.#events = [];
  }

  #push(event: Event): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    for (; at > 0;) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(event, events[parent]!)) break;
      events[at] = events[parent]!;
      at = parent;
    }
    events[at] = event;
  }

  #pop(): Event | null {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (!first || !last) return null;
    if (events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child++;
      if (isBefore(last, events[child]!)) break;
      events[at] = events[child]!;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

/** Node runs its tick queue when no promise has anything left to do. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
