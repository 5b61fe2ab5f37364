// Publishers are held while more waits for the disk than may: memory stays bounded whatever the disk's speed, and
// nothing is refused. Connections that only consume go on.
import type { Journal } from '../journal/journal.ts';

const highBytes = 16 << 20;
const lowBytes = 8 << 20;

/** What can be held. */
export interface Holdable {
  /** The disk has caught up. */
  diskCaughtUp(): void;
}

export class DiskFlow {
  readonly #logs: readonly Journal[];
  readonly #held = new Set<Holdable>();

  constructor(logs: readonly Journal[]) {
    this.#logs = logs;
    for (const log of logs) log.onWritten(() => this.#written());
  }

  /** True when the publisher is to wait; it is told when it may go on. */
  holds(publisher: Holdable): boolean {
    let behind = false;
    for (const log of this.#logs) if (log.pendingBytes > highBytes) behind = true;
    if (behind) this.#held.add(publisher);
    return behind;
  }

  forget(publisher: Holdable): void {
    this.#held.delete(publisher);
  }

  #written(): void {
    if (this.#held.size === 0 || this.#logs.some((log) => log.pendingBytes > lowBytes)) return;
    const held = [...this.#held];
    this.#held.clear();
    for (const publisher of held) publisher.diskCaughtUp();
  }
}
