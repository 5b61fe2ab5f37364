// One broker node, put together: journal, definitions, model, access, listeners, management. Everything is
// handed in here; nothing below knows of globals.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { OutputBuffers } from '../amqp/output-buffers.ts';
import { AccessControl } from '../auth/access-control.ts';
import type { FolderLock } from '../base/data-folder-lock.ts';
import type { Log } from '../base/log.ts';
import {
  defaultLimits,
  NodeTotals,
  type BrokerLimits,
  type BrokerServices,
} from '../channel/channel-host.ts';
import { BodyRoom } from '../channel/body-room.ts';
import { DirectReplies } from '../channel/direct-replies.ts';
import { EndOfTick } from '../channel/end-of-tick.ts';
import type { EpochFile } from '../base/epoch-file.ts';
import { ConnectionRegistry } from '../connection/connection-registry.ts';
import { DiskFlow } from '../connection/disk-flow.ts';
import { Listener } from '../connection/listener.ts';
import type { ReplicationTerms } from '../contract/rpc.ts';
import type { Definition, DefinitionChange, DefinitionsStore } from '../definitions/definitions-store.ts';
import type { Stock } from '../contract/rpc.ts';
import { MemoryStore } from '../definitions/memory-store.ts';
import type { ConfirmMode, RecoveryReport } from '../journal/journal.ts';
import { SegmentLog } from '../journal/segment-log.ts';
import { replicatingStorage } from '../pair/replication/replicating-storage.ts';
import { Replicator } from '../pair/replication/replicator.ts';
import { HttpServer } from '../management/http/http-server.ts';
import { Management } from '../management/management.ts';
import { ResourceAlarms } from '../management/resource-alarms.ts';
import { Pager } from '../vhost/paging/pager.ts';
import { VhostRegistry } from '../vhost/vhost-registry.ts';
import { DefinitionLog } from './definition-log.ts';
import { osDoors, type Doors } from './doors.ts';
import { DrainOutbox } from './drain-outbox.ts';
import { DrainSource } from './drain-source.ts';
import { DrainTarget } from './drain-target.ts';
import { checkIdentity } from './identity.ts';
import { markLineage } from './lineage.ts';
import { stockOf } from './stock.ts';
import { definitionsFile, epochFile, journalFolder } from './standby.ts';

export interface NodeConfig {
  /** Part of the node's name before the @. */
  name: string;
  dataFolder: string;
  host: string;
  /** 0 for any free port. */
  amqpPort: number;
  managementPort: number;
  kind: 'disc' | 'ram';
  confirmMode: ConfirmMode;
  productVersion: string;
  log: Log;
  /** In a pair the clients are where the front address is: without it this node stands by. */
  followsFront?: boolean;
  limits?: Partial<BrokerLimits>;
  memoryLimitBytes?: number;
  diskFreeLimitBytes?: number;
  /** The store belongs to a node of this name; another's is refused (R33d). */
  identity?: string;
  /** How a replicated pair's confirms wait, once there is one. */
  replication?: ReplicationTerms;
  /** Hears, before anything is promised alone, that the standby is behind; and when it is level. */
  standbyState?: (inSync: boolean) => Promise<void>;
  /** Of memory for messages: what waits beyond it is paged out (R13). */
  messageMemoryBytes?: number;
  /** Space comes back by the segment. */
  journalSegmentBytes?: number;
}

const messageMemoryDefault = 32 << 20;
const damageNamedMax = 20;

export class Node {
  readonly name: string;
  readonly services: BrokerServices;
  readonly connections = new ConnectionRegistry();
  readonly management: Management;
  readonly definitions: DefinitionLog;
  readonly recovery: RecoveryReport;
  /** Streams the journal and the definitions to a standby, where there is one to follow. */
  readonly replicator: Replicator;
  /** Its messages on their way to the other node of an independent pair, and that one's to here. */
  readonly drainSource: DrainSource;
  readonly drainTarget: DrainTarget;
  readonly startMs: number;
  amqpPort = 0;
  managementPort = 0;
  readonly #journal: SegmentLog;
  readonly #scratch: SegmentLog;
  readonly #store: DefinitionsStore;
  readonly #lock: FolderLock;
  readonly #listener: Listener;
  readonly #alarms: ResourceAlarms;
  readonly #flow: DiskFlow;
  #front: Listener | null = null;
  #takingFront = false;
  readonly #followsFront: boolean;
  readonly #epoch: EpochFile;
  #http: HttpServer | null = null;

  /** Throws DataFolderInUse, or what the disk or the ports say. */
  static async start(config: NodeConfig, doors: Doors = osDoors): Promise<Node> {
    const startedAt = performance.now();
    const lock = await doors.lockFolder(config.dataFolder);
    try {
      if (config.identity)
        await checkIdentity(config.dataFolder, config.identity, config.productVersion, doors.storage);
      return await assemble(config, doors, lock, startedAt);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  constructor(parts: NodeParts) {
    this.name = parts.services.nodeName;
    this.services = parts.services;
    this.definitions = parts.definitions;
    this.recovery = parts.recovery;
    this.replicator = parts.replicator;
    this.drainSource = parts.drainSource;
    this.#journal = parts.journal;
    this.#scratch = parts.scratch;
    this.#store = parts.store;
    this.#lock = parts.lock;
    this.#epoch = epochFile(parts.config.dataFolder, parts.doors.storage);
    this.#followsFront = parts.config.followsFront ?? false;
    if (this.#followsFront) this.services.vhosts.standsBy = true;
    this.startMs = performance.now() - parts.startedAt;
    this.#flow = new DiskFlow([parts.journal, parts.scratch]);
    this.#listener = new Listener(this.services, this.connections, this.#flow);
    this.#alarms = new ResourceAlarms({
      clock: parts.doors.clock,
      journal: this.#journal,
      dataFolder: parts.config.dataFolder,
      memoryUsedBytes: parts.doors.memoryUsedBytes,
      memoryLimitBytes: parts.config.memoryLimitBytes,
      diskFreeLimitBytes: parts.config.diskFreeLimitBytes,
      changed: (reason) => this.connections.block(reason),
    });
    this.drainTarget = new DrainTarget({
      vhosts: this.services.vhosts,
      journal: this.#journal,
      log: this.services.log,
      serves: () => this.serves,
      blocked: () => this.connections.blocked,
    });
    this.management = new Management({
      services: this.services,
      connections: this.connections,
      alarms: this.#alarms,
      listeners: () => this.#listeners(),
    });
  }

  /** Binds the node's own ports. */
  async open(config: NodeConfig): Promise<void> {
    this.amqpPort = await this.#listener.listen(config.host, config.amqpPort);
    this.#http = new HttpServer(this.management, this.services.access, this.services.log);
    this.managementPort = await this.#http.listen(config.host, config.managementPort);
  }

  /** Whether it has the front address, or is about to. */
  get serves(): boolean {
    return this.#front !== null || this.#takingFront;
  }

  /** The last epoch under which it served, 0 when it never did. */
  epoch(): Promise<number> {
    return this.#epoch.read();
  }

  /**
   * Binds the front address besides; rejects while another process has it. The epoch is written down first, and
   * one that is not higher than the last is refused: an old grant never serves (DESIGN promise 4). A node that has
   * the address already keeps it under the new epoch.
   */
  async takeFront(host: string, port: number, epoch: number): Promise<void> {
    this.#takingFront = true;
    try {
      await this.#epoch.raise(epoch);
      if (this.#front) return;
      const front = new Listener(this.services, this.connections, this.#flow);
      await front.listen(host, port);
      this.#front = front;
      if (this.#followsFront) this.services.vhosts.standsBy = false;
    } finally {
      this.#takingFront = false;
    }
  }

  /**
   * Accepts nobody on the front address any more and tells its clients 320; from then on they are served nothing.
   * Resolves at once, not when the last of them has gone.
   */
  releaseFront(reason: string): void {
    void this.#closeFront(reason);
  }

  async #closeFront(reason: string, graceMs?: number, atOnce = false): Promise<void> {
    const front = this.#front;
    this.#front = null;
    if (this.#followsFront) this.services.vhosts.standsBy = true;
    await front?.close(reason, graceMs, atOnce);
  }

  /** Accepts nobody on any address and tells all clients 320. The journal is left as it is: its disk may hang. */
  async fence(reason: string, graceMs: number): Promise<void> {
    this.management.stop();
    this.#alarms.stop();
    await Promise.all([this.#closeFront(reason, graceMs, true), this.#listener.close(reason, graceMs, true)]);
  }

  /** In a strict pair nothing is confirmed without the standby: publishers are told to wait. */
  holdPublishers(held: boolean): void {
    this.#alarms.standbyMissing(held);
  }

  /** What is wrong with the journal for good. */
  get diskFault(): string | null {
    return this.#journal.faultForGood;
  }

  /** Why publishers are held back. */
  get blocked(): string | null {
    return this.connections.blocked;
  }

  /** Durable messages per queue. */
  holdings(): { vhost: string; queue: string; messages: number }[] {
    const rows: { vhost: string; queue: string; messages: number }[] = [];
    for (const vhost of this.services.vhosts.all())
      for (const queue of vhost.queues.values())
        if (queue.durable && queue.persistentCount > 0)
          rows.push({ vhost: vhost.name, queue: queue.name, messages: queue.persistentCount });
    return rows;
  }

  /** Of every queue that holds something, and who is connected. */
  stock(): Stock {
    return stockOf(this.services.vhosts, this.connections);
  }

  /** Whether messages would go with a queue. */
  holdsMessages({ kind, body }: Definition): boolean {
    if (kind !== 'queue') return false;
    return (this.services.vhosts.get(body.vhost)?.queues.get(body.name)?.messageCount ?? 0) > 0;
  }

  /** Whether another definition of the same name is here, which the change would have to replace. */
  contradicts(change: DefinitionChange): boolean {
    return change.op === 'put' && this.services.vhosts.contradicts(change.definition);
  }

  /** A change that the peer of a pair made. */
  async applyPeerChange(change: DefinitionChange): Promise<void> {
    const kind = change.op === 'put' ? change.definition.kind : change.kind;
    if (kind !== 'user' && kind !== 'permission' && kind !== 'topic-permission')
      return this.services.vhosts.applyPeerChange(change);
    const { access } = this.services;
    if (change.op === 'put') access.restore(change.definition);
    else access.forget(kind, (JSON.parse(change.key) as string[]).slice(1));
    await this.definitions.commit(change, 'peer');
  }

  /**
   * Graceful: clients are told 320 and have `graceMs` to go, the journal is synced, the folder is free. Once, however
   * often it is asked for.
   */
  stop(reason = "broker forced connection closure with reason 'shutdown'", graceMs?: number): Promise<void> {
    return (this.#stopped ??= this.#stop(reason, graceMs));
  }

  #stopped: Promise<void> | null = null;

  async #stop(reason: string, graceMs?: number): Promise<void> {
    this.management.stop();
    this.#alarms.stop();
    await Promise.all([
      this.#listener.close(reason, graceMs),
      this.#closeFront(reason, graceMs),
      this.#http?.close(),
    ]);
    // What is half done is taken up by the next start: the journal still holds it.
    this.services.vhosts.turns.stop();
    await this.#journal.close();
    await this.#scratch.close();
    await this.#store.close();
    this.#lock.release();
  }

  #listeners() {
    const amqp = [this.#listener.address, this.#front?.address ?? null].flatMap((address) =>
      address ? [{ protocol: 'amqp', ...address, tls: false }] : [],
    );
    const http = this.#http
      ? [{ protocol: 'http', host: '127.0.0.1', port: this.managementPort, tls: false }]
      : [];
    return [...amqp, ...http];
  }
}

interface NodeParts {
  config: NodeConfig;
  doors: Doors;
  services: BrokerServices;
  definitions: DefinitionLog;
  journal: SegmentLog;
  scratch: SegmentLog;
  store: DefinitionsStore;
  lock: FolderLock;
  recovery: RecoveryReport;
  replicator: Replicator;
  drainSource: DrainSource;
  startedAt: number;
}

const replicationDefaults: ReplicationTerms = { mode: 'sync', policy: 'available', timeoutMs: 1500 };

async function assemble(
  config: NodeConfig,
  doors: Doors,
  lock: FolderLock,
  startedAt: number,
): Promise<Node> {
  const { log } = config;
  const { clock } = doors;
  const store =
    config.kind === 'disc' ? doors.definitionsStore(definitionsFile(config.dataFolder)) : new MemoryStore();
  const stored = await store.load();
  const definitions = new DefinitionLog(store, stored);
  const shared = { storage: doors.storage, clock, log };
  const { dataFolder, confirmMode } = config;
  const folder = journalFolder(dataFolder);
  const lineage = await markLineage(folder, doors.storage);
  const replicator: Replicator = new Replicator({
    clock,
    network: doors.network,
    storage: doors.storage,
    folder,
    log,
    ...replicationDefaults,
    ...config.replication,
    definitions: async () => (await definitions.entries()).map(({ definition }) => definition),
    lastRecordId: () => journal.lastRecordId,
    writtenId: () => journal.writtenId,
    standbyState: config.standbyState ?? (() => Promise.resolve()),
    held: (held) => node.holdPublishers(held),
  });
  const storage = replicatingStorage(doors.storage, folder, replicator);
  const segmentBytesMax = config.journalSegmentBytes;
  const endOfTick: EndOfTick = new EndOfTick(() => journal.marksPending);
  const journal = new SegmentLog({
    ...shared,
    clock: { ...clock, soon: (callback) => endOfTick.last(callback) },
    storage,
    folder,
    confirmMode,
    ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
  });
  const scratch = new SegmentLog({
    ...shared,
    folder: join(dataFolder, 'paging'),
    confirmMode: 'written',
    scratch: true,
  });
  await scratch.recover(() => undefined);
  const budgetBytes = config.messageMemoryBytes ?? messageMemoryDefault;
  const pager = new Pager({ budgetBytes, journal, scratch, log });
  const vhosts = new VhostRegistry({ clock, journal, definitions, pager });
  const access = new AccessControl(definitions);
  const others = stored.map(({ definition }) => definition).filter((each) => !access.restore(each));
  for (const skipped of vhosts.restore(others))
    log.warn(`a stored ${skipped.kind} could not be restored: ${JSON.stringify(skipped.body)}`);
  const report = await journal.recover(vhosts.recoverMessages());
  replicator.baseSegment = journal.recoveredSegment;
  const nodeName = `${config.name}@${hostname()}`;
  const drainSource = new DrainSource({
    vhosts,
    journal,
    outbox: await DrainOutbox.open(dataFolder, lineage, doors.storage),
    network: doors.network,
    clock,
    log,
    nodeName,
    epoch: () => node.epoch(),
    serves: () => node.serves,
  });
  vhosts.recovered();
  tellDamage(report, log);
  log.info(`recovered ${report.records} records in ${Math.round(report.durationMs)} ms`);
  if (stored.length === 0) {
    await firstDefinitions(vhosts, access);
    // Every node has these by itself: a pair's other node need not learn of them, nor take them back.
    await definitions.settleAll();
  }
  const limits = { ...defaultLimits, ...config.limits };
  const bodyRoom = new BodyRoom({
    bytesMax: limits.bodyRoomBytesMax,
    idleMsMax: limits.bodyRoomIdleMsMax,
    clock,
    logs: [journal, scratch],
  });
  const services: BrokerServices = {
    clock,
    log,
    journal,
    vhosts,
    access,
    endOfTick,
    outputBuffers: new OutputBuffers(),
    replies: new DirectReplies(),
    bodyRoom,
    limits,
    productVersion: config.productVersion,
    nodeName,
    totals: new NodeTotals(),
  };
  const parts = {
    config,
    doors,
    services,
    definitions,
    journal,
    scratch,
    store,
    lock,
    recovery: report,
    replicator,
    drainSource,
    startedAt,
  };
  const node: Node = new Node(parts);
  await node.open(config);
  return node;
}

/** Each piece is a file of its own beside the journal; the log names the first ones. */
function tellDamage({ damaged, tornTailBytes }: RecoveryReport, log: Log): void {
  for (const { file, offset, reason } of damaged.slice(0, damageNamedMax))
    log.error(`journal damage quarantined: ${file} at ${offset}: ${reason}`);
  if (damaged.length > damageNamedMax) log.error(`${damaged.length} damaged pieces of the journal in all`);
  if (tornTailBytes > 0) log.info(`cut ${tornTailBytes} bytes of a commit that was never complete`);
}

/** What a new broker has: the virtual host `/` and guest, who may come from loopback only. */
async function firstDefinitions(vhosts: VhostRegistry, access: AccessControl): Promise<void> {
  await Promise.all([
    vhosts.put('/', { description: 'Default virtual host', tags: [], tracing: false }),
    access.putUser('guest', { password: 'guest', tags: ['administrator'] }),
    access.putPermission({ user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' }),
  ]);
}
