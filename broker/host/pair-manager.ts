// Runs the pair machine: turns what happens to the nodes into its events, carries out its actions, asks the nodes
// whether they are alive, and keeps the time line that the console shows.
import type { EpochFile } from '../base/epoch-file.ts';
import { ContractError } from '../contract/errors.ts';
import type { PairEvent as TimelineEntry, PairModel, PairRole } from '../contract/host-procedures.ts';
import type { PeerAddress } from '../contract/rpc.ts';
import {
  initialPairState,
  phaseOf,
  standbyOf,
  step,
  type NodeId,
  type PairAction,
  type PairEvent,
  type PairPhase,
  type PairState,
} from '../pair/pair-machine.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** A node that answers nothing for this long is hung. */
const hungAfterMs = 1500;
const pingEveryMs = 250;
const holdingsEveryMs = 1000;
const retryEveryMs = 5;
/** Binding is tried quickly and quietly this long, then slowly and with a word each time. */
const retryForMs = 10_000;
const retrySlowlyMs = 2000;
const entriesMax = 1000;

interface Holding {
  vhost: string;
  queue: string;
  messages: number;
}

export interface FrontAddress {
  host: string;
  port: number;
}

export class PairManager {
  readonly front: FrontAddress;
  model: PairModel | null = null;
  lastOutageMs: number | null = null;
  readonly #nodes: Map<NodeId, SupervisedNode>;
  readonly #epochFile: EpochFile;
  readonly #entries: TimelineEntry[] = [];
  readonly #holdings = new Map<NodeId, Holding[]>();
  readonly #lastAnswer = new Map<NodeId, number>();
  readonly #waiting: { until: (state: PairState) => boolean; resolve: () => void }[] = [];
  #state: PairState;
  #sequence = 0;
  #lastPing = Date.now();
  #pingTimer: NodeJS.Timeout;
  #holdingsTimer: NodeJS.Timeout;
  #retryingSince: number | null = null;
  #linked = false;
  #stopped = false;

  /** `epoch`: the last one written down. */
  constructor(nodes: Map<NodeId, SupervisedNode>, front: FrontAddress, epochFile: EpochFile, epoch: number) {
    this.#nodes = nodes;
    this.front = front;
    this.#epochFile = epochFile;
    this.#state = initialPairState(epoch);
    this.#pingTimer = setInterval(() => this.#pingAll(), pingEveryMs);
    this.#holdingsTimer = setInterval(() => void this.#countHoldings(), holdingsEveryMs);
    this.#pingTimer.unref();
    this.#holdingsTimer.unref();
  }

  get phase(): PairPhase {
    return phaseOf(this.#state);
  }

  get epoch(): number {
    return this.#state.epoch;
  }

  get activeId(): NodeId | null {
    return this.#state.active;
  }

  get definitionsInSync(): boolean {
    return this.#linked && standbyOf(this.#state) !== null;
  }

  roleOf(id: NodeId): PairRole {
    if (this.#state.active === id) return 'active';
    return this.model !== null && this.#state.members[id] === 'up' ? 'standby' : 'none';
  }

  /** What nodes that do not serve hold, by queue: last known while a node is away. */
  stranded(): ({ nodeId: NodeId } & Holding)[] {
    return [...this.#holdings]
      .filter(([id]) => id !== this.#state.active && id in this.#state.members)
      .flatMap(([nodeId, holdings]) => holdings.map((holding) => ({ nodeId, ...holding })));
  }

  events(after: number): TimelineEntry[] {
    return this.#entries.filter((entry) => entry.sequence > after);
  }

  // ---- What happens ----

  add(id: NodeId): void {
    this.#take({ kind: 'member-added', node: id });
  }

  remove(id: NodeId): void {
    this.#holdings.delete(id);
    this.#take({ kind: 'member-removed', node: id });
  }

  starting(id: NodeId): void {
    this.#take({ kind: 'node-starting', node: id });
  }

  ready(id: NodeId, recoveryMs: number): void {
    this.#lastAnswer.set(id, Date.now());
    this.#note(id, 'node-started', `Node ${id} is up, recovered in ${Math.round(recoveryMs)} ms`);
    const served = this.#state.active !== null;
    this.#take({ kind: 'node-up', node: id, at: Date.now() });
    if (served && this.model) this.#note(id, 'standby', `Node ${id} stands by`);
  }

  exited(id: NodeId, reason: string, asked: boolean, killedAt: number | null): void {
    const now = Date.now();
    const kind = asked ? 'node-stopped' : killedAt !== null ? 'node-killed' : 'node-exited';
    const was = this.roleOf(id) === 'active' ? ' while it was active' : '';
    this.#note(id, kind, `Node ${id} ${reason}${was}`);
    this.#lastAnswer.delete(id);
    if (this.#linked) this.#unlink();
    this.#take({ kind: 'node-gone', node: id, at: killedAt ?? now });
  }

  paused(id: NodeId): void {
    this.#note(id, 'node-paused', `Node ${id} was paused: its process is there and answers nothing`);
  }

  resumed(id: NodeId): void {
    this.#lastAnswer.set(id, Date.now());
    this.#note(id, 'node-resumed', `Node ${id} goes on`);
    if (this.#state.active) void this.#link(this.#state.active);
  }

  /** Resolves when the standby serves. Rejects when there is nobody to switch to. */
  async switchOver(): Promise<{ outageMs: number }> {
    const standby = standbyOf(this.#state);
    const from = this.#state.active;
    if (from === null) throw new ContractError('conflict', 'no node is active');
    if (standby === null) throw new ContractError('conflict', 'there is no standby to switch to');
    this.#note(from, 'switch-over', `Switching over from node ${from} to node ${standby}`);
    this.#take({ kind: 'switch-over', at: Date.now() });
    await this.#until((state) => state.active !== null && state.active !== from, 15_000);
    return { outageMs: this.lastOutageMs ?? 0 };
  }

  /** Resolves when somebody serves the front address. */
  served(timeoutMs: number): Promise<void> {
    return this.#until((state) => state.active !== null, timeoutMs);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#pingTimer);
    clearInterval(this.#holdingsTimer);
  }

  // ---- The machine and its actions ----

  #take(event: PairEvent): void {
    if (this.#stopped) return;
    const { state, actions } = step(this.#state, event);
    this.#state = state;
    for (const action of actions) void this.#carryOut(action);
    for (const waiting of this.#waiting.splice(0))
      if (waiting.until(state)) waiting.resolve();
      else this.#waiting.push(waiting);
  }

  async #carryOut(action: PairAction): Promise<void> {
    switch (action.do) {
      case 'write-epoch':
        return this.#writeEpoch(action.node, action.epoch);
      case 'take-front':
        return this.#takeFront(action.node, action.epoch);
      case 'release-front':
        return this.#releaseFront(action.node);
      case 'fence':
        this.#note(action.node, 'unreachable', `Node ${action.node} answers nothing: killed before takeover`);
        return this.#nodes
          .get(action.node)
          ?.kill()
          .catch(() => undefined);
      case 'retry':
        return this.#retry(action.node, action.reason);
      case 'link':
        return this.#link(action.active);
      case 'served':
        return this.#served(action.node, action.outageMs);
    }
  }

  async #writeEpoch(node: NodeId, epoch: number): Promise<void> {
    if (this.#retryingSince === null)
      this.#note(node, 'promoted', `Node ${node} is to serve, epoch ${epoch}`);
    try {
      await this.#epochFile.raise(epoch);
    } catch (error) {
      return this.#take({
        kind: 'front-failed',
        node,
        reason: `the epoch could not be written: ${text(error)}`,
      });
    }
    this.#take({ kind: 'epoch-written', node, epoch });
  }

  async #takeFront(node: NodeId, epoch: number): Promise<void> {
    try {
      await this.#nodes.get(node)!.control({ kind: 'take-front', ...this.front, epoch });
    } catch (error) {
      return this.#take({ kind: 'front-failed', node, reason: text(error) });
    }
    this.#retryingSince = null;
    this.#take({ kind: 'front-taken', node, epoch, at: Date.now() });
  }

  async #releaseFront(node: NodeId): Promise<void> {
    const reason = "broker forced connection closure with reason 'switch-over'";
    try {
      await this.#nodes.get(node)!.control({ kind: 'release-front', reason });
    } catch {
      // It has gone; its exit is the event.
      return;
    }
    this.#note(node, 'front-released', `Node ${node} gave up ${this.front.host}:${this.front.port}`);
    this.#take({ kind: 'front-released', node, at: Date.now() });
  }

  /** The port may be the dead node's for some milliseconds yet. A new try is a new epoch. */
  async #retry(node: NodeId, reason: string): Promise<void> {
    const now = Date.now();
    this.#retryingSince ??= now;
    const patient = now - this.#retryingSince < retryForMs;
    if (!patient) this.#note(node, 'unreachable', `Node ${node} cannot take the front address: ${reason}`);
    await new Promise((resolve) => setTimeout(resolve, patient ? retryEveryMs : retrySlowlyMs));
    this.#take({ kind: 'retry-due', node });
  }

  #served(node: NodeId, outageMs: number | null): void {
    if (outageMs !== null) this.lastOutageMs = outageMs;
    const address = `${this.front.host}:${this.front.port}`;
    const outage = outageMs === null ? '' : ` after ${outageMs} ms without service`;
    this.#note(node, 'front-taken', `Node ${node} serves ${address}${outage}`, outageMs);
  }

  /** Definitions flow both ways; the active one's are the truth when they differ. */
  async #link(active: NodeId): Promise<void> {
    const standby = standbyOf(this.#state);
    if (standby === null || this.model === null) return;
    const [first, second] = [this.#nodes.get(active), this.#nodes.get(standby)];
    const addresses: [PeerAddress | undefined, PeerAddress | undefined] = [
      first?.report?.peer,
      second?.report?.peer,
    ];
    if (!first || !second || !addresses[0] || !addresses[1]) return;
    try {
      await second.control({ kind: 'peer', address: addresses[0], authoritative: false });
      await first.control({ kind: 'peer', address: addresses[1], authoritative: true });
    } catch {
      return; // One of them has gone; its return links again.
    }
    this.#linked = true;
    this.#note(standby, 'definitions-synced', `Node ${standby} follows the definitions of node ${active}`);
  }

  /** The one that is left promises alone. */
  #unlink(): void {
    this.#linked = false;
    for (const node of this.#nodes.values())
      void node.control({ kind: 'peer', address: null, authoritative: false }).catch(() => undefined);
  }

  // ---- Watching ----

  #pingAll(): void {
    const now = Date.now();
    // A machine that slept hears nothing from anyone; that says nothing about the nodes.
    if (now - this.#lastPing > hungAfterMs / 2) this.#lastAnswer.clear();
    this.#lastPing = now;
    for (const [id, node] of this.#nodes) {
      if (this.#state.members[id] !== 'up') continue;
      if (!this.#lastAnswer.has(id)) this.#lastAnswer.set(id, now);
      const silentMs = now - this.#lastAnswer.get(id)!;
      if (silentMs > hungAfterMs) this.#hung(id);
      node.control({ kind: 'ping' }).then(
        () => this.#lastAnswer.set(id, Date.now()),
        () => undefined,
      );
    }
  }

  #hung(id: NodeId): void {
    // Declarations on the active one must not wait for a standby that hangs.
    if (this.#linked && this.#state.active !== id) {
      this.#note(id, 'unreachable', `Node ${id} answers nothing; node ${this.#state.active} goes on alone`);
      this.#unlink();
    }
    if (this.model === null) return;
    this.#take({ kind: 'node-hung', node: id, at: this.#lastAnswer.get(id) ?? Date.now() });
  }

  async #countHoldings(): Promise<void> {
    if (this.model === null) return;
    for (const [id, node] of this.#nodes) {
      if (this.#state.members[id] !== 'up') continue;
      const held = await node.control({ kind: 'holdings' }).catch(() => null);
      if (held !== null) this.#holdings.set(id, held as Holding[]);
    }
  }

  #note(
    nodeId: NodeId | null,
    kind: TimelineEntry['kind'],
    message: string,
    outageMs: number | null = null,
  ): void {
    this.#entries.push({ sequence: ++this.#sequence, at: Date.now(), nodeId, kind, message, outageMs });
    if (this.#entries.length > entriesMax) this.#entries.shift();
  }

  #until(condition: (state: PairState) => boolean, timeoutMs: number): Promise<void> {
    if (condition(this.#state)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const place = this.#waiting.findIndex((waiting) => waiting.resolve === done);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(new ContractError('unavailable', `no node serves after ${timeoutMs} ms`));
      }, timeoutMs);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.push({ until: condition, resolve: done });
    });
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
