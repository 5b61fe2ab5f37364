// The basic class [AMQP 1.8]: publishing, consuming, getting, and settling deliveries.
import { randomBytes } from 'node:crypto';
import type { Method, MethodArguments } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Exchange } from '../vhost/exchange/exchange.ts';
import { Message } from '../vhost/message.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { PublishOutcome } from '../vhost/vhost.ts';
import { checkConsumerArguments } from '../vhost/queue/queue-arguments.ts';
import type { Channel } from './channel.ts';
import { ChannelConsumer } from './channel-consumer.ts';
import { replyQueue, withReplyTo } from './direct-replies.ts';
import { checkProperties, requirePermission, requireTopicPermission } from './permissions.ts';
import { queueNameOf } from './queue-class.ts';
import type { Unacked } from './unacked-ring.ts';

/** How a delivery is settled. */
export type Settling = 'ack' | 'requeue' | 'reject';

export class BasicClass {
  readonly #channel: Channel;
  /** The exchange last published to, checked and allowed; looked up again when anything was declared. */
  #exchange: Exchange | null = null;
  #exchangeRevision = -1;
  #accessRevision = -1;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** False when the method is not of this class. */
  handle(method: Method): boolean {
    switch (method.name) {
      case 'basic.qos':
        this.#qos(method.args);
        return true;
      case 'basic.consume':
        this.#consume(method.args);
        return true;
      case 'basic.cancel':
        this.#cancel(method.args);
        return true;
      case 'basic.get':
        this.#get(method.args);
        return true;
      case 'basic.ack':
        this.acknowledge(method.args.deliveryTag, method.args.multiple);
        return true;
      case 'basic.nack': {
        const { deliveryTag, multiple, requeue } = method.args;
        this.#settle(requeue ? 'requeue' : 'reject', deliveryTag, multiple, 120);
        return true;
      }
      case 'basic.reject': {
        const { deliveryTag, requeue } = method.args;
        this.#settle(requeue ? 'requeue' : 'reject', deliveryTag, false, 90);
        return true;
      }
      case 'basic.recover':
      case 'basic.recover-async':
        this.#recover(method.args.requeue, method.name === 'basic.recover');
        return true;
      default:
        return false;
    }
  }

  // ---- Publishing ----

  /** The content under way is complete. Throws ChannelError, or ConnectionError for damaged properties. */
  publish(): void {
    try {
      this.#publish();
    } catch (error) {
      if ((error instanceof ChannelError || error instanceof ConnectionError) && error.classId === 0) {
        error.classId = 60;
        error.methodId = 40;
      }
      throw error;
    }
  }

  #publish(): void {
    const { publishing, transaction, host, counters } = this.#channel;
    if (publishing.immediate) throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, 'immediate=true', 60, 40);
    publishing.checkAccepted();
    const exchange = this.#target(publishing.exchange);
    let message = new Message(
      exchange.name,
      publishing.routingKey,
      publishing.take(),
      0,
      publishing.propertiesSize,
      publishing.bodySize,
      host.receivedAt,
    );
    if (exchange.type === 'topic')
      requireTopicPermission(host, 'write', exchange.name, publishing.routingKey);
    if (message.replyTo === replyQueue) message = this.#withReplyAddress(message);
    if (message.expiration !== null || message.userId !== null) checkProperties(host.user, message);
    counters.publish++;
    host.services.totals.publish++;
    const { mandatory } = publishing;
    if (transaction) transaction.publish({ routed: host.vhost.route(exchange, message), mandatory });
    else this.published(host.vhost.publish(exchange, message), mandatory);
  }

  /** Throws ChannelError 406 where the channel takes no replies. */
  #withReplyAddress(message: Message): Message {
    const { replyAddress } = this.#channel;
    if (replyAddress === null)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'fast reply consumer does not exist');
    return withReplyTo(message, replyAddress);
  }

  /** Throws ChannelError 404, 403. */
  #target(name: string): Exchange {
    const { host } = this.#channel;
    const { vhost } = host;
    const { access } = host.services;
    if (
      this.#exchange?.name === name &&
      this.#exchangeRevision === vhost.revision &&
      this.#accessRevision === access.revision
    )
      return this.#exchange;
    requirePermission(host, 'write', 'exchange', name);
    const exchange = vhost.exchange(name);
    if (exchange.internal)
      throw new ChannelError(ReplyCode.ACCESS_REFUSED, `cannot publish to internal ${exchange.resource}`);
    this.#exchange = exchange;
    this.#exchangeRevision = vhost.revision;
    this.#accessRevision = access.revision;
    return exchange;
  }

  /** After routing: return before confirm (R29). Direct replies are returned too, as RabbitMQ says they are. */
  published(outcome: PublishOutcome, mandatory: boolean): void {
    const { host, number, confirms, counters } = this.#channel;
    if (outcome.routed === 0 && !outcome.refused) {
      const { totals } = host.services;
      if (mandatory) {
        const message = outcome.message!;
        counters.returnUnroutable++;
        totals.returnUnroutable++;
        host.writer.method(number, 'basic.return', {
          replyCode: ReplyCode.NO_ROUTE,
          replyText: 'NO_ROUTE',
          exchange: message.exchange,
          routingKey: message.routingKey,
        });
        host.writer.content(number, message.bytes, message.start, message.propertiesSize, message.bodySize);
      } else if (!outcome.replied) {
        counters.dropUnroutable++;
        totals.dropUnroutable++;
      }
    }
    if (!confirms) return;
    if (outcome.refused) confirms.refused();
    else confirms.published(outcome.journalPosition);
  }

  // ---- Consuming ----

  #qos(args: MethodArguments<'basic.qos'>): void {
    const channel = this.#channel;
    if (args.prefetchSize !== 0)
      throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, `prefetch_size!=0 (${args.prefetchSize})`);
    if (args.global) channel.globalPrefetch = args.prefetchCount;
    else {
      // RabbitMQ's one setting takes the other away.
      channel.prefetch = args.prefetchCount;
      channel.globalPrefetch = 0;
    }
    channel.host.writer.method(channel.number, 'basic.qos-ok', {});
    channel.wakeStarved();
  }

  #consume(args: MethodArguments<'basic.consume'>): void {
    const channel = this.#channel;
    const { host, number } = channel;
    const name = queueNameOf(channel, args.queue);
    if (name === replyQueue) return this.#consumeReplies(args);
    requirePermission(host, 'read', 'queue', name);
    const tag = this.#newTag(args.consumerTag);
    const queue = host.vhost.queue(name);
    host.vhost.checkOwner(queue, host);
    checkConsumerArguments(args.arguments, queue.type, queue.resource);
    const { consumersPerChannelMax } = host.services.limits;
    if (channel.consumers.size >= consumersPerChannelMax)
      throw new ConnectionError(
        ReplyCode.NOT_ALLOWED,
        `reached maximum (${consumersPerChannelMax}) of consumers per channel`,
      );
    const consumer = new ChannelConsumer(channel, queue, {
      tag,
      noAck: args.noAck,
      exclusive: args.exclusive,
      arguments: args.arguments,
      prefetch: channel.prefetch,
    });
    queue.addConsumer(consumer);
    channel.consumers.set(tag, consumer);
    if (!args.noWait) host.writer.method(number, 'basic.consume-ok', { consumerTag: tag });
    queue.deliver();
  }

  #consumeReplies(args: MethodArguments<'basic.consume'>): void {
    const channel = this.#channel;
    const { host, number } = channel;
    if (!args.noAck)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'reply consumer cannot acknowledge');
    if (channel.replyAddress !== null)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'reply consumer already set');
    const tag = this.#newTag(args.consumerTag);
    channel.replyAddress = host.services.replies.open(channel);
    const text = Buffer.from(tag);
    channel.replyConsumerTag = Buffer.concat([Buffer.of(text.length), text]);
    if (!args.noWait) host.writer.method(number, 'basic.consume-ok', { consumerTag: tag });
  }

  /** Throws ConnectionError 530 for one that is in use. */
  #newTag(given: string): string {
    const channel = this.#channel;
    if (given === '') return `amq.ctag-${randomBytes(16).toString('base64url')}`;
    if (channel.consumers.has(given))
      throw new ConnectionError(ReplyCode.NOT_ALLOWED, `attempt to reuse consumer tag '${given}'`);
    return given;
  }

  #cancel(args: MethodArguments<'basic.cancel'>): void {
    const channel = this.#channel;
    const { host, number } = channel;
    if (!args.noWait) host.writer.method(number, 'basic.cancel-ok', { consumerTag: args.consumerTag });
    if (channel.replyConsumerTag?.toString('utf8', 1) === args.consumerTag) {
      host.services.replies.close(channel.replyAddress!);
      channel.replyAddress = null;
      channel.replyConsumerTag = null;
      return;
    }
    const consumer = channel.consumers.get(args.consumerTag);
    if (!consumer) return;
    channel.forget(consumer);
    consumer.queue.removeConsumer(consumer);
  }

  #get(args: MethodArguments<'basic.get'>): void {
    const channel = this.#channel;
    const { host } = channel;
    const name = queueNameOf(channel, args.queue);
    requirePermission(host, 'read', 'queue', name);
    const queue = host.vhost.queue(name);
    host.vhost.checkOwner(queue, host);
    this.#getFrom(queue, args.noAck);
  }

  #getFrom(queue: Queue, noAck: boolean): void {
    const channel = this.#channel;
    const { host, number, counters } = channel;
    const { totals } = host.services;
    const entry = queue.get(noAck);
    // Whether there is a message is not known before those are gone that nobody is to get any more.
    if (!entry && queue.settling) return host.waitFor(queue.settling, () => this.#getFrom(queue, noAck));
    if (!entry) {
      counters.getEmpty++;
      totals.getEmpty++;
      return host.writer.method(number, 'basic.get-empty', { reserved1: '' });
    }
    const kind = noAck ? 'getNoAck' : 'get';
    counters[kind]++;
    totals[kind]++;
    if (entry.redelivered) {
      counters.redeliver++;
      totals.redeliver++;
    }
    const { message } = entry;
    host.writer.method(number, 'basic.get-ok', {
      deliveryTag: channel.unacked.add(noAck ? null : { queue, entry, consumer: null }),
      redelivered: entry.redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      messageCount: queue.readyCount,
    });
    host.writer.content(number, message.bytes, message.start, message.propertiesSize, message.bodySize);
  }

  // ---- Settling ----

  acknowledge(tag: number, multiple: boolean): void {
    this.#settle('ack', tag, multiple, 80);
  }

  /** Throws ChannelError 406 for a tag that is not outstanding; zero with `multiple` means all there are. */
  #settle(how: Settling, tag: number, multiple: boolean, methodId: number): void {
    const channel = this.#channel;
    const { unacked, transaction } = channel;
    if (!unacked.has(tag) && !(multiple && tag === 0))
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, `unknown delivery tag ${tag}`, 60, methodId);
    if (transaction) return transaction.settle(how, tag, multiple);
    if (!multiple) this.settled(how, unacked.take(tag)!);
    else if (how === 'requeue') channel.requeueUpTo(tag);
    else if (how === 'reject') channel.rejectUpTo(tag);
    else unacked.takeUpTo(tag, (each) => this.settled(how, each));
    channel.wakeStarved();
  }

  /** What was taken out of the unacknowledged goes its way; who starved for credit is woken by the caller. */
  settled(how: Settling, unacked: Unacked): void {
    const channel = this.#channel;
    channel.settled(unacked);
    if (how === 'ack') {
      channel.counters.ack++;
      channel.host.services.totals.ack++;
      unacked.queue.acknowledge(unacked.entry);
    } else if (how === 'requeue') unacked.queue.requeue([unacked.entry]);
    else unacked.queue.reject([unacked.entry]);
  }

  #recover(requeue: boolean, answer: boolean): void {
    const channel = this.#channel;
    if (!requeue) throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, 'requeue=false');
    if (answer) channel.host.writer.method(channel.number, 'basic.recover-ok', {});
    channel.requeueUpTo(0);
    channel.wakeStarved();
  }
}
