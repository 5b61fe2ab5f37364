// What happens once per tick however many messages passed: confirms first, then one socket write per
// connection. Deliveries leave when the journal has noted that they do (R30), and before it writes what came in: that
// write and its sync take longer than all else in the tick. Who has had its share of the tick goes on after that, in
// the next.

export interface TickTask {
  endOfTick(): void;
}

/** Who has more to do than one tick has room for. */
export interface TickSharer {
  nextTick(): void;
}

/** What all of those get of a tick together, and the least that one gets. */
const sharedMs = 0.5;
const shareMinMs = 0.1;

export class EndOfTick {
  #confirms: TickTask[] = [];
  #outputs: TickTask[] = [];
  #lasts: (() => void)[] = [];
  #sharers: TickSharer[] = [];
  /** Numbers the ticks in which somebody worked. */
  tick = 0;
  /** Milliseconds for which one may work in this tick. */
  shareMs = sharedMs;
  #scheduled = false;
  #waiting = false;
  readonly #marksPending: () => Promise<void> | null;

  /** `marksPending`: what deliveries wait for, null for nothing. */
  constructor(marksPending: () => Promise<void> | null) {
    this.#marksPending = marksPending;
  }

  confirm(task: TickTask): void {
    this.#confirms.push(task);
    this.#schedule();
  }

  output(task: TickTask): void {
    this.#outputs.push(task);
    this.#schedule();
  }

  /** Once, when this tick's output has left or waits. */
  last(callback: () => void): void {
    this.#lasts.push(callback);
    this.#schedule();
  }

  /** It is called when the next tick begins. */
  goOnNext(sharer: TickSharer): void {
    this.#sharers.push(sharer);
    this.#schedule();
  }

  /** Somebody works in this tick. */
  begin(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    this.tick++;
    const confirms = this.#confirms;
    this.#confirms = [];
    for (const task of confirms) task.endOfTick();
    const noted = this.#marksPending();
    if (noted && !this.#waiting) {
      this.#waiting = true;
      void noted.then(() => {
        this.#waiting = false;
        this.#send();
      });
    } else if (!noted) this.#send();
    const lasts = this.#lasts;
    this.#lasts = [];
    for (const callback of lasts) callback();
    this.#goOn();
  }

  #goOn(): void {
    const sharers = this.#sharers;
    if (sharers.length > 0) this.#sharers = [];
    this.shareMs = Math.max(shareMinMs, sharedMs / Math.max(1, sharers.length));
    for (const sharer of sharers) sharer.nextTick();
  }

  #send(): void {
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const task of outputs) task.endOfTick();
  }
}
