// One look at a backend: does it speak AMQP, within the time limit? A process that accepts connections and says nothing
// (stopped, hung, or its machine gone behind a half-open connection) fails as one that refuses them does.
import { connect, type Socket } from 'node:net';
import { FrameDecoder, FrameType, type FrameHandler } from '../../amqp/frame-decoder.ts';
import { FrameWriter } from '../../amqp/frame-writer.ts';
import { decodeMethod, type Method } from '../../amqp/methods.ts';
import { OutputBuffers } from '../../amqp/output-buffers.ts';
import type { Address, FrontSettings } from './front-settings.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const frameMax = 131_072;
/** After its verdict a check has so long to take its leave. */
const farewellMs = 500;

export type CheckSettings = Pick<FrontSettings, 'check' | 'user' | 'password' | 'vhost' | 'timeoutMs'>;

/** Resolves with null when the backend is well, else with the reason in words. Never rejects. */
export function checkBackend(address: Address, settings: CheckSettings): Promise<string | null> {
  return new Promise((resolve) => new Check(address, settings, resolve));
}

class Check implements FrameHandler {
  readonly stopped = false;
  readonly #settings: CheckSettings;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(this, frameMax);
  readonly #writer = new FrameWriter(new OutputBuffers(), () => undefined);
  readonly #timer: NodeJS.Timeout;
  #resolve: ((reason: string | null) => void) | null;
  #waitsFor = 'connection';

  constructor(address: Address, settings: CheckSettings, resolve: (reason: string | null) => void) {
    this.#settings = settings;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#timedOut(), settings.timeoutMs);
    this.#socket = connect({ ...address, noDelay: true });
    this.#socket.on('connect', () => this.#connected());
    this.#socket.on('data', (chunk) => this.#received(chunk));
    this.#socket.on('error', (error) => this.#done(error.message));
    this.#socket.on('close', () => this.#done(`it closed the connection before ${this.#waitsFor} came`));
  }

  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.METHOD && channel === 0) this.#method(decodeMethod(bytes, start, end));
  }

  #connected(): void {
    if (this.#settings.check === 'tcp') return this.#done(null);
    this.#waitsFor = 'connection.start';
    this.#socket.write(protocolHeader);
  }

  #received(chunk: Buffer): void {
    try {
      if (chunk.toString('latin1', 0, 4) === 'AMQP') return this.#done('it speaks another version of AMQP');
      this.#decoder.push(chunk);
    } catch (error) {
      this.#done(`it does not speak AMQP: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #method(method: Method): void {
    switch (method.name) {
      case 'connection.start':
        if (this.#settings.check === 'handshake') return this.#done(null);
        return this.#logIn();
      case 'connection.tune': {
        const { channelMax, frameMax: offered } = method.args;
        this.#writer.method(0, 'connection.tune-ok', { channelMax, frameMax: offered, heartbeat: 0 });
        this.#writer.method(0, 'connection.open', {
          virtualHost: this.#settings.vhost,
          reserved1: '',
          reserved2: false,
        });
        this.#waitsFor = 'connection.open-ok';
        return this.#send();
      }
      case 'connection.open-ok':
        this.#writer.method(0, 'connection.close', {
          replyCode: 200,
          replyText: 'health check',
          classId: 0,
          methodId: 0,
        });
        this.#send();
        return this.#done(null);
      case 'connection.close':
        return this.#done(`it refused: ${method.args.replyCode} ${method.args.replyText}`);
      case 'connection.close-ok':
        this.#socket.end();
        return;
      default:
        return this.#done(`it answered ${method.name} instead of ${this.#waitsFor}`);
    }
  }

  #logIn(): void {
    const { user, password } = this.#settings;
    this.#writer.method(0, 'connection.start-ok', {
      clientProperties: new Map([
        ['product', { type: 'S', value: Buffer.from('Warren front') }],
        ['connection_name', { type: 'S', value: Buffer.from('health check') }],
        [
          'capabilities',
          { type: 'F', value: new Map([['authentication_failure_close', { type: 't', value: true }]]) },
        ],
      ]),
      mechanism: 'PLAIN',
      response: Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    });
    this.#waitsFor = 'connection.tune';
    this.#send();
  }

  #send(): void {
    const { parts } = this.#writer.take();
    this.#socket.write(Buffer.concat(parts));
  }

  #timedOut(): void {
    const silent = this.#waitsFor === 'connection.start' ? 'it accepts and does not answer: ' : '';
    // Brokers take a second to refuse a login.
    this.#done(`${silent}no ${this.#waitsFor} in ${this.#settings.timeoutMs} ms`);
  }

  #done(reason: string | null): void {
    const resolve = this.#resolve;
    if (!resolve) return;
    this.#resolve = null;
    clearTimeout(this.#timer);
    // A login is taken leave of with close and close-ok; the rest has nothing to say.
    if (reason !== null || this.#settings.check !== 'login') this.#socket.destroy();
    else setTimeout(() => this.#socket.destroy(), farewellMs).unref();
    resolve(reason);
  }
}
