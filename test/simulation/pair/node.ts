// A node that is open, put together as broker/node/node.ts does it around the real journal and replicator; queues and
// connections are the simplest that keep AMQP's promises. What it does for clients is told to the ledger.
import { join } from 'node:path';
import type { FolderLock } from '../../../broker/base/data-folder-lock.ts';
import type { EpochFile } from '../../../broker/base/epoch-file.ts';
import type { Log } from '../../../broker/base/log.ts';
import { definitionKey } from '../../../broker/definitions/definition-key.ts';
import type {
  Definition,
  DefinitionChange,
  DefinitionKey,
  DefinitionsStore,
} from '../../../broker/definitions/definitions-store.ts';
import { shapeOf } from '../../../broker/definitions/reconcile.ts';
import type { Stock } from '../../../broker/contract/rpc.ts';
import type { RecoveryReport } from '../../../broker/journal/journal.ts';
import { SegmentLog } from '../../../broker/journal/segment-log.ts';
import { DefinitionLog } from '../../../broker/node/definition-log.ts';
import type { Doors } from '../../../broker/node/doors.ts';
import { markLineage } from '../../../broker/node/lineage.ts';
import type { NodeConfig } from '../../../broker/node/node.ts';
import type { OpenNode } from '../../../broker/node/node-process.ts';
import { definitionsFile, epochFile, journalFolder } from '../../../broker/node/standby.ts';
import { replicatingStorage } from '../../../broker/pair/replication/replicating-storage.ts';
import { Replicator } from '../../../broker/pair/replication/replicator.ts';
import type { PairConditions } from './conditions.ts';
import type { Front, ServedConnection } from './front.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedProcess } from './process.ts';
import { ModelledQueue } from './queue.ts';
import { Session } from './session.ts';

const noDrain = {
  start: () => undefined,
  stop: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  status: () => null,
  take: () => undefined,
};

export interface NodeWorld {
  process: SimulatedProcess;
  doors: Doors;
  conditions: PairConditions;
  front: Front;
  ledger: Ledger;
  blockMagic: () => number;
}

interface Parts extends NodeWorld {
  config: NodeConfig;
  log: Log;
  lock: FolderLock;
  store: DefinitionsStore;
  definitions: DefinitionLog;
  replicator: Replicator;
  journal: SegmentLog;
}

export class SimulatedNode implements OpenNode {
  readonly name: string;
  readonly amqpPort = 1;
  readonly managementPort = 1;
  readonly startMs = 0;
  /** Nothing is drained here: what an independent pair leaves on a node waits until it serves again. */
  readonly drainSource = noDrain as unknown as OpenNode['drainSource'];
  readonly drainTarget = noDrain as unknown as OpenNode['drainTarget'];
  readonly blocked = null;
  readonly management = { call: () => Promise.reject(new Error('there is no console here')) };
  readonly definitions: DefinitionLog;
  readonly replicator: Replicator;
  readonly journal: SegmentLog;
  recovery!: RecoveryReport;
  /** Under which it serves, or last did. */
  grantedEpoch = 0;
  readonly parts: Parts;
  readonly queues = new Map<string, ModelledQueue>();
  readonly sessions = new Set<Session>();
  readonly #model = new Map<DefinitionKey, Definition>();
  readonly #epoch: EpochFile;
  #lastQueueId = 0;
  #front: { close: () => void } | null = null;
  #takingFront = false;

  static async start(config: NodeConfig, log: Log, world: NodeWorld): Promise<SimulatedNode> {
    const { doors } = world;
    const lock = await doors.lockFolder(config.dataFolder);
    try {
      return await assemble(config, log, world, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  constructor(parts: Parts) {
    this.parts = parts;
    this.name = parts.config.name;
    this.definitions = parts.definitions;
    this.replicator = parts.replicator;
    this.journal = parts.journal;
    this.#epoch = epochFile(parts.config.dataFolder, parts.doors.storage);
    parts.journal.onSafe(() => {
      for (const session of this.sessions) session.confirm();
    });
  }

  get serves(): boolean {
    return this.#front !== null || this.#takingFront;
  }

  /** Whether its clients are served. */
  get hasFront(): boolean {
    return this.#front !== null;
  }

  epoch(): Promise<number> {
    return this.#epoch.read();
  }

  async takeFront(_host: string, _port: number, epoch: number): Promise<void> {
    this.#takingFront = true;
    try {
      await this.#epoch.raise(epoch);
      this.grantedEpoch = epoch;
      if (this.#front) return;
      const { front, process } = this.parts;
      this.#front = await front.take(process, (connection) => this.#accept(connection));
    } finally {
      this.#takingFront = false;
    }
  }

  releaseFront(): void {
    this.#front?.close();
    this.#front = null;
    for (const session of [...this.sessions]) session.close();
  }

  get diskFault(): string | null {
    return this.journal.faultForGood;
  }

  /** Clients go at once; what the journal still has under way is left to the next start. */
  fence(): Promise<void> {
    this.releaseFront();
    return Promise.resolve();
  }

  stock(): Stock {
    return { queues: [], connections: this.sessions.size, unconfirmed: 0 };
  }

  holdings(): { vhost: string; queue: string; messages: number }[] {
    return [...this.queues.values()]
      .filter(({ size }) => size > 0)
      .map(({ name, size }) => ({ vhost: '/', queue: name, messages: size }));
  }

  /** Once, however often it is asked for. */
  stop(_reason?: string, graceMs = 1000): Promise<void> {
    return (this.#stopped ??= this.#stop(graceMs));
  }

  #stopped: Promise<void> | null = null;

  async #stop(graceMs: number): Promise<void> {
    const { clock } = this.parts.doors;
    this.#front?.close();
    this.#front = null;
    for (const session of [...this.sessions]) session.close();
    if (this.sessions.size > 0) await new Promise<void>((resolve) => clock.after(graceMs, resolve));
    await this.journal.close();
    await this.parts.store.close();
    this.parts.lock.release();
  }

  #accept(connection: ServedConnection): void {
    this.sessions.add(new Session(this, connection));
  }

  // ---- Definitions ----

  /** A client's. Resolves when it is promised. */
  async change(change: DefinitionChange): Promise<void> {
    const local = change.op === 'put' ? this.#localised(change.definition) : null;
    this.#apply(local ? { op: 'put', definition: local } : change);
    await this.definitions.commit(local ? { op: 'put', definition: local } : change, 'local');
  }

  contradicts(change: DefinitionChange): boolean {
    if (change.op !== 'put') return false;
    const here = this.#model.get(definitionKey(change.definition));
    return here !== undefined && shapeOf(here) !== shapeOf(change.definition);
  }

  holdsMessages({ kind, body }: Definition): boolean {
    return kind === 'queue' && (this.queues.get(body.name)?.size ?? 0) > 0;
  }

  async applyPeerChange(change: DefinitionChange): Promise<void> {
    const local: DefinitionChange =
      change.op === 'put' ? { op: 'put', definition: this.#localised(change.definition) } : change;
    this.#apply(local);
    await this.definitions.commit(local, 'peer');
  }

  #localised(definition: Definition): Definition {
    if (definition.kind !== 'queue') return definition;
    const existing = this.queues.get(definition.body.name);
    return { kind: 'queue', body: { ...definition.body, id: existing?.id ?? ++this.#lastQueueId } };
  }

  #apply(change: DefinitionChange): void {
    if (change.op === 'remove') this.#model.delete(change.key);
    else this.restore(change.definition);
  }

  restore(definition: Definition): void {
    this.#model.set(definitionKey(definition), definition);
    if (definition.kind !== 'queue' || this.queues.has(definition.body.name)) return;
    const { name, id } = definition.body;
    this.#lastQueueId = Math.max(this.#lastQueueId, id);
    this.queues.set(name, new ModelledQueue(this, name, id));
  }

  /** Records of queues that are gone are released. */
  async recover(): Promise<void> {
    const byId = new Map([...this.queues.values()].map((queue) => [queue.id, queue]));
    const orphans: [number, number][] = [];
    this.recovery = await this.journal.recover((id, holders, delivered, bytes, start, end) => {
      for (const [index, holder] of holders.entries()) {
        this.#lastQueueId = Math.max(this.#lastQueueId, holder);
        const queue = byId.get(holder);
        if (queue) queue.restore(id, bytes.toString('latin1', start, end), delivered[index]!);
        else orphans.push([holder, id]);
      }
    });
    for (const [holder, id] of orphans) this.journal.release(holder, id);
  }
}

async function assemble(
  config: NodeConfig,
  log: Log,
  world: NodeWorld,
  lock: FolderLock,
): Promise<SimulatedNode> {
  const { doors, conditions } = world;
  const { clock, network, storage } = doors;
  const store = doors.definitionsStore(definitionsFile(config.dataFolder));
  const stored = await store.load();
  const definitions = new DefinitionLog(store, stored);
  const folder = journalFolder(config.dataFolder);
  await markLineage(folder, storage);
  const replicator: Replicator = new Replicator({
    clock,
    network,
    storage,
    folder,
    log,
    mode: conditions.mode,
    policy: conditions.policy,
    timeoutMs: 1500,
    definitions: async () => (await definitions.entries()).map(({ definition }) => definition),
    lastRecordId: () => journal.lastRecordId,
    writtenId: () => journal.writtenId,
    standbyState: config.standbyState ?? (() => Promise.resolve()),
  });
  const journal = new SegmentLog({
    folder: join(folder),
    storage: replicatingStorage(storage, folder, replicator),
    clock,
    log,
    confirmMode: config.confirmMode,
    segmentBytesMax: conditions.segmentBytesMax,
    blockBytesMax: conditions.blockBytesMax,
    newBlockMagic: world.blockMagic,
  });
  const node = new SimulatedNode({ ...world, config, log, lock, store, definitions, replicator, journal });
  for (const { definition } of stored) node.restore(definition);
  await node.recover();
  replicator.baseSegment = journal.recoveredSegment;
  for (const damage of node.recovery.damaged)
    log.error(`journal damage quarantined: ${damage.file} at ${damage.offset}: ${damage.reason}`);
  return node;
}
