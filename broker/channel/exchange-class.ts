// The exchange class [AMQP 1.6] and RabbitMQ's exchange-to-exchange bindings.
import type { Method, MethodArguments } from '../amqp/methods.ts';
import type { Channel } from './channel.ts';
import { requireBinding, requireExchangeDeclaration, requirePermission } from './permissions.ts';

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
    requireExchangeDeclaration(host, name, args.arguments);
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
    const request = {
      source: stripLines(args.source),
      destination: stripLines(args.destination),
      destinationType: 'exchange' as const,
      routingKey: args.routingKey,
      arguments: args.arguments,
    };
    requireBinding(host, request);
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
