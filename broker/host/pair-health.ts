// What the nodes say of their disks with each heartbeat, and what follows: by which terms a node may serve, what people
// are told, and whether a slow disk is a reason for the other to take over. What comes and goes must not bounce the pair.
import type { Clock } from '../base/clock.ts';
import type { NodeTrouble, PairEvent, PairModel } from '../contract/host-procedures.ts';
import type { PairSettings } from '../contract/pair-settings.ts';
import type { Heartbeat, NodeHealth } from '../contract/rpc.ts';
import { heldOff, type HoldOff } from '../pair/failover-guard.ts';
import type { NodeId } from '../pair/pair-machine.ts';

export interface PairHealthParts {
  clock: Clock;
  settings(): PairSettings;
  model(): PairModel | null;
  activeId(): NodeId | null;
  /** Who could take over this moment. */
  successor(): NodeId | null;
  note(nodeId: NodeId, kind: PairEvent['kind'], message: string): void;
  /** The standby takes over in order. */
  switchOver(): Promise<unknown>;
}

type TroubleKind = NodeTrouble['kind'];

export class PairHealth {
  readonly #parts: PairHealthParts;
  readonly #health = new Map<NodeId, NodeHealth>();
  #troubles: NodeTrouble[] = [];
  /** When one was made for something that comes and goes, by the monotonic clock. */
  readonly #failovers: number[] = [];
  #leaving = false;

  constructor(parts: PairHealthParts) {
    this.#parts = parts;
  }

  get troubles(): NodeTrouble[] {
    return this.#troubles;
  }

  /** Why nothing is done at the moment about what comes and goes, and until when in Unix milliseconds. */
  get holdOff(): HoldOff | null {
    const held = this.#heldOff();
    const { clock } = this.#parts;
    return held && { ...held, until: Math.round(clock.now() + held.until - clock.monotonic()) };
  }

  heartbeat(id: NodeId): Heartbeat {
    const { leaseMs, diskStallMs, slowSyncMs } = this.#parts.settings();
    const model = this.#parts.model();
    if (model === null) return { terms: null, slowSyncMs };
    const active = this.#parts.activeId() === id;
    const mayLeave = active && this.#whyStay() === null;
    // The standby of a shared store would open the same one.
    const leavesOnStallMs = mayLeave && model !== 'shared-store' ? diskStallMs : null;
    return {
      terms: { leaseMs, leavesOnStallMs, leavesOnFault: active && this.#whyStay('disk-fault') === null },
      slowSyncMs,
    };
  }

  heard(id: NodeId, health: NodeHealth | null): void {
    if (health === null) return;
    this.#health.set(id, health);
    const { diskStallMs, slowForMs, slowSyncMs } = this.#parts.settings();
    const { diskPendingMs, diskSlowForMs, diskFault, blocked } = health;
    const stalls = diskPendingMs > diskStallMs;
    const stall = `the disk has not done anything for ${diskStallMs} ms`;
    const isSlow = diskSlowForMs >= slowForMs;
    const slow = `each sync has taken more than ${slowSyncMs} ms for ${slowForMs} ms`;
    this.#trouble(id, 'disk-stall', stalls ? stall : null);
    this.#trouble(id, 'disk-fault', diskFault);
    this.#trouble(id, 'disk-slow', isSlow ? slow : null);
    this.#trouble(id, 'publishers-held', blocked === null ? null : `publishers are held back: ${blocked}`);
    if (isSlow && !stalls) this.#leaveSlowDisk(id);
  }

  /** Its process is gone. */
  forget(id: NodeId): void {
    this.#health.delete(id);
    this.#troubles = this.#troubles.filter(({ nodeId }) => nodeId !== id);
  }

  /** The active let go for something that may come and go. */
  failedOver(): void {
    this.#failovers.push(this.#parts.clock.monotonic());
    if (this.#failovers.length > 1000) this.#failovers.shift();
  }

  #heldOff(): HoldOff | null {
    return heldOff(this.#failovers, this.#parts.clock.monotonic(), this.#parts.settings());
  }

  /** Why the active is not to leave its place now; null when the standby can have it. */
  #whyStay(kind?: TroubleKind): string | null {
    const successor = this.#parts.successor();
    if (successor === null) return 'no standby could take over';
    const { diskStallMs, slowForMs } = this.#parts.settings();
    const health = this.#health.get(successor);
    const isUnwell =
      health !== undefined &&
      (health.diskFault !== null ||
        health.diskPendingMs > diskStallMs / 2 ||
        health.diskSlowForMs >= slowForMs);
    if (isUnwell) return `the disk of node ${successor} is not well either`;
    // A journal that has failed does not come and go: this node serves nobody until it is started again.
    if (kind === 'disk-fault') return null;
    const held = this.#heldOff();
    return held && `held off after ${held.reason}`;
  }

  #trouble(id: NodeId, kind: TroubleKind, message: string | null): void {
    const known = this.#troubles.find((trouble) => trouble.nodeId === id && trouble.kind === kind);
    if (message === null) {
      if (!known) return;
      this.#troubles = this.#troubles.filter((trouble) => trouble !== known);
      this.#parts.note(id, 'trouble-over', `Node ${id}: no longer so that ${known.message}`);
    } else if (!known) {
      this.#troubles = [
        ...this.#troubles,
        { nodeId: id, kind, message, since: this.#parts.clock.now(), stays: null },
      ];
      this.#parts.note(id, 'trouble', `Node ${id}: ${message}${this.#consequence(id, kind)}`);
    } else known.message = message;
    this.#explain(id, kind);
  }

  /** On screen: why the node goes on serving all the same. */
  #explain(id: NodeId, kind: TroubleKind): void {
    const trouble = this.#troubles.find((each) => each.nodeId === id && each.kind === kind);
    if (trouble) trouble.stays = this.#staysWith(id, kind);
  }

  #consequence(id: NodeId, kind: TroubleKind): string {
    const stays = this.#staysWith(id, kind);
    return stays === null ? '' : `; it goes on serving: ${stays}`;
  }

  #staysWith(id: NodeId, kind: TroubleKind): string | null {
    if (this.#parts.activeId() !== id || kind === 'publishers-held') return null;
    const model = this.#parts.model();
    if (model === null) return 'there is no pair';
    const { slowDisk, replication } = this.#parts.settings();
    if (kind === 'disk-stall' && model === 'shared-store') return 'the standby would open the same store';
    if (kind === 'disk-slow') {
      if (slowDisk === 'report') return 'the settings say to report a slow disk only';
      if (model === 'shared-store') return 'the standby would open the same store';
      if (model === 'replicated' && replication === 'sync') return 'a confirm waits for both disks';
    }
    return this.#whyStay(kind);
  }

  /** In order, since the node can still do all that takes. */
  #leaveSlowDisk(id: NodeId): void {
    if (this.#leaving || this.#parts.activeId() !== id || this.#staysWith(id, 'disk-slow') !== null) return;
    this.#leaving = true;
    this.failedOver();
    this.#parts.note(id, 'failed-over', `Node ${id} hands over because its disk is slow`);
    const done = () => {
      this.#leaving = false;
    };
    this.#parts.switchOver().then(done, done);
  }
}
