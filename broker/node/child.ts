// The entry of a node's process. The host talks to it over the channel the process was forked with: Electron's
// parentPort in a utility process, child_process's IPC otherwise. Without its parent it stops.
import { createBirpc } from 'birpc';
import { logTo } from '../base/log.ts';
import { DataFolderInUse } from '../base/data-folder-lock.ts';
import { ContractError, toErrorShape } from '../contract/errors.ts';
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type { NodeClient, NodeControl, NodeServer, Result } from '../contract/rpc.ts';
import { PeerSender, PeerServer, type PeerDefinitions } from '../pair/peer-link.ts';
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
  readonly #peerServer: PeerServer;
  readonly #peerDefinitions: PeerDefinitions;
  #peer: PeerSender | null = null;

  constructor(node: Node, peerServer: PeerServer, definitions: PeerDefinitions) {
    this.#node = node;
    this.#peerServer = peerServer;
    this.#peerDefinitions = definitions;
  }

  call(name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    return resultOf(() => this.#node.management.call(name, input, { user: 'console' }));
  }

  control(request: NodeControl): Promise<Result<unknown>> {
    return resultOf(async () => {
      switch (request.kind) {
        case 'ping':
          return null;
        case 'take-front':
          return this.#node.takeFront(request.host, request.port, request.epoch);
        case 'release-front':
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
    this.#peer?.close();
    this.#peerServer.close();
    await this.#node.stop();
    // After the answer has left.
    setTimeout(() => process.exit(exitCodes.stopped), 20);
  }

  #link({ address, authoritative }: Extract<NodeControl, { kind: 'peer' }>): void {
    this.#peer?.close();
    const { log } = this.#node.services;
    this.#peer = address
      ? new PeerSender({ address, authoritative, definitions: this.#peerDefinitions, log })
      : null;
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
    all: () => node.definitions.all(),
    applyPeerChange: (change) => node.applyPeerChange(change),
    setSender: (sender) => (node.definitions.peer = sender),
  };
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '{}') as Omit<NodeConfig, 'log'>;
  const channel = parentChannel();
  let running: NodeProcess | null = null;
  const starting = { ok: false, error: { code: 'unavailable', message: 'the node is starting' } } as const;
  const answers: NodeServer = {
    call: (name, input) => running?.call(name, input) ?? Promise.resolve(starting),
    control: (request) => running?.control(request) ?? Promise.resolve(starting),
  };
  const host = createBirpc<NodeClient, NodeServer>(answers, {
    post: (message) => channel.post(message),
    on: (handler) => channel.listen(handler),
    timeout: 30_000,
  });
  const log = logTo((level, message) => {
    void host.log.asEvent({ at: Date.now(), level, message });
  });
  // The host ends its nodes by word; a terminal's Ctrl-C reaches them as well and is not for them.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void (running ? running.stop() : process.exit(exitCodes.stopped)));
  channel.onClosed(() => void (running ? running.stop() : process.exit(exitCodes.stopped)));
  try {
    const node = await Node.start({ ...config, log });
    const definitions = peerDefinitionsOf(node);
    const peerServer = new PeerServer(definitions, log);
    const peerPort = await peerServer.listen();
    running = new NodeProcess(node, peerServer, definitions);
    await host.ready({
      name: node.name,
      amqpPort: node.amqpPort,
      managementPort: node.managementPort,
      peer: { host: '127.0.0.1', port: peerPort, token: peerServer.token },
      recoveryMs: node.recovery.durationMs,
      startMs: node.startMs,
    });
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
