// The link between the lab's clients and the front address, which the lab may break: a TCP relay in the lab's own
// process. It knows no AMQP. What it holds is bounded: a side that is ahead is not read from.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { LabLink } from '../contract/lab.ts';

/** Held for one direction of one connection before its source is paused. */
const heldBytesMax = 256 * 1024;
const plain: LabLink = { state: 'plain', amount: 0 };
/** A throttled link sends at least this often, in pieces of the rate. */
const pieceMs = 20;

export class LinkProxy {
  #link = plain;
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #relays = new Set<Relay>();

  /** Resolves when it accepts connections. */
  static async open(target: { host: string; port: number }): Promise<LinkProxy> {
    const proxy = new LinkProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get link(): LabLink {
    return this.#link;
  }

  set link(link: LabLink) {
    this.#link = link;
    if (link.state === 'cut') for (const relay of this.#relays) relay.destroy();
    for (const relay of this.#relays) relay.changed();
  }

  async close(): Promise<void> {
    for (const relay of this.#relays) relay.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (this.#link.state === 'cut') {
      client.on('error', () => undefined);
      client.destroy();
      return;
    }
    const server = connect({ ...this.#target, noDelay: true, allowHalfOpen: true });
    const relay = new Relay(client, server, () => this.#link);
    this.#relays.add(relay);
    client.once('close', () => this.#relays.delete(relay));
  }
}

/** One client's connection: two directions, of which each ends when its source has and all of it is through. */
class Relay {
  readonly #ways: Way[];

  constructor(client: Socket, server: Socket, link: () => LabLink) {
    this.#ways = [new Way(client, server, link), new Way(server, client, link)];
  }

  changed(): void {
    for (const way of this.#ways) way.changed();
  }

  destroy(): void {
    for (const way of this.#ways) way.destroy();
  }
}

/** One direction. Order is kept whatever the link does: what came first leaves first. */
class Way {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: () => LabLink;
  readonly #held: { bytes: Buffer; at: number }[] = [];
  #heldBytes = 0;
  #ended = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, link: () => LabLink) {
    this.#from = from;
    this.#to = to;
    this.#link = link;
    from.on('error', () => undefined);
    from.on('data', (bytes) => this.#take(bytes));
    from.on('end', () => {
      this.#ended = true;
      this.#pump();
    });
    from.once('close', () => {
      // Without an end of stream it was cut off, and so is the other side.
      if (!this.#ended) this.destroy();
      else this.#pump();
    });
    to.on('drain', () => this.#pump());
  }

  changed(): void {
    this.#wakeNot();
    this.#pump();
  }

  destroy(): void {
    this.#wakeNot();
    this.#held.length = 0;
    this.#from.destroy();
    this.#to.destroy();
  }

  #take(bytes: Buffer): void {
    this.#held.push({ bytes, at: Date.now() });
    this.#heldBytes += bytes.length;
    this.#pump();
    if (this.#heldBytes > heldBytesMax) this.#from.pause();
  }

  /** Sends what the link lets through now, and comes again for the rest. */
  #pump(): void {
    if (this.#timer) return;
    const { state, amount } = this.#link();
    if (state === 'frozen' || state === 'cut') return;
    const allowed = state === 'throttled' ? Math.max(1, Math.round((amount * pieceMs) / 1000)) : Infinity;
    let left = allowed;
    while (this.#held.length > 0 && left > 0 && !this.#to.writableNeedDrain) {
      const first = this.#held[0]!;
      const waitMs = state === 'delayed' ? first.at + amount - Date.now() : 0;
      if (waitMs > 0) return this.#later(waitMs);
      left -= this.#send(first, left);
    }
    if (this.#heldBytes <= heldBytesMax) this.#from.resume();
    // What was sent uses up this piece of time, also when nothing is held at the moment.
    if (left < allowed && state === 'throttled') this.#later(pieceMs);
    if (this.#held.length === 0 && this.#ended) this.#end();
  }

  #send(first: { bytes: Buffer }, sizeMax: number): number {
    const { bytes } = first;
    const size = Math.min(bytes.length, sizeMax);
    this.#to.write(size === bytes.length ? bytes : bytes.subarray(0, size));
    if (size === bytes.length) this.#held.shift();
    else first.bytes = bytes.subarray(size);
    this.#heldBytes -= size;
    return size;
  }

  #end(): void {
    if (this.#from.destroyed) this.#to.destroySoon();
    else this.#to.end();
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#pump();
    }, ms);
  }

  #wakeNot(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
