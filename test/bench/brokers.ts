// What is measured: Warren's compiled headless command as its users run it, Debian's RabbitMQ with its own folders and
// ports and no plugin (its management plugin would only slow it down), and the bare Node process that is the ceiling.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../peers/free-port.ts';
import { startRabbitMq, type RabbitMq } from '../peers/rabbitmq.ts';
import { WarrenProcess } from '../process/warren-process.ts';
import { LoadConnection } from './load/load-connection.ts';
import type { BareMode } from './limits/bare-node.ts';
import { isAlive, processTree } from './process-usage.ts';

const here = dirname(fileURLToPath(import.meta.url));
const command = join(here, '..', '..', 'dist', 'warren.mjs');
const bareNode = join(here, 'limits', 'bare-node.ts');
const startTimeoutMs = 90_000;
const pollMs = 2;

export type BrokerName = 'warren' | 'rabbitmq' | 'bare';
export type ConfirmMode = 'synced' | 'written';

export interface BrokerOptions {
  confirmMode: ConfirmMode;
  /** Where Warren's processes write their CPU profiles when they end; null: they do not. */
  profileFolder: string | null;
}

export interface Broker {
  readonly name: BrokerName;
  readonly port: number;
  /** Of the HTTP API, 0 where there is none. */
  readonly httpPort: number;
  /** From the start of its process, on an empty folder, until a client's connection is open. */
  readonly startMs: number;
  /** Its broker's processes, and those that only supervise them. */
  pids(): { node: number[]; host: number[] };
  /** SIGKILL of all its processes and a start on the same data. Gives the time of that start, in milliseconds. */
  killAndRestart(): Promise<number>;
  stop(): Promise<void>;
}

export function warrenBuilt(): boolean {
  return existsSync(command);
}

export class WarrenBroker implements Broker {
  readonly name = 'warren';
  startMs = NaN;
  readonly #folder = mkdtempSync(join(tmpdir(), 'warren-bench-'));
  readonly #options: BrokerOptions;
  #child: ChildProcess | null = null;
  readonly #ports: { amqp: number; console: number };

  static async start(options: BrokerOptions): Promise<WarrenBroker> {
    const broker = new WarrenBroker(options, { amqp: await freePort(), console: await freePort() });
    try {
      broker.startMs = await broker.#spawn();
      return broker;
    } catch (error) {
      await broker.stop();
      throw error;
    }
  }

  private constructor(options: BrokerOptions, ports: { amqp: number; console: number }) {
    this.#options = options;
    this.#ports = ports;
  }

  get port(): number {
    return this.#ports.amqp;
  }

  get httpPort(): number {
    return this.#ports.console;
  }

  pids(): { node: number[]; host: number[] } {
    const host = this.#child!.pid!;
    return { node: processTree([host]).filter((pid) => pid !== host), host: [host] };
  }

  async killAndRestart(): Promise<number> {
    const { node, host } = this.pids();
    for (const pid of [...host, ...node]) process.kill(pid, 'SIGKILL');
    while ([...host, ...node].some(isAlive)) await wait(pollMs);
    return this.#spawn();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #spawn(): Promise<number> {
    const { confirmMode, profileFolder } = this.#options;
    const startedAt = performance.now();
    const ports = ['--port', String(this.#ports.amqp), '--console-port', String(this.#ports.console)];
    const child = spawn(
      process.execPath,
      [command, ...ports, '--data', this.#folder, '--confirm-mode', confirmMode],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: profileFolder
          ? { ...process.env, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileFolder}` }
          : process.env,
      },
    );
    this.#child = child;
    await serving(this.port, () => child.exitCode !== null);
    return performance.now() - startedAt;
  }
}

/** A pair with a copy on the same machine: node A is the active one. */
export class ReplicatedPair implements Broker {
  readonly name = 'warren';
  readonly httpPort = 0;
  readonly startMs = NaN;
  readonly #warren: WarrenProcess;

  /** Resolves when the copy is level: from then on a confirm waits for both disks. */
  static async start(): Promise<ReplicatedPair> {
    return new ReplicatedPair(await WarrenProcess.startPair({}, 'replicated'));
  }

  private constructor(warren: WarrenProcess) {
    this.#warren = warren;
  }

  get port(): number {
    return this.#warren.amqpPort;
  }

  pids(): { node: number[]; host: number[] } {
    const host = this.#warren.child.pid!;
    return { node: processTree([host]).filter((pid) => pid !== host), host: [host] };
  }

  killAndRestart(): Promise<number> {
    return Promise.reject(new Error('a pair is not restarted here'));
  }

  stop(): Promise<void> {
    return this.#warren.dispose();
  }
}

export class RabbitMqBroker implements Broker {
  readonly name = 'rabbitmq';
  readonly httpPort = 0;
  startMs = NaN;
  #server: RabbitMq;

  static async start(): Promise<RabbitMqBroker> {
    const startedAt = performance.now();
    const broker = new RabbitMqBroker(await startRabbitMq({ management: false }));
    await serving(broker.port, () => false);
    broker.startMs = performance.now() - startedAt;
    return broker;
  }

  private constructor(server: RabbitMq) {
    this.#server = server;
  }

  get port(): number {
    return this.#server.amqpPort;
  }

  pids(): { node: number[]; host: number[] } {
    return { node: processTree([this.#server.pid]), host: [] };
  }

  async killAndRestart(): Promise<number> {
    await this.#server.stop(true);
    const startedAt = performance.now();
    this.#server = await startRabbitMq({ management: false, resume: this.#server });
    await serving(this.port, () => false);
    return performance.now() - startedAt;
  }

  /** Leaves the machine to somebody else's measurement. */
  pause(): void {
    process.kill(-this.#server.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(-this.#server.pid, 'SIGCONT');
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

export class BareBroker implements Broker {
  readonly name = 'bare';
  readonly httpPort = 0;
  readonly #child: ChildProcess;
  readonly port: number;
  readonly startMs: number;

  static async start(mode: BareMode): Promise<BareBroker> {
    const startedAt = performance.now();
    const child = fork(bareNode, [mode], { execArgv: ['--max-semi-space-size=64'] });
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message: { port: number }) => resolve(message.port));
      child.once('exit', () => reject(new Error('the bare node ended')));
    });
    await serving(port, () => child.exitCode !== null);
    return new BareBroker(child, port, performance.now() - startedAt);
  }

  private constructor(child: ChildProcess, port: number, startMs: number) {
    this.#child = child;
    this.port = port;
    this.startMs = startMs;
  }

  pids(): { node: number[]; host: number[] } {
    return { node: [this.#child.pid!], host: [] };
  }

  killAndRestart(): Promise<number> {
    return Promise.reject(new Error('a bare node keeps nothing'));
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await gone;
  }
}

/** Resolves when a client's connection was opened. */
async function serving(port: number, ended: () => boolean): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      (await LoadConnection.open(port, () => undefined, 64 * 1024)).destroy();
      return;
    } catch (error) {
      if (ended() || performance.now() > deadline)
        throw new Error(`the broker does not serve: ${String(error)}`, { cause: error });
    }
    await wait(pollMs);
  }
}
