// The basic class [AMQP 1.8]: publishing, consuming, getting, and settling deliveries.
import { randomBytes } from 'node:crypto';
import type { Method, MethodArguments } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Exchange } from '../vhost/exchange/exchange.ts';
import { Message } from '../vhost/message.ts';
import { checkConsumerArguments } from '../vhost/queue/queue-arguments.ts';
import type { Channel } from './channel.ts';
import { ChannelConsumer } from './channel-consumer.ts';
import { replyQueue, withReplyTo } from './direct-replies.ts';
import { requirePermission, requireTopicPermission } from './permissions.ts';
import { queueNameOf } from './queue-class.ts';
import type { Unacked } from './unacked-ring.ts';

export interface PublishRequest {
  exchange: Exchange;
  message: Message;
  mandatory: boolean;
}

export type Settlement = { kind: 'ack' | 'requeue' | 'reject'; tag: number; multiple: boolean };

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
        this.#settle({ kind: requeue ? 'requeue' : 'reject', tag: deliveryTag, multiple }, 120);
        return true;
      }
      case 'basic.reject': {
        const { deliveryTag, requeue } = method.args;
        this.#settle({ kind: requeue ? 'requeue' : 'reject', tag: deliveryTag, multiple: false }, 90);
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
    publishing.checkAccepted();
    const exchange = this.#target(publishing.exchange);
    const message = new Message(
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
    if (publishing.immediate) throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, 'immediate=true', 60, 40);
    if (message.expiration !== null || message.userId !== null || message.replyTo !== null)
      this.#check(message);
    counters.publish++;
    host.services.totals.publish++;
    const request = { exchange, message, mandatory: publishing.mandatory };
    if (transaction) transaction.publish(request);
    else this.route(request);
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

  #check(message: Message): void {
    const { host, replyAddress } = this.#channel;
    const { user } = host;
    if (message.userId !== null && message.userId !== user.name && !user.tags.includes('impersonator'))
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `user_id property set to '${message.userId}' but authenticated user was '${user.name}'`,
      );
    if (Number.isNaN(message.expirationMs))
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `invalid expiration '${message.expiration}': ${expirationProblem(message.expiration!)}`,
      );
    if (message.replyTo === replyQueue && replyAddress === null)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, 'fast reply consumer does not exist');
  }

  /** Routes one message: return before confirm (R29). */
  route({ exchange, message, mandatory }: PublishRequest): void {
    const { host, number, confirms, counters, replyAddress } = this.#channel;
    const sent =
      message.replyTo === replyQueue && replyAddress !== null ? withReplyTo(message, replyAddress) : message;
    const outcome = host.vhost.publish(exchange, sent);
    if (outcome.routed === 0 && !outcome.refused) {
      const { totals } = host.services;
      if (mandatory) {
        counters.returnUnroutable++;
        totals.returnUnroutable++;
        host.writer.method(number, 'basic.return', {
          replyCode: ReplyCode.NO_ROUTE,
          replyText: 'NO_ROUTE',
          exchange: message.exchange,
          routingKey: message.routingKey,
        });
        host.writer.content(number, message.bytes, message.start, message.propertiesSize, message.bodySize);
      } else {
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
    else channel.prefetch = args.prefetchCount;
    channel.host.writer.method(channel.number, 'basic.qos-ok', {});
    if (args.global) channel.wakeStarved();
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
    queue.wake();
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
    if (channel.consumers.has(given) || channel.replyConsumerTag?.toString('utf8', 1) === given)
      throw new ConnectionError(ReplyCode.NOT_ALLOWED, `attempt to reuse consumer tag '${given}'`);
    return given;
  }

  #cancel(args: MethodArguments<'basic.cancel'>): void {
    const channel = this.#channel;
    const { host, number } = channel;
    const consumer = channel.consumers.get(args.consumerTag);
    if (consumer) {
      channel.consumers.delete(args.consumerTag);
      consumer.queue.removeConsumer(consumer);
    } else if (channel.replyConsumerTag?.toString('utf8', 1) === args.consumerTag) {
      host.services.replies.close(channel.replyAddress!);
      channel.replyAddress = null;
      channel.replyConsumerTag = null;
    }
    if (!args.noWait) host.writer.method(number, 'basic.cancel-ok', { consumerTag: args.consumerTag });
  }

  #get(args: MethodArguments<'basic.get'>): void {
    const channel = this.#channel;
    const { host, number, counters } = channel;
    const name = queueNameOf(channel, args.queue);
    requirePermission(host, 'read', 'queue', name);
    const queue = host.vhost.queue(name);
    host.vhost.checkOwner(queue, host);
    const entry = queue.get(args.noAck);
    if (!entry) return host.writer.method(number, 'basic.get-empty', { reserved1: '' });
    const { totals } = host.services;
    const kind = args.noAck ? 'getNoAck' : 'get';
    counters[kind]++;
    totals[kind]++;
    if (entry.redelivered) {
      counters.redeliver++;
      totals.redeliver++;
    }
    const { message } = entry;
    host.writer.method(number, 'basic.get-ok', {
      deliveryTag: channel.unacked.add(args.noAck ? null : { queue, entry, consumer: null }),
      redelivered: entry.redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      messageCount: queue.readyCount,
    });
    host.writer.content(number, message.bytes, message.start, message.propertiesSize, message.bodySize);
  }

  // ---- Settling ----

  acknowledge(tag: number, multiple: boolean): void {
    this.#settle({ kind: 'ack', tag, multiple }, 80);
  }

  /** Throws ChannelError 406 for a tag that is not outstanding. */
  #settle(settlement: Settlement, methodId: number): void {
    const channel = this.#channel;
    const { unacked, transaction } = channel;
    const { tag, multiple } = settlement;
    // Zero with `multiple` means all, and is no error when there are none.
    if (!(multiple && (tag === 0 || unacked.hasUpTo(tag))) && !unacked.has(tag))
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, `unknown delivery tag ${tag}`, 60, methodId);
    if (transaction)
      transaction.settle(multiple && tag === 0 ? { ...settlement, tag: unacked.nextTag - 1 } : settlement);
    else this.apply(settlement);
  }

  apply({ kind, tag, multiple }: Settlement): void {
    const channel = this.#channel;
    const settleOne = (unacked: Unacked) => {
      channel.settled(unacked);
      if (kind === 'ack') {
        channel.counters.ack++;
        channel.host.services.totals.ack++;
        unacked.queue.acknowledge(unacked.entry);
      } else if (kind === 'requeue') unacked.queue.requeue(unacked.entry);
      else unacked.queue.reject(unacked.entry);
    };
    if (multiple) channel.unacked.takeUpTo(tag, settleOne);
    else {
      const unacked = channel.unacked.take(tag);
      if (unacked) settleOne(unacked);
    }
    channel.wakeStarved();
  }

  #recover(requeue: boolean, answer: boolean): void {
    const channel = this.#channel;
    if (!requeue) throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, 'requeue=false');
    if (answer) channel.host.writer.method(channel.number, 'basic.recover-ok', {});
    channel.unacked.takeUpTo(0, (unacked) => {
      channel.settled(unacked);
      unacked.queue.requeue(unacked.entry);
    });
    channel.wakeStarved();
  }
}

function expirationProblem(text: string): string {
  const [, number, rest] = /^([+-]?[0-9]+)(.*)$/s.exec(text) ?? [];
  if (number === undefined) return 'no_integer';
  if (rest !== '') return `{leftover_string,${JSON.stringify(rest)}}`;
  return `{${number.startsWith('-') ? 'value_negative' : 'value_too_large'},${BigInt(number)}}`;
}
