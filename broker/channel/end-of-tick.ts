// What happens once per tick however many messages passed: confirms first, then one socket write per
// connection. Deliveries leave when the journal has noted that they do (R30), and before it writes what came in: that
// write and its sync take longer than all else in the tick.

export interface TickTask {
  endOfTick(): void;
}

export class EndOfTick {
  #confirms: TickTask[] = [];
  #outputs: TickTask[] = [];
  #lasts: (() => void)[] = [];
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

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
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
  }

  #send(): void {
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const task of outputs) task.endOfTick();
  }
}
