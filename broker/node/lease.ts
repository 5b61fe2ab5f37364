// The right to serve, lent by the host with every heartbeat. A node of a pair that hears nothing for the lease's time,
// or whose disk hangs or fails while the other could serve, fences itself: it must not wait to be told.
import type { Clock, Timer } from '../base/clock.ts';
import type { Fencing, LeaseTerms } from '../contract/rpc.ts';

const checkEveryMs = 100;

export interface LeaseParts {
  clock: Clock;
  serves(): boolean;
  /** How long the oldest file operation has been under way. */
  diskPendingMs(): number;
  /** What is wrong with the journal for good. */
  diskFault(): string | null;
  /** Called once. */
  expired(fencing: Fencing): void;
}

export class Lease {
  readonly #parts: LeaseParts;
  #terms: LeaseTerms | null = null;
  #until = 0;
  #timer: Timer | null = null;
  #over = false;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  /** Null for a node in no pair, which serves by its own right. A lease that has run out is not renewed. */
  renew(terms: LeaseTerms | null): void {
    if (this.#terms) this.#check();
    if (this.#over) return;
    const { clock } = this.#parts;
    this.#terms = terms;
    this.#until = clock.monotonic() + (terms?.leaseMs ?? Infinity);
    this.#timer ??= this.#checkLater();
  }

  end(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  #checkLater(): Timer {
    return this.#parts.clock.after(checkEveryMs, () => {
      this.#timer = this.#checkLater();
      this.#check();
    });
  }

  #check(): void {
    const fencing = this.#fencing();
    if (fencing === null || this.#over) return;
    this.end();
    this.#parts.expired(fencing);
  }

  #fencing(): Fencing | null {
    const { clock, serves, diskPendingMs, diskFault } = this.#parts;
    const terms = this.#terms;
    if (!terms || !serves()) return null;
    if (clock.monotonic() > this.#until)
      return { cause: 'lease', reason: `its host did not answer for ${terms.leaseMs} ms` };
    const fault = terms.leavesOnFault ? diskFault() : null;
    if (fault !== null) return { cause: 'disk', reason: fault };
    if (terms.leavesOnStallMs !== null && diskPendingMs() > terms.leavesOnStallMs)
      return { cause: 'disk', reason: `its disk has not done anything for ${terms.leavesOnStallMs} ms` };
    return null;
  }
}
