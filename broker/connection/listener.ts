// An address on which AMQP connections are accepted. A node has its own; the active one of a pair has the
// front address besides.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { DiskFlow } from './disk-flow.ts';
import { Connection } from './connection.ts';
import { greetingOf } from './handshake.ts';
import { SharedReads, type Received } from './shared-reads.ts';

/** So long consumers go on getting what is there, which may stay behind here otherwise. */
const drainMaxMs = 20;
/** How long a connection that is to be closed may take for confirms and acknowledgements that are on their way. */
const settleMaxMs = 50;
const settlePollMs = 1;

export class Listener {
  readonly #server: Server;
  readonly #services: BrokerServices;
  readonly #registry: ConnectionRegistry;
  readonly #flow: DiskFlow;
  readonly #reads = new SharedReads();
  readonly #greeting: Buffer;
  readonly #connections = new Set<Connection>();

  constructor(services: BrokerServices, registry: ConnectionRegistry, flow: DiskFlow) {
    this.#services = services;
    this.#registry = registry;
    this.#flow = flow;
    this.#greeting = greetingOf(services);
    this.#server = createServer((socket) => {
      const received = this.#accept(socket);
      if (received) socket.on('data', received);
    });
  }

  get address(): { host: string; port: number } | null {
    const address = this.#server.address() as AddressInfo | null;
    return address && { host: address.address, port: address.port };
  }

  /** Resolves with the port, which differs from the one asked for when that was 0. Rejects when it is taken. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 1024, exclusive: true }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#services.log.error(`listener: ${error.message}`));
        this.#reads.takeOver(this.#server, (socket) => this.#accept(socket));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Accepts no more, and closes its connections with 320 and the reason: once what they published is confirmed and what
   * they got is acknowledged, or after that took too long. Those not gone after `graceMs` are cut. `atOnce`: nothing is
   * waited for, since nothing more may be done for them.
   */
  async close(reason: string, graceMs?: number, atOnce = false): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const all = [...this.#connections];
    if (!atOnce) await this.#settle(all);
    const gone = Promise.all(all.map((connection) => connection.closeForced(reason)));
    const cut = () => {
      for (const connection of all) connection.cut();
    };
    const timer = graceMs === undefined ? null : this.#services.clock.after(graceMs, cut);
    await gone;
    timer?.cancel();
    await closed;
  }

  async #settle(all: Connection[]): Promise<void> {
    for (const connection of all) connection.hold();
    await this.#settled(all, drainMaxMs);
    for (const connection of all) connection.holdDeliveries();
    await this.#settled(all, settleMaxMs);
  }

  async #settled(connections: Connection[], patienceMs: number): Promise<void> {
    const { clock } = this.#services;
    const until = clock.monotonic() + patienceMs;
    while (connections.some(({ unsettled }) => unsettled) && clock.monotonic() < until)
      await new Promise<void>((resolve) => clock.after(settlePollMs, resolve));
  }

  #accept(socket: Socket): Received | null {
    const refusal = this.#refusal(socket);
    if (refusal !== null) {
      if (refusal !== '') this.#services.log.warn(refusal);
      socket.destroy();
      return null;
    }
    const connection = new Connection(socket, this.#greeting, this.#services, this.#registry, this.#flow);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    return (chunk) => connection.received(chunk);
  }

  /** Null for none; a client that reset before it was accepted has no address, and is worth no word. */
  #refusal({ remoteAddress }: Socket): string | null {
    if (remoteAddress === undefined) return '';
    if (this.#connections.size < this.#services.limits.connectionsMax) return null;
    return `connection from ${remoteAddress} refused: there are enough`;
  }
}
