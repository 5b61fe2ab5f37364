// A broker node in a process of its own, as the host forks it: to be killed, flooded, and started again on the
// same folder.
import { createBirpc, type BirpcReturn } from 'birpc';
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeProcedureName, NodeProcedures } from '../../broker/contract/node-procedures.ts';
import type { OutputOf } from '../../broker/contract/procedure.ts';
import type {
  NodeClient,
  NodeLogLine,
  NodeControl,
  NodeReady,
  NodeServer,
} from '../../broker/contract/rpc.ts';
import type { NodeConfig } from '../../broker/node/node.ts';

const entry = fileURLToPath(new URL('../../dist/node.mjs', import.meta.url));
const settleHook = fileURLToPath(new URL('./settle-hook.mjs', import.meta.url));
const startTimeoutMs = 60_000;

/** After garbage was collected. */
export interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
}

export class NodeProcess {
  readonly child: ChildProcess;
  readonly dataFolder: string;
  /** From level warn. */
  readonly lines: NodeLogLine[] = [];
  output = '';
  report!: NodeReady;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #rpc: BirpcReturn<NodeServer, NodeClient>;

  /** Resolves when it serves. Rejects with its last words when it ends instead. */
  static async start(config: Partial<Omit<NodeConfig, 'log'>> = {}): Promise<NodeProcess> {
    const node = new NodeProcess(config);
    const ready = new Promise<NodeReady>((resolve) => (node.#ready = resolve));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, startTimeoutMs, null)));
    const report = await Promise.race([ready, node.exited.then(() => null), late]);
    clearTimeout(timer);
    if (!report) {
      node.child.kill('SIGKILL');
      const words = node.lines.map(({ message }) => message).join('\n');
      throw new Error(`the node did not start: ${words}${node.output}`);
    }
    node.report = report;
    return node;
  }

  /** Starts it and kills it a moment later, wherever it has got to. */
  static async killWhileStarting(config: Partial<Omit<NodeConfig, 'log'>>, afterMs: number): Promise<void> {
    const node = new NodeProcess(config);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await node.kill();
  }

  private constructor(config: Partial<Omit<NodeConfig, 'log'>>) {
    if (!existsSync(entry)) throw new Error('dist/ is missing: npm run build');
    this.dataFolder = config.dataFolder ?? mkdtempSync(join(tmpdir(), 'warren-node-'));
    const whole = {
      name: 'warren',
      host: '127.0.0.1',
      amqpPort: 0,
      managementPort: 0,
      kind: 'disc',
      confirmMode: 'synced',
      productVersion: '0.0.0-test',
      ...config,
      dataFolder: this.dataFolder,
    };
    this.child = fork(entry, [JSON.stringify(whole)], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--max-semi-space-size=64', '--expose-gc', '--import', settleHook],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = new Promise((resolve) =>
      this.child.once('exit', (code, signal) => resolve({ code, signal })),
    );
    // A test run that is cut short leaves nothing behind.
    const kill = () => this.child.kill('SIGKILL');
    process.once('exit', kill);
    this.child.once('exit', () => process.off('exit', kill));
    const answers: NodeClient = {
      ready: (report) => Promise.resolve(this.#ready?.(report)),
      log: (lines) => {
        this.lines.push(...lines.filter(({ level }) => level === 'warn' || level === 'error'));
        return Promise.resolve();
      },
      peerInSync: () => Promise.resolve(),
      changed: () => Promise.resolve(),
      fenced: () => Promise.resolve(),
      standbyState: () => Promise.resolve(),
    };
    this.#rpc = createBirpc<NodeServer, NodeClient>(answers, {
      post: (message) => this.child.connected && this.child.send(message as object, () => undefined),
      on: (handler) =>
        this.child.on('message', (message) => {
          if (!isMemory(message)) handler(message);
        }),
      timeout: 60_000,
    });
  }

  #ready: ((report: NodeReady) => void) | undefined;

  get pid(): number {
    return this.child.pid!;
  }

  get amqpPort(): number {
    return this.report.amqpPort;
  }

  get managementPort(): number {
    return this.report.managementPort;
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Rejects with what the node says against it. */
  async call<Name extends NodeProcedureName>(
    name: Name,
    input: unknown = {},
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    const result = await this.#rpc.call(name, input);
    if (!result.ok) throw new Error(`${name}: ${result.error.message}`);
    return result.value as OutputOf<NodeProcedures[Name]>;
  }

  async control(request: NodeControl): Promise<unknown> {
    const result = await this.#rpc.control(request);
    if (!result.ok) throw new Error(result.error.message);
    return result.value;
  }

  /** Has it collect its garbage and tell what is left. */
  memory(): Promise<Memory> {
    return new Promise((resolve) => {
      const listen = (message: unknown) => {
        if (!isMemory(message)) return;
        this.child.off('message', listen);
        resolve(message.memory);
      };
      this.child.on('message', listen);
      this.child.kill('SIGUSR2');
    });
  }

  /** As a crash or power cut takes it: at once, without a word. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Orderly; resolves when the process is gone. */
  async stop(): Promise<void> {
    await this.control({ kind: 'stop' });
    await this.exited;
  }

  /** Ends it in any case and removes its folder. */
  async dispose(): Promise<void> {
    if (this.alive) await this.kill();
    rmSync(this.dataFolder, { recursive: true, force: true });
  }
}

function isMemory(message: unknown): message is { memory: Memory } {
  return typeof message === 'object' && message !== null && 'memory' in message;
}
