// The consumers of a queue: higher priority first, round robin among equals, or one active of many (SAC).
import type { Consumer } from '../consumer.ts';

export class ConsumerSet {
  readonly singleActive: boolean;
  /** In order of subscription. */
  readonly all: Consumer[] = [];
  #active: Consumer | null = null;
  #groups: { priority: number; consumers: Consumer[]; next: number }[] = [];

  constructor(singleActive: boolean) {
    this.singleActive = singleActive;
  }

  get count(): number {
    return this.all.length;
  }

  /** With a single active consumer, the one that is it: the first to come stays it until it goes. */
  get active(): Consumer | null {
    return this.#active;
  }

  get exclusive(): boolean {
    return this.all.length === 1 && this.all[0]!.exclusive;
  }

  add(consumer: Consumer): void {
    this.all.push(consumer);
    let group = this.#groups.find((each) => each.priority === consumer.priority);
    if (!group) {
      group = { priority: consumer.priority, consumers: [], next: 0 };
      this.#groups.push(group);
      this.#groups.sort((a, b) => b.priority - a.priority);
    }
    group.consumers.push(consumer);
    if (this.singleActive) this.#active ??= consumer;
  }

  remove(consumer: Consumer): boolean {
    const index = this.all.indexOf(consumer);
    if (index < 0) return false;
    this.all.splice(index, 1);
    const group = this.#groups.find((each) => each.priority === consumer.priority)!;
    const at = group.consumers.indexOf(consumer);
    group.consumers.splice(at, 1);
    if (group.next > at) group.next--;
    if (group.consumers.length === 0) this.#groups = this.#groups.filter((each) => each !== group);
    // Its successor is the first of the highest priority.
    if (consumer === this.#active) this.#active = this.#groups[0]?.consumers[0] ?? null;
    return true;
  }

  /** Takes all away and answers them. */
  removeAll(): Consumer[] {
    this.#groups = [];
    this.#active = null;
    return this.all.splice(0);
  }

  /** Who gets the next message, or null when nobody can take one now. */
  take(): Consumer | null {
    if (this.singleActive) {
      return this.#active?.canTake() ? this.#active : null;
    }
    for (const group of this.#groups) {
      const { consumers } = group;
      for (let tried = 0; tried < consumers.length; tried++) {
        if (group.next >= consumers.length) group.next = 0;
        const consumer = consumers[group.next++]!;
        if (consumer.canTake()) return consumer;
      }
    }
    return null;
  }
}
