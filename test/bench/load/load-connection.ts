// A client connection for load: opened with ordinary calls, then handed to a scanner that sees every chunk as it
// lies in the read buffer. Reads land behind what the scanner left, so no chunk is ever put together elsewhere.
import { connect, type Socket } from 'node:net';
import {
  decodeMethod,
  type Method,
  type MethodArguments,
  type MethodName,
} from '../../../broker/amqp/methods.ts';
import { methodFrame, readLong } from './frames.ts';

const frameMax = 131_072;

/** Looks at bytes 0 to `end` and answers how many of them it is done with. */
export type Scanner = (bytes: Buffer, end: number) => number;

export class LoadConnection {
  readonly socket: Socket;
  /** Replaced when the load begins. */
  scanner: Scanner = (bytes, end) => this.#slowly(bytes, end);
  readonly #buffer: Buffer;
  #left = 0;
  #waiting: { resolve: (method: Method) => void; reject: (error: Error) => void } | null = null;
  readonly #failed: (error: Error) => void;
  #closed = false;

  /** `failed` is told when the server ends the connection or a channel. */
  static async open(
    port: number,
    failed: (error: Error) => void,
    readBytes = 512 * 1024,
  ): Promise<LoadConnection> {
    const connection = new LoadConnection(port, failed, readBytes);
    const start = connection.#answer();
    connection.socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
    await start;
    const tune = await connection.call(0, 'connection.start-ok', {
      clientProperties: new Map(),
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
      locale: 'en_US',
    });
    connection.send(0, 'connection.tune-ok', {
      channelMax: (tune.args as MethodArguments<'connection.tune'>).channelMax,
      frameMax,
      heartbeat: 0,
    });
    await connection.call(0, 'connection.open', { virtualHost: '/', reserved1: '', reserved2: false });
    return connection;
  }

  private constructor(port: number, failed: (error: Error) => void, readBytes: number) {
    this.#failed = failed;
    this.#buffer = Buffer.allocUnsafeSlow(readBytes);
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: () => this.#buffer.subarray(this.#left),
        callback: (size) => this.#read(size),
      },
    });
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => this.fail(new Error('the server closed the socket')));
  }

  send<Name extends MethodName>(channel: number, name: Name, args: MethodArguments<Name>): void {
    this.socket.write(methodFrame(channel, name, args));
  }

  /** Sends it and gives the next method that arrives. */
  call<Name extends MethodName>(channel: number, name: Name, args: MethodArguments<Name>): Promise<Method> {
    const answer = this.#answer();
    this.send(channel, name, args);
    return answer;
  }

  openChannel(channel: number): Promise<Method> {
    return this.call(channel, 'channel.open', { reserved1: '' });
  }

  /** What a scanner says of a frame it does not expect: a close by the server, most often. */
  unexpected(bytes: Buffer, at: number, size: number): never {
    const method = decodeMethod(bytes, at + 7, at + 7 + size);
    throw new Error(`the server said ${method.name} ${JSON.stringify(method.args)}`);
  }

  fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting?.reject(error);
    this.#waiting = null;
    this.#failed(error);
  }

  destroy(): void {
    this.#closed = true;
    this.socket.destroy();
  }

  #answer(): Promise<Method> {
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  #read(size: number): boolean {
    const end = this.#left + size;
    try {
      const done = this.scanner(this.#buffer, end);
      if (done < end) this.#buffer.copyWithin(0, done, end);
      this.#left = end - done;
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }

  #slowly(bytes: Buffer, end: number): number {
    let at = 0;
    while (end - at >= 8) {
      const size = readLong(bytes, at + 3);
      if (end - at < size + 8) break;
      const method = decodeMethod(bytes, at + 7, at + 7 + size);
      const waiting = this.#waiting;
      this.#waiting = null;
      if (method.name === 'connection.close' || method.name === 'channel.close')
        this.fail(new Error(`the server said ${method.name} ${JSON.stringify(method.args)}`));
      waiting?.resolve(method);
      at += size + 8;
    }
    return at;
  }
}
