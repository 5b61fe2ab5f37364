// Runs the pair machine: turns what happens to the nodes into its events, carries out its actions, asks the nodes
// whether they are alive, and keeps the time line that the console shows.
import type { Clock, Timer } from '../base/clock.ts';
import { ContractError } from '../contract/errors.ts';
import type {
  PairEvent as TimelineEntry,
  PairModel,
  PairRole,
  ReplicationRow,
} from '../contract/host-procedures.ts';
import type { OutageRecord, StrandedRow } from '../contract/pair-rows.ts';
import type { PairSettings } from '../contract/pair-settings.ts';
import type {
  Activation,
  Fencing,
  Heartbeat,
  NodeControl,
  NodeHealth,
  NodeReady,
  ReplicationTerms,
} from '../contract/rpc.ts';
import {
  initialPairState,
  otherThan,
  phaseOf,
  standbyOf,
  step,
  type NodeId,
  type PairAction,
  type PairEvent,
  type PairPhase,
  type PairState,
} from '../pair/pair-machine.ts';
import { PairHealth } from './pair-health.ts';
import type { PairStateFile } from './pair-state-file.ts';

const pingEveryMs = 250;
const holdingsEveryMs = 1000;
const retryEveryMs = 5;
/** Binding is tried quickly and quietly this long, then slowly, with a word each time, and by the other node too. */
const retryForMs = 5000;
const retrySlowlyMs = 2000;
const entriesMax = 1000;
const switchOverTimeoutMs = 15_000;
const outagesMax = 100;
/** One that fenced itself has ended by then, or is killed. */
const endsWithinMs = 1000;

interface Holding {
  vhost: string;
  queue: string;
  messages: number;
}

/** What a node holds, as it said itself. */
interface Count {
  rows: Holding[];
  at: number;
  /** Its process has ended since. */
  stale: boolean;
}

/** A node's process, as far as the pair has to do with it. */
export interface ManagedNode {
  /** What it said when it got ready; null while it is not. */
  readonly report: NodeReady | null;
  /** Rejects with the node's own error text. */
  control(request: NodeControl): Promise<unknown>;
  /** Resolves when the process answers, with null while it starts. */
  ping(heartbeat: Heartbeat): Promise<NodeHealth | null>;
  /** Resolves when the process is gone. */
  kill(): Promise<void>;
}

export interface PairManagerParts {
  nodes: ReadonlyMap<NodeId, ManagedNode>;
  front: FrontAddress;
  stateFile: PairStateFile;
  clock: Clock;
}

export interface FrontAddress {
  host: string;
  port: number;
}

export class PairManager {
  readonly front: FrontAddress;
  readonly health: PairHealth;
  lastOutageMs: number | null = null;
  readonly #nodes: ReadonlyMap<NodeId, ManagedNode>;
  readonly #stateFile: PairStateFile;
  readonly #clock: Clock;
  readonly #entries: TimelineEntry[] = [];
  readonly #holdings = new Map<NodeId, Count>();
  /** Who is being asked for its holdings. */
  readonly #counting = new Set<NodeId>();
  readonly #lastAnswer = new Map<NodeId, number>();
  readonly #waiting: { until: (state: PairState) => boolean; resolve: () => void }[] = [];
  #state: PairState;
  #sequence = 0;
  #lastPing: number;
  #pingTimer: Timer;
  #holdingsTimer: Timer;
  /** Since when taking the front address has failed, and who was to. */
  #retrying: { node: NodeId; since: number } | null = null;
  /** The link of definitions between the two nodes: its number, and whether the standby has everything. */
  #link = 0;
  #inSync = false;
  /** How often the standby's being level was spoken of: a later word makes an earlier one void. */
  #levels = 0;
  #replication: ReplicationRow | null = null;
  /** Whether the takeover to come was planned. */
  #switching = false;
  #stopped = false;

  constructor({ nodes, front, stateFile, clock }: PairManagerParts) {
    this.#nodes = nodes;
    this.front = front;
    this.#stateFile = stateFile;
    this.#clock = clock;
    const { epoch, active, level } = stateFile.record;
    this.#state = initialPairState(epoch, active, this.model !== 'replicated' || level);
    this.health = new PairHealth({
      clock,
      settings: () => this.settings,
      model: () => this.model,
      activeId: () => this.#state.active,
      successor: () => (this.#state.standbyLevel ? standbyOf(this.#state) : null),
      note: (nodeId, kind, message) => this.#note(nodeId, kind, message),
      switchOver: () => this.switchOver(),
    });
    this.#lastPing = clock.now();
    this.#pingTimer = this.#pingLater();
    this.#holdingsTimer = this.#countLater();
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

  /** Null for one node alone. */
  get model(): PairModel | null {
    return this.#stateFile.record.model;
  }

  /** Who serves, or did last. */
  get preferredId(): NodeId {
    return this.#state.active ?? this.#state.preferred;
  }

  get definitionsInSync(): boolean {
    if (standbyOf(this.#state) === null) return false;
    if (this.model === 'shared-store') return true;
    return this.model === 'replicated' ? this.#state.standbyLevel : this.#inSync;
  }

  /** How far the copy is; null where there is none. */
  get replication(): ReplicationRow | null {
    return this.#state.active === null ? null : this.#replication;
  }

  /** Whose folder the shared store is. */
  get storeOwner(): NodeId {
    return this.#stateFile.record.store;
  }

  /** Whether the standby may take over: always, but in a replicated pair only while it has everything. */
  get standbyLevel(): boolean {
    return this.#state.standbyLevel;
  }

  /** Resolves when it is written down: a host that starts again runs the same. */
  async setModel(model: PairModel | null): Promise<void> {
    const level = model !== 'replicated';
    await this.#stateFile.write({ model, store: this.preferredId, level });
    this.#levels++;
    this.#replication = null;
    this.#take({ kind: 'standby-level', level });
  }

  get settings(): PairSettings {
    return this.#stateFile.keeps.settings;
  }

  /** Resolves when they are written down; they count from then on. */
  async setSettings(settings: PairSettings): Promise<void> {
    await this.#stateFile.keep({ settings });
    for (const node of this.#nodes.values())
      void node.control({ kind: 'replicate-as', settings: replicationOf(settings) }).catch(() => undefined);
    this.#pingAll();
  }

  roleOf(id: NodeId): PairRole {
    if (this.#state.active === id) return 'active';
    return this.model !== null && this.#state.members[id] === 'up' ? 'standby' : 'none';
  }

  /** What nodes that do not serve hold, by queue: last known while a node is away. */
  stranded(): StrandedRow[] {
    return [...this.#holdings]
      .filter(([id]) => id !== this.#state.active && id in this.#state.members)
      .flatMap(([nodeId, { rows, at, stale }]) => {
        const counted = stale || this.#state.silent[nodeId] ? 'last-known' : 'exact';
        return rows.map((row) => ({ nodeId, ...row, counted, countedAt: at }) satisfies StrandedRow);
      });
  }

  /** Who could take over, null when nobody could. */
  get standbyId(): NodeId | null {
    return this.#state.active === null ? null : standbyOf(this.#state);
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

  ready(id: NodeId, report: NodeReady): void {
    this.#lastAnswer.set(id, this.#clock.now());
    const recovered = report.amqpPort === 0 ? '' : `, recovered in ${Math.round(report.recoveryMs)} ms`;
    this.#note(id, 'node-started', `Node ${id} is up${recovered}`);
    const served = this.#state.active !== null;
    this.#take({ kind: 'node-up', node: id, epoch: report.epoch, at: this.#clock.now() });
    if (served && this.model) this.#note(id, 'standby', `Node ${id} stands by`);
    void this.#countHoldings(id);
  }

  exited(id: NodeId, reason: string, asked: boolean, killedAt: number | null): void {
    const now = this.#clock.now();
    const kind = asked ? 'node-stopped' : killedAt !== null ? 'node-killed' : 'node-exited';
    const was = this.roleOf(id) === 'active' ? ' while it was active' : '';
    this.#note(id, kind, `Node ${id} ${reason}${was}`);
    this.#lastAnswer.delete(id);
    const count = this.#holdings.get(id);
    if (count) count.stale = true;
    this.health.forget(id);
    this.#take({ kind: 'node-gone', node: id, at: killedAt ?? now });
  }

  /** The node's own word that it serves nobody any more, before its process ends. */
  fenced(id: NodeId, { cause, reason }: Fencing): void {
    const was = this.#state.active === id;
    this.#note(id, 'fenced', `Node ${id} serves nobody from now on: ${reason}`);
    // What its disk did may come and go; a lease that ran out is the host's own silence.
    if (was && cause === 'disk') this.health.failedOver();
    this.#take({ kind: 'node-fenced', node: id, at: this.#clock.now() });
  }

  paused(id: NodeId): void {
    this.#note(id, 'node-paused', `Node ${id} was paused: its process is there and answers nothing`);
  }

  resumed(id: NodeId): void {
    this.#lastAnswer.set(id, this.#clock.now());
    this.#note(id, 'node-resumed', `Node ${id} goes on`);
  }

  /** A fault was put on a node on purpose, or taken away. */
  faulted(id: NodeId | null, message: string, kind: 'fault-on' | 'fault-off' | 'trouble'): void {
    this.#note(id, kind, message);
  }

  /** The active node's word about a link: an earlier one's says nothing about this one. */
  peerInSync(id: NodeId, link: number, inSync: boolean): void {
    if (link !== this.#link || id !== this.#state.active || inSync === this.#inSync) return;
    this.#inSync = inSync;
    const standby = standbyOf(this.#state);
    if (inSync && standby !== null)
      this.#note(standby, 'definitions-synced', `Node ${standby} has all definitions of node ${id}`);
  }

  /**
   * The active node's word about its copy: `level` before anyone counts on the standby, not level before the node
   * promises anything alone. Resolves when it is written down. Rejects for a node that has no say.
   */
  async standbyState(id: NodeId, link: number, level: boolean): Promise<void> {
    const { active, candidate } = this.#state;
    const hasSay = level ? id === active && link === this.#link : id === active || id === candidate;
    if (!hasSay) throw new ContractError('conflict', `node ${id} has no say about the standby`);
    const mine = ++this.#levels;
    if (!level) this.#setLevel(false, id);
    await this.#stateFile.write({ level });
    if (level && mine === this.#levels) this.#setLevel(true, id);
  }

  /** `by` the node that serves, or is about to. */
  #setLevel(level: boolean, by: NodeId): void {
    if (level === this.#state.standbyLevel) return;
    const standby = otherThan(by);
    if (level) this.#note(standby, 'standby-level', `Node ${standby} has every message: it may take over`);
    else this.#note(standby, 'standby-behind', `Node ${standby} is behind: node ${by} promises alone`);
    this.#take({ kind: 'standby-level', level });
  }

  /** The one that is there serves, though it may lack what the other has. */
  promoteAnyway(): void {
    if (this.#state.active !== null) throw new ContractError('conflict', 'a node serves');
    this.#note(null, 'promoted', 'Promotion was asked for although the copy may lack messages');
    this.#take({ kind: 'promote-anyway', at: this.#clock.now() });
  }

  /** Resolves when the standby serves. Rejects when there is nobody to switch to, or when it did not come to it. */
  async switchOver(): Promise<{ outageMs: number }> {
    const standby = standbyOf(this.#state);
    const from = this.#state.active;
    if (from === null) throw new ContractError('conflict', 'no node is active');
    if (this.#state.releasing !== null) throw new ContractError('conflict', 'a switch-over is under way');
    if (standby === null) throw new ContractError('conflict', 'there is no standby to switch to');
    if (!this.#state.standbyLevel)
      throw new ContractError('conflict', `node ${standby} does not have every message yet`);
    this.#note(from, 'switch-over', `Switching over from node ${from} to node ${standby}`);
    this.#switching = true;
    try {
      this.#take({ kind: 'switch-over', at: this.#clock.now() });
      if (this.#state.releasing === null)
        throw new ContractError('conflict', `node ${from} cannot give up the front address now`);
      await this.#until((state) => state.releasing === null && state.active !== null, switchOverTimeoutMs);
    } finally {
      this.#switching = false;
    }
    if (this.#state.active === from)
      throw new ContractError(
        'unavailable',
        `node ${standby} went away meanwhile: node ${from} serves again`,
      );
    return { outageMs: this.lastOutageMs ?? 0 };
  }

  /** Resolves when somebody serves the front address. */
  served(timeoutMs: number): Promise<void> {
    return this.#until((state) => state.active !== null, timeoutMs);
  }

  /** A line of the time line about what is done with the pair besides who serves. */
  tell(nodeId: NodeId | null, kind: TimelineEntry['kind'], message: string): void {
    this.#note(nodeId, kind, message);
  }

  stop(): void {
    this.#stopped = true;
    this.#pingTimer.cancel();
    this.#holdingsTimer.cancel();
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
      case 'end':
        this.#clock.after(endsWithinMs, () => {
          if (this.#state.members[action.node] !== 'fenced') return;
          void this.#nodes
            .get(action.node)
            ?.kill()
            .catch(() => undefined);
        });
        return;
      case 'retry':
        return this.#retry(action.node, action.epoch, action.reason);
      case 'link':
        return this.#linkNodes(action.active, action.standby);
      case 'unlink':
        return this.#unlink();
      case 'served':
        return this.#served(action.node, action.outageMs);
    }
  }

  async #writeEpoch(node: NodeId, epoch: number): Promise<void> {
    if (this.#retrying?.node !== node) {
      this.#retrying = null;
      this.#note(node, 'promoted', `Node ${node} is to serve, epoch ${epoch}`);
    }
    try {
      await this.#stateFile.write({ active: node, epoch });
    } catch (error) {
      const reason = `the epoch could not be written: ${text(error)}`;
      return this.#take({ kind: 'front-failed', node, epoch, reason });
    }
    this.#take({ kind: 'epoch-written', node, epoch });
  }

  async #takeFront(node: NodeId, epoch: number): Promise<void> {
    const { takeoverLimitMs } = this.settings;
    const late = this.#clock.after(takeoverLimitMs, () =>
      this.#note(
        node,
        'over-limit',
        `Node ${node} has been at it for the ${takeoverLimitMs} ms a takeover may take`,
      ),
    );
    try {
      const stages = await this.#nodes.get(node)!.control({ kind: 'take-front', ...this.front, epoch });
      late.cancel();
      this.#noteStages(node, stages as Activation, takeoverLimitMs);
    } catch (error) {
      late.cancel();
      return this.#take({ kind: 'front-failed', node, epoch, reason: text(error) });
    }
    this.#take({ kind: 'front-taken', node, epoch, at: this.#clock.now() });
  }

  #noteStages(
    node: NodeId,
    { storeMs, journalMs, records, damaged, frontMs }: Activation,
    limitMs: number,
  ): void {
    if (storeMs === 0) return;
    const ms = (value: number) => `${Math.round(value)} ms`;
    const limit = `within the limit of ${ms(limitMs)}`;
    const total = storeMs + frontMs > limitMs ? `over the limit of ${ms(limitMs)}` : limit;
    const journal = `of them ${ms(journalMs)} for ${records} messages in the journal`;
    this.#note(
      node,
      'recovered',
      `Node ${node} opened its store in ${ms(storeMs)}, ${journal}; front ${ms(frontMs)}: ${total}`,
    );
    if (damaged > 0)
      this.#note(
        node,
        'trouble',
        `Node ${node} found ${damaged} damaged pieces in its journal and set them aside: see its log`,
      );
  }

  async #releaseFront(node: NodeId): Promise<void> {
    const reason = "broker forced connection closure with reason 'switch-over'";
    try {
      await this.#nodes.get(node)!.control({ kind: 'release-front', reason });
    } catch {
      return this.#take({ kind: 'release-failed', node, at: this.#clock.now() });
    }
    this.#note(node, 'front-released', `Node ${node} gave up ${this.front.host}:${this.front.port}`);
    this.#take({ kind: 'front-released', node, at: this.#clock.now() });
  }

  /** The port may be the dead node's for some milliseconds yet. A new try is a new epoch. */
  async #retry(node: NodeId, epoch: number, reason: string): Promise<void> {
    const now = this.#clock.now();
    this.#retrying ??= { node, since: now };
    // A store that refuses will not change its mind by being asked often: people hear of it at once.
    const patient = !reason.startsWith('the store ') && now - this.#retrying.since < retryForMs;
    if (!patient) this.#note(node, 'unreachable', `Node ${node} cannot take the front address: ${reason}`);
    await new Promise<void>((resolve) => this.#clock.after(patient ? retryEveryMs : retrySlowlyMs, resolve));
    this.#take({ kind: 'retry-due', node, epoch, elsewhere: !patient });
  }

  #served(node: NodeId, outageMs: number | null): void {
    this.#retrying = null;
    if (outageMs !== null) this.#remember(outageMs);
    const address = `${this.front.host}:${this.front.port}`;
    const outage = outageMs === null ? '' : ` after ${outageMs} ms without service`;
    this.#note(node, 'front-taken', `Node ${node} serves ${address}${outage}`, outageMs);
  }

  /** For what a later one is likely to take. */
  #remember(outageMs: number): void {
    this.lastOutageMs = outageMs;
    if (this.model === null) return;
    const record: OutageRecord = {
      at: this.#clock.now(),
      model: this.model,
      kind: this.#switching ? 'switch-over' : 'failure',
      outageMs,
    };
    const outages = [record, ...this.#stateFile.keeps.outages].slice(0, outagesMax);
    this.#stateFile.keep({ outages }).catch(() => undefined);
  }

  /** Definitions flow both ways; the active one's are the truth when they differ. */
  async #linkNodes(active: NodeId, standby: NodeId): Promise<void> {
    const link = ++this.#link;
    this.#inSync = false;
    const [first, second] = [this.#nodes.get(active), this.#nodes.get(standby)];
    const [firstAt, secondAt] = [first?.report?.peer, second?.report?.peer];
    if (!first || !second || !firstAt || !secondAt) return;
    try {
      await second.control({ kind: 'peer', link, address: firstAt, authoritative: false });
      await first.control({ kind: 'peer', link, address: secondAt, authoritative: true });
    } catch {
      // One of them has gone; its return links again.
    }
  }

  /** The one that is left promises alone. */
  #unlink(): void {
    const link = ++this.#link;
    this.#inSync = false;
    for (const node of this.#nodes.values())
      void node.control({ kind: 'peer', link, address: null, authoritative: false }).catch(() => undefined);
  }

  // ---- Watching ----

  #pingLater(): Timer {
    return this.#clock.after(pingEveryMs, () => {
      this.#pingTimer = this.#pingLater();
      this.#pingAll();
    });
  }

  #countLater(): Timer {
    return this.#clock.after(holdingsEveryMs, () => {
      this.#holdingsTimer = this.#countLater();
      this.#countAllHoldings();
    });
  }

  #pingAll(): void {
    const now = this.#clock.now();
    const { hungAfterMs } = this.settings;
    // A machine that slept hears nothing from anyone; that says nothing about the nodes.
    if (now - this.#lastPing > hungAfterMs / 2) this.#lastAnswer.clear();
    this.#lastPing = now;
    for (const [id, node] of this.#nodes) {
      const member = this.#state.members[id];
      if (member !== 'up' && member !== 'starting') continue;
      if (!this.#lastAnswer.has(id)) this.#lastAnswer.set(id, now);
      const answeredAt = this.#lastAnswer.get(id)!;
      if (now - answeredAt > hungAfterMs) this.#hung(id, answeredAt);
      node.ping(this.health.heartbeat(id)).then(
        (health) => {
          this.#answered(id, node);
          if (this.#nodes.get(id) === node) this.health.heard(id, health);
        },
        () => undefined,
      );
    }
  }

  #hung(id: NodeId, answeredAt: number): void {
    const { silent, active, candidate } = this.#state;
    if (this.model === null || silent[id]) return;
    if (id !== active && id !== candidate) {
      const others = active === null ? '' : `; node ${active} goes on alone`;
      this.#note(id, 'unreachable', `Node ${id} answers nothing${others}`);
    }
    this.#take({ kind: 'node-hung', node: id, at: answeredAt });
  }

  #answered(id: NodeId, node: ManagedNode): void {
    if (this.#nodes.get(id) !== node) return;
    this.#lastAnswer.set(id, this.#clock.now());
    if (!this.#state.silent[id]) return;
    this.#note(id, 'standby', `Node ${id} answers again`);
    this.#take({ kind: 'node-answers', node: id });
  }

  #countAllHoldings(): void {
    for (const id of this.#nodes.keys()) void this.#countHoldings(id);
  }

  async #countHoldings(id: NodeId): Promise<void> {
    const node = this.#nodes.get(id);
    if (this.model === null || !node || this.#counting.has(id) || this.#state.members[id] !== 'up') return;
    this.#counting.add(id);
    const held = await node.control({ kind: 'holdings' }).catch(() => null);
    this.#counting.delete(id);
    if (held !== null && this.#nodes.get(id) === node && node.report !== null)
      this.#holdings.set(id, { rows: held as Holding[], at: this.#clock.now(), stale: false });
    if (id !== this.#state.active || this.model !== 'replicated') return;
    const replication = await node.control({ kind: 'replication' }).catch(() => null);
    if (id === this.#state.active) this.#replication = replication as ReplicationRow | null;
  }

  #note(
    nodeId: NodeId | null,
    kind: TimelineEntry['kind'],
    message: string,
    outageMs: number | null = null,
  ): void {
    this.#entries.push({
      sequence: ++this.#sequence,
      at: this.#clock.now(),
      nodeId,
      kind,
      message,
      outageMs,
    });
    if (this.#entries.length > entriesMax) this.#entries.shift();
  }

  #until(condition: (state: PairState) => boolean, timeoutMs: number): Promise<void> {
    if (condition(this.#state)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        const place = this.#waiting.findIndex((waiting) => waiting.resolve === done);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(new ContractError('unavailable', `no node serves after ${timeoutMs} ms`));
      });
      const done = () => {
        timer.cancel();
        resolve();
      };
      this.#waiting.push({ until: condition, resolve: done });
    });
  }
}

/** What a node is to make of its copy. */
export function replicationOf({ replication, whenAlone, standbyTimeoutMs }: PairSettings): ReplicationTerms {
  return { mode: replication, policy: whenAlone, timeoutMs: standbyTimeoutMs };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
