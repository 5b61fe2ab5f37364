// The entry of a node's process. The host talks to it over the channel the process was forked with: Electron's
// parentPort in a utility process, child_process's IPC otherwise. Without its parent it stops.
import { createBirpc, type BirpcReturn } from 'birpc';
import { logTo } from '../base/log.ts';
import { DataFolderInUse } from '../base/data-folder-lock.ts';
import { ContractError, toErrorShape } from '../contract/errors.ts';
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type { NodeClient, NodeControl, NodeServer, Result } from '../contract/rpc.ts';
import type { PeerDefinitions } from '../pair/peer-definitions.ts';
import { PeerSender } from '../pair/peer-sender.ts';
import { PeerServer } from '../pair/peer-server.ts';
import { Node, type NodeConfig } from './node.ts';

interface Channel {
  post(message: unknown): void;
  listen(handler: (message: unknown) => void): void;
  onClosed(handler: () => void): void;
}

interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

type HostCaller = BirpcReturn<NodeClient, NodeServer>;

const stopTimeoutMs = 8000;

/** What ends the process besides a stop; the host reads the code. */
export const exitCodes = { stopped: 0, failed: 1, dataFolderInUse: 4 } as const;

function parentChannel(): Channel {
  const { parentPort } = process as { parentPort?: ParentPort };
  if (parentPort)
    return {
      post: (message) => parentPort.postMessage(message),
      listen: (handler) => parentPort.on('message', ({ data }) => handler(data)),
      onClosed: () => undefined, // Electron ends its utility processes itself
    };
  return {
    post: (message) => void (process.connected && process.send?.(message)),
    listen: (handler) => void process.on('message', handler),
    onClosed: (handler) => void process.on('disconnect', handler),
  };
}

class NodeProcess implements NodeServer {
  readonly #node: Node;
  readonly #host: HostCaller;
  readonly #peerServer: PeerServer;
  readonly #peerDefinitions: PeerDefinitions;
  #peer: PeerSender | null = null;
  #stopping = false;

  constructor(node: Node, host: HostCaller) {
    this.#node = node;
    this.#host = host;
    this.#peerDefinitions = peerDefinitionsOf(node);
    this.#peerServer = new PeerServer(this.#peerDefinitions, node.services.log, {
      contended: (change) => this.#peer?.contended(change),
      askedForSnapshot: () => this.#peer?.resync(),
    });
  }

  /** Opens the way for the peer and tells the host that the node can be used. */
  async ready(): Promise<void> {
    const port = await this.#peerServer.listen();
    await this.#host.ready({
      name: this.#node.name,
      amqpPort: this.#node.amqpPort,
      managementPort: this.#node.managementPort,
      peer: { host: '127.0.0.1', port, token: this.#peerServer.token },
      epoch: await this.#node.epoch(),
      recoveryMs: this.#node.recovery.durationMs,
      startMs: this.#node.startMs,
    });
  }

  call(name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    return resultOf(() => this.#node.management.call(name, input, { user: 'console' }));
  }

  control(request: NodeControl): Promise<Result<unknown>> {
    return resultOf(async () => {
      if (this.#stopping) throw new ContractError('unavailable', 'the node is stopping');
      switch (request.kind) {
        case 'ping':
          return null;
        case 'take-front':
          // What a former active has still under way is not for a node that serves.
          this.#peerServer.hangUp();
          return this.#node.takeFront(request.host, request.port, request.epoch);
        case 'release-front':
          // Nobody follows it from here on.
          this.#link(null);
          return this.#node.releaseFront(request.reason);
        case 'peer':
          return this.#link(request);
        case 'holdings':
          return this.#node.holdings();
        case 'stop':
          return this.stop();
      }
    });
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    // A client that does not go, or a disk that hangs, does not keep the process.
    setTimeout(() => process.exit(exitCodes.failed), stopTimeoutMs).unref();
    this.#link(null);
    this.#peerServer.close();
    await this.#node.stop();
    // After the answer has left.
    setTimeout(() => process.exit(exitCodes.stopped), 20);
  }

  #link(request: Extract<NodeControl, { kind: 'peer' }> | null): void {
    this.#peer?.close();
    this.#peer = null;
    if (!request?.address) return;
    const { address, authoritative, link } = request;
    this.#peer = new PeerSender({
      address,
      authoritative,
      definitions: this.#peerDefinitions,
      log: this.#node.services.log,
      inSync: (inSync) => {
        if (authoritative) void this.#host.peerInSync.asEvent({ link, inSync });
      },
    });
  }
}

async function resultOf(action: () => unknown): Promise<Result<unknown>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    if (error instanceof ContractError) return { ok: false, error: toErrorShape(error) };
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, error: { code: 'internal', message } };
  }
}

function peerDefinitionsOf(node: Node): PeerDefinitions {
  return {
    entries: () => node.definitions.entries(),
    apply: (change) => node.applyPeerChange(change),
    contradicts: (change) => change.op === 'put' && node.services.vhosts.contradicts(change.definition),
    holdsMessages: (definition) => node.holdsMessages(definition),
    settle: (upTo) => node.definitions.settle(upTo),
    setSender: (sender) => (node.definitions.peer = sender),
    serves: () => node.serves,
  };
}

const starting: Result<unknown> = {
  ok: false,
  error: { code: 'unavailable', message: 'the node is starting' },
};

/** What a node that is still starting says. Nothing is promised yet, so it may end at once. */
function whileStarting(request: NodeControl): Promise<Result<unknown>> {
  if (request.kind === 'stop') setTimeout(() => process.exit(exitCodes.stopped), 20);
  return Promise.resolve(starting);
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '{}') as Omit<NodeConfig, 'log'>;
  const channel = parentChannel();
  let running: NodeProcess | null = null;
  const answers: NodeServer = {
    call: (name, input) => running?.call(name, input) ?? Promise.resolve(starting),
    control: (request) => running?.control(request) ?? whileStarting(request),
  };
  const host = createBirpc<NodeClient, NodeServer>(answers, {
    post: (message) => channel.post(message),
    on: (handler) => channel.listen(handler),
    timeout: 30_000,
  });
  const log = logTo((level, message) => {
    void host.log.asEvent({ at: Date.now(), level, message });
  });
  const end = () => void (running ? running.stop() : process.exit(exitCodes.stopped));
  // The host ends its nodes by word; a terminal's Ctrl-C reaches them as well and is not for them.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', end);
  channel.onClosed(end);
  try {
    running = new NodeProcess(await Node.start({ ...config, log }), host);
    await running.ready();
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error));
    // Give the line the time to reach the host.
    setTimeout(
      () => process.exit(error instanceof DataFolderInUse ? exitCodes.dataFolderInUse : exitCodes.failed),
      50,
    );
  }
}

await main();
