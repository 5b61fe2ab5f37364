// The host, put together: the nodes' processes, the pair, kept layouts, and the answers to the console. Both the
// desktop shell and the headless command run this; neither adds logic of the product.
import { join } from 'node:path';
import * as v from 'valibot';
import type { FolderLock } from '../base/data-folder-lock.ts';
import { osClock } from '../base/os-clock.ts';
import { ContractError, toErrorShape } from '../contract/errors.ts';
import {
  hostProcedures,
  type HostInfo,
  type HostProcedureName,
  type HostProcedures,
  type NodeRow,
  type PairModel,
  type PairStatus,
} from '../contract/host-procedures.ts';
import type { PairSettings } from '../contract/pair-settings.ts';
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type { Handlers } from '../contract/procedure.ts';
import type { NodeTarget, Result } from '../contract/rpc.ts';
import { otherThan, type NodeId } from '../pair/pair-machine.ts';
import type { SessionHost } from './console-session.ts';
import type { ConfirmMode } from './command-line.ts';
import { LabRunner } from './lab/lab-runner.ts';
import { Layouts } from './layouts.ts';
import { FaultRunner } from './fault-runner.ts';
import { NodeFaults } from './node-faults.ts';
import { DrainKeeper } from './drain.ts';
import { FailbackKeeper } from './failback.ts';
import { Foresight } from './foresight.ts';
import { claimDataFolder } from './data-folder-claim.ts';
import type { NodeSpawner } from './node-spawner.ts';
import { PairManager, replicationOf } from './pair-manager.ts';
import { PairStateFile } from './pair-state-file.ts';
import { SupervisedNode, type NodeStart } from './supervised-node.ts';

const serveTimeoutMs = 30_000;
const restartBesideTakeoverMs = 1000;

export interface HostOptions {
  dataFolder: string;
  /** The claim on the data folder; the host makes it where the caller has not. */
  claim?: FolderLock;
  amqpHost: string;
  amqpPort: number;
  spawner: NodeSpawner;
  /** Makes the lab's process. */
  labSpawner: NodeSpawner;
  shell: HostInfo['shell'];
  version: string;
  confirmMode?: ConfirmMode;
}

export class Host implements SessionHost {
  readonly options: HostOptions;
  /** Set once the console is served over HTTP. */
  consoleUrl: string | null = null;
  readonly lab: LabRunner;
  readonly #claim: FolderLock;
  readonly #layouts: Layouts;
  readonly #nodes = new Map<NodeId, SupervisedNode>();
  readonly #pair: PairManager;
  readonly #faults: NodeFaults;
  readonly #faultRunner: FaultRunner;
  readonly #drains: DrainKeeper;
  readonly #failback: FailbackKeeper;
  readonly #foresight: Foresight;
  readonly #handlers: Handlers<HostProcedures, undefined>;

  /**
   * Resolves when a node serves AMQP: the one that did last, or both nodes of the pair that ran. Throws
   * DataFolderInUse, or a ContractError with the node's last words.
   */
  static async start(options: HostOptions): Promise<Host> {
    const claim = options.claim ?? (await claimDataFolder(options.dataFolder));
    let host: Host | null = null;
    try {
      const stateFile = await PairStateFile.open(join(options.dataFolder, 'host', 'pair.json'));
      const layouts = await Layouts.open(join(options.dataFolder, 'host', 'layouts.db'));
      host = new Host(options, { claim, layouts, stateFile });
      await host.#startNodes();
      return host;
    } catch (error) {
      if (host) await host.stop();
      else claim.release();
      throw error;
    }
  }

  private constructor(
    options: HostOptions,
    parts: { claim: FolderLock; layouts: Layouts; stateFile: PairStateFile },
  ) {
    this.options = options;
    this.#claim = parts.claim;
    this.#layouts = parts.layouts;
    const front = { host: options.amqpHost, port: options.amqpPort };
    this.#pair = new PairManager({
      nodes: this.#nodes,
      front,
      stateFile: parts.stateFile,
      clock: osClock,
    });
    this.lab = this.#makeLab();
    this.#faults = new NodeFaults({
      nodes: this.#nodes,
      model: () => this.#pair.model,
      activeId: () => this.#pair.activeId,
      noted: (id, on, message) => this.#pair.faulted(id, message, on ? 'fault-on' : 'fault-off'),
    });
    this.#faultRunner = new FaultRunner({
      nodes: this.#nodes,
      faults: this.#faults,
      status: () => this.#status(),
      stop: (id) => this.#stopNode(id),
      claim: (id, epoch) => this.#node(id).control({ kind: 'take-front', ...front, epoch }),
      note: (message, kind) => this.#pair.faulted(null, message, kind),
    });
    const shared = { pair: this.#pair, nodes: this.#nodes, stateFile: parts.stateFile, clock: osClock };
    this.#drains = new DrainKeeper(shared);
    this.#failback = new FailbackKeeper({ ...shared, drains: this.#drains });
    this.#foresight = new Foresight({ ...shared, drains: this.#drains });
    this.#handlers = this.#handlerTable();
  }

  get amqpUri(): string {
    return `amqp://guest:guest@${this.options.amqpHost}:${this.options.amqpPort}/`;
  }

  /** The HTTP API of the node that serves, or null. */
  get activeManagementPort(): number | null {
    const active = this.#pair.activeId;
    return (active && this.#nodes.get(active)?.report?.managementPort) || null;
  }

  /** One line for the tray. */
  describe(): string {
    const { phase, activeId } = this.#pair;
    if (this.#pair.model === null) return activeId ? `serving on ${this.options.amqpPort}` : 'not serving';
    return `pair ${phase}${activeId ? `, ${activeId} active` : ''}`;
  }

  async callHost(name: HostProcedureName, input: unknown): Promise<Result<unknown>> {
    try {
      if (!Object.hasOwn(hostProcedures, name))
        throw new ContractError('not-found', `no procedure '${name}'`);
      const parsed = v.safeParse(hostProcedures[name].input as v.GenericSchema, input);
      if (!parsed.success) {
        const [issue] = parsed.issues;
        throw new ContractError('invalid', `${v.getDotPath(issue) ?? name}: ${issue.message}`);
      }
      const handler = this.#handlers[name] as (input: unknown, context: undefined) => unknown;
      return { ok: true, value: await handler(parsed.output, undefined) };
    } catch (error) {
      return { ok: false, error: toErrorShape(error) };
    }
  }

  async callNode(target: NodeTarget, name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    const id = target === 'active' ? this.#pair.activeId : target;
    const node = id && this.#nodes.get(id);
    if (!node) return { ok: false, error: { code: 'unavailable', message: 'no node serves at the moment' } };
    return node.call(name, input);
  }

  get pairSettings(): PairSettings {
    return this.#pair.settings;
  }

  setPairSettings(settings: PairSettings): Promise<void> {
    return this.#pair.setSettings(settings);
  }

  get pairModel(): PairModel | null {
    return this.#pair.model;
  }

  /** Starts the second node; resolves when it is asked to run, its progress is on the time line. */
  async startPair(model: PairModel): Promise<void> {
    if (this.#pair.model !== null) throw new ContractError('conflict', 'a pair runs already');
    await this.#pair.setModel(model);
    await this.#tellModel(this.#pair.preferredId, model);
    this.#addNode(otherThan(this.#pair.preferredId)).start();
  }

  /** Ends every node in order: the standby first, so that nobody takes over. */
  async stop(): Promise<void> {
    await this.lab.stop();
    const active = this.#pair.activeId;
    this.#stopKeeping();
    for (const [id, node] of this.#nodes) if (id !== active) await node.stop();
    if (active) await this.#nodes.get(active)?.stop();
    await Promise.all([...this.#nodes.values()].map((node) => node.log.close()));
    this.#claim.release();
  }

  /** Kills every node, for a host that does not wait. */
  abandon(): void {
    this.lab.abandon();
    this.#stopKeeping();
    for (const node of this.#nodes.values()) node.abandon();
  }

  #stopKeeping(): void {
    this.#pair.stop();
    this.#drains.stop();
    this.#failback.stop();
  }

  /** Fails when every node has ended before one of them served. */
  async #startNodes(): Promise<void> {
    const { preferredId, model } = this.#pair;
    const ids = model === null ? [preferredId] : [preferredId, otherThan(preferredId)];
    const waitingFor = new Set(ids);
    const nodes = ids.map((id) => this.#addNode(id));
    const failed = new Promise<never>((_resolve, reject) => {
      this.#whenExited = (node) => {
        waitingFor.delete(node.id);
        if (waitingFor.size === 0) reject(new ContractError('unavailable', lastWords(node)));
      };
    });
    for (const node of nodes) node.start();
    await Promise.race([this.#pair.served(serveTimeoutMs), failed]);
    this.#whenExited = null;
  }

  #whenExited: ((node: SupervisedNode) => void) | null = null;

  #addNode(id: NodeId): SupervisedNode {
    const existing = this.#nodes.get(id);
    if (existing) {
      this.#pair.add(id);
      return existing;
    }
    const { options } = this;
    const node: SupervisedNode = new SupervisedNode({
      id,
      logFile: join(options.dataFolder, 'logs', `node-${id}.log`),
      spawner: options.spawner,
      config: () => this.#nodeStart(id),
      // Who takes over has the machine to itself for a moment: a start beside it would double the outage on two cores.
      restartDelayMs: () =>
        this.#nodes.get(otherThan(id))?.state === 'running' ? restartBesideTakeoverMs : 0,
      events: {
        starting: () => this.#pair.starting(id),
        ready: (report) => this.#pair.ready(id, report),
        exited: (reason, asked, killedAt) => {
          this.#whenExited?.(node);
          this.#pair.exited(id, reason, asked, killedAt);
        },
        fenced: (fencing) => this.#pair.fenced(id, fencing),
        paused: () => this.#pair.paused(id),
        resumed: () => this.#pair.resumed(id),
        peerInSync: (link, inSync) => this.#pair.peerInSync(id, link, inSync),
        standbyState: (link, level) => this.#pair.standbyState(id, link, level),
      },
    });
    this.#nodes.set(id, node);
    this.#pair.add(id);
    return node;
  }

  /** Over a shared store both nodes are one to their clients: one name, one folder (R33d). */
  #nodeStart(id: NodeId): NodeStart {
    const { options } = this;
    const { model, storeOwner } = this.#pair;
    const self = model === 'shared-store' ? storeOwner : id;
    const name = `warren-${self}`;
    return {
      name,
      dataFolder: join(options.dataFolder, 'nodes', self),
      identity: name,
      host: '127.0.0.1',
      amqpPort: 0,
      managementPort: 0,
      kind: 'disc',
      model,
      faults: this.#faults.of(id),
      replication: replicationOf(this.#pair.settings),
      followsFront: true,
      // A copy is worth what its original's disk has.
      confirmMode: model === 'replicated' ? 'synced' : (options.confirmMode ?? 'synced'),
      productVersion: options.version,
    };
  }

  /** Ends the pair: who serves, or did last, goes on alone. */
  async #stopPair(): Promise<void> {
    if (this.#pair.model === null) throw new ContractError('conflict', 'no pair runs');
    const leaves = otherThan(this.#pair.preferredId);
    await this.#nodes.get(leaves)?.stop();
    await this.#pair.setModel(null);
    this.#faults.forgetStore();
    await this.#tellModel(otherThan(leaves), null);
    await this.#nodes.get(leaves)?.log.close();
    this.#pair.remove(leaves);
    this.#nodes.delete(leaves);
  }

  /** One that is not running hears of it when it starts. */
  async #tellModel(id: NodeId, model: PairModel | null): Promise<void> {
    await this.#nodes
      .get(id)
      ?.control({ kind: 'model', model })
      .catch(() => undefined);
  }

  #node(id: NodeId): SupervisedNode {
    const node = this.#nodes.get(id);
    if (!node) throw new ContractError('not-found', `there is no node ${id}`);
    return node;
  }

  /** The active of a pair hands over first: its clients need not wait until it has gone. */
  async #stopNode(id: NodeId): Promise<void> {
    const node = this.#node(id);
    // Without a standby, or if that goes meanwhile, there is nobody to hand over to.
    if (this.#pair.activeId === id) await this.#pair.switchOver().catch(() => undefined);
    await node.stop();
  }

  /** A pair that a run of the lab makes for itself is one more host, of which nobody sees anything. */
  #makeLab(): LabRunner {
    const { options } = this;
    return new LabRunner({
      folder: join(options.dataFolder, 'lab'),
      own: this,
      makeHost: (own) => Host.start({ ...options, claim: undefined, ...own }),
      spawner: options.labSpawner,
      product: options.version,
    });
  }

  #handlerTable(): Handlers<HostProcedures, undefined> {
    const pair = this.#pair;
    return {
      'host.info': () => ({
        version: this.options.version,
        platform: process.platform,
        shell: this.options.shell,
        dataFolder: this.options.dataFolder,
        amqpUri: this.amqpUri,
        consoleUrl: this.consoleUrl,
      }),
      'nodes.list': () => this.#nodeRows(),
      'nodes.start': ({ nodeId }) => this.#node(nodeId).start(),
      'nodes.stop': ({ nodeId }) => {
        this.#foresight.carriedOut('stop');
        return this.#stopNode(nodeId);
      },
      'nodes.kill': ({ nodeId }) => {
        this.#foresight.carriedOut('kill');
        return this.#node(nodeId).kill();
      },
      'nodes.pause': ({ nodeId }) => {
        this.#foresight.carriedOut('pause');
        return this.#node(nodeId).pause();
      },
      'nodes.resume': ({ nodeId }) => this.#node(nodeId).resume(),
      'nodes.restart': async ({ nodeId }) => {
        await this.#stopNode(nodeId);
        this.#node(nodeId).start();
      },
      'nodes.fault': ({ nodeId, fault, place }) =>
        fault ? this.#faults.put(nodeId, fault) : this.#faults.clear(nodeId, place),
      'nodes.faults': () => this.#faults.rows,
      'faults.library': () => this.#faultRunner.library(),
      'faults.run': ({ id }) => this.#faultRunner.run(id),
      'nodes.log': ({ nodeId, ...query }) => this.#node(nodeId).log.read(query),
      'pair.status': () => this.#status(),
      'pair.start': ({ model }) => this.startPair(model),
      'pair.stop': () => this.#stopPair(),
      'pair.switchOver': () => {
        this.#foresight.carriedOut('switch-over');
        return pair.switchOver();
      },
      'pair.promoteAnyway': () => pair.promoteAnyway(),
      'pair.preflight': ({ action, nodeId }) => this.#foresight.preflight(action, nodeId),
      ...this.#keeperHandlers(),
      'pair.settings.get': () => pair.settings,
      'pair.settings.put': (settings) => pair.setSettings(settings),
      'pair.events': ({ after }) => pair.events(after),
      'layout.get': ({ vhost }) => this.#layouts.get(vhost),
      'layout.put': ({ vhost, layout }) => this.#layouts.put(vhost, layout),
      ...this.lab.handlers,
    };
  }

  #keeperHandlers() {
    const [drains, failback] = [this.#drains, this.#failback];
    return {
      'pair.drain': () => drains.begin(),
      'pair.pauseDrain': () => drains.pause(),
      'pair.resumeDrain': () => drains.resume(),
      'pair.cancelDrain': () => drains.cancel(),
      'pair.setDrainsByItself': ({ drainsByItself }) => drains.setDrainsByItself(drainsByItself),
      'pair.giveBackInDoubt': ({ nodeId }) => drains.giveBackInDoubt(nodeId),
      'pair.setFailback': (settings) => failback.set(settings),
      'pair.failback': () => {
        this.#foresight.carriedOut('failback');
        return failback.run();
      },
      'pair.cancelFailback': () => failback.cancel(),
    } satisfies Partial<Handlers<HostProcedures, undefined>>;
  }

  #nodeRows(): NodeRow[] {
    return [...this.#nodes.values()].map((node) => ({
      id: node.id,
      name: node.report?.name ?? `warren-${node.id}`,
      state: node.state,
      role: this.#pair.roleOf(node.id),
      pid: node.pid,
      startedAt: node.startedAt,
      restarts: node.restarts,
      lastExit: node.lastExit,
      amqpPort: node.report?.amqpPort || null,
      frontPort: this.#pair.activeId === node.id ? this.#pair.front.port : null,
      managementPort: node.report?.managementPort || null,
      dataFolder: node.dataFolder,
    }));
  }

  #status(): PairStatus {
    const pair = this.#pair;
    return {
      enabled: pair.model !== null,
      model: pair.model,
      state: pair.model === null ? 'off' : pair.phase,
      epoch: pair.epoch,
      activeId: pair.activeId,
      frontHost: pair.front.host,
      frontPort: pair.front.port,
      nodes: this.#nodeRows(),
      stranded: pair.stranded(),
      drain: this.#drains.row(),
      drainResults: this.#drains.results,
      inDoubt: this.#drains.inDoubt(),
      drainsByItself: this.#drains.drainsByItself,
      failback: this.#failback.row(),
      lastOutageMs: pair.lastOutageMs,
      definitionsInSync: pair.definitionsInSync,
      standbyLevel: pair.standbyLevel,
      replication: pair.replication,
      troubles: pair.health.troubles,
      holdOff: pair.health.holdOff,
    };
  }
}

/** Why a node did not start, in its own words where it had any. */
function lastWords(node: SupervisedNode): string {
  const { lines } = node.log.read({ after: 0, limit: 3, level: 'warn', filter: '' });
  const said = lines.find(({ message }) => !message.startsWith("the node's process"));
  return `node ${node.id} did not start: ${said?.message ?? node.lastExit}`;
}
