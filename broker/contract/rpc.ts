// The calls between console and host (birpc over a MessagePort or a WebSocket) and between host and node
// (birpc over the child's channel). Errors travel as values because neither serializer keeps classes.
import type { ErrorShape } from './errors.ts';
import type { HostProcedureName } from './host-procedures.ts';
import type { NodeProcedureName } from './node-procedures.ts';

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
  | { kind: 'ping' }
  /** Bind the front address; answers when it accepts connections. */
  | { kind: 'take-front'; host: string; port: number; epoch: number }
  /** Close the front listener and tell its clients 320 with this reason. */
  | { kind: 'release-front'; reason: string }
  /**
   * Where the peer's definitions link listens, or null when it is away; the authoritative side is copied, and says
   * with this link's number whether the peer has everything.
   */
  | { kind: 'peer'; link: number; address: PeerAddress | null; authoritative: boolean }
  /** Durable messages per queue, for the stranded list (R18). */
  | { kind: 'holdings' }
  | { kind: 'stop' };

export interface PeerAddress {
  host: string;
  port: number;
  token: string;
}

/** What the host answers to a node process. */
export interface NodeClient {
  ready(report: NodeReady): Promise<void>;
  log(line: { at: number; level: 'debug' | 'info' | 'warn' | 'error'; message: string }): Promise<void>;
  peerInSync(state: { link: number; inSync: boolean }): Promise<void>;
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
