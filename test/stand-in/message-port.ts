// MessageChannelMain: two entangled ports. One may be transferred to the page, where window.ts carries its
// messages; until it is started a port keeps what arrives, as the real one does.
import { EventEmitter } from 'node:events';

export class MessagePortMain extends EventEmitter {
  /** Takes what the other end posts, once this end has been transferred to a page. */
  forward: ((data: unknown) => void) | null = null;
  #peer: MessagePortMain | null = null;
  #queue: unknown[] = [];
  #started = false;
  #closed = false;

  static pair(): { port1: MessagePortMain; port2: MessagePortMain } {
    const port1 = new MessagePortMain();
    const port2 = new MessagePortMain();
    port1.#peer = port2;
    port2.#peer = port1;
    return { port1, port2 };
  }

  postMessage(data: unknown): void {
    this.#peer?.receive(structuredClone(data));
  }

  /** What the other end (or the page behind it) sent. */
  receive(data: unknown): void {
    if (this.#closed) return;
    if (this.forward) this.forward(data);
    else if (this.#started) setImmediate(() => this.emit('message', { data, ports: [] }));
    else this.#queue.push(data);
  }

  /** A transferred port's page end posted: it arrives at the port that stayed here. */
  postMessageFromPage(data: unknown): void {
    this.#peer?.receive(data);
  }

  transfer(forward: (data: unknown) => void): void {
    this.forward = forward;
    for (const data of this.#queue.splice(0)) forward(data);
  }

  start(): void {
    this.#started = true;
    for (const data of this.#queue.splice(0)) setImmediate(() => this.emit('message', { data, ports: [] }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.emit('close');
    this.#peer?.close();
  }
}

export class MessageChannelMain {
  readonly port1: MessagePortMain;
  readonly port2: MessagePortMain;

  constructor() {
    ({ port1: this.port1, port2: this.port2 } = MessagePortMain.pair());
  }
}
