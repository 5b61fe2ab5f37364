// What happens once per tick however many messages passed: confirms first, then one socket write per
// connection.

export interface TickTask {
  endOfTick(): void;
}

export class EndOfTick {
  #confirms: TickTask[] = [];
  #outputs: TickTask[] = [];
  #scheduled = false;

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
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const task of outputs) task.endOfTick();
  }
}
