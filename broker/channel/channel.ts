// A channel: dispatches methods to the classes, owns what was delivered and not acknowledged, the confirms,
// the consumers and the publish under way (R14). Frames on it are handled in order; while it is closing
// everything but close-ok is dropped.
import { decodeMethod, methods, type Method } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Message } from '../vhost/message.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import { BasicClass } from './basic-class.ts';
import type { ChannelConsumer } from './channel-consumer.ts';
import { NodeTotals, type ChannelHost } from './channel-host.ts';
import { Confirms } from './confirms.ts';
import { ExchangeClass } from './exchange-class.ts';
import { Publishing } from './publishing.ts';
import { QueueClass } from './queue-class.ts';
import { Transaction } from './transaction.ts';
import { UnackedRing, type Unacked } from './unacked-ring.ts';

const basicPublish = 60 * 65536 + 40;
const basicAck = 60 * 65536 + 80;

export class Channel {
  readonly number: number;
  readonly host: ChannelHost;
  readonly counters = new NodeTotals();
  readonly unacked = new UnackedRing();
  readonly consumers = new Map<string, ChannelConsumer>();
  readonly publishing: Publishing;
  confirms: Confirms | null = null;
  transaction: Transaction | null = null;
  /** Of consumers to come (basic.qos with global false), 0 for no limit. */
  prefetch = 0;
  /** Of the channel as a whole (basic.qos with global true), 0 for no limit. */
  globalPrefetch = 0;
  /** Unacknowledged deliveries to consumers, which the global limit counts; basic.get's are not. */
  consumerUnacked = 0;
  /** The address of this channel's direct replies, where it takes any. */
  replyAddress: string | null = null;
  replyConsumerTag: Buffer | null = null;
  closing = false;
  closed = false;
  lastQueue = '';
  readonly #starved = new Set<ChannelConsumer>();
  readonly #basic: BasicClass;
  readonly #queue: QueueClass;
  readonly #exchange: ExchangeClass;

  constructor(number: number, host: ChannelHost) {
    this.number = number;
    this.host = host;
    this.publishing = new Publishing(host.services.limits.messageBytesMax, host);
    this.#basic = new BasicClass(this);
    this.#queue = new QueueClass(this);
    this.#exchange = new ExchangeClass(this);
  }

  get name(): string {
    return `${this.host.name} (${this.number})`;
  }

  // ---- Frames ----

  /** A method frame. Throws ChannelError or ConnectionError. */
  method(bytes: Buffer, start: number, end: number): void {
    const id = bytes.readUInt32BE(start);
    if (this.closing) return this.#whileClosing(bytes, start, end);
    if (this.publishing.pending) this.publishing.checkNotPending();
    if (id === basicPublish) return this.publishing.method(bytes, start + 4, end);
    if (id === basicAck && end - start === 13) {
      const tag = bytes.readUInt32BE(start + 4) * 0x1_0000_0000 + bytes.readUInt32BE(start + 8);
      return this.#basic.acknowledge(tag, (bytes[start + 12]! & 1) !== 0);
    }
    this.#dispatch(decodeMethod(bytes, start, end));
  }

  header(bytes: Buffer, start: number, end: number): void {
    if (!this.closing && this.publishing.header(bytes, start, end)) this.#basic.publish();
  }

  body(bytes: Buffer, start: number, end: number): void {
    if (this.closing || !this.publishing.body(bytes, start, end)) return;
    this.#basic.publish();
    this.publishing.giveRoomBack();
  }

  #whileClosing(bytes: Buffer, start: number, end: number): void {
    const { name } = decodeMethod(bytes, start, end);
    if (name === 'channel.close-ok') this.#finish();
    else if (name === 'channel.close') this.host.writer.method(this.number, 'channel.close-ok', {});
    else if (name === 'channel.open') throw secondOpen();
  }

  #dispatch(method: Method): void {
    try {
      this.#handle(method);
    } catch (error) {
      if (error instanceof ChannelError || error instanceof ConnectionError) stampMethod(error, method);
      throw error;
    }
  }

  #handle(method: Method): void {
    const { host } = this;
    switch (method.name) {
      case 'channel.open':
        throw secondOpen();
      case 'channel.close':
        this.release();
        host.writer.method(this.number, 'channel.close-ok', {});
        return this.#finish();
      case 'channel.flow':
        if (!method.args.active) throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, 'active=false');
        return host.writer.method(this.number, 'channel.flow-ok', { active: true });
      case 'access.request':
        return host.writer.method(this.number, 'access.request-ok', { ticket: 1 });
      case 'confirm.select':
        return this.#selectConfirms(method.args.noWait);
      case 'tx.select':
        if (this.confirms)
          throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'cannot switch from confirm to tx mode');
        this.transaction ??= new Transaction(this, this.#basic);
        return host.writer.method(this.number, 'tx.select-ok', {});
      case 'tx.commit':
        return this.#transactional().commit();
      case 'tx.rollback':
        return this.#transactional().rollback();
      default:
        if (this.#exchange.handle(method) || this.#queue.handle(method) || this.#basic.handle(method)) return;
        throw new ConnectionError(ReplyCode.COMMAND_INVALID, 'unimplemented method');
    }
  }

  #selectConfirms(noWait: boolean): void {
    if (this.transaction)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'cannot switch from tx to confirm mode');
    const { writer, services } = this.host;
    this.confirms ??= new Confirms(this.number, writer, services.journal, services.endOfTick, (count) => {
      this.counters.confirm += count;
      services.totals.confirm += count;
    });
    if (!noWait) writer.method(this.number, 'confirm.select-ok', {});
  }

  #transactional(): Transaction {
    if (!this.transaction)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'channel is not transactional');
    return this.transaction;
  }

  // ---- Deliveries ----

  mayDeliver(consumer: ChannelConsumer): boolean {
    if (this.closing) return false;
    if (!this.host.mayDeliver) {
      this.host.wakeLater(consumer);
      return false;
    }
    if (consumer.noAck) return true;
    if (consumer.prefetch > 0 && consumer.unacked >= consumer.prefetch) return false;
    return this.globalPrefetch === 0 || this.consumerUnacked < this.globalPrefetch;
  }

  deliver(consumer: ChannelConsumer, entry: QueueEntry): void {
    const { message } = entry;
    const { totals } = this.host.services;
    let tag: number;
    if (consumer.noAck) {
      tag = this.unacked.add(null);
      this.counters.deliverNoAck++;
      totals.deliverNoAck++;
    } else {
      consumer.unacked++;
      this.consumerUnacked++;
      tag = this.unacked.add({ queue: consumer.queue, entry, consumer });
      this.counters.deliver++;
      totals.deliver++;
    }
    if (entry.redelivered) {
      this.counters.redeliver++;
      totals.redeliver++;
    }
    this.#writeDelivery(consumer.tagBytes, tag, entry.redelivered, message);
  }

  /** A direct reply: no queue, no acknowledgement, and nowhere to wait. */
  reply(message: Message): void {
    if (this.closing || !this.replyConsumerTag || this.host.overfull) return;
    this.counters.deliverNoAck++;
    this.host.services.totals.deliverNoAck++;
    // The next tag is shown and not used up, as in RabbitMQ: there is nothing to acknowledge.
    this.#writeDelivery(this.replyConsumerTag, this.unacked.nextTag, false, message);
  }

  #writeDelivery(tagBytes: Buffer, tag: number, redelivered: boolean, message: Message): void {
    this.host.writer.deliver(
      this.number,
      tagBytes,
      tag,
      redelivered,
      message.exchange,
      message.routingKey,
      message.bytes,
      message.start,
      message.propertiesSize,
      message.bodySize,
    );
  }

  /** Credit comes back with every settled delivery; who starved for it is woken by the caller. */
  settled(unacked: Unacked): void {
    if (!unacked.consumer) return;
    unacked.consumer.unacked--;
    this.consumerUnacked--;
  }

  /** Wakes the queues of those consumers that could not take before and now can. */
  wakeStarved(): void {
    for (const consumer of this.#starved) {
      if (!this.mayDeliver(consumer)) continue;
      this.#starved.delete(consumer);
      consumer.queue.wake(consumer);
    }
  }

  /** Its queue had something for it when it could not take. */
  starves(consumer: ChannelConsumer): void {
    this.#starved.add(consumer);
  }

  /** It is no consumer of this channel any more. */
  forget(consumer: ChannelConsumer): void {
    this.consumers.delete(consumer.tag);
    this.#starved.delete(consumer);
  }

  /** The server took a consumer away: its queue is gone (R19). */
  consumerCancelled(consumer: ChannelConsumer): void {
    this.forget(consumer);
    if (this.host.cancelNotify && !this.closing)
      this.host.writer.method(this.number, 'basic.cancel', { consumerTag: consumer.tag, noWait: true });
  }

  // ---- The end ----

  /** Tells the client why its channel ends; everything it held is let go at once. */
  fail(error: ChannelError): void {
    this.release();
    this.closing = true;
    this.host.writer.method(this.number, 'channel.close', {
      replyCode: error.replyCode,
      replyText: error.message,
      classId: error.classId,
      methodId: error.methodId,
    });
  }

  /** Lets go of consumers and of everything unacknowledged, which goes back to its queues in order. */
  release(): void {
    if (this.closing) return;
    this.closing = true;
    this.publishing.reset();
    this.confirms?.close();
    this.transaction?.discard();
    if (this.replyAddress !== null) this.host.services.replies.close(this.replyAddress);
    // Back before others get what comes after it: this channel takes no more.
    this.requeueUpTo(0);
    for (const consumer of this.consumers.values()) consumer.queue.removeConsumer(consumer);
    this.consumers.clear();
    this.#starved.clear();
  }

  /** Of what is unacknowledged, all up to this tag (0: all) goes back to its queues, to each at once. */
  requeueUpTo(tag: number): void {
    for (const [queue, entries] of this.#takeUpTo(tag)) queue.requeue(entries);
  }

  rejectUpTo(tag: number): void {
    for (const [queue, entries] of this.#takeUpTo(tag)) queue.reject(entries);
  }

  #takeUpTo(tag: number): Map<Queue, QueueEntry[]> {
    const taken = new Map<Queue, QueueEntry[]>();
    this.unacked.takeUpTo(tag, (unacked) => {
      const { queue, entry } = unacked;
      this.settled(unacked);
      const entries = taken.get(queue);
      if (entries) entries.push(entry);
      else taken.set(queue, [entry]);
    });
    return taken;
  }

  #finish(): void {
    this.closed = true;
    this.host.channelClosed(this.number);
  }
}

function secondOpen(): ConnectionError {
  return new ConnectionError(
    ReplyCode.CHANNEL_ERROR,
    "second 'channel.open' seen",
    ...methods['channel.open'].id,
  );
}

function stampMethod(error: ChannelError | ConnectionError, method: Method): void {
  if (error.classId !== 0) return;
  [error.classId, error.methodId] = methods[method.name].id;
}
