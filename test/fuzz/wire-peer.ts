// One socket to the node under attack: sends what it is given, and understands every frame that comes back. What
// the node says is held to the protocol as strictly as what it hears.
import { connect, type Socket } from 'node:net';
import { decodeMethod, encodeMethod, type Method } from '../../broker/amqp/methods.ts';
import { decodeProperties } from '../../broker/amqp/properties.ts';
import type { Random } from './random.ts';
import { bytesOf, framesIn, type WireFrame } from './wire-frame.ts';

export interface Closed {
  what: 'connection' | 'channel';
  replyCode: number;
  replyText: string;
}

export class WirePeer {
  /** Everything sent behind the protocol header. */
  readonly #sent: Buffer[] = [];
  readonly closes: Closed[] = [];
  opened = false;
  /** The client's own close, whoever thought of it, was answered. */
  closeAnswered = false;
  /** The protocol header came instead of a method. */
  refused = false;
  ended = false;
  /** What the node said that is no AMQP. */
  nonsense: string | null = null;
  /** Channels that were opened. */
  readonly channels = new Set<number>();
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #wakers: (() => void)[] = [];
  readonly #bodyLeft = new Map<number, number>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
  }

  static connect(port: number): Promise<WirePeer> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.off('error', reject);
        resolve(new WirePeer(socket));
      });
      socket.once('error', reject);
    });
  }

  get sent(): Buffer {
    return Buffer.concat(this.#sent);
  }

  get connectionClose(): Closed | undefined {
    return this.closes.find(({ what }) => what === 'connection');
  }

  /** Before the stream that `sent` keeps. */
  raw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** In one piece, or, one time in three, in pieces of any size. */
  send(bytes: Buffer, random: Random): void {
    this.#sent.push(bytes);
    if (!random.oneIn(3)) return void this.#socket.write(bytes);
    for (let at = 0; at < bytes.length;) {
      const size = random.pick([1, 3, 7, 8, random.between(1, 4000)]);
      this.#socket.write(bytes.subarray(at, at + size));
      at += size;
    }
  }

  /** Resolves true once `done` says so, false when it has not by then or the socket ended first. */
  async until(done: () => boolean, withinMs: number): Promise<boolean> {
    if (done()) return true;
    const deadline = Date.now() + withinMs;
    while (!this.ended) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wakers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (done()) return true;
    }
    return done();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }

  #received(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length >= 8 && this.#bytes.toString('latin1', 0, 4) === 'AMQP') {
      this.refused = true;
      this.#bytes = this.#bytes.subarray(8);
    }
    const { frames, rest } = framesIn(this.#bytes);
    this.#bytes = Buffer.from(rest);
    for (const frame of frames) {
      try {
        this.#heard(frame);
      } catch (error) {
        this.nonsense ??= `${(error as Error).message}: frame ${bytesOf(frame).toString('hex').slice(0, 400)}`;
      }
    }
    this.#wake();
  }

  #heard({ type, channel, payload, end }: WireFrame): void {
    if (end !== undefined) throw new Error(`frame end ${end}`);
    const left = this.#bodyLeft.get(channel) ?? 0;
    if (type === 8 && channel === 0 && payload.length === 0) return;
    if (type === 3) {
      if (payload.length > left) throw new Error('more body than announced');
      this.#bodyLeft.set(channel, left - payload.length);
      return;
    }
    if (left > 0) throw new Error('less body than announced');
    if (type === 2) {
      decodeProperties(payload, 12, payload.length);
      this.#bodyLeft.set(channel, Number(payload.readBigUInt64BE(4)));
      return;
    }
    if (type !== 1) throw new Error(`frame type ${type}`);
    this.#method(channel, decodeMethod(payload, 0, payload.length));
  }

  #method(channel: number, method: Method): void {
    switch (method.name) {
      case 'connection.open-ok':
        this.opened = true;
        break;
      case 'connection.close-ok':
        this.closeAnswered = true;
        break;
      case 'connection.close': {
        const { replyCode, replyText } = method.args;
        this.closes.push({ what: 'connection', replyCode, replyText });
        this.#socket.write(
          bytesOf({ type: 1, channel: 0, payload: encodeMethod('connection.close-ok', {}) }),
        );
        break;
      }
      case 'channel.close': {
        const { replyCode, replyText } = method.args;
        this.closes.push({ what: 'channel', replyCode, replyText });
        break;
      }
      case 'channel.open-ok':
        this.channels.add(channel);
        break;
      default:
        break;
    }
  }
}
