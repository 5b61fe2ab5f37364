// What happens once per tick however many messages passed: confirms first, then one socket write per
// connection. Deliveries leave when the journal has noted that they do (R30).
import type { Journal } from '../journal/journal.ts';

export interface TickTask {
  endOfTick(): void;
}

export class EndOfTick {
  #confirms: TickTask[] = [];
  #outputs: TickTask[] = [];
  #scheduled = false;
  #waiting = false;
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  confirm(task: TickTask): void {
    this.#confirms.push(task);
    this.#schedule();
  }

  output(task: TickTask): void {
    this.#outputs.push(task);
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
    const noted = this.#journal.marksPending;
    if (noted && !this.#waiting) {
      this.#waiting = true;
      void noted.then(() => {
        this.#waiting = false;
        this.#send();
      });
    } else if (!noted) this.#send();
  }

  #send(): void {
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const task of outputs) task.endOfTick();
  }
}
