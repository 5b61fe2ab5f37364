// The consumers of a queue: higher priority first, round robin among equals, or one active of many (SAC). One that could
// not take is set aside until it is said that it may again: a thousand without credit are not asked every time.
import type { Consumer } from '../consumer.ts';

interface Group {
  readonly priority: number;
  /** Whose turn it is, by `next`. */
  readonly rotation: Consumer[];
  readonly aside: Set<Consumer>;
  next: number;
}

export class ConsumerSet {
  readonly singleActive: boolean;
  /** In order of subscription. */
  readonly all: Consumer[] = [];
  #active: Consumer | null = null;
  #groups: Group[] = [];

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
    let group = this.#groupOf(consumer);
    if (!group) {
      group = { priority: consumer.priority, rotation: [], aside: new Set(), next: 0 };
      this.#groups.push(group);
      this.#groups.sort((a, b) => b.priority - a.priority);
    }
    group.rotation.push(consumer);
    if (this.singleActive) this.#active ??= consumer;
  }

  remove(consumer: Consumer): boolean {
    const index = this.all.indexOf(consumer);
    if (index < 0) return false;
    this.all.splice(index, 1);
    const group = this.#groupOf(consumer)!;
    if (!group.aside.delete(consumer)) takeOut(group, group.rotation.indexOf(consumer));
    if (group.rotation.length + group.aside.size === 0)
      this.#groups = this.#groups.filter((each) => each !== group);
    // Its successor is the first of the highest priority; nobody is set aside where one only is asked.
    if (consumer === this.#active) this.#active = this.#groups[0]?.rotation[0] ?? null;
    return true;
  }

  /** Takes all away and answers them. */
  removeAll(): Consumer[] {
    this.#groups = [];
    this.#active = null;
    return this.all.splice(0);
  }

  /** One that could not take may be able to again: it comes after those that have been. */
  mayTakeAgain(consumer: Consumer): void {
    const group = this.#groupOf(consumer);
    if (!group?.aside.delete(consumer)) return;
    group.rotation.splice(group.next, 0, consumer);
    group.next++;
  }

  /** Who gets the next message, or null when nobody can take one now. */
  take(): Consumer | null {
    if (this.singleActive) {
      return this.#active?.canTake() ? this.#active : null;
    }
    for (const group of this.#groups) {
      const { rotation } = group;
      while (rotation.length > 0) {
        if (group.next >= rotation.length) group.next = 0;
        const consumer = rotation[group.next]!;
        if (consumer.canTake()) {
          group.next++;
          return consumer;
        }
        takeOut(group, group.next);
        group.aside.add(consumer);
      }
    }
    return null;
  }

  #groupOf(consumer: Consumer): Group | undefined {
    return this.#groups.find((each) => each.priority === consumer.priority);
  }
}

function takeOut(group: Group, at: number): void {
  group.rotation.splice(at, 1);
  if (group.next > at) group.next--;
}
