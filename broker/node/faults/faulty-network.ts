// The link between two nodes with a fault on it, as a cable would have it: while it is cut nothing comes through and
// nobody is told, and what was under way arrives when it is whole again; or everything comes later, or slower. Without
// a fault every call goes straight through.
import type { Connection, Network } from '../../base/network.ts';
import type { LastingFault } from '../../contract/node-faults.ts';

export type LinkFault = Extract<LastingFault, { kind: 'peer-link' }>;

export class FaultyLink {
  fault: LinkFault | null = null;
  readonly #connections = new Set<FaultyConnection>();

  set(fault: LinkFault | null): void {
    this.fault = fault;
    for (const connection of [...this.#connections]) connection.faultChanged();
  }

  add(connection: FaultyConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: FaultyConnection): void {
    this.#connections.delete(connection);
  }
}

interface Passing {
  go: () => void;
  bytes: number;
  at: number;
}

/** What goes one way, in its order. */
class Way {
  readonly #link: FaultyLink;
  #waiting: Passing[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Until when what went before keeps the link busy. */
  #busyUntil = 0;

  constructor(link: FaultyLink) {
    this.#link = link;
  }

  get isClear(): boolean {
    return this.#link.fault === null && this.#waiting.length === 0;
  }

  pass(bytes: number, go: () => void): void {
    this.#waiting.push({ go, bytes, at: performance.now() });
    this.advance();
  }

  /** Lets through what is due. */
  advance(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const { fault } = this.#link;
    if (fault?.state === 'cut') return;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const leftMs = this.#dueAt(next, fault) - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.advance(), leftMs);
        return;
      }
      this.#busyUntil = performance.now();
      this.#waiting.shift();
      next.go();
    }
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }

  #dueAt({ at, bytes }: Passing, fault: LinkFault | null): number {
    if (fault?.state === 'delayed') return at + fault.delayMs;
    if (fault?.state === 'throttled')
      return Math.max(at, this.#busyUntil) + (bytes / fault.bytesPerSecond) * 1000;
    return 0;
  }
}

class FaultyConnection implements Connection {
  readonly #socket: Connection;
  readonly #link: FaultyLink;
  readonly #out: Way;
  readonly #in: Way;
  readonly #closed: (() => void)[] = [];
  #destroyed = false;
  #socketClosed = false;
  #told = false;
  /** Its users have been told that it is connected. */
  #connected: boolean;

  constructor(socket: Connection, link: FaultyLink) {
    this.#socket = socket;
    this.#link = link;
    this.#out = new Way(link);
    this.#in = new Way(link);
    this.#connected = !socket.connecting;
    link.add(this);
    socket.on('close', () => {
      this.#out.end();
      this.#socketClosed = true;
      this.#forget();
    });
  }

  get connecting(): boolean {
    return !this.#connected;
  }

  get destroyed(): boolean {
    return this.#destroyed || this.#socket.destroyed;
  }

  on(event: 'connect' | 'close', listener: () => void): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: string, listener: ((given: never) => void) | (() => void)): unknown {
    const heard = listener as (given?: unknown) => void;
    switch (event) {
      case 'data':
        return this.#socket.on('data', (chunk) => this.#incoming(chunk.length, () => heard(chunk)));
      case 'connect':
        return this.#socket.on('connect', () =>
          this.#incoming(0, () => {
            this.#connected = true;
            heard();
          }),
        );
      case 'close':
        this.#closed.push(heard);
        return this.#socket.on('close', () => this.#incoming(0, () => this.#tellClosed()));
      default:
        return this.#socket.on('error', (error) => this.#incoming(0, () => heard(error)));
    }
  }

  write(bytes: Uint8Array): boolean {
    if (this.#out.isClear) return this.#socket.write(bytes);
    this.#out.pass(bytes.length, () => void this.#socket.write(bytes));
    return false;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#in.end();
    if (this.#link.fault?.state !== 'cut') return void this.#socket.destroy();
    // The other end does not hear of it before the link is whole.
    this.#out.pass(0, () => void this.#socket.destroy());
    setImmediate(() => this.#tellClosed());
  }

  faultChanged(): void {
    this.#out.advance();
    this.#in.advance();
  }

  #incoming(bytes: number, go: () => void): void {
    if (this.#in.isClear) return go();
    this.#in.pass(bytes, () => {
      if (!this.#destroyed) go();
    });
  }

  /** Once. */
  #tellClosed(): void {
    this.#told = true;
    for (const listener of this.#closed.splice(0)) listener();
    this.#forget();
  }

  /** Nothing waits any more, neither here nor there. */
  #forget(): void {
    if (this.#socketClosed && this.#told) this.#link.remove(this);
  }
}

export function faultyNetwork(network: Network, link: FaultyLink): Network {
  return {
    connect: (address) => new FaultyConnection(network.connect(address), link),
    accept: (host, port, accepted) =>
      network.accept(host, port, (connection) => accepted(new FaultyConnection(connection, link))),
  };
}
