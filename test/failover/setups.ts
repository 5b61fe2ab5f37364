// What is failed over for comparison: Warren's three kinds of pair, and what people build by hand of RabbitMQ: two
// servers behind HAProxy, and one that is started again on its store.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PairModel } from '../../broker/contract/host-procedures.ts';
import { freePort } from '../peers/free-port.ts';
import { rabbitmqInstalled, startRabbitMq, type RabbitMq } from '../peers/rabbitmq.ts';
import { WarrenProcess } from '../process/warren-process.ts';

const haproxy = '/usr/sbin/haproxy';

export interface Address {
  host: string;
  port: number;
}

export interface Setup {
  /** What clients connect to. */
  readonly address: Address;
  /** SIGKILL of what serves; answers when it was sent, in Unix milliseconds. */
  fail(): Promise<number>;
  /** Brings back what was killed; resolves when the next failure can come. */
  recover(): Promise<void>;
  /** Where messages may still lie after the last recovery. */
  servers(): Promise<Address[]>;
  stop(): Promise<void>;
}

export interface SetupKind {
  name: string;
  title: string;
  /** Why it cannot be measured here; null when it can. */
  missing: string | null;
  start(): Promise<Setup>;
}

const loopback = (port: number): Address => ({ host: '127.0.0.1', port });

// ---- Warren ----

class WarrenSetup implements Setup {
  readonly #warren: WarrenProcess;

  constructor(warren: WarrenProcess) {
    this.#warren = warren;
  }

  get address(): Address {
    return this.#warren.address;
  }

  async fail(): Promise<number> {
    const { activeId } = await this.#warren.ready();
    const pid = await this.#warren.pid(activeId as 'a' | 'b');
    const at = Date.now();
    process.kill(pid, 'SIGKILL');
    return at;
  }

  async recover(): Promise<void> {
    await this.#warren.ready();
  }

  async servers(): Promise<Address[]> {
    const { model } = await this.#warren.status();
    if (model !== 'independent') return [this.address];
    const ports = (await this.#warren.console.host('nodes.list')).map(({ amqpPort }) => amqpPort!);
    return ports.map(loopback);
  }

  stop(): Promise<void> {
    return this.#warren.dispose();
  }
}

const warren = (model: PairModel): SetupKind => ({
  name: `warren-${model}`,
  title: `Warren, ${model}`,
  missing: null,
  start: async () => new WarrenSetup(await WarrenProcess.startPair({}, model)),
});

// ---- Two RabbitMQ servers behind HAProxy ----

class ProxiedRabbitMq implements Setup {
  readonly address: Address;
  readonly #proxy: ChildProcess;
  readonly #folder: string;
  readonly #servers: RabbitMq[];
  /** Who serves: HAProxy's first choice whenever it is there. */
  #killed: RabbitMq | null = null;

  static async start(check: string, options: string[]): Promise<ProxiedRabbitMq> {
    const servers = [await startRabbitMq({ management: false }), await startRabbitMq({ management: false })];
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'haproxy-'));
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configuration(folder, port, servers, check, options));
    const proxy = spawn(haproxy, ['-db', '-f', file], { stdio: 'ignore' });
    await accepting(port, proxy);
    return new ProxiedRabbitMq(loopback(port), proxy, folder, servers);
  }

  private constructor(address: Address, proxy: ChildProcess, folder: string, servers: RabbitMq[]) {
    this.address = address;
    this.#proxy = proxy;
    this.#folder = folder;
    this.#servers = servers;
  }

  fail(): Promise<number> {
    this.#killed = this.#servers[0]!;
    const at = Date.now();
    process.kill(-this.#killed.pid, 'SIGKILL');
    return Promise.resolve(at);
  }

  /** Clients are sent back to the first choice: a failure of the other one would not be noticed. */
  async recover(): Promise<void> {
    const killed = this.#killed!;
    await killed.stop(true);
    const { folder, amqpPort } = killed;
    this.#servers[0] = await startRabbitMq({ management: false, resume: { folder, amqpPort } });
    this.#killed = null;
    while (!/^warren,a,.*,UP,/m.test(await this.#ask('show stat')))
      await new Promise((resolve) => setTimeout(resolve, 50));
    await this.#ask('shutdown sessions server warren/b');
  }

  /** HAProxy's own control socket. */
  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(join(this.#folder, 'control'), () => socket.write(`${command}\n`));
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.once('error', reject);
      socket.once('close', () => resolve(answer));
    });
  }

  servers(): Promise<Address[]> {
    return Promise.resolve(this.#servers.map(({ amqpPort }) => loopback(amqpPort)));
  }

  async stop(): Promise<void> {
    this.#proxy.kill('SIGKILL');
    for (const server of this.#servers) await server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(
  folder: string,
  port: number,
  [first, second]: RabbitMq[],
  check: string,
  options: string[],
): string {
  return [
    'global',
    `  stats socket ${join(folder, 'control')} level admin`,
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 1h',
    '  timeout server 1h',
    'listen warren',
    `  bind 127.0.0.1:${port}`,
    ...options.map((option) => `  ${option}`),
    `  server a 127.0.0.1:${first!.amqpPort} ${check}`,
    `  server b 127.0.0.1:${second!.amqpPort} ${check} backup`,
    '',
  ].join('\n');
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 10_000; ;) {
    const accepts = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (accepts) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('haproxy does not listen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const proxied = (name: string, title: string, check: string, options: string[]): SetupKind => ({
  name,
  title,
  missing: !rabbitmqInstalled ? 'rabbitmq-server' : existsSync(haproxy) ? null : 'haproxy',
  start: () => ProxiedRabbitMq.start(check, options),
});

// ---- One RabbitMQ server, started again on its store ----

class RestartedRabbitMq implements Setup {
  readonly address: Address;
  #server: RabbitMq;
  #restarted: Promise<RabbitMq> | null = null;

  constructor(server: RabbitMq) {
    this.#server = server;
    this.address = loopback(server.amqpPort);
  }

  /** Noticed at once, which flatters it: whoever watches it in earnest asks every second or so. */
  async fail(): Promise<number> {
    const { folder, amqpPort } = this.#server;
    const at = Date.now();
    await this.#server.stop(true);
    this.#restarted = startRabbitMq({ management: false, resume: { folder, amqpPort } });
    return at;
  }

  async recover(): Promise<void> {
    this.#server = await this.#restarted!;
  }

  servers(): Promise<Address[]> {
    return Promise.resolve([this.address]);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

const fastOptions = ['option redispatch 1', 'retries 3', 'timeout connect 200ms'];

export const setupKinds: SetupKind[] = [
  warren('replicated'),
  warren('shared-store'),
  warren('independent'),
  proxied('haproxy-default', 'RabbitMQ x 2 behind HAProxy, default checks (2 s, 3 times)', 'check', []),
  proxied(
    'haproxy-fast',
    'RabbitMQ x 2 behind HAProxy, fast checks (200 ms, twice; redispatch)',
    'check inter 200ms fall 2 rise 2 on-marked-down shutdown-sessions',
    fastOptions,
  ),
  {
    name: 'restart',
    title: 'RabbitMQ, restarted on its store at once',
    missing: rabbitmqInstalled ? null : 'rabbitmq-server',
    start: async () => new RestartedRabbitMq(await startRabbitMq({ management: false })),
  },
];
