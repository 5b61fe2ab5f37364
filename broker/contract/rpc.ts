// The calls between console and host (birpc over a MessagePort or a WebSocket) and between host and node
// (birpc over the child's channel). Errors travel as values because neither serializer keeps classes.
import type { ErrorShape } from './errors.ts';
import type { HostProcedureName, PairModel } from './host-procedures.ts';
import type { LastingFault } from './node-faults.ts';
import type { NodeProcedureName } from './node-procedures.ts';
import type { SkippedQueue } from './pair-rows.ts';

export type Result<Value> = { ok: true; value: Value } | { ok: false; error: ErrorShape };

/** `active`: the node that serves now, whichever that is. */
export type NodeTarget = 'active' | 'a' | 'b';

/** What the host answers. */
export interface ConsoleServer {
  host(name: HostProcedureName, input: unknown): Promise<Result<unknown>>;
  node(target: NodeTarget, name: NodeProcedureName, input: unknown): Promise<Result<unknown>>;
  /**
   * Runs a query now and then every `intervalMs` (at least 250), and pushes each result that differs from
   * the one before. At most one push is under way per watch, so a slow console gets fewer, newer snapshots.
   */
  watch(request: WatchRequest): Promise<void>;
  unwatch(watchId: number): Promise<void>;
  /** While the console is hidden nothing is evaluated for it. */
  setVisible(visible: boolean): Promise<void>;
}

export interface WatchRequest {
  watchId: number;
  scope: 'host' | 'node';
  target: NodeTarget;
  name: HostProcedureName | NodeProcedureName;
  input: unknown;
  intervalMs: number;
}

/** What the console answers. Its promise is the push's acknowledgement. */
export interface ConsoleClient {
  watched(watchId: number, result: Result<unknown>): Promise<void>;
}

/** What a node process answers to the host. */
export interface NodeServer {
  call(name: NodeProcedureName, input: unknown): Promise<Result<unknown>>;
  /** Commands of the pair manager and the supervisor; see broker/node. */
  control(request: NodeControl): Promise<Result<unknown>>;
}

export type NodeControl =
  /** The heartbeat; answers with NodeHealth. Terms are null for a node in no pair. */
  | ({ kind: 'ping' } & Heartbeat)
  /** Bind the front address; answers with Activation when it accepts connections. A standby opens its store first. */
  | { kind: 'take-front'; host: string; port: number; epoch: number }
  /**
   * Close the front listener and tell its clients 320 with this reason. A node whose messages the other is to have
   * answers when the other has them, and stands by from then on.
   */
  | { kind: 'release-front'; reason: string }
  /** Which pair the node is in from now on, null for none. */
  | { kind: 'model'; model: PairModel | null }
  /** How a replicated pair's confirms wait from now on. */
  | { kind: 'replicate-as'; settings: ReplicationTerms }
  /** How far the standby is, null when nothing is replicated. */
  | { kind: 'replication' }
  /**
   * Where the peer's definitions link listens, or null when it is away; the authoritative side is copied, and says
   * with this link's number whether the peer has everything.
   */
  | { kind: 'peer'; link: number; address: PeerAddress | null; authoritative: boolean }
  /** Durable messages per queue, for the stranded list (R18). */
  | { kind: 'holdings' }
  /** All faults that are on from now on. */
  | { kind: 'faults'; faults: LastingFault[] }
  /** What is on the node now, for a look ahead; answers with Stock, null on a node that has nothing open. */
  | { kind: 'stock' }
  /** Messages go to the other node, which serves: of this drain, or with null only what is in doubt is cleared up. */
  | { kind: 'drain'; job: string | null; address: PeerAddress }
  /** Answers when the batch under way is done. */
  | { kind: 'drain-stop' }
  /** Gives back what is in doubt, unasked: it may come twice. */
  | { kind: 'drain-forget' }
  /** Answers with DrainStatus. */
  | { kind: 'drain-status' }
  | { kind: 'stop' };

/** A drain as the node sees it that its messages leave. */
export interface DrainStatus {
  /** `interrupted`: the link broke, or the other node cannot take anything now. */
  state: 'idle' | 'draining' | 'done' | 'interrupted';
  job: string;
  /** By this job, over restarts too. */
  drained: number;
  /** Still here, also what clients of the node's own address hold. */
  remaining: number;
  queue: { vhost: string; name: string } | null;
  /** Held back until the other node has said whether it has them. */
  inDoubt: number;
  problem: string | null;
  /** Queues that the other node did not take, or not all of; at most 100. */
  skipped: SkippedQueue[];
}

/** Of one queue: what a kill would leave behind and what it would take. */
export interface StockRow {
  vhost: string;
  queue: string;
  durable: boolean;
  persistent: number;
  /** Transient messages, or all of a queue that is not durable. */
  transient: number;
  unacknowledged: number;
}

export interface Stock {
  queues: StockRow[];
  connections: number;
  /** Publishes whose confirm is still to come. */
  unconfirmed: number;
}

/** Why a node must not serve any more. */
export interface Fencing {
  cause: 'lease' | 'disk';
  reason: string;
}

export interface ReplicationTerms {
  mode: 'sync' | 'async';
  /** Without its standby a node confirms alone (`available`) or not at all (`strict`). */
  policy: 'available' | 'strict';
  /** A standby that answers nothing for this long is lost. */
  timeoutMs: number;
}

export interface Heartbeat {
  terms: LeaseTerms | null;
  /** A sync that takes longer is slow. */
  slowSyncMs: number;
}

/** By which a node of a pair may serve. */
export interface LeaseTerms {
  /** How long without another heartbeat. */
  leaseMs: number;
  /** The other could serve: a disk that hangs so long is a reason to leave; null if it is none. */
  leavesOnStallMs: number | null;
  /** And so is a journal that cannot be written any more. */
  leavesOnFault: boolean;
}

/** Told with every heartbeat. */
export interface NodeHealth {
  /** How long the oldest file operation has been under way, in milliseconds. */
  diskPendingMs: number;
  /** For how long there have been slow syncs only. */
  diskSlowForMs: number;
  /** What is wrong with the journal for good. */
  diskFault: string | null;
  /** The reason that publishers are held back. */
  blocked: string | null;
}

export interface PeerAddress {
  host: string;
  port: number;
  token: string;
}

/** What the host answers to a node process. */
export interface NodeClient {
  ready(report: NodeReady): Promise<void>;
  log(lines: NodeLogLine[]): Promise<void>;
  peerInSync(state: { link: number; inSync: boolean }): Promise<void>;
  /** What was reported when it got ready has changed: it stands by now, or no more. */
  changed(report: NodeReady): Promise<void>;
  /** It serves nobody any more and ends: the front address is free, and nothing more is promised. */
  fenced(state: Fencing): Promise<void>;
  /** Whether the standby of this link has everything. Resolves when the host has written it down (R33b). */
  standbyState(state: { link: number; inSync: boolean }): Promise<void>;
}

/** How long a takeover's stages took, in milliseconds. */
export interface Activation {
  /** Closing the copy, taking the store's lock, reading definitions and journal; 0 when the node was open already. */
  storeMs: number;
  /** Of that, the journal. */
  journalMs: number;
  records: number;
  /** Pieces of the journal that were damaged and set aside. */
  damaged: number;
  frontMs: number;
}

export interface NodeLogLine {
  /** Unix milliseconds. */
  at: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
}

export interface NodeReady {
  name: string;
  amqpPort: number;
  managementPort: number;
  peer: PeerAddress;
  /** The last epoch under which it served. */
  epoch: number;
  recoveryMs: number;
  startMs: number;
}
