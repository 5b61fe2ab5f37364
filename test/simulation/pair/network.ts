// The simulated network. Bytes of a connection arrive in order, in pieces of any size, late, or never: a link may be
// cut off for a while (nobody is told, so a connection is half open), and a connection may break at any byte. What a
// dead process had on the way arrives or not.
import type { Accepting, Connection, Network } from '../../../broker/base/network.ts';
import type { EventLoop } from '../event-loop.ts';
import type { Random } from '../random.ts';
import type { SimulatedProcess } from './process.ts';

/** Between two places. */
export class Link {
  slow = false;
  readonly #delayMs: number;
  #cutOff = false;
  #healed: (() => void)[] = [];

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** On average. */
  get delayMs(): number {
    return this.slow ? 20 + 50 * this.#delayMs : this.#delayMs;
  }

  get cutOff(): boolean {
    return this.#cutOff;
  }

  cut(): void {
    this.#cutOff = true;
  }

  heal(): void {
    this.#cutOff = false;
    for (const again of this.#healed.splice(0)) again();
  }

  whenHealed(again: () => void): void {
    this.#healed.push(again);
  }
}

/** One direction of a connection: what is sent arrives in its order. */
export class Path {
  readonly #loop: EventLoop;
  readonly #random: Random;
  readonly #link: Link;
  #sent: { at: number; deliver: () => void }[] = [];
  #waiting = false;

  constructor(loop: EventLoop, random: Random, link: Link) {
    this.#loop = loop;
    this.#random = random;
    this.#link = link;
  }

  send(deliver: () => void): void {
    const at = this.#loop.monotonic() + this.#link.delayMs * 2 * this.#random.fraction();
    this.#sent.push({ at, deliver });
    if (!this.#waiting) this.#next();
  }

  /** Some of what is on the way, from a place on, does not arrive. */
  lose(): void {
    this.#sent.length = this.#random.below(this.#sent.length + 1);
  }

  #next(): void {
    const first = this.#sent[0];
    this.#waiting = first !== undefined;
    if (!first) return;
    this.#loop.after(first.at - this.#loop.monotonic(), () => this.#arrive());
  }

  #arrive(): void {
    if (this.#link.cutOff) return this.#link.whenHealed(() => this.#arrive());
    this.#sent.shift()?.deliver();
    this.#next();
  }
}

interface Listening {
  process: SimulatedProcess;
  accepted: (connection: Connection) => void;
}

type Heard = 'connect' | 'close' | 'data' | 'error';

const splitShare = 0.05;

class Endpoint implements Connection {
  connecting: boolean;
  destroyed = false;
  readonly process: SimulatedProcess;
  peer: Endpoint | null = null;
  readonly out: Path;
  readonly #network: SimulatedNetwork;
  readonly #random: Random;
  readonly #listeners: { event: Heard; listener: (value: never) => void }[] = [];

  constructor(
    network: SimulatedNetwork,
    process: SimulatedProcess,
    out: Path,
    random: Random,
    connecting: boolean,
  ) {
    this.#network = network;
    this.process = process;
    this.out = out;
    this.#random = random;
    this.connecting = connecting;
    network.endpoints.add(this);
  }

  on(event: Heard, listener: (value: never) => void): this {
    this.#listeners.push({ event, listener });
    return this;
  }

  emit(event: Heard, value?: unknown): void {
    for (const each of this.#listeners) if (each.event === event) each.listener(value as never);
  }

  write(bytes: Uint8Array): boolean {
    if (this.destroyed) return false;
    const size = this.#random.chance(splitShare) ? this.#random.below(bytes.length) : bytes.length;
    for (const part of [bytes.subarray(0, size), bytes.subarray(size)])
      if (part.length > 0) this.out.send(() => this.peer?.receive(part as Buffer));
    return true;
  }

  receive(part: Buffer): void {
    this.process.take(() => {
      if (!this.destroyed) this.emit('data', part);
    });
  }

  cork(): void {
    // One write or two: the receiver cannot tell.
  }

  uncork(): void {
    // As above.
  }

  destroy(): void {
    if (this.destroyed) return;
    this.#gone();
    this.out.send(() => this.peer?.ended(null));
    this.process.clock.soon(() => this.emit('close'));
  }

  /** The other side has closed, or the connection broke. */
  ended(error: Error | null): void {
    this.process.take(() => {
      if (this.destroyed) return;
      this.#gone();
      if (error) this.emit('error', error);
      this.emit('close');
    });
  }

  /** Its process has died. */
  died(): void {
    if (this.destroyed) return;
    this.#gone();
    this.out.lose();
    this.out.send(() => this.peer?.ended(null));
  }

  breaks(): void {
    if (this.destroyed) return;
    this.out.lose();
    this.process.kernel.after(this.#random.fraction() * 5, () => this.ended(new Error('ECONNRESET')));
  }

  #gone(): void {
    this.destroyed = true;
    this.#network.endpoints.delete(this);
  }
}

export class SimulatedNetwork {
  readonly endpoints = new Set<Endpoint>();
  readonly #loop: EventLoop;
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #links = new Map<string, Link>();
  readonly #listening = new Map<number, Listening>();
  /** Where a port is, also when nobody listens there any more. */
  readonly #placeOf = new Map<number, string>();
  #lastPort = 10_000;

  constructor(loop: EventLoop, random: Random, delayMs: number) {
    this.#loop = loop;
    this.#random = random;
    this.#delayMs = delayMs;
  }

  link(one: string, other: string): Link {
    const key = [one, other].sort().join('-');
    let link = this.#links.get(key);
    if (!link) this.#links.set(key, (link = new Link(this.#delayMs)));
    return link;
  }

  path(from: string, to: string): Path {
    return new Path(this.#loop, this.#random, this.link(from, to));
  }

  healAll(): void {
    for (const link of this.#links.values()) {
      link.slow = false;
      link.heal();
    }
  }

  /** Breaks every connection between nodes, at any byte. */
  breakConnections(): void {
    for (const endpoint of [...this.endpoints]) endpoint.breaks();
  }

  /** As one process sees it. */
  of(process: SimulatedProcess): Network {
    process.onDeath(() => {
      for (const [port, listening] of this.#listening)
        if (listening.process === process) this.#listening.delete(port);
      for (const endpoint of [...this.endpoints]) if (endpoint.process === process) endpoint.died();
    });
    return {
      connect: ({ port }) => this.#connect(process, port),
      accept: (_host, _port, accepted) => this.#accept(process, accepted),
    };
  }

  #accept(process: SimulatedProcess, accepted: Listening['accepted']): Promise<Accepting> {
    const port = ++this.#lastPort;
    this.#listening.set(port, { process, accepted });
    this.#placeOf.set(port, process.place);
    const close = () => void this.#listening.delete(port);
    return new Promise((resolve) => process.clock.soon(() => resolve({ port, close })));
  }

  #connect(process: SimulatedProcess, port: number): Connection {
    const place = this.#placeOf.get(port) ?? 'nowhere';
    const near = new Endpoint(this, process, this.path(process.place, place), this.#random, true);
    near.out.send(() => {
      const listening = this.#listening.get(port);
      const back = this.path(place, process.place);
      if (!listening) return back.send(() => near.ended(new Error('ECONNREFUSED')));
      const far = new Endpoint(this, listening.process, back, this.#random, false);
      far.peer = near;
      near.peer = far;
      // The system accepts, also for a process that is stopped.
      back.send(() =>
        process.take(() => {
          if (near.destroyed) return;
          near.connecting = false;
          near.emit('connect');
        }),
      );
      listening.process.take(() => {
        if (!far.destroyed) listening.accepted(far);
      });
    });
    return near;
  }
}
