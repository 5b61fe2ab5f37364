// The built `warren` command as a child process, in a folder and on ports of its own, with a console connected.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeRow, PairEvent, PairModel, PairStatus } from '../../broker/contract/host-procedures.ts';
import { freePort } from '../peers/free-port.ts';
import { ConsoleClientConnection } from './console-client.ts';

const command = fileURLToPath(new URL('../../dist/warren.mjs', import.meta.url));
const startTimeoutMs = 30_000;
const pollMs = 10;

export interface WarrenOptions {
  /** Kept after `dispose` when given. */
  dataFolder?: string;
  amqpPort?: number;
  consolePort?: number;
  args?: string[];
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** Runs the command to its end: for options and refusals. */
export async function runWarren(args: string[]): Promise<Ended> {
  const { child, output } = launch(args);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...ended) => resolve(ended)),
  );
  return { code, signal, output: output.join('') };
}

function launch(args: string[]): { child: ChildProcess; output: string[] } {
  if (!existsSync(command)) throw new Error('dist/ is missing: npm run build');
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  // A test run that is cut short leaves nothing behind: the nodes end with their host.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return { child, output };
}

export class WarrenProcess {
  readonly dataFolder: string;
  readonly amqpPort: number;
  readonly consolePort: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #output: string[];
  readonly #keepFolder: boolean;
  #console: ConsoleClientConnection | null = null;

  /** Resolves when the command says that it serves. Rejects with its output when it ends instead. */
  static async start(options: WarrenOptions = {}): Promise<WarrenProcess> {
    const warren = new WarrenProcess({
      dataFolder: options.dataFolder ?? mkdtempSync(join(tmpdir(), 'warren-process-')),
      keepFolder: options.dataFolder !== undefined,
      amqpPort: options.amqpPort ?? (await freePort()),
      consolePort: options.consolePort ?? (await freePort()),
      args: options.args ?? [],
    });
    try {
      const url = await warren.#consoleUrl();
      warren.#console = await ConsoleClientConnection.connect(url);
    } catch (error) {
      await warren.dispose();
      throw error;
    }
    return warren;
  }

  /** Both nodes of a pair up, their definitions in sync, a copy level. */
  static async startPair(
    options: WarrenOptions = {},
    model: PairModel = 'independent',
  ): Promise<WarrenProcess> {
    const warren = await WarrenProcess.start({
      ...options,
      args: ['--pair', model, ...(options.args ?? [])],
    });
    await warren.ready();
    return warren;
  }

  private constructor(options: {
    dataFolder: string;
    keepFolder: boolean;
    amqpPort: number;
    consolePort: number;
    args: string[];
  }) {
    this.dataFolder = options.dataFolder;
    this.#keepFolder = options.keepFolder;
    this.amqpPort = options.amqpPort;
    this.consolePort = options.consolePort;
    const { child, output } = launch([
      '--data',
      options.dataFolder,
      '--port',
      String(options.amqpPort),
      '--console-port',
      String(options.consolePort),
      ...options.args,
    ]);
    this.child = child;
    this.#output = output;
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal, output: this.output })),
    );
  }

  get output(): string {
    return this.#output.join('');
  }

  get console(): ConsoleClientConnection {
    if (!this.#console) throw new Error('the console is not connected');
    return this.#console;
  }

  /** The front address. */
  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.amqpPort };
  }

  status(): Promise<PairStatus> {
    return this.console.host('pair.status');
  }

  events(): Promise<PairEvent[]> {
    return this.console.host('pair.events');
  }

  async row(id: 'a' | 'b'): Promise<NodeRow> {
    const rows = await this.console.host('nodes.list');
    const row = rows.find((each) => each.id === id);
    if (!row) throw new Error(`there is no node ${id}`);
    return row;
  }

  async pid(id: 'a' | 'b'): Promise<number> {
    const { pid } = await this.row(id);
    if (pid === null) throw new Error(`node ${id} has no process`);
    return pid;
  }

  /** Polls until the pair's status is as wanted. */
  async until(
    wanted: (status: PairStatus) => boolean,
    what: string,
    timeoutMs = 20_000,
  ): Promise<PairStatus> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.status();
      if (wanted(status)) return status;
      if (Date.now() > deadline)
        throw new Error(
          `not ${what} after ${timeoutMs} ms: ${JSON.stringify(status)}\n${JSON.stringify(await this.events(), null, 1)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** An active and a standby, definitions in sync. */
  ready(): Promise<PairStatus> {
    return this.until(({ state, definitionsInSync }) => state === 'ready' && definitionsInSync, 'ready');
  }

  /** As Ctrl-C does. */
  interrupt(): Promise<Ended> {
    this.child.kill('SIGINT');
    return this.ended;
  }

  /** Ends it and removes its folder. */
  async dispose(): Promise<void> {
    this.#console?.close();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGINT');
    const impatient = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.ended;
    clearTimeout(impatient);
    if (!this.#keepFolder) rmSync(this.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #consoleUrl(): Promise<string> {
    const deadline = Date.now() + startTimeoutMs;
    while (Date.now() < deadline) {
      const url = /console\s+(http\S+)/.exec(this.output)?.[1];
      if (url) return url;
      if (this.child.exitCode !== null || this.child.signalCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const { exitCode, signalCode } = this.child;
    throw new Error(`warren did not start (${exitCode ?? signalCode ?? 'it still runs'}): ${this.output}`);
  }
}
