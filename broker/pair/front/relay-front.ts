// The front address where the active node cannot take it over: clients connect here and their bytes are relayed to the
// one backend that is active. Who that is, the front's own checks decide (`checked`), or the host says (`told`).
// Invariant: clients are on one backend at a time; when it changes, every connection to the former one is cut first.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Log } from '../../base/log.ts';
import type { FrontBackend, FrontRule, FrontStatus } from '../../contract/front-status.ts';
import { BackendChoice } from './backend-choice.ts';
import { addressText, type Address, type FrontSettings } from './front-settings.ts';
import { checkBackend } from './health-check.ts';
import { RelayedConnection } from './relayed-connection.ts';

const keepAliveMs = 30_000;

export interface BackendOptions {
  name: string;
  /** Null while it is not known. */
  address: Address | null;
}

export interface FrontOptions {
  listen: Address;
  backends: BackendOptions[];
  rule: FrontRule;
  settings: FrontSettings;
  log: Log;
}

interface Backend extends BackendOptions {
  checking: boolean;
  timer: NodeJS.Timeout | null;
  lastCheckAt: number | null;
  lastCheckMs: number | null;
  reason: string | null;
  checks: number;
  failedChecks: number;
}

export class RelayFront {
  readonly #options: FrontOptions;
  readonly #backends: Backend[];
  readonly #choice: BackendChoice;
  readonly #server: Server;
  readonly #connections = new Set<RelayedConnection>();
  #address: Address;
  #active: Backend | null = null;
  #activeSince: number | null = null;
  /** When the active one's first failed check of a row began, and since when there is none. */
  #troubleSince: number | null = null;
  #unservedSince: number | null = null;
  #lastOutageMs: number | null = null;
  #moves = 0;
  #accepted = 0;
  #refused = 0;
  #cut = 0;
  /** Of connections that are over. */
  #bytesFromClients = 0;
  #bytesToClients = 0;
  #closed = false;

  /** Resolves when it listens. Rejects when the port cannot be had. */
  static async start(options: FrontOptions): Promise<RelayFront> {
    const front = new RelayFront(options);
    await front.#listen();
    for (const backend of front.#backends) front.#check(backend);
    return front;
  }

  private constructor(options: FrontOptions) {
    this.#options = options;
    this.#address = options.listen;
    this.#choice = new BackendChoice(options.backends.length, options.settings);
    this.#backends = options.backends.map((backend) => ({
      ...backend,
      checking: false,
      timer: null,
      lastCheckAt: null,
      lastCheckMs: null,
      reason: null,
      checks: 0,
      failedChecks: 0,
    }));
    const { bufferBytes } = options.settings;
    this.#server = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
        highWaterMark: bufferBytes,
      },
      (socket) => this.#accept(socket),
    );
  }

  get port(): number {
    return this.#address.port;
  }

  get activeName(): string | null {
    return this.#active?.name ?? null;
  }

  /** Moves the clients to a backend that is up. Throws when it is not, or there is none of that name. */
  use(name: string): void {
    if (this.#options.rule === 'told') throw new Error('the host decides which node is active');
    const index = this.#backends.findIndex((backend) => backend.name === name);
    if (index < 0) throw new Error(`there is no backend '${name}'`);
    if (!this.#choice.use(index)) throw new Error(`backend '${name}' is not up`);
    this.#follow();
  }

  /** The host's word: clients are on this backend, which listens there now, or nowhere. */
  direct(name: string | null, address: Address | null): void {
    const backend = this.#backends.find((each) => each.name === name) ?? null;
    if (backend) {
      const moved = JSON.stringify(backend.address) !== JSON.stringify(address);
      backend.address = address;
      if (moved && this.#active === backend) this.#activate(null);
    }
    this.#activate(backend?.address ? backend : null);
    if (backend) this.#check(backend);
  }

  status(): FrontStatus {
    const live = [...this.#connections];
    const sum = (past: number, of: (connection: RelayedConnection) => number) =>
      live.reduce((total, connection) => total + of(connection), past);
    return {
      address: addressText(this.#address),
      rule: this.#options.rule,
      failback: this.#options.settings.failback,
      active: this.#active?.name ?? null,
      activeSince: this.#activeSince,
      lastOutageMs: this.#lastOutageMs,
      moves: this.#moves,
      connections: live.length,
      accepted: this.#accepted,
      refused: this.#refused,
      cut: this.#cut,
      bytesFromClients: sum(this.#bytesFromClients, (connection) => connection.bytesFromClient),
      bytesToClients: sum(this.#bytesToClients, (connection) => connection.bytesToClient),
      backends: this.#backends.map((backend, index) => this.#row(backend, index)),
    };
  }

  /** Accepts nobody any more and cuts every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#backends) if (timer) clearTimeout(timer);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#activate(null);
    await closed;
  }

  #row(backend: Backend, index: number): FrontBackend {
    const { verdict, since } = this.#choice.verdictOf(index);
    const { name, address, lastCheckAt, lastCheckMs, reason, checks, failedChecks } = backend;
    return {
      name,
      address: address && addressText(address),
      verdict,
      verdictSince: since,
      lastCheckAt,
      lastCheckMs,
      reason,
      checks,
      failedChecks,
      connections: backend === this.#active ? this.#connections.size : 0,
    };
  }

  // ---- Clients ----

  #listen(): Promise<void> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#address = { host, port: (this.#server.address() as AddressInfo).port };
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    const backend = this.#active;
    const { settings } = this.#options;
    if (!backend?.address || this.#connections.size >= settings.connectionsMax) {
      this.#refused++;
      client.on('error', () => undefined);
      client.destroy();
      return;
    }
    this.#accepted++;
    const connection = new RelayedConnection({
      client,
      backend: backend.address,
      bufferBytes: settings.bufferBytes,
      connectTimeoutMs: settings.timeoutMs,
      lingerMs: settings.lingerMs,
      ended: (which, failed) => this.#ended(which, backend, failed),
    });
    this.#connections.add(connection);
  }

  #ended(connection: RelayedConnection, backend: Backend, failed: boolean): void {
    if (!this.#connections.delete(connection)) return;
    this.#bytesFromClients += connection.bytesFromClient;
    this.#bytesToClients += connection.bytesToClient;
    // What a client has met, the checks need not find out by themselves a while later.
    if (failed && this.#active === backend) this.#suspect(backend);
  }

  // ---- Backends ----

  #suspect(backend: Backend): void {
    const { fastIntervalMs } = this.#options.settings;
    if (backend.checking || Date.now() - (backend.lastCheckAt ?? 0) < fastIntervalMs) return;
    this.#check(backend);
  }

  #check(backend: Backend): void {
    if (backend.timer) clearTimeout(backend.timer);
    backend.timer = null;
    const { address } = backend;
    if (this.#closed || backend.checking || !address) return;
    backend.checking = true;
    const startedAt = Date.now();
    void checkBackend(address, this.#options.settings).then((reason) => {
      backend.checking = false;
      if (this.#closed) return;
      // It has moved meanwhile: what its former address says is of no use.
      if (backend.address !== address) return this.#check(backend);
      this.#checked(backend, startedAt, reason);
    });
  }

  #checked(backend: Backend, startedAt: number, reason: string | null): void {
    const { settings, log } = this.#options;
    const index = this.#backends.indexOf(backend);
    const before = this.#choice.verdictOf(index).verdict;
    backend.lastCheckAt = Date.now();
    backend.lastCheckMs = backend.lastCheckAt - startedAt;
    backend.reason = reason;
    backend.checks++;
    if (reason !== null) backend.failedChecks++;
    if (backend === this.#active)
      this.#troubleSince = reason === null ? null : (this.#troubleSince ?? startedAt);
    this.#choice.checked(index, reason === null, backend.lastCheckAt);
    const { verdict } = this.#choice.verdictOf(index);
    if (verdict !== before) log.info(`${backend.name} is ${verdict}${reason === null ? '' : `: ${reason}`}`);
    this.#follow();
    const waitMs = this.#choice.inDoubt(index) ? settings.fastIntervalMs : settings.intervalMs;
    backend.timer = setTimeout(() => this.#check(backend), waitMs);
  }

  /** Where the checks decide, who they chose. */
  #follow(): void {
    if (this.#options.rule === 'told') return;
    const { active } = this.#choice;
    this.#activate(active === null ? null : this.#backends[active]!);
  }

  #activate(backend: Backend | null): void {
    if (backend === this.#active) return;
    const former = this.#active;
    // Before anybody is on the next one.
    this.#active = null;
    this.#cut += this.#connections.size;
    for (const connection of [...this.#connections]) connection.cut();
    const now = Date.now();
    if (former) {
      this.#unservedSince = this.#troubleSince ?? now;
      this.#moves++;
    }
    this.#troubleSince = null;
    this.#active = backend;
    this.#activeSince = backend ? now : null;
    if (this.#closed) return;
    const { log } = this.#options;
    if (!backend) return log.warn(`no backend: ${former?.name ?? 'none'} serves no more`);
    const outageMs = this.#unservedSince === null ? null : now - this.#unservedSince;
    this.#unservedSince = null;
    if (outageMs !== null) this.#lastOutageMs = outageMs;
    log.info(`clients go to ${backend.name}${outageMs ? ` after ${outageMs} ms without a backend` : ''}`);
  }
}
