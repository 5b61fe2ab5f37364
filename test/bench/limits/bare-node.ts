// The least that a Node process can do between publishers and consumers: find the frames, put a delivery's method in
// place of the publish, pass the content on to every consumer. No routing, no queues, no credit, no state for a
// message. With a journal it also appends what was published, in groups, before it confirms. What this reaches is the
// ceiling that a broker in this language is held against. Run with a BareMode; tells its parent the port.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { FrameDecoder } from '../../../broker/amqp/frame-decoder.ts';
import {
  decodeMethod,
  type Method,
  type MethodArguments,
  type MethodName,
} from '../../../broker/amqp/methods.ts';
import { SharedReads, type Received } from '../../../broker/connection/shared-reads.ts';
import { methodFrame, readLong, writeAck } from '../load/frames.ts';
import { BareJournal } from './bare-journal.ts';
import { Outlet } from './outlet.ts';

export type BareMode = 'forward' | 'append' | 'sync';

const publish = 0x003c0028;
const acknowledge = 0x003c0050;
const frameMax = 131_072;
const ackBytes = 21;

interface Shared {
  outlets: Set<Outlet>;
  journal: BareJournal | null;
}

class BareConnection {
  readonly stopped = false;
  readonly #shared: Shared;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(this, frameMax);
  #outlet: Outlet | null = null;
  #confirming = false;
  #published = 0;
  #confirmed = 0;
  #greeted = false;
  /** Where the content header of the message under way begins in the bytes at hand; -1: it was passed on. */
  #contentAt = -1;

  constructor(socket: Socket, shared: Shared) {
    this.#shared = shared;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#outlet && shared.outlets.delete(this.#outlet));
    shared.journal?.onCommit(() => this.#confirm());
  }

  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (type === 3) this.#content(bytes, start - 7, end + 1);
    else if (type === 2) this.#header(bytes, start - 7, end + 1);
    else if (readLong(bytes, start) === publish) this.#published++;
    else if (readLong(bytes, start) !== acknowledge) this.#answer(channel, decodeMethod(bytes, start, end));
  }

  received(chunk: Buffer): void {
    if (!this.#greeted) return this.#greet();
    this.#chunk = chunk;
    this.#decoder.push(chunk);
    if (this.#contentAt >= 0) {
      // The body is yet to come, in bytes of their own.
      this.#passOn(chunk, this.#contentAt, this.#headerEnd);
      this.#contentAt = -1;
    }
    if (this.#shared.journal) this.#shared.journal.schedule(this.#published);
    else this.#confirm();
    for (const outlet of this.#shared.outlets) outlet.flush();
  }

  #chunk: Buffer | null = null;
  #headerEnd = 0;

  /** Waits for the body, so that both are copied at once. One that came in pieces is passed on at once. */
  #header(bytes: Buffer, start: number, end: number): void {
    for (const outlet of this.#shared.outlets) outlet.begin();
    if (bytes !== this.#chunk) return this.#passOn(bytes, start, end);
    this.#contentAt = start;
    this.#headerEnd = end;
  }

  #content(bytes: Buffer, start: number, end: number): void {
    const from = this.#contentAt >= 0 ? this.#contentAt : start;
    this.#contentAt = -1;
    this.#passOn(bytes, from, end);
  }

  #passOn(bytes: Buffer, from: number, to: number): void {
    for (const outlet of this.#shared.outlets) outlet.append(bytes, from, to);
    this.#shared.journal?.append(bytes, from, to);
  }

  #confirm(): void {
    const { journal } = this.#shared;
    const safe = journal ? journal.committed : this.#published;
    if (!this.#confirming || safe === this.#confirmed) return;
    this.#confirmed = safe;
    const ack = Buffer.allocUnsafe(ackBytes);
    writeAck(ack, 0, 1, safe);
    this.#socket.write(ack);
  }

  #greet(): void {
    this.#greeted = true;
    this.#send(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: new Map(),
      mechanisms: Buffer.from('PLAIN'),
      locales: Buffer.from('en_US'),
    });
  }

  #answer(channel: number, { name, args }: Method): void {
    switch (name) {
      case 'connection.start-ok':
        return this.#send(0, 'connection.tune', { channelMax: 2047, frameMax, heartbeat: 0 });
      case 'connection.open':
        return this.#send(0, 'connection.open-ok', { reserved1: '' });
      case 'channel.open':
        return this.#send(channel, 'channel.open-ok', { reserved1: Buffer.alloc(0) });
      case 'exchange.declare':
        return this.#send(channel, 'exchange.declare-ok', {});
      case 'exchange.delete':
        return this.#send(channel, 'exchange.delete-ok', {});
      case 'queue.declare':
        return this.#send(channel, 'queue.declare-ok', {
          queue: args.queue,
          messageCount: 0,
          consumerCount: 0,
        });
      case 'queue.bind':
        return this.#send(channel, 'queue.bind-ok', {});
      case 'queue.delete':
        return this.#send(channel, 'queue.delete-ok', { messageCount: 0 });
      case 'basic.qos':
        return this.#send(channel, 'basic.qos-ok', {});
      case 'confirm.select':
        this.#confirming = true;
        return this.#send(channel, 'confirm.select-ok', {});
      case 'basic.consume':
        this.#outlet = new Outlet(this.#socket, args.consumerTag);
        this.#shared.outlets.add(this.#outlet);
        return;
      default:
    }
  }

  #send<Name extends MethodName>(channel: number, name: Name, args: MethodArguments<Name>): void {
    this.#socket.write(methodFrame(channel, name, args));
  }
}

const mode = process.argv[2] as BareMode;
const shared: Shared = {
  outlets: new Set(),
  journal: mode === 'forward' ? null : new BareJournal(mode === 'sync'),
};
const accept = (socket: Socket): Received => {
  const connection = new BareConnection(socket, shared);
  return (chunk) => connection.received(chunk);
};
const server = createServer((socket) => socket.on('data', accept(socket)));
server.listen(0, '127.0.0.1', () => {
  new SharedReads().takeOver(server, accept);
  process.send!({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
process.on('exit', () => shared.journal?.remove());
