// What clients were promised, and what no node may do, kept beside the simulated pair: nothing confirmed is lost, one
// node serves at a time, order within a queue, nothing comes a second time without its flag, nothing that was
// consumed comes back.
import type { PairModel } from '../../../broker/contract/host-procedures.ts';
import { Violation } from '../violation.ts';
import type { SimulatedProcess } from './process.ts';

interface Fate {
  readonly label: string;
  readonly queue: string;
  readonly publisher: string;
  readonly sequence: number;
  confirmed: boolean;
  /** A node has handed it out. */
  sent: boolean;
  /** A client's acknowledgement has left. */
  acknowledged: boolean;
  /** A node has let go of it for that. */
  released: boolean;
}

export interface LedgerParts {
  model: PairModel;
  /** Flags may be missing: an asynchronous copy lags in them as in all else. */
  lenient: boolean;
  /** How many messages a node's copy may lack, by its own word; 0 for one that is gone. */
  lagOf(process: SimulatedProcess): number;
  /** Null when nobody reads it. */
  trace: ((line: string) => void) | null;
}

/** Who hands out a message, as far as the ledger knows nodes. */
interface Sender {
  readonly name: string;
}

export class Ledger {
  readonly messages = new Map<string, Fate>();
  /** Labels that an asynchronous copy lacked, and said so, when it took over. */
  readonly announced = new Set<string>();
  /** A power loss takes flags and acknowledgements, never a message. */
  powerLost = false;
  /** Everything is consumed and had the time to be written down: nothing may come from here on. */
  allSettled = false;
  /** The first. */
  violation: Violation | null = null;
  readonly #parts: LedgerParts;
  #epoch = 0;
  #server: SimulatedProcess | null = null;
  /** By queue and publisher, and by node where each has messages of its own. */
  readonly #lastSent = new Map<string, number>();
  /** In the order in which the node that serves now took them. */
  #accepted: string[] = [];

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** Kept as well: what is thrown within the code under simulation may be taken for the disk's fault. */
  #promised(holds: boolean, broken: () => string): void {
    if (holds) return;
    this.violation ??= new Violation(broken());
    throw this.violation;
  }

  // ---- Nodes ----

  acts(process: SimulatedProcess, epoch: number, what: string): void {
    this.#promised(
      epoch > this.#epoch || (epoch === this.#epoch && (process === this.#server || this.#server === null)),
      () =>
        `two serve: ${process.name} does '${what}' under epoch ${epoch}, after ${this.#server?.name} served under ${this.#epoch}`,
    );
    if (process !== this.#server) {
      if (this.#server) this.lags(this.#server, this.#parts.lagOf(this.#server));
      this.#accepted = [];
    }
    this.#epoch = epoch;
    this.#server = process;
  }

  accepted(label: string): void {
    this.#parts.trace?.(`${this.#server?.name} takes ${label}`);
    this.#accepted.push(label);
  }

  /** The node that serves has gone, and has said that its copy lacks so many messages. */
  lags(process: SimulatedProcess, messages: number): void {
    if (!this.#parts.lenient || process !== this.#server || messages === 0) return;
    const lacking = this.#accepted.slice(-messages);
    this.#parts.trace?.(`the copy lacks up to ${messages} messages: ${lacking.join()}`);
    for (const label of lacking) this.announced.add(label);
  }

  delivers(sender: Sender, queue: string, label: string, redelivered: boolean): void {
    this.#parts.trace?.(`${sender.name} delivers ${label}${redelivered ? ' again' : ''}`);
    const fate = this.messages.get(label);
    if (!fate) return this.#promised(false, () => `'${label}' is delivered, which nobody published`);
    this.#promised(fate.queue === queue, () => `${label} of ${fate.queue} is delivered from ${queue}`);
    this.#promised(!this.allSettled, () => `${label} is delivered again, long after it was consumed`);
    if (fate.sent) {
      const flagged = redelivered || this.powerLost || this.#parts.lenient;
      this.#promised(flagged, () => `${label} is delivered a second time and not marked redelivered`);
      return;
    }
    fate.sent = true;
    // It had been handed out before, to one who went before it left: its place is not among the new ones.
    if (redelivered) return;
    const own = this.#parts.model === 'independent' ? sender.name : '';
    const key = `${queue} ${fate.publisher} ${own}`;
    const before = this.#lastSent.get(key) ?? 0;
    this.#promised(
      fate.sequence > before,
      () => `${label} is delivered for the first time after ${fate.publisher}.${before}`,
    );
    this.#lastSent.set(key, fate.sequence);
  }

  released(label: string): void {
    this.#parts.trace?.(`${this.#server?.name} releases ${label}`);
    this.messages.get(label)!.released = true;
  }

  // ---- Clients ----

  published(label: string, queue: string, publisher: string, sequence: number): void {
    this.messages.set(label, {
      label,
      queue,
      publisher,
      sequence,
      confirmed: false,
      sent: false,
      acknowledged: false,
      released: false,
    });
  }

  confirmed(label: string): void {
    this.#parts.trace?.(`${label} is confirmed`);
    this.messages.get(label)!.confirmed = true;
  }

  acknowledged(label: string): void {
    this.messages.get(label)!.acknowledged = true;
  }

  /** Everything was drained. */
  checkLosses(): void {
    const lost = [...this.messages.values()].filter(
      ({ confirmed, acknowledged, label }) => confirmed && !acknowledged && !this.announced.has(label),
    );
    this.#promised(
      lost.length === 0,
      () => `confirmed messages are lost: ${lost.map(({ label }) => label).join(', ')}`,
    );
  }
}
