// The exchange class [AMQP 1.6] and RabbitMQ's exchange-to-exchange bindings.
import { stringOf } from '../amqp/field-table.ts';
import type { Method, MethodArguments } from '../amqp/methods.ts';
import type { Channel } from './channel.ts';
import { requirePermission, requireTopicPermission } from './permissions.ts';

export class ExchangeClass {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** False when the method is not of this class. */
  handle(method: Method): boolean {
    switch (method.name) {
      case 'exchange.declare':
        this.#declare(method.args);
        return true;
      case 'exchange.delete':
        this.#delete(method.args);
        return true;
      case 'exchange.bind':
      case 'exchange.unbind':
        this.#bind(method.name, method.args);
        return true;
      default:
        return false;
    }
  }

  #declare(args: MethodArguments<'exchange.declare'>): void {
    const { host } = this.#channel;
    const name = stripLines(args.exchange);
    if (args.passive) {
      host.vhost.refuseDefaultExchange(name);
      host.vhost.exchange(name);
      return this.#answer(undefined, args.noWait, 'exchange.declare-ok');
    }
    host.vhost.checkExchangeType(args.type);
    host.vhost.refuseDefaultExchange(name);
    requirePermission(host, 'configure', 'exchange', name);
    const alternate = stringOf(args.arguments.get('alternate-exchange'));
    if (alternate !== null && !host.vhost.exchanges.has(name)) {
      requirePermission(host, 'read', 'exchange', name);
      requirePermission(host, 'write', 'exchange', alternate);
    }
    const { type, durable, autoDelete, internal } = args;
    const promised = host.vhost.declareExchange({
      name,
      type,
      durable,
      autoDelete,
      internal,
      arguments: args.arguments,
    });
    this.#answer(promised, args.noWait, 'exchange.declare-ok');
  }

  #delete(args: MethodArguments<'exchange.delete'>): void {
    const { host } = this.#channel;
    const name = stripLines(args.exchange);
    host.vhost.refuseSystemExchange(name);
    requirePermission(host, 'configure', 'exchange', name);
    this.#answer(host.vhost.deleteExchange(name, args.ifUnused), args.noWait, 'exchange.delete-ok');
  }

  #bind(name: 'exchange.bind' | 'exchange.unbind', args: MethodArguments<'exchange.bind'>): void {
    const { host } = this.#channel;
    const { vhost } = host;
    const source = stripLines(args.source);
    const destination = stripLines(args.destination);
    requirePermission(host, 'write', 'exchange', destination);
    vhost.refuseDefaultExchange(destination);
    vhost.refuseDefaultExchange(source);
    requirePermission(host, 'read', 'exchange', source);
    if (vhost.exchanges.get(source)?.type === 'topic')
      requireTopicPermission(host, 'read', source, args.routingKey);
    const request = {
      source,
      destination,
      destinationType: 'exchange' as const,
      routingKey: args.routingKey,
      arguments: args.arguments,
    };
    const promised = name === 'exchange.bind' ? vhost.bind(request, host) : vhost.unbind(request, host);
    this.#answer(promised, args.noWait, `${name}-ok`);
  }

  #answer(
    promised: Promise<void> | undefined,
    noWait: boolean,
    answer: 'exchange.declare-ok' | 'exchange.delete-ok' | 'exchange.bind-ok' | 'exchange.unbind-ok',
  ): void {
    const { host, number } = this.#channel;
    host.waitFor(promised, () => {
      if (!noWait) host.writer.method(number, answer, {});
    });
  }
}

/** RabbitMQ takes line ends out of names. */
export function stripLines(name: string): string {
  return name.includes('\n') || name.includes('\r') ? name.replace(/[\r\n]/g, '') : name;
}
