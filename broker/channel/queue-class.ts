// The queue class [AMQP 1.7]. An empty queue name means the last one declared on this channel.
import { randomBytes } from 'node:crypto';
import type { Method, MethodArguments } from '../amqp/methods.ts';
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Channel } from './channel.ts';
import { replyQueue } from './direct-replies.ts';
import { stripLines } from './exchange-class.ts';
import { requireBinding, requirePermission, requireQueueDeclaration } from './permissions.ts';

export class QueueClass {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** False when the method is not of this class. */
  handle(method: Method): boolean {
    switch (method.name) {
      case 'queue.declare':
        if (method.args.passive) this.#passive(method.args);
        else this.#declare(method.args);
        return true;
      case 'queue.bind':
        this.#bind('queue.bind', method.args, method.args.noWait);
        return true;
      case 'queue.unbind':
        this.#bind('queue.unbind', method.args, false);
        return true;
      case 'queue.purge':
        this.#purge(method.args);
        return true;
      case 'queue.delete':
        this.#delete(method.args);
        return true;
      default:
        return false;
    }
  }

  #declare(args: MethodArguments<'queue.declare'>): void {
    const { host } = this.#channel;
    const given = stripLines(args.queue);
    if (given === replyQueue || given.startsWith(`${replyQueue}.`))
      return this.#declareReplies(given, args.noWait);
    host.vhost.refuseReservedName('queue', given);
    const name = given === '' ? `amq.gen-${randomBytes(16).toString('base64url')}` : given;
    requireQueueDeclaration(host, name, args.arguments);
    const { queue, promised } = host.vhost.declareQueue(
      {
        name,
        durable: args.durable,
        exclusive: args.exclusive,
        autoDelete: args.autoDelete,
        arguments: args.arguments,
      },
      host,
    );
    this.#channel.lastQueue = name;
    host.waitFor(promised, () => {
      if (!args.noWait) this.#declared(queue);
    });
  }

  #passive(args: MethodArguments<'queue.declare'>): void {
    const { host } = this.#channel;
    const name = stripLines(args.queue);
    if (name.startsWith(replyQueue)) return this.#declareReplies(name, args.noWait);
    const queue = host.vhost.queue(name);
    host.vhost.checkOwner(queue, host);
    this.#channel.lastQueue = name;
    queue.lastUsedAt = host.services.clock.now();
    if (!args.noWait) this.#declared(queue);
  }

  /** Asking whether there is somebody to reply to. Throws ChannelError 404 when there is not. */
  #declareReplies(name: string, noWait: boolean): void {
    const { host, number } = this.#channel;
    if (name !== replyQueue && !host.services.replies.has(name)) host.vhost.queue(name);
    this.#channel.lastQueue = name;
    if (!noWait)
      host.writer.method(number, 'queue.declare-ok', { queue: name, messageCount: 0, consumerCount: 1 });
  }

  #declared(queue: Queue): void {
    const { host, number } = this.#channel;
    host.writer.method(number, 'queue.declare-ok', {
      queue: queue.name,
      messageCount: queue.readyCount,
      consumerCount: queue.consumers.count,
    });
  }

  #bind(
    name: 'queue.bind' | 'queue.unbind',
    args: Omit<MethodArguments<'queue.bind'>, 'noWait'>,
    noWait: boolean,
  ): void {
    const { host, number } = this.#channel;
    const queue = stripLines(this.nameOf(args.queue));
    // The queue was left out as well as the key: both are those of the last declaration [AMQP 1.7.2.3].
    const routingKey = args.queue === '' && args.routingKey === '' ? queue : args.routingKey;
    const request = {
      source: stripLines(args.exchange),
      destination: queue,
      destinationType: 'queue' as const,
      routingKey,
      arguments: args.arguments,
    };
    requireBinding(host, request);
    const promised =
      name === 'queue.bind' ? host.vhost.bind(request, host) : host.vhost.unbind(request, host);
    host.waitFor(promised, () => {
      if (!noWait) host.writer.method(number, `${name}-ok`, {});
    });
  }

  #purge(args: MethodArguments<'queue.purge'>): void {
    const { host, number } = this.#channel;
    const name = this.nameOf(args.queue);
    requirePermission(host, 'read', 'queue', name);
    const queue = host.vhost.queue(name);
    host.vhost.checkOwner(queue, host);
    const { messages: messageCount, released } = queue.purge();
    host.waitFor(released, () => {
      if (!args.noWait) host.writer.method(number, 'queue.purge-ok', { messageCount });
    });
  }

  #delete(args: MethodArguments<'queue.delete'>): void {
    const { host, number } = this.#channel;
    const name = stripLines(this.nameOf(args.queue));
    requirePermission(host, 'configure', 'queue', name);
    const queue = host.vhost.queues.get(name);
    let messageCount = 0;
    let promised: Promise<void> | undefined;
    if (queue) {
      host.vhost.checkOwner(queue, host);
      ({ messages: messageCount, promised } = host.vhost.deleteQueue(queue, args.ifUnused, args.ifEmpty));
    }
    host.waitFor(promised, () => {
      if (!args.noWait) host.writer.method(number, 'queue.delete-ok', { messageCount });
    });
  }

  /** The queue meant. Throws ChannelError 404 when none was declared on this channel. */
  nameOf(given: string): string {
    return queueNameOf(this.#channel, given);
  }
}

/** Throws ChannelError 404 when the name is empty and no queue was declared on this channel. */
export function queueNameOf(channel: Channel, given: string): string {
  if (given !== '') return given;
  if (channel.lastQueue !== '') return channel.lastQueue;
  throw new ChannelError(ReplyCode.NOT_FOUND, 'no previously declared queue');
}
