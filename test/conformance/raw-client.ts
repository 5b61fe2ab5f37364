// A client that says exactly what it is told and reports exactly what it hears: frames in, lines of text out.
import { connect, type Socket } from 'node:net';
import { toPlain, type FieldTable } from '../../broker/amqp/field-table.ts';
import {
  decodeMethod,
  encodeMethod,
  type Method,
  type MethodArguments,
  type MethodName,
} from '../../broker/amqp/methods.ts';
import { decodeProperties, encodeProperties, type BasicProperties } from '../../broker/amqp/properties.ts';

const patienceMs = 4000;

interface Frame {
  type: number;
  channel: number;
  payload: Buffer;
}

/** What was heard: a method, with its content if it has one; or the end of the connection. */
export type Heard =
  | { kind: 'method'; channel: number; method: Method; properties?: BasicProperties; body?: Buffer }
  | { kind: 'header'; bytes: Buffer }
  | { kind: 'heartbeat' }
  | { kind: 'end' }
  | { kind: 'silence' };

export interface OpenOptions {
  user?: string;
  password?: string;
  vhost?: string;
  mechanism?: string;
  response?: Buffer;
  capabilities?: FieldTable;
  frameMax?: number;
  channelMax?: number;
  heartbeat?: number;
}

export const allCapabilities: FieldTable = new Map(
  [
    'consumer_cancel_notify',
    'basic.nack',
    'connection.blocked',
    'authentication_failure_close',
    'publisher_confirms',
  ].map((name) => [name, { type: 't', value: true }]),
);

const withContent = new Set<MethodName>(['basic.deliver', 'basic.get-ok', 'basic.return']);

/** Every method that went over any of these clients. */
export const spoken = { said: new Set<MethodName>(), heard: new Set<MethodName>() };

export class RawClient {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  readonly #frames: (Frame | 'end')[] = [];
  readonly #waiting: ((frame: Frame | 'end' | 'silence') => void)[] = [];
  /** Content arrives in more frames than one; frames of other channels wait here meanwhile. */
  readonly #set: Frame[] = [];
  frameMax = 131_072;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#push('end'));
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Connected, tuned and in a virtual host. Rejects when the server has other ideas. */
  static async open(port: number, options: OpenOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
    await client.expect('connection.start');
    client.startOk(options);
    const { args } = await client.expect('connection.tune');
    client.frameMax = options.frameMax ?? args.frameMax;
    client.send(0, 'connection.tune-ok', {
      channelMax: options.channelMax ?? args.channelMax,
      frameMax: client.frameMax,
      heartbeat: options.heartbeat ?? 0,
    });
    client.send(0, 'connection.open', { virtualHost: options.vhost ?? '/', reserved1: '', reserved2: false });
    await client.expect('connection.open-ok');
    return client;
  }

  startOk({
    user = 'guest',
    password = 'guest',
    mechanism = 'PLAIN',
    response,
    capabilities,
  }: OpenOptions): void {
    this.send(0, 'connection.start-ok', {
      clientProperties: new Map([['capabilities', { type: 'F', value: capabilities ?? allCapabilities }]]),
      mechanism,
      response: response ?? Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    });
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  frame(type: number, channel: number, payload: Buffer, end = 0xce): void {
    const head = Buffer.alloc(7);
    head.writeUInt8(type, 0);
    head.writeUInt16BE(channel, 1);
    head.writeUInt32BE(payload.length, 3);
    this.write(Buffer.concat([head, payload, Buffer.from([end])]));
  }

  send<Name extends MethodName>(channel: number, name: Name, args: MethodArguments<Name>): void {
    spoken.said.add(name);
    this.frame(1, channel, encodeMethod(name, args));
  }

  contentHeader(channel: number, bodySize: number, properties: BasicProperties = {}): void {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(60, 0);
    head.writeBigUInt64BE(BigInt(bodySize), 4);
    this.frame(2, channel, Buffer.concat([head, encodeProperties(properties)]));
  }

  /** The method, its header, and its body in as many frames as the negotiated size asks for. */
  publish(
    channel: number,
    args: Partial<MethodArguments<'basic.publish'>>,
    body: Buffer = Buffer.alloc(0),
    properties: BasicProperties = {},
  ): void {
    this.send(channel, 'basic.publish', {
      reserved1: 0,
      exchange: '',
      routingKey: '',
      mandatory: false,
      immediate: false,
      ...args,
    });
    this.contentHeader(channel, body.length, properties);
    const most = this.frameMax - 8;
    for (let from = 0; from < body.length; from += most)
      this.frame(3, channel, body.subarray(from, from + most));
  }

  /** The next method with its content, or that nothing came in time. */
  async hear(waitMs = patienceMs): Promise<Heard> {
    const frame = await this.#next(waitMs);
    if (frame === 'end') return { kind: 'end' };
    if (frame === 'silence') return { kind: 'silence' };
    if (frame.type === 8) return { kind: 'heartbeat' };
    if (frame.type === 0) return { kind: 'header', bytes: frame.payload };
    const method = decodeMethod(frame.payload, 0, frame.payload.length);
    spoken.heard.add(method.name);
    const heard: Heard = { kind: 'method', channel: frame.channel, method };
    if (!withContent.has(method.name)) return heard;
    const header = await this.#ofChannel(frame.channel);
    const size = Number(header.readBigUInt64BE(4));
    const parts: Buffer[] = [];
    for (let have = 0; have < size;) {
      const part = await this.#ofChannel(frame.channel);
      parts.push(part);
      have += part.length;
    }
    return { ...heard, properties: decodeProperties(header, 12, header.length), body: Buffer.concat(parts) };
  }

  /** The payload size of the next frame, whatever is in it. */
  async hearFrameSize(): Promise<string> {
    const frame = await this.#next(patienceMs);
    return typeof frame === 'string' ? frame : `type ${frame.type}, ${frame.payload.length} bytes`;
  }

  /** The properties of the next content in hexadecimal, as they came. */
  async hearHeaderBytes(): Promise<string> {
    await this.#next(patienceMs);
    const header = await this.#next(patienceMs);
    await this.#next(patienceMs);
    return typeof header === 'string' ? header : header.payload.subarray(12).toString('hex');
  }

  async expect<Name extends MethodName>(name: Name): Promise<{ args: MethodArguments<Name> }> {
    const heard = await this.hear();
    if (heard.kind !== 'method' || heard.method.name !== name)
      throw new Error(`expected ${name}, heard ${describe(heard)}`);
    return { args: heard.method.args as MethodArguments<Name> };
  }

  /** Reads nothing more until `readOn`. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** Ends the own side only. */
  halfClose(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #ofChannel(channel: number): Promise<Buffer> {
    const others: Frame[] = [];
    for (;;) {
      const frame = await this.#next(patienceMs);
      if (frame === 'end' || frame === 'silence') throw new Error(`content broke off: ${frame}`);
      if (frame.channel === channel) {
        this.#set.unshift(...others);
        return frame.payload;
      }
      others.push(frame);
    }
  }

  #next(waitMs: number): Promise<Frame | 'end' | 'silence'> {
    const kept = this.#set.shift() ?? this.#frames.shift();
    if (kept) return Promise.resolve(kept);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        resolve('silence');
      }, waitMs);
      const take = (frame: Frame | 'end' | 'silence') => {
        clearTimeout(timer);
        resolve(frame);
      };
      this.#waiting.push(take);
    });
  }

  #push(frame: Frame | 'end'): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(frame);
    else this.#frames.push(frame);
  }

  #received(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      if (this.#bytes.length >= 8 && this.#bytes.toString('latin1', 0, 4) === 'AMQP') {
        this.#push({ type: 0, channel: 0, payload: Buffer.from(this.#bytes.subarray(0, 8)) });
        this.#bytes = this.#bytes.subarray(8);
        continue;
      }
      if (this.#bytes.length < 7) return;
      const size = this.#bytes.readUInt32BE(3);
      if (this.#bytes.length < size + 8) return;
      this.#push({
        type: this.#bytes.readUInt8(0),
        channel: this.#bytes.readUInt16BE(1),
        payload: Buffer.from(this.#bytes.subarray(7, 7 + size)),
      });
      this.#bytes = this.#bytes.subarray(size + 8);
    }
  }
}

/** One line per thing heard, with what differs by nature (made-up names, times) blanked. */
export function describe(heard: Heard): string {
  if (heard.kind === 'header') return `protocol header ${[...heard.bytes.subarray(4)].join(' ')}`;
  if (heard.kind !== 'method') return heard.kind;
  const args = Object.entries(heard.method.args)
    .filter(([name]) => !name.startsWith('reserved'))
    .map(([name, value]) => `${name}=${text(value)}`);
  const line = `${heard.channel} ${heard.method.name} ${args.join(' ')}`.trimEnd();
  const content =
    heard.body === undefined
      ? ''
      : ` | ${sortedJson(plainProperties(heard.properties!))} | ${heard.body.length > 200 ? `${heard.body.length} bytes` : JSON.stringify(heard.body.toString('latin1'))}`;
  return blanked(line + content);
}

function text(value: unknown): string {
  if (value instanceof Map) return sortedJson(toPlain(value as FieldTable));
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('latin1'));
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

function plainProperties(properties: BasicProperties): unknown {
  const { headers, ...rest } = properties;
  return headers ? { ...rest, headers: toPlain(headers) } : rest;
}

/** The order of a table's fields says nothing. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function blanked(line: string): string {
  return (
    line
      .replace(/amq\.(gen|ctag)-[\w-]+/g, 'amq.$1-*')
      .replace(/amq\.rabbitmq\.reply-to\.[\w=.+/-]+/g, 'amq.rabbitmq.reply-to.*')
      .replace(/"time":\d+/g, '"time":*')
      // Erlang breaks long terms into lines.
      .replace(/\\n\s*/g, '')
  );
}
