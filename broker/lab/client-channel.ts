// A client's channel: calls that wait for their answer, publishing with confirms as ranges of numbers, consumers
// with a handler each. Nothing is allocated per message beyond what its handler is given.
import { emptyTable, type FieldTable } from '../amqp/field-table.ts';
import { FrameType } from '../amqp/frame-decoder.ts';
import type { FrameWriter } from '../amqp/frame-writer.ts';
import { decodeMethod, type Method, type MethodArguments, type MethodName } from '../amqp/methods.ts';
import { decodeProperties, encodeProperties, type BasicProperties } from '../amqp/properties.ts';
import { ReplyCode } from '../amqp/reply-codes.ts';
import { ClientClosed } from './client-closed.ts';

/** What a channel needs of its connection. */
interface ChannelConnection {
  readonly writer: FrameWriter;
}

export interface ReceivedMessage {
  exchange: string;
  routingKey: string;
  body: Buffer;
  /** Decoded on demand. */
  properties(): BasicProperties;
}

export interface Delivery extends ReceivedMessage {
  deliveryTag: number;
  redelivered: boolean;
}

export interface ReturnedMessage extends ReceivedMessage {
  replyCode: number;
  replyText: string;
}

export interface ConsumeOptions {
  noAck?: boolean;
  exclusive?: boolean;
  arguments?: FieldTable;
  /** The broker took the consumer away: its queue is gone (R19). */
  onCancelled?: () => void;
}

export interface QueueOptions {
  durable?: boolean;
  exclusive?: boolean;
  autoDelete?: boolean;
  passive?: boolean;
  arguments?: FieldTable;
}

interface Call {
  answer: MethodName[];
  resolve: (method: Method) => void;
  reject: (reason: ClientClosed) => void;
}

interface Consumer {
  deliver: (delivery: Delivery) => void;
  cancelled: (() => void) | undefined;
}

/** A message that is on its way: a method that carries content, then its header, then its body. */
interface Arriving {
  method: Method;
  header: Buffer | null;
  bodyBytes: number;
  parts: Buffer[];
  missingBytes: number;
}

export class ClientChannel {
  readonly number: number;
  /** Publishes `from` to `to` were confirmed (`ok`) or refused with a nack. Numbers count from 1 per channel. */
  onConfirmed: (from: number, to: number, ok: boolean) => void = () => undefined;
  /** A mandatory message that reached no queue; it comes before its confirm (R29). */
  onReturned: (message: ReturnedMessage) => void = () => undefined;
  onClosed: (reason: ClientClosed) => void = () => undefined;
  readonly #connection: ChannelConnection;
  readonly #forget: () => void;
  readonly #calls: Call[] = [];
  readonly #consumers = new Map<string, Consumer>();
  /** Published out of order of their confirms: confirmed singly, ahead of the lowest. */
  readonly #confirmedAhead = new Set<number>();
  #published = 0;
  #confirmedUpTo = 0;
  #confirming = false;
  #arriving: Arriving | null = null;
  #reason: ClientClosed | null = null;

  constructor(number: number, connection: ChannelConnection, forget: () => void) {
    this.number = number;
    this.#connection = connection;
    this.#forget = forget;
  }

  /** Publishes without a word about them yet. */
  get unconfirmed(): number {
    return this.#published - this.#confirmedUpTo - this.#confirmedAhead.size;
  }

  get isClosed(): boolean {
    return this.#reason !== null;
  }

  /** Sends a method and resolves with its answer. Rejects with ClientClosed. */
  call<Name extends MethodName, Answer extends MethodName>(
    name: Name,
    args: MethodArguments<Name>,
    ...answer: Answer[]
  ): Promise<Extract<Method, { name: Answer }>> {
    if (this.#reason) return Promise.reject(this.#reason);
    return new Promise((resolve, reject) => {
      this.#calls.push({ answer, resolve: resolve as (method: Method) => void, reject });
      this.#connection.writer.method(this.number, name, args);
    });
  }

  // ---- Declaring ----

  async declareQueue(
    queue: string,
    options: QueueOptions = {},
  ): Promise<MethodArguments<'queue.declare-ok'>> {
    const { args } = await this.call(
      'queue.declare',
      {
        reserved1: 0,
        queue,
        passive: options.passive ?? false,
        durable: options.durable ?? false,
        exclusive: options.exclusive ?? false,
        autoDelete: options.autoDelete ?? false,
        noWait: false,
        arguments: options.arguments ?? emptyTable,
      },
      'queue.declare-ok',
    );
    return args;
  }

  async declareExchange(exchange: string, type: string, durable: boolean): Promise<void> {
    await this.call(
      'exchange.declare',
      {
        reserved1: 0,
        exchange,
        type,
        passive: false,
        durable,
        autoDelete: false,
        internal: false,
        noWait: false,
        arguments: emptyTable,
      },
      'exchange.declare-ok',
    );
  }

  async bindQueue(queue: string, exchange: string, routingKey: string): Promise<void> {
    await this.call(
      'queue.bind',
      { reserved1: 0, queue, exchange, routingKey, noWait: false, arguments: emptyTable },
      'queue.bind-ok',
    );
  }

  /** Resolves with the number of messages that went with it. */
  async deleteQueue(queue: string): Promise<number> {
    const { args } = await this.call(
      'queue.delete',
      { reserved1: 0, queue, ifUnused: false, ifEmpty: false, noWait: false },
      'queue.delete-ok',
    );
    return args.messageCount;
  }

  async deleteExchange(exchange: string): Promise<void> {
    await this.call(
      'exchange.delete',
      { reserved1: 0, exchange, ifUnused: false, noWait: false },
      'exchange.delete-ok',
    );
  }

  // ---- Publishing ----

  async selectConfirms(): Promise<void> {
    await this.call('confirm.select', { noWait: false }, 'confirm.select-ok');
    this.#confirming = true;
  }

  /** The number that a confirm will name; 0 when the channel does not confirm or is closed. */
  publish(
    exchange: string,
    routingKey: string,
    body: Buffer,
    properties: BasicProperties | Buffer = {},
    mandatory = false,
  ): number {
    if (this.#reason) return 0;
    const { writer } = this.#connection;
    const encoded = Buffer.isBuffer(properties) ? properties : encodeProperties(properties);
    writer.method(this.number, 'basic.publish', {
      reserved1: 0,
      exchange,
      routingKey,
      mandatory,
      immediate: false,
    });
    writer.content(this.number, Buffer.concat([encoded, body]), 0, encoded.length, body.length);
    return this.#confirming ? ++this.#published : 0;
  }

  // ---- Taking ----

  async prefetch(count: number): Promise<void> {
    await this.call('basic.qos', { prefetchSize: 0, prefetchCount: count, global: false }, 'basic.qos-ok');
  }

  /** Resolves with the consumer tag; deliveries may come before that. */
  async consume(
    queue: string,
    deliver: (delivery: Delivery) => void,
    options: ConsumeOptions = {},
  ): Promise<string> {
    // Chosen here, because deliveries may overtake what awaits consume-ok.
    const consumerTag = `lab-${this.number}-${this.#consumers.size + 1}-${Math.random().toString(36).slice(2)}`;
    this.#consumers.set(consumerTag, { deliver, cancelled: options.onCancelled });
    await this.call(
      'basic.consume',
      {
        reserved1: 0,
        queue,
        consumerTag,
        noLocal: false,
        noAck: options.noAck ?? false,
        exclusive: options.exclusive ?? false,
        noWait: false,
        arguments: options.arguments ?? emptyTable,
      },
      'basic.consume-ok',
    );
    return consumerTag;
  }

  async cancel(consumerTag: string): Promise<void> {
    await this.call('basic.cancel', { consumerTag, noWait: false }, 'basic.cancel-ok');
    this.#consumers.delete(consumerTag);
  }

  /** The next message of a queue, or null when it is empty. */
  get(queue: string, noAck = false): Promise<Delivery | null> {
    if (this.#reason) return Promise.reject(this.#reason);
    return new Promise((resolve, reject) => {
      const taken = (method: Method) =>
        resolve(method.name === 'basic.get-ok' ? this.#deliveryOf(method.args) : null);
      this.#calls.push({ answer: ['basic.get-ok', 'basic.get-empty'], resolve: taken, reject });
      this.#connection.writer.method(this.number, 'basic.get', { reserved1: 0, queue, noAck });
    });
  }

  ack(deliveryTag: number, multiple = false): void {
    if (!this.#reason) this.#connection.writer.method(this.number, 'basic.ack', { deliveryTag, multiple });
  }

  nack(deliveryTag: number, { multiple = false, requeue = true } = {}): void {
    if (!this.#reason)
      this.#connection.writer.method(this.number, 'basic.nack', { deliveryTag, multiple, requeue });
  }

  async close(): Promise<void> {
    if (this.#reason) return;
    const args = { replyCode: ReplyCode.SUCCESS, replyText: 'goodbye', classId: 0, methodId: 0 };
    await this.call('channel.close', args, 'channel.close-ok');
    this.ended(new ClientClosed(ReplyCode.SUCCESS, 'closed by this client'));
  }

  // ---- Frames in ----

  frame(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.METHOD) return this.#method(decodeMethod(bytes, start, end));
    const arriving = this.#arriving;
    if (!arriving) throw new Error('content without a method');
    if (type === FrameType.HEADER) {
      // Kept longer than this call: the chunk it is a view of is not.
      arriving.header = Buffer.from(bytes.subarray(start + 12, end));
      arriving.bodyBytes = Number(bytes.readBigUInt64BE(start + 4));
      arriving.missingBytes = arriving.bodyBytes;
    } else {
      arriving.parts.push(Buffer.from(bytes.subarray(start, end)));
      arriving.missingBytes -= end - start;
    }
    if (arriving.missingBytes > 0) return;
    this.#arrived(arriving.method);
    this.#arriving = null;
  }

  #method(method: Method): void {
    switch (method.name) {
      case 'basic.deliver':
      case 'basic.return':
      case 'basic.get-ok':
        this.#arriving = { method, header: null, bodyBytes: 0, parts: [], missingBytes: 0 };
        return;
      case 'basic.ack':
        return this.#confirmed(method.args.deliveryTag, method.args.multiple, true);
      case 'basic.nack':
        return this.#confirmed(method.args.deliveryTag, method.args.multiple, false);
      case 'basic.cancel':
        return this.#cancelledByPeer(method.args);
      case 'channel.flow':
        this.#connection.writer.method(this.number, 'channel.flow-ok', { active: method.args.active });
        return;
      case 'channel.close':
        this.#connection.writer.method(this.number, 'channel.close-ok', {});
        return this.ended(new ClientClosed(method.args.replyCode, method.args.replyText));
      default:
        return this.#answered(method);
    }
  }

  #answered(method: Method): void {
    const call = this.#calls[0];
    if (!call?.answer.includes(method.name)) throw new Error(`unexpected ${method.name}`);
    this.#calls.shift();
    call.resolve(method);
  }

  #arrived(method: Method): void {
    if (method.name === 'basic.deliver')
      this.#consumers.get(method.args.consumerTag)?.deliver(this.#deliveryOf(method.args));
    else if (method.name === 'basic.return') {
      const { replyCode, replyText, exchange, routingKey } = method.args;
      this.onReturned({ ...this.#content(), exchange, routingKey, replyCode, replyText });
    } else this.#answered(method);
  }

  #deliveryOf({
    deliveryTag,
    redelivered,
    exchange,
    routingKey,
  }: Omit<MethodArguments<'basic.deliver'>, 'consumerTag'>): Delivery {
    return { ...this.#content(), deliveryTag, redelivered, exchange, routingKey };
  }

  #content(): { body: Buffer; properties: () => BasicProperties } {
    const { parts, header } = this.#arriving!;
    const body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    return { body, properties: () => decodeProperties(header!, 0, header!.length) };
  }

  #confirmed(tag: number, multiple: boolean, ok: boolean): void {
    if (!multiple) {
      this.#confirmedAhead.add(tag);
      this.onConfirmed(tag, tag, ok);
    } else this.#confirmedToTag(tag, ok);
    while (this.#confirmedAhead.delete(this.#confirmedUpTo + 1)) this.#confirmedUpTo++;
  }

  /** Every number up to the tag that was not confirmed singly before. */
  #confirmedToTag(tag: number, ok: boolean): void {
    let from = this.#confirmedUpTo + 1;
    for (let number = from; number <= tag; number++) {
      if (!this.#confirmedAhead.delete(number)) continue;
      if (number > from) this.onConfirmed(from, number - 1, ok);
      from = number + 1;
    }
    if (tag >= from) this.onConfirmed(from, tag, ok);
    this.#confirmedUpTo = Math.max(this.#confirmedUpTo, tag);
  }

  #cancelledByPeer({ consumerTag, noWait }: MethodArguments<'basic.cancel'>): void {
    const consumer = this.#consumers.get(consumerTag);
    this.#consumers.delete(consumerTag);
    if (!noWait) this.#connection.writer.method(this.number, 'basic.cancel-ok', { consumerTag });
    consumer?.cancelled?.();
  }

  /** The channel is over, by itself or with its connection. */
  ended(reason: ClientClosed): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#forget();
    for (const call of this.#calls.splice(0)) call.reject(reason);
    this.onClosed(reason);
  }
}
