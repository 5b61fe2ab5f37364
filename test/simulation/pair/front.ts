// The front address: held by one process at a time, free again when that has died. Its system accepts connections also
// while it is stopped.
import type { Clock } from '../../../broker/base/clock.ts';
import type { DefinitionChange } from '../../../broker/definitions/definitions-store.ts';
import type { EventLoop } from '../event-loop.ts';
import type { Random } from '../random.ts';
import { Path, type Link, type SimulatedNetwork } from './network.ts';
import type { SimulatedProcess } from './process.ts';

export type ToNode =
  | { kind: 'publish'; queue: string; label: string; body: Buffer }
  | { kind: 'consume'; queue: string; prefetch: number }
  | { kind: 'ack'; tag: number }
  | { kind: 'requeue'; tag: number }
  | { kind: 'change'; id: number; change: DefinitionChange };

export type ToClient =
  | { kind: 'open' }
  | { kind: 'confirm'; label: string }
  | { kind: 'refused' }
  | { kind: 'deliver'; tag: number; queue: string; label: string; redelivered: boolean }
  | { kind: 'changed'; id: number };

/** As the node has it. */
export interface ServedConnection {
  heard: (message: ToNode) => void;
  closed: () => void;
  send(message: ToClient): void;
  close(): void;
}

/** As the client has it. */
export interface FrontConnection {
  send(message: ToNode): void;
  close(): void;
}

export interface ClientEnd {
  heard(message: ToClient): void;
  closed(): void;
}

type Acceptor = (connection: ServedConnection) => void;

export class Front {
  holder: { process: SimulatedProcess; accept: Acceptor } | null = null;
  readonly #loop: EventLoop;
  readonly #random: Random;
  readonly #link: Link;

  constructor(loop: EventLoop, random: Random, network: SimulatedNetwork) {
    this.#loop = loop;
    this.#random = random;
    this.#link = network.link('clients', 'front');
  }

  /** Rejects while another has it. */
  async take(process: SimulatedProcess, accept: Acceptor): Promise<{ close: () => void }> {
    await later(process.clock, this.#random.fraction() * 2);
    if (this.holder) throw new Error('listen EADDRINUSE');
    const holder = (this.holder = { process, accept });
    const close = () => {
      if (this.holder === holder) this.holder = null;
    };
    process.onDeath(close);
    return { close };
  }

  /** Calls the client's `closed` when nobody is there. */
  connect(client: ClientEnd): FrontConnection {
    const there = new Path(this.#loop, this.#random, this.#link);
    const back = new Path(this.#loop, this.#random, this.#link);
    let open = true;
    let process: SimulatedProcess | null = null;
    let served: ServedConnection | null = null;
    const end = () => {
      if (!open) return;
      open = false;
      back.send(() => client.closed());
      process?.take(() => served?.closed());
    };
    there.send(() => {
      const holder = this.holder;
      if (!holder) return end();
      process = holder.process;
      process.onDeath(() => {
        back.lose();
        end();
      });
      const connection: ServedConnection = {
        heard: () => undefined,
        closed: () => undefined,
        send: (message) => {
          if (open) back.send(() => client.heard(message));
        },
        close: end,
      };
      process.take(() => {
        if (!open) return;
        // What a listener had not accepted goes with it.
        if (this.holder !== holder) return end();
        served = connection;
        holder.accept(connection);
      });
    });
    return {
      send: (message) =>
        there.send(() =>
          process?.take(() => {
            if (open && served) served.heard(message);
          }),
        ),
      close: () =>
        there.send(() => {
          if (!open) return;
          open = false;
          process?.take(() => served?.closed());
        }),
    };
  }
}

function later(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
