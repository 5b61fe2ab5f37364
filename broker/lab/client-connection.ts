// An AMQP 0-9-1 client's connection on Warren's own codec: handshake, heartbeats, channels, and one event when it
// is over. It owns the socket; it never reconnects (a session does).
import { connect, type Socket } from 'node:net';
import type { FieldTable } from '../amqp/field-table.ts';
import { FrameDecoder, FrameType, type FrameHandler } from '../amqp/frame-decoder.ts';
import { FrameWriter } from '../amqp/frame-writer.ts';
import { OutputBuffers } from '../amqp/output-buffers.ts';
import { decodeMethod, type Method, type MethodArguments } from '../amqp/methods.ts';
import { ReplyCode } from '../amqp/reply-codes.ts';
import { ClientChannel } from './client-channel.ts';
import { ClientClosed } from './client-closed.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const frameMaxBeforeTune = 4096;
const defaultOpenTimeoutMs = 10_000;
const closeTimeoutMs = 2000;

export interface ClientOptions {
  host: string;
  port: number;
  user?: string;
  password?: string;
  vhost?: string;
  /** 0 switches heartbeats off; the server's wish is the upper bound. Default 10. */
  heartbeatSeconds?: number;
  /** Shown by the broker as `connection_name`. */
  name?: string;
  /** From the first packet to open-ok. */
  openTimeoutMs?: number;
}

const capabilities: FieldTable = new Map(
  [
    'publisher_confirms',
    'basic.nack',
    'consumer_cancel_notify',
    'connection.blocked',
    'authentication_failure_close',
  ].map((name) => [name, { type: 't', value: true }]),
);

export class ClientConnection implements FrameHandler {
  /** Never asks the decoder to stop. */
  readonly stopped = false;
  /** Called once, when the connection is over for whatever reason. */
  onClosed: (reason: ClientClosed) => void = () => undefined;
  /** The broker's reason while it holds publishers back, else null. */
  blockedReason: string | null = null;
  frameMax = frameMaxBeforeTune;
  readonly writer: FrameWriter;
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #channels = new Map<number, ClientChannel>();
  readonly #opened = Promise.withResolvers<void>();
  #flushing = false;
  #closing: ClientClosed | null = null;
  #closed = false;
  #heardSinceBeat = true;
  #silentBeats = 0;
  #beat: NodeJS.Timeout | null = null;

  /** Resolves when the virtual host is open. Rejects with ClientClosed. */
  static async open(options: ClientOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(options);
    await connection.#opened.promise;
    return connection;
  }

  private constructor(options: ClientOptions) {
    this.#options = options;
    this.writer = new FrameWriter(new OutputBuffers(), () => this.#flushLater());
    this.#decoder = new FrameDecoder(this, frameMaxBeforeTune);
    this.#socket = connect({ host: options.host, port: options.port, noDelay: true });
    this.#socket.write(protocolHeader);
    this.#socket.on('data', (chunk) => this.#received(chunk));
    this.#socket.on('error', (error) => (this.#closing ??= new ClientClosed(0, error.message)));
    this.#socket.on('close', () => this.#ended());
    const timeoutMs = options.openTimeoutMs ?? defaultOpenTimeoutMs;
    const timer = setTimeout(
      () => this.#fail(new ClientClosed(0, `no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#opened.promise.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
  }

  get isClosed(): boolean {
    return this.#closed || this.#closing !== null;
  }

  /** Of this end, by which the system knows the connection. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Bytes written and not yet taken by the network. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.writer.size;
  }

  async openChannel(): Promise<ClientChannel> {
    let number = 1;
    while (this.#channels.has(number)) number++;
    const channel = new ClientChannel(number, this, () => this.#channels.delete(number));
    this.#channels.set(number, channel);
    if (this.isClosed) channel.ended(this.#closing ?? new ClientClosed(0, 'the connection is closed'));
    await channel.call('channel.open', { reserved1: '' }, 'channel.open-ok');
    return channel;
  }

  /** Closes in order; resolves when the socket is gone. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const gone = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    if (!this.#closing) {
      this.#closing = new ClientClosed(ReplyCode.SUCCESS, 'closed by this client');
      this.writer.method(0, 'connection.close', {
        replyCode: ReplyCode.SUCCESS,
        replyText: 'goodbye',
        classId: 0,
        methodId: 0,
      });
    }
    const impatient = setTimeout(() => this.#socket.destroy(), closeTimeoutMs);
    await gone;
    clearTimeout(impatient);
  }

  /** Without a word, as a client that crashed. */
  destroy(): void {
    this.#fail(new ClientClosed(0, 'cut off by this client'));
  }

  // ---- Bytes in ----

  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.HEARTBEAT) return;
    if (channel > 0) {
      this.#channels.get(channel)?.frame(type, bytes, start, end);
      return;
    }
    this.#method(decodeMethod(bytes, start, end));
  }

  #received(chunk: Buffer): void {
    this.#heardSinceBeat = true;
    try {
      if (chunk.length >= 4 && chunk.toString('latin1', 0, 4) === 'AMQP')
        throw new Error('the peer speaks another version of AMQP');
      this.#decoder.push(chunk);
    } catch (error) {
      this.#fail(new ClientClosed(0, error instanceof Error ? error.message : String(error)));
    }
  }

  #method(method: Method): void {
    switch (method.name) {
      case 'connection.start':
        return this.#startOk();
      case 'connection.tune':
        return this.#tuneOk(method.args);
      case 'connection.open-ok':
        return this.#opened.resolve();
      case 'connection.blocked':
        this.blockedReason = method.args.reason;
        return;
      case 'connection.unblocked':
        this.blockedReason = null;
        return;
      case 'connection.close':
        this.#closing ??= new ClientClosed(method.args.replyCode, method.args.replyText);
        this.writer.method(0, 'connection.close-ok', {});
        this.#flush();
        this.#socket.end();
        return;
      case 'connection.close-ok':
        this.#socket.end();
        return;
      default:
        throw new Error(`unexpected ${method.name}`);
    }
  }

  #startOk(): void {
    const { user = 'guest', password = 'guest', name } = this.#options;
    const clientProperties: FieldTable = new Map([
      ['product', { type: 'S', value: Buffer.from('Warren lab') }],
      ['capabilities', { type: 'F', value: capabilities }],
    ]);
    if (name !== undefined) clientProperties.set('connection_name', { type: 'S', value: Buffer.from(name) });
    this.writer.method(0, 'connection.start-ok', {
      clientProperties,
      mechanism: 'PLAIN',
      response: Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    });
  }

  #tuneOk({ channelMax, frameMax, heartbeat }: MethodArguments<'connection.tune'>): void {
    const wanted = this.#options.heartbeatSeconds ?? 10;
    const heartbeatSeconds = heartbeat === 0 ? wanted : Math.min(wanted, heartbeat);
    this.writer.method(0, 'connection.tune-ok', { channelMax, frameMax, heartbeat: heartbeatSeconds });
    this.frameMax = frameMax;
    this.writer.frameMax = frameMax;
    this.#decoder.frameMax = frameMax === 0 ? 0xffff_ffff : frameMax;
    if (heartbeatSeconds > 0) this.#startBeating(heartbeatSeconds);
    this.writer.method(0, 'connection.open', {
      virtualHost: this.#options.vhost ?? '/',
      reserved1: '',
      reserved2: false,
    });
  }

  /** A peer that was silent for two intervals is gone [AMQP 4.2.7]. */
  #startBeating(seconds: number): void {
    this.#beat = setInterval(() => {
      this.#silentBeats = this.#heardSinceBeat ? 0 : this.#silentBeats + 1;
      this.#heardSinceBeat = false;
      if (this.#silentBeats >= 4) return this.#fail(new ClientClosed(0, 'the peer missed its heartbeats'));
      this.writer.heartbeat();
    }, seconds * 500);
  }

  // ---- Bytes out ----

  /** What is written in one turn of the event loop leaves as one write. */
  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { parts } = this.writer.take();
    if (this.#socket.destroyed || parts.length === 0) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  // ---- The end ----

  #fail(reason: ClientClosed): void {
    this.#closing ??= reason;
    this.#socket.destroy();
  }

  #ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#beat) clearInterval(this.#beat);
    const reason = this.#closing ?? new ClientClosed(0, 'the peer closed the socket');
    this.#closing = reason;
    this.#opened.reject(reason);
    for (const channel of [...this.#channels.values()]) channel.ended(reason);
    this.onClosed(reason);
  }
}
