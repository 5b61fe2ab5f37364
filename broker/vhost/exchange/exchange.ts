// An exchange: a lookup table of bindings. Each type keeps the table that makes its own routing cheap;
// Routing walks from exchange to exchange and collects each queue once.
import type { FieldTable } from '../../amqp/field-table.ts';
import { stringOf } from '../../amqp/field-table.ts';
import type { Arguments } from '../../contract/rows.ts';
import type { Message } from '../message.ts';
import type { Queue } from '../queue/queue.ts';

export interface Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
  /** Identity among all bindings of the virtual host. */
  readonly key: string;
  /** Where its table has it in a list (binding-list.ts). */
  place: number;
}

export type Destination = Queue | Exchange;

export interface ExchangeDeclaration {
  name: string;
  type: string;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  arguments: FieldTable;
}

/** How a type finds the destinations of a message; tables change only through add and remove. */
export interface RoutingTable {
  add(binding: Binding): void;
  remove(binding: Binding): void;
  /** Calls `routing.reach` for each destination; the same one may be reached twice. */
  route(message: Message, routingKey: string, routing: Routing): void;
}

export class ExchangeCounters {
  publishIn = 0;
  publishOut = 0;
  unrouted = 0;
}

export class Exchange {
  readonly kind = 'exchange';
  readonly vhostName: string;
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
  readonly table: RoutingTable;
  readonly counters = new ExchangeCounters();
  readonly bindings = new Set<Binding>();
  /** Bindings of which this exchange is the destination. */
  readonly incoming = new Set<Binding>();
  policyName: string | null = null;
  alternateExchange: string | null;
  routeStamp = 0;

  constructor(vhostName: string, declaration: ExchangeDeclaration, table: RoutingTable) {
    this.vhostName = vhostName;
    this.name = declaration.name;
    this.type = declaration.type;
    this.durable = declaration.durable;
    this.autoDelete = declaration.autoDelete;
    this.internal = declaration.internal;
    this.arguments = declaration.arguments;
    this.table = table;
    this.alternateExchange = stringOf(this.arguments.get('alternate-exchange'));
  }

  get resource(): string {
    return `exchange '${this.name}' in vhost '${this.vhostName}'`;
  }

  applyPolicies(name: string | null, policy: Arguments): void {
    this.policyName = name;
    const own = stringOf(this.arguments.get('alternate-exchange'));
    const given = policy['alternate-exchange'];
    this.alternateExchange = own ?? (typeof given === 'string' ? given : null);
  }
}

/** Stamps tell walks apart: all walks over the same exchanges and queues draw from one source. */
export interface RouteStamps {
  last: number;
}

/** The walk of one message: reused for every message, so it allocates nothing once warm. */
export class Routing {
  /** The queues found; the first `count` are valid. */
  readonly queues: Queue[] = [];
  count = 0;
  #stamp = 0;
  readonly #stamps: RouteStamps;
  /** Whether the exchange under way matched anything. */
  #matched = false;
  readonly #pending: Exchange[] = [];
  readonly #exchangeNamed: (name: string) => Exchange | undefined;

  constructor(exchangeNamed: (name: string) => Exchange | undefined, stamps: RouteStamps) {
    this.#exchangeNamed = exchangeNamed;
    this.#stamps = stamps;
  }

  /** Starts over. */
  reset(): void {
    this.count = 0;
    this.#stamp = ++this.#stamps.last;
  }

  /**
   * Follows the message from an exchange through bindings and alternates, whatever the cycles. `moreKeys` are
   * those of the CC and BCC headers: each exchange sees all keys, as in RabbitMQ.
   */
  walk(exchange: Exchange, message: Message, moreKeys: string[] | null): void {
    this.reachExchange(exchange);
    let next: Exchange | undefined;
    while ((next = this.#pending.pop())) {
      this.#matched = false;
      next.counters.publishIn++;
      next.table.route(message, message.routingKey, this);
      if (moreKeys) for (const key of moreKeys) next.table.route(message, key, this);
      if (this.#matched) next.counters.publishOut++;
      else if (next.alternateExchange !== null) this.#followAlternate(next.alternateExchange);
    }
  }

  reach(destination: Destination): void {
    if (destination.kind === 'queue') this.reachQueue(destination);
    else this.reachExchange(destination);
  }

  reachQueue(queue: Queue): void {
    this.#matched = true;
    if (queue.routeStamp === this.#stamp) return;
    queue.routeStamp = this.#stamp;
    this.queues[this.count++] = queue;
  }

  reachExchange(exchange: Exchange): void {
    this.#matched = true;
    if (exchange.routeStamp === this.#stamp) return;
    exchange.routeStamp = this.#stamp;
    this.#pending.push(exchange);
  }

  #followAlternate(name: string): void {
    // The default exchange routes by queue names only where it is published to.
    const alternate = name === '' ? undefined : this.#exchangeNamed(name);
    if (alternate) this.reachExchange(alternate);
  }
}
