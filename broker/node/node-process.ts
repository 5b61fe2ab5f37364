// A node as its host sees it: open and perhaps serving, or standing by with its store closed. What standing by means
// is the pair's model: in an independent pair the standby is open too, over a shared store it holds nothing, in a
// replicated pair it keeps a copy. Serving begins and ends at the host's word alone.
import { join } from 'node:path';
import type { BirpcReturn } from 'birpc';
import { replaceFile } from '../base/replace-file.ts';
import type { Log } from '../base/log.ts';
import { ContractError, toErrorShape } from '../contract/errors.ts';
import type { PairModel } from '../contract/host-procedures.ts';
import type { LastingFault } from '../contract/node-faults.ts';
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type {
  Activation,
  Fencing,
  NodeClient,
  NodeControl,
  NodeHealth,
  NodeReady,
  NodeServer,
  ReplicationTerms,
  Result,
} from '../contract/rpc.ts';
import type { PeerDefinitions } from '../pair/peer-definitions.ts';
import { PeerSender } from '../pair/peer-sender.ts';
import { PeerServer } from '../pair/peer-server.ts';
import type { DiskWatch } from './disk-watch.ts';
import type { Doors } from './doors.ts';
import { Lease } from './lease.ts';
import type { Node, NodeConfig } from './node.ts';
import { coldStandby, openReplica, type Standby } from './standby.ts';

export type HostCaller = Pick<
  BirpcReturn<NodeClient, NodeServer>,
  'ready' | 'changed' | 'peerInSync' | 'standbyState' | 'fenced'
>;
type PeerRequest = Extract<NodeControl, { kind: 'peer' }>;
type FrontRequest = Extract<NodeControl, { kind: 'take-front' }>;

export interface ProcessConfig extends Omit<NodeConfig, 'log' | 'standbyState'> {
  /** Null for a node that is in no pair. */
  model: PairModel | null;
  /** Put on it from its start. */
  faults?: LastingFault[];
}

/** What a process has to do with a node that is open. */
export type OpenNode = Pick<
  Node,
  | 'name'
  | 'amqpPort'
  | 'managementPort'
  | 'startMs'
  | 'recovery'
  | 'replicator'
  | 'definitions'
  | 'serves'
  | 'epoch'
  | 'takeFront'
  | 'releaseFront'
  | 'fence'
  | 'diskFault'
  | 'blocked'
  | 'holdings'
  | 'holdsMessages'
  | 'contradicts'
  | 'applyPeerChange'
  | 'drainSource'
  | 'drainTarget'
  | 'stock'
  | 'stop'
> & { management: Pick<Node['management'], 'call'> };

export interface NodeProcessParts {
  config: ProcessConfig;
  host: HostCaller;
  log: Log;
  doors: Doors;
  /** What the host puts on the doors. */
  faults?: { set(faults: readonly LastingFault[]): void };
  /** Watches what the doors' disk does. */
  disk?: DiskWatch;
  /** Throws what the store says. */
  startNode(config: NodeConfig): Promise<OpenNode>;
  /** Ends the process at once. */
  end(code: number): void;
}

const probeEveryMs = 5000;
const stopTimeoutMs = 8000;
/** What the process says at its end, when it has fenced itself; the host reads it. */
export const fencedExitCode = 5;
/** Clients of a node that hands over have so long to answer its close. */
const farewellMs = 100;

export class NodeProcess implements NodeServer {
  readonly #parts: NodeProcessParts;
  readonly #config: ProcessConfig;
  readonly #host: HostCaller;
  readonly #log: Log;
  readonly #lease: Lease;
  #model: PairModel | null;
  #node: OpenNode | null = null;
  #standby: Standby | null = null;
  #peerServer: PeerServer | null = null;
  #peerPort = 0;
  #peer: PeerSender | null = null;
  /** Of the link to the other node, as the host numbers them. */
  #link = 0;
  #probing = false;
  #replication: ReplicationTerms | undefined;
  #epoch = 0;
  #stopping = false;

  constructor(parts: NodeProcessParts) {
    const { config, host, log } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#host = host;
    this.#log = log;
    this.#model = config.model;
    this.#replication = config.replication;
    this.#lease = new Lease({
      clock: parts.doors.clock,
      serves: () => this.#node?.serves ?? false,
      diskPendingMs: () => parts.disk?.pendingMs ?? 0,
      diskFault: () => this.#node?.diskFault ?? null,
      expired: (fencing) => void this.#fence(fencing),
    });
  }

  /** Opens what the model wants open. Throws what the store says. */
  async open(): Promise<void> {
    if (this.#model === 'shared-store' || this.#model === 'replicated') await this.#standBy();
    else await this.#open();
  }

  /** Tells the host that the node can be asked. */
  async ready(): Promise<void> {
    await this.#host.ready(await this.#report());
  }

  call(name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    return resultOf(() => {
      return this.#opened().management.call(name, input, { user: 'console' });
    });
  }

  control(request: NodeControl): Promise<Result<unknown>> {
    return resultOf(async () => {
      if (this.#stopping) throw new ContractError('unavailable', 'the node is stopping');
      switch (request.kind) {
        case 'ping':
          return this.#pinged(request);
        case 'take-front':
          return this.#takeFront(request);
        case 'release-front':
          return this.#releaseFront(request.reason);
        case 'peer':
          return this.#follow(request);
        case 'model':
          return this.#setModel(request.model);
        case 'holdings':
          return this.#node?.holdings() ?? [];
        case 'replication':
          return this.#model === 'replicated' ? (this.#node?.replicator.status() ?? null) : null;
        case 'replicate-as':
          return this.#replicateAs(request.settings);
        case 'faults':
          return this.#parts.faults?.set(request.faults);
        case 'stock':
          return this.#node?.stock() ?? null;
        case 'drain':
          return this.#opened().drainSource.start(request.job, request.address);
        case 'drain-stop':
          return this.#node?.drainSource.stop();
        case 'drain-forget':
          return this.#node?.drainSource.forget();
        case 'drain-status':
          return this.#node?.drainSource.status() ?? null;
        case 'stop':
          return this.stop();
      }
    });
  }

  #opened(): OpenNode {
    if (!this.#node) throw new ContractError('unavailable', 'this node stands by and has nothing open');
    return this.#node;
  }

  #pinged({ terms, slowSyncMs }: Extract<NodeControl, { kind: 'ping' }>): NodeHealth {
    const { disk } = this.#parts;
    this.#lease.renew(terms);
    if (disk) disk.slowSyncMs = slowSyncMs;
    if (terms && this.#node?.serves) this.#probeDisk();
    return {
      diskPendingMs: disk?.pendingMs ?? 0,
      diskSlowForMs: disk?.slowForMs ?? 0,
      diskFault: this.#node?.diskFault ?? null,
      blocked: this.#node?.blocked ?? null,
    };
  }

  /** A disk that nobody asks anything of says nothing: an idle node that serves asks now and then. */
  #probeDisk(): void {
    const { disk, doors } = this.#parts;
    if (!disk || this.#probing || disk.idleMs < probeEveryMs) return;
    this.#probing = true;
    const done = () => {
      this.#probing = false;
    };
    replaceFile(join(this.#config.dataFolder, 'probe'), `${doors.clock.now()}`, doors.storage).then(
      done,
      done,
    );
  }

  /** It must not serve any more, and cannot be sure of its disk: what waits there is left to the next start. */
  async #fence(fencing: Fencing): Promise<void> {
    const { reason } = fencing;
    const { doors, end } = this.#parts;
    if (this.#stopping || !this.#node) return;
    this.#stopping = true;
    this.#log.error(`this node serves nobody from now on: ${reason}`);
    const left = this.#node.fence(`broker forced connection closure with reason '${reason}'`, farewellMs);
    doors.clock.after(2 * farewellMs, () => end(fencedExitCode));
    await left.catch(() => undefined);
    this.#node.replicator.close();
    await this.#host.fenced(fencing).catch(() => undefined);
    end(fencedExitCode);
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#lease.end();
    // A client that does not go, or a disk that hangs, does not keep the process.
    this.#parts.doors.clock.after(stopTimeoutMs, () => this.#parts.end(1));
    await this.#close();
    await this.#standby?.close();
    // After the answer has left.
    this.#parts.doors.clock.after(20, () => this.#parts.end(0));
  }

  // ---- Open and standing by ----

  async #open(): Promise<void> {
    const { model, faults, ...config } = this.#config;
    void [model, faults];
    const node = await this.#parts.startNode({
      ...config,
      ...(this.#replication ? { replication: this.#replication } : {}),
      log: this.#log,
      standbyState: (inSync) => this.#host.standbyState({ link: this.#link, inSync }),
    });
    this.#node = node;
    const definitions = peerDefinitionsOf(node);
    this.#peerServer = new PeerServer({
      ...this.#parts.doors,
      definitions,
      log: this.#log,
      events: {
        contended: (change) => this.#peer?.contended(change),
        askedForSnapshot: () => this.#peer?.resync(),
        drain: (request, answer) => node.drainTarget.take(request, answer),
      },
    });
    this.#peerPort = await this.#peerServer.listen();
    if (this.#model !== 'independent') this.#forgetDrains(node);
  }

  async #standBy(): Promise<void> {
    const { dataFolder } = this.#config;
    const { doors } = this.#parts;
    this.#standby =
      this.#model === 'replicated' ? await openReplica(dataFolder, this.#log, doors) : coldStandby;
  }

  async #close(): Promise<void> {
    this.#stopFollowing();
    this.#peerServer?.close();
    this.#peerServer = null;
    const node = this.#node;
    this.#node = null;
    await node?.drainSource.abandon();
    await node?.stop();
    // What the stop wrote goes to the standby as well, before the link ends.
    await node?.replicator.drain().catch(() => undefined);
    node?.replicator.close();
  }

  async #report(): Promise<NodeReady> {
    const node = this.#node;
    const own = node ? { port: this.#peerPort, token: this.#peerServer!.token } : this.#standby!.address;
    return {
      name: node?.name ?? this.#config.name,
      amqpPort: node?.amqpPort ?? 0,
      managementPort: node?.managementPort ?? 0,
      peer: { host: '127.0.0.1', ...(own ?? { port: 0, token: '' }) },
      epoch: node ? await node.epoch() : this.#standby!.epoch,
      recoveryMs: node?.recovery.durationMs ?? 0,
      startMs: node?.startMs ?? 0,
    };
  }

  // ---- The front address ----

  async #takeFront({ host, port, epoch }: FrontRequest): Promise<Activation> {
    const startedAt = this.#parts.doors.clock.monotonic();
    const opened = !this.#node;
    if (!this.#node) {
      await this.#openInstead(epoch);
    }
    const openAt = this.#parts.doors.clock.monotonic();
    void this.#node!.drainSource.abandon();
    // What a former active has still under way is not for a node that serves.
    this.#peerServer!.hangUp();
    // A former active's last words must not reach a copy that has become the original.
    if (this.#model === 'replicated') {
      // Nothing is promised alone, definitions neither, before the host has written down that it is so.
      this.#replicateDefinitions(this.#node!);
      this.#node!.replicator.follow(null, epoch);
    }
    await this.#node!.takeFront(host, port, epoch);
    this.#epoch = epoch;
    if (opened) await this.#host.changed(await this.#report());
    const { durationMs, records, damaged } = this.#node!.recovery;
    return {
      storeMs: opened ? openAt - startedAt : 0,
      journalMs: opened ? durationMs : 0,
      records: opened ? records : 0,
      damaged: opened ? damaged.length : 0,
      frontMs: this.#parts.doors.clock.monotonic() - openAt,
    };
  }

  /** A grant that is not newer than the active it follows is none. A store that does not open leaves it standing by. */
  async #openInstead(epoch: number): Promise<void> {
    const last = this.#standby?.epoch ?? 0;
    if (epoch <= last)
      throw new ContractError(
        'refused',
        `epoch ${epoch} is not higher than ${last}, which another node serves by`,
      );
    await this.#standby?.close();
    this.#standby = null;
    try {
      await this.#open();
    } catch (error) {
      await this.#standBy();
      await this.#host.changed(await this.#report());
      throw error;
    }
  }

  async #releaseFront(reason: string): Promise<void> {
    const node = this.#node;
    if (!node) return;
    if (this.#model !== 'shared-store' && this.#model !== 'replicated') {
      // Nobody follows it from here on.
      this.#stopFollowing();
      return node.releaseFront(reason);
    }
    await node.stop(reason, farewellMs);
    // The other must have it all, or this one goes on being the one that has.
    if (this.#model === 'replicated') await node.replicator.drain();
    node.replicator.close();
    await this.#close();
    await this.#standBy();
    await this.#host.changed(await this.#report());
  }

  // ---- The other node ----

  #follow(request: PeerRequest): void {
    this.#link = request.link;
    const node = this.#node;
    if (!node) return;
    if (this.#model !== 'replicated') return this.#linkDefinitions(request);
    if (!request.authoritative && request.address) return;
    node.replicator.follow(request.address, this.#epoch);
    this.#replicateDefinitions(node);
  }

  #replicateDefinitions({ definitions, replicator }: OpenNode): void {
    definitions.peer = (change) => replicator.changed(change).then(() => true);
  }

  #linkDefinitions({ address, authoritative, link }: PeerRequest): void {
    this.#stopFollowing();
    if (!address) return;
    this.#peer = new PeerSender({
      ...this.#parts.doors,
      address,
      authoritative,
      definitions: peerDefinitionsOf(this.#node!),
      log: this.#log,
      inSync: (inSync) => {
        if (authoritative) void this.#host.peerInSync.asEvent({ link, inSync });
      },
    });
  }

  #stopFollowing(): void {
    this.#peer?.close();
    this.#peer = null;
  }

  /** For the node that is open, and for those to come. */
  #replicateAs(settings: ReplicationTerms): void {
    this.#replication = settings;
    this.#node?.replicator.configure(settings);
  }

  #setModel(model: PairModel | null): void {
    this.#stopFollowing();
    this.#model = model;
    if (!this.#node) return;
    if (model !== 'independent') this.#forgetDrains(this.#node);
    if (model === 'replicated') return;
    this.#node.replicator.leave();
    this.#node.definitions.peer = null;
  }

  /** Nobody will say any more what became of messages that were on their way to the other node. */
  #forgetDrains(node: OpenNode): void {
    node.drainTarget.forget();
    node.drainSource
      .forget()
      .catch((error: unknown) => this.#log.error(`drain: what is in doubt stays held: ${String(error)}`));
  }
}

export async function resultOf(action: () => unknown): Promise<Result<unknown>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    if (error instanceof ContractError) return { ok: false, error: toErrorShape(error) };
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, error: { code: 'internal', message } };
  }
}

function peerDefinitionsOf(node: OpenNode): PeerDefinitions {
  return {
    entries: () => node.definitions.entries(),
    apply: (change) => node.applyPeerChange(change),
    contradicts: (change) => node.contradicts(change),
    holdsMessages: (definition) => node.holdsMessages(definition),
    settle: (upTo) => node.definitions.settle(upTo),
    setSender: (sender) => (node.definitions.peer = sender),
    serves: () => node.serves,
  };
}
