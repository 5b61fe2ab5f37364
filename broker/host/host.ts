// The host, put together: the nodes' processes, the pair, kept layouts, and the answers to the console. Both the
// desktop shell and the headless command run this; neither adds logic of the product.
import { join } from 'node:path';
import * as v from 'valibot';
import { lockDataFolder, type FolderLock } from '../base/data-folder-lock.ts';
import { EpochFile } from '../base/epoch-file.ts';
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
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type { Handlers } from '../contract/procedure.ts';
import type { NodeTarget, Result } from '../contract/rpc.ts';
import type { NodeId } from '../pair/pair-machine.ts';
import type { SessionHost } from './console-session.ts';
import type { ConfirmMode } from './command-line.ts';
import { Layouts } from './layouts.ts';
import type { NodeSpawner } from './node-spawner.ts';
import { PairManager } from './pair-manager.ts';
import { SupervisedNode } from './supervised-node.ts';

const serveTimeoutMs = 30_000;

export interface HostOptions {
  dataFolder: string;
  amqpHost: string;
  amqpPort: number;
  spawner: NodeSpawner;
  shell: HostInfo['shell'];
  version: string;
  confirmMode?: ConfirmMode;
}

export class Host implements SessionHost {
  readonly options: HostOptions;
  /** Set once the console is served over HTTP. */
  consoleUrl: string | null = null;
  readonly #lock: FolderLock;
  readonly #layouts: Layouts;
  readonly #nodes = new Map<NodeId, SupervisedNode>();
  readonly #pair: PairManager;
  readonly #handlers: Handlers<HostProcedures, undefined>;

  /** Resolves when a node serves AMQP. Throws DataFolderInUse, or a ContractError with the node's last words. */
  static async start(options: HostOptions): Promise<Host> {
    const lock = await lockDataFolder(options.dataFolder);
    let host: Host | null = null;
    try {
      const epochFile = new EpochFile(join(options.dataFolder, 'host', 'epoch'));
      const layouts = await Layouts.open(join(options.dataFolder, 'host', 'layouts.db'));
      host = new Host(options, { lock, layouts, epochFile, epoch: await epochFile.read() });
      await host.#startFirst();
      return host;
    } catch (error) {
      if (host) await host.stop();
      else lock.release();
      throw error;
    }
  }

  private constructor(
    options: HostOptions,
    parts: { lock: FolderLock; layouts: Layouts; epochFile: EpochFile; epoch: number },
  ) {
    this.options = options;
    this.#lock = parts.lock;
    this.#layouts = parts.layouts;
    const front = { host: options.amqpHost, port: options.amqpPort };
    this.#pair = new PairManager(this.#nodes, front, parts.epochFile, parts.epoch);
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

  /** Starts the second node; resolves when it is asked to run, its progress is on the time line. */
  startPair(model: PairModel): void {
    if (model !== 'independent')
      throw new ContractError('invalid', `the ${model} pair is not available; independent is`);
    if (this.#pair.model !== null) throw new ContractError('conflict', 'a pair runs already');
    this.#pair.model = model;
    const second = this.#activeOr('a') === 'a' ? 'b' : 'a';
    this.#addNode(second).start();
  }

  /** Ends every node in order: the standby first, so that nobody takes over. */
  async stop(): Promise<void> {
    const active = this.#pair.activeId;
    this.#pair.stop();
    for (const [id, node] of this.#nodes) if (id !== active) await node.stop();
    if (active) await this.#nodes.get(active)?.stop();
    this.#lock.release();
  }

  async #startFirst(): Promise<void> {
    const node = this.#addNode('a');
    const failed = new Promise<never>((_resolve, reject) => {
      this.#whenFirstFails = () => {
        const { lines } = node.log.read({ after: 0, limit: 1, level: 'error', filter: '' });
        const words = node.log.read({ after: 0, limit: 3, level: 'warn', filter: '' }).lines;
        const reason = (words.find((line) => !line.message.startsWith("the node's process")) ?? lines[0])
          ?.message;
        reject(new ContractError('unavailable', `the node did not start: ${reason ?? node.lastExit}`));
      };
    });
    node.start();
    await Promise.race([this.#pair.served(serveTimeoutMs), failed]);
    this.#whenFirstFails = null;
  }

  #whenFirstFails: (() => void) | null = null;

  #addNode(id: NodeId): SupervisedNode {
    const existing = this.#nodes.get(id);
    if (existing) {
      this.#pair.add(id);
      return existing;
    }
    const { options } = this;
    const node: SupervisedNode = new SupervisedNode({
      id,
      dataFolder: join(options.dataFolder, 'nodes', id),
      spawner: options.spawner,
      config: {
        name: `warren-${id}`,
        host: '127.0.0.1',
        amqpPort: 0,
        managementPort: 0,
        kind: 'disc',
        confirmMode: options.confirmMode ?? 'synced',
        productVersion: options.version,
      },
      events: {
        starting: () => this.#pair.starting(id),
        ready: (report) => this.#pair.ready(id, report.recoveryMs),
        exited: (reason, asked, killedAt) => {
          this.#whenFirstFails?.();
          this.#pair.exited(id, reason, asked, killedAt);
        },
        paused: () => this.#pair.paused(id),
        resumed: () => this.#pair.resumed(id),
      },
    });
    this.#nodes.set(id, node);
    this.#pair.add(id);
    return node;
  }

  #activeOr(otherwise: NodeId): NodeId {
    return this.#pair.activeId ?? otherwise;
  }

  async #stopPair(): Promise<void> {
    if (this.#pair.model === null) throw new ContractError('conflict', 'no pair runs');
    const keep = this.#activeOr('a');
    const other: NodeId = keep === 'a' ? 'b' : 'a';
    this.#pair.model = null;
    await this.#nodes.get(other)?.stop();
    this.#pair.remove(other);
    this.#nodes.delete(other);
  }

  #node(id: NodeId): SupervisedNode {
    const node = this.#nodes.get(id);
    if (!node) throw new ContractError('not-found', `there is no node ${id}`);
    return node;
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
      'nodes.stop': ({ nodeId }) => this.#node(nodeId).stop(),
      'nodes.kill': ({ nodeId }) => this.#node(nodeId).kill(),
      'nodes.pause': ({ nodeId }) => this.#node(nodeId).pause(),
      'nodes.resume': ({ nodeId }) => this.#node(nodeId).resume(),
      'nodes.restart': async ({ nodeId }) => {
        await this.#node(nodeId).stop();
        this.#node(nodeId).start();
      },
      'nodes.log': ({ nodeId, ...query }) => this.#node(nodeId).log.read(query),
      'pair.status': () => this.#status(),
      'pair.start': ({ model }) => this.startPair(model),
      'pair.stop': () => this.#stopPair(),
      'pair.switchOver': () => pair.switchOver(),
      'pair.events': ({ after }) => pair.events(after),
      'layout.get': ({ vhost }) => this.#layouts.get(vhost),
      'layout.put': ({ vhost, layout }) => this.#layouts.put(vhost, layout),
    };
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
      amqpPort: node.report?.amqpPort ?? null,
      frontPort: this.#pair.activeId === node.id ? this.#pair.front.port : null,
      managementPort: node.report?.managementPort ?? null,
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
      lastOutageMs: pair.lastOutageMs,
      definitionsInSync: pair.definitionsInSync,
    };
  }
}
