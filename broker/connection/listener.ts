// An address on which AMQP connections are accepted. A node has its own; the active one of a pair has the
// front address besides.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { DiskFlow } from './disk-flow.ts';
import { Connection } from './connection.ts';
import { SharedReads } from './shared-reads.ts';

export class Listener {
  readonly #server: Server;
  readonly #services: BrokerServices;
  readonly #registry: ConnectionRegistry;
  readonly #flow: DiskFlow;
  readonly #reads = new SharedReads();
  readonly #connections = new Set<Connection>();

  constructor(services: BrokerServices, registry: ConnectionRegistry, flow: DiskFlow) {
    this.#services = services;
    this.#registry = registry;
    this.#flow = flow;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
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
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Accepts no more, and closes its connections with 320 and the reason; those not gone after `graceMs` are cut. */
  async close(reason: string, graceMs?: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const all = [...this.#connections];
    const gone = Promise.all(all.map((connection) => connection.closeForced(reason)));
    const cut = () => {
      for (const connection of all) connection.cut();
    };
    const timer = graceMs === undefined ? null : this.#services.clock.after(graceMs, cut);
    await gone;
    timer?.cancel();
    await closed;
  }

  #accept(accepted: Socket): void {
    // A client that reset before it was accepted has no address.
    if (accepted.remoteAddress === undefined) return void accepted.destroy();
    if (this.#connections.size >= this.#services.limits.connectionsMax) {
      this.#services.log.warn(`connection from ${accepted.remoteAddress} refused: there are enough`);
      return void accepted.destroy();
    }
    const adopted = this.#reads.adopt(accepted, (chunk) => connection.received(chunk));
    const socket = adopted ?? accepted;
    const connection: Connection = new Connection(socket, this.#services, this.#registry, this.#flow);
    if (!adopted) {
      socket.on('data', (chunk) => connection.received(chunk));
      socket.resume();
    }
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }
}
