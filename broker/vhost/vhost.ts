// A virtual host: exchanges, queues and bindings by name, and the way of a message between them (R15). It owns
// the three tables; a change is made in memory at once and promised when the definition sink has it.
import {
  decodeTable,
  emptyTable,
  encodeTable,
  stringOf,
  typeNameOf,
  type FieldTable,
} from '../amqp/field-table.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Clock } from '../base/clock.ts';
import { inTurn, type LongWork, type Turns } from '../base/turns.ts';
import type { QueueType } from '../contract/rows.ts';
import { removalOf } from '../definitions/definition-key.ts';
import {
  StoreFault,
  type Definition,
  type DefinitionChange,
  type DefinitionRemoval,
  type DefinitionSink,
} from '../definitions/definitions-store.ts';
import { shapeOf } from '../definitions/reconcile.ts';
import type { Journal } from '../journal/journal.ts';
import { Blackholes } from './blackholes.ts';
import { deadLetterOf, hasDiedEnough, isCycle } from './dead-letter.ts';
import { exchangeTypes, newRoutingTable } from './exchange/exchange-types.ts';
import {
  Exchange,
  Routing,
  type Binding,
  type Destination,
  type ExchangeDeclaration,
  type RoutingTable,
} from './exchange/exchange.ts';
import { matchModes } from './exchange/headers.ts';
import { copyKeys, withoutBcc } from './copy-keys.ts';
import type { Message } from './message.ts';
import { recordHead } from './message-record.ts';
import type { Pager } from './paging/pager.ts';
import { ParameterSet, type Parameter } from './parameters.ts';
import { checkPolicyDefinition } from './policy-check.ts';
import { PolicySet, type Policy } from './policy.ts';
import {
  checkArguments,
  checkEquivalent,
  compare,
  compareArgument,
  queueTypeOf,
} from './queue/queue-arguments.ts';
import type { QueueEntry } from './queue/queue-entry.ts';
import { merged } from './queue/queue-settings.ts';
import { Queue, type DeathReason, type QueueHost, type QueueOwner } from './queue/queue.ts';

export interface VhostServices {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly definitions: DefinitionSink;
  readonly pager: Pager;
  readonly turns: Turns;
  /** The next journal holder number of this node. */
  nextQueueId(): number;
  /** Whether this node stands by, see QueueHost. */
  standsBy(): boolean;
}

export interface VhostMetadata {
  description: string;
  tags: string[];
  tracing: boolean;
}

/** Reused for every publish: read it before the next. */
export interface PublishOutcome {
  /** As the queues got it, without BCC. */
  message: Message | null;
  /** Queues that took the message. */
  routed: number;
  /** It was a direct reply, and somebody took it. */
  replied: boolean;
  /** A queue refused it (overflow reject-publish): the publisher gets a nack. */
  refused: boolean;
  /** Log position to be safe before the confirm, 0 when there is nothing to wait for. */
  journalPosition: number;
}

/** A message with the queues it was routed to, for a publish that comes later. */
export interface RoutedMessage {
  readonly exchange: Exchange;
  readonly message: Message;
  readonly queues: readonly Queue[];
}

export interface QueueRequest {
  name: string;
  durable: boolean;
  exclusive: boolean;
  autoDelete: boolean;
  arguments: FieldTable;
}

export interface BindingRequest {
  source: string;
  destination: string;
  destinationType: 'queue' | 'exchange';
  routingKey: string;
  arguments: FieldTable;
}

/** Delivers a direct reply (amq.rabbitmq.reply-to.*); false when nobody is there. */
export type ReplyRouter = (message: Message) => boolean;

/** Resolves when the change is promised; absent when nothing had to be stored. */
export type Promised = Promise<void> | undefined;

/** Queues and exchanges that a policy is applied to between two looks at the time. */
const policiesPerStep = 8;

const replyPrefix = 'amq.rabbitmq.reply-to.';

const predeclared: readonly (readonly [string, string, boolean])[] = [
  ['', 'direct', false],
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
  ['amq.topic', 'topic', false],
];

export class Vhost implements QueueHost {
  readonly name: string;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly pager: Pager;
  readonly turns: Turns;
  readonly exchanges = new Map<string, Exchange>();
  readonly queues = new Map<string, Queue>();
  readonly bindings = new Map<string, Binding>();
  readonly policies = new PolicySet();
  readonly parameters = new ParameterSet();
  readonly blackholes: Blackholes;
  readonly counters = { publish: 0, queuesDeclared: 0, queuesCreated: 0, queuesDeleted: 0 };
  metadata: VhostMetadata = { description: '', tags: [], tracing: false };
  /** Grows with every declaration, binding and deletion. */
  revision = 0;
  replyRouter: ReplyRouter | null = null;
  readonly #services: VhostServices;
  readonly #routing: Routing;
  /** Of dead letters, which are routed while a publish is being distributed. */
  readonly #letterRouting: Routing;
  readonly #outcome: PublishOutcome = {
    message: null,
    routed: 0,
    replied: false,
    refused: false,
    journalPosition: 0,
  };
  readonly #holders: number[] = [];
  /** Who makes the change under way: the peer's are not sent back to it. */
  #origin: 'local' | 'peer' = 'local';

  constructor(name: string, services: VhostServices) {
    this.name = name;
    this.clock = services.clock;
    this.journal = services.journal;
    this.pager = services.pager;
    this.turns = services.turns;
    this.#services = services;
    this.blackholes = new Blackholes(name);
    const stamps = { last: 0 };
    this.#routing = new Routing((exchange) => this.exchanges.get(exchange), stamps);
    this.#letterRouting = new Routing((exchange) => this.exchanges.get(exchange), stamps);
    for (const [exchange, type, internal] of predeclared) {
      const table = exchange === '' ? this.#defaultTable() : newRoutingTable(type)!;
      const declaration = { name: exchange, type, durable: true, autoDelete: false, internal };
      this.exchanges.set(exchange, new Exchange(name, { ...declaration, arguments: new Map() }, table));
    }
  }

  // ---- The way of a message ----

  /** Routes a message and puts it into its queues. The outcome is valid until the next call. */
  publish(exchange: Exchange, message: Message): PublishOutcome {
    this.counters.publish++;
    const kept = this.#walk(exchange, message);
    const { queues, count } = this.#routing;
    const outcome = this.#newOutcome(kept);
    if (count === 0) this.#unrouted(exchange, message, outcome);
    // Dead letters that queues hand on meanwhile have a walk of their own: nobody else changes this one's result.
    else this.#distribute(kept, queues, count, outcome);
    return outcome;
  }

  /** Only routes: a transaction's publish goes where it would have gone at once (publishRouted). */
  route(exchange: Exchange, message: Message): RoutedMessage {
    const kept = this.#walk(exchange, message);
    return { exchange, message: kept, queues: this.#routing.queues.slice(0, this.#routing.count) };
  }

  publishRouted({ exchange, message, queues }: RoutedMessage): PublishOutcome {
    this.counters.publish++;
    const outcome = this.#newOutcome(message);
    const targets = queues.filter((queue) => !queue.deleted);
    if (targets.length === 0) this.#unrouted(exchange, message, outcome);
    else this.#distribute(message, targets, targets.length, outcome);
    return outcome;
  }

  #newOutcome(message: Message): PublishOutcome {
    const outcome = this.#outcome;
    outcome.message = message;
    outcome.routed = 0;
    outcome.replied = false;
    outcome.refused = false;
    outcome.journalPosition = 0;
    return outcome;
  }

  /** Leaves the queues in #routing; answers the message as they get it. */
  #walk(exchange: Exchange, message: Message): Message {
    const routing = this.#routing;
    routing.reset();
    let kept = message;
    let moreKeys: string[] | null = null;
    if (message.hasHeaders) {
      moreKeys = copyKeys(message);
      if (moreKeys) kept = withoutBcc(message);
    }
    routing.walk(exchange, message, moreKeys);
    return kept;
  }

  /** `targets` is used up. */
  #distribute(message: Message, targets: Queue[], count: number, outcome: PublishOutcome): void {
    const holders = this.#holders;
    let accepted = 0;
    let held = 0;
    for (let i = 0; i < count; i++) {
      const queue = targets[i]!;
      if (queue.refuses(message)) {
        outcome.refused = true;
        continue;
      }
      targets[accepted++] = queue;
      if (message.persistent && queue.durable) holders[held++] = queue.id;
    }
    if (held > 0) {
      const size = message.propertiesSize + message.bodySize;
      message.recordId = this.journal.append(
        holders,
        held,
        recordHead(message),
        message.bytes,
        message.start,
        size,
      );
      outcome.journalPosition = this.journal.appendedPosition;
    }
    for (let i = 0; i < accepted; i++) targets[i]!.enqueue(message);
    outcome.routed = accepted;
  }

  #unrouted(exchange: Exchange, message: Message, outcome: PublishOutcome): void {
    if (exchange.name === '' && message.routingKey.startsWith(replyPrefix)) {
      outcome.replied = this.replyRouter?.(message) ?? false;
      if (outcome.replied) return;
    }
    exchange.counters.unrouted++;
    this.blackholes.note(exchange.name, message.routingKey, message.receivedAt);
  }

  deadLetter(queue: Queue, entry: QueueEntry, reason: DeathReason): number {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.settings;
    if (deadLetterExchange === null || hasDiedEnough(entry.message)) return 0;
    const exchange = this.exchanges.get(deadLetterExchange);
    if (!exchange) return 0;
    const letter = deadLetterOf(
      entry.message,
      queue.name,
      reason,
      deadLetterExchange,
      deadLetterRoutingKey,
      this.clock.now(),
    );
    const routing = this.#letterRouting;
    routing.reset();
    routing.walk(exchange, letter, copyKeys(letter));
    const targets = routing.queues
      .slice(0, routing.count)
      .filter((target) => !isCycle(letter, target.name, reason) && !target.refuses(letter));
    this.#keep(letter, targets);
    // Taken before the targets hand on what is too much for them.
    const after = letter.recordId > 0 ? this.journal.appendedPosition : 0;
    for (const target of targets) target.enqueue(letter);
    return after;
  }

  #keep(message: Message, targets: Queue[]): void {
    if (!message.persistent) return;
    const holders = targets.filter((target) => target.durable).map((target) => target.id);
    if (holders.length === 0) return;
    const size = message.propertiesSize + message.bodySize;
    message.recordId = this.journal.append(
      holders,
      holders.length,
      recordHead(message),
      message.bytes,
      message.start,
      size,
    );
  }

  get expiresQueues(): boolean {
    return !this.#services.standsBy();
  }

  queueUnused(queue: Queue): void {
    if (!queue.deleted) void this.removeQueue(queue);
  }

  // ---- Exchanges ----

  /** Throws ChannelError 404 naming an exchange that does not exist (R22). */
  exchange(name: string): Exchange {
    const found = this.exchanges.get(name);
    if (!found) throw new ChannelError(ReplyCode.NOT_FOUND, `no ${this.exchangeResource(name)}`);
    return found;
  }

  exchangeResource(name: string): string {
    return `exchange '${name}' in vhost '${this.name}'`;
  }

  queueResource(name: string): string {
    return `queue '${name}' in vhost '${this.name}'`;
  }

  /** Throws ConnectionError 503 for an unknown type, ChannelError 403 or 406. */
  declareExchange(request: ExchangeDeclaration): Promised {
    const resource = this.exchangeResource(request.name);
    this.checkExchangeType(request.type);
    this.refuseDefaultExchange(request.name);
    const current = this.exchanges.get(request.name);
    if (current) {
      compare('type', request.type, current.type, resource);
      compare('durable', request.durable, current.durable, resource);
      compare('auto_delete', request.autoDelete, current.autoDelete, resource);
      compare('internal', request.internal, current.internal, resource);
      const name = 'alternate-exchange';
      compareArgument(name, request.arguments.get(name), current.arguments.get(name), resource);
      return this.#unkept.get(resource);
    }
    this.refuseReservedName('exchange', request.name);
    const alternate = request.arguments.get('alternate-exchange');
    if (alternate && alternate.type !== 'S')
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `invalid type '${typeNameOf(alternate)}' for arg 'alternate-exchange' in ${resource}`,
      );
    const exchange = this.#addExchange(request, newRoutingTable(request.type)!);
    if (!exchange.durable) return undefined;
    return this.#keepNew(resource, this.#exchangeDefinition(exchange), () => this.#removeExchange(exchange));
  }

  /** Throws ChannelError 403 or 406; a missing exchange is no error. */
  deleteExchange(name: string, ifUnused: boolean): Promised {
    this.refuseSystemExchange(name);
    const exchange = this.exchanges.get(name);
    if (!exchange) return undefined;
    if (ifUnused && exchange.bindings.size > 0)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, `${exchange.resource} in use`);
    return this.#removeExchange(exchange);
  }

  /** Throws ConnectionError 503, as RabbitMQ 3.10 does. */
  checkExchangeType(type: string): void {
    if (!exchangeTypes.includes(type))
      throw new ConnectionError(ReplyCode.COMMAND_INVALID, `unknown exchange type '${type}'`);
  }

  /** Throws ChannelError 403. */
  refuseDefaultExchange(name: string): void {
    if (name === '')
      throw new ChannelError(ReplyCode.ACCESS_REFUSED, 'operation not permitted on the default exchange');
  }

  /** Throws ChannelError 403 where the exchange is not the client's to delete, whether it exists or not. */
  refuseSystemExchange(name: string): void {
    this.refuseDefaultExchange(name);
    if (name.startsWith('amq.'))
      throw new ChannelError(
        ReplyCode.ACCESS_REFUSED,
        `deletion of system ${this.exchangeResource(name)} not allowed`,
      );
  }

  #addExchange(declaration: ExchangeDeclaration, table: RoutingTable): Exchange {
    const exchange = new Exchange(this.name, declaration, table);
    this.exchanges.set(exchange.name, exchange);
    this.#applyExchangePolicy(exchange);
    this.revision++;
    return exchange;
  }

  #removeExchange(exchange: Exchange): Promised {
    const removals: DefinitionRemoval[] = [];
    this.#takeOutExchange(exchange, removals);
    return this.#removeAll(removals);
  }

  /** In memory, with its bindings; what is to be removed from the store is added to `removals`. */
  #takeOutExchange(exchange: Exchange, removals: DefinitionRemoval[]): void {
    if (this.exchanges.get(exchange.name) !== exchange) return;
    this.exchanges.delete(exchange.name);
    this.revision++;
    for (const binding of [...exchange.bindings, ...exchange.incoming]) this.#takeOut(binding, removals);
    if (exchange.durable) removals.push(removalOf(this.#exchangeDefinition(exchange)));
  }

  // ---- Queues ----

  /** Throws ChannelError 404, with RabbitMQ's own text for the empty name (R22). */
  queue(name: string): Queue {
    const found = this.queues.get(name);
    if (!found) throw new ChannelError(ReplyCode.NOT_FOUND, `no ${this.queueResource(name)}`);
    return found;
  }

  /** Throws ChannelError 405 when another connection owns it. */
  checkOwner(queue: Queue, owner: QueueOwner | null): void {
    if (queue.exclusive && queue.owner !== owner) throw this.#locked(queue.name);
  }

  #locked(name: string): ChannelError {
    return new ChannelError(
      ReplyCode.RESOURCE_LOCKED,
      `cannot obtain exclusive access to locked ${this.queueResource(name)}. It could be originally declared ` +
        'on another connection or the exclusive property value does not match that of the original declaration.',
    );
  }

  /** Throws ChannelError 403: the names of the server's own queues are not for clients to give. */
  refuseReservedName(kind: 'queue' | 'exchange', name: string): void {
    if (name.startsWith('amq.'))
      throw new ChannelError(
        ReplyCode.ACCESS_REFUSED,
        `${kind} name '${name}' contains reserved prefix 'amq.*'`,
      );
  }

  /** Throws ChannelError 405 or 406. */
  declareQueue(request: QueueRequest, owner: QueueOwner | null): { queue: Queue; promised: Promised } {
    const resource = this.queueResource(request.name);
    this.counters.queuesDeclared++;
    const type = queueTypeOf(request.arguments, resource);
    const current = this.queues.get(request.name);
    if (current) {
      if (current.exclusive !== request.exclusive || (current.exclusive && current.owner !== owner))
        throw this.#locked(request.name);
      const durable = current.exclusive ? current.durable : request.durable;
      checkEquivalent(current, { ...request, durable }, resource);
      current.lastUsedAt = this.clock.now();
      return { queue: current, promised: this.#unkept.get(resource) };
    }
    this.#checkQueueLimit(request.name);
    checkArguments(request.arguments, type, resource);
    this.#checkType(type, request, resource);
    const durable = request.durable && !request.exclusive;
    const id = durable ? this.#services.nextQueueId() : 0;
    const queue = this.#addQueue({ ...request, durable, id, type, owner: request.exclusive ? owner : null });
    if (!durable) return { queue, promised: undefined };
    const takeBack = () => this.removeQueue(queue);
    return { queue, promised: this.#keepNew(resource, this.#queueDefinition(queue), takeBack) };
  }

  #checkQueueLimit(queue: string): void {
    const limit = this.parameters.limit('max-queues');
    if (this.queues.size >= limit)
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `cannot declare queue '${queue}': queue limit in vhost '${this.name}' (${limit}) is reached`,
      );
  }

  #checkType(type: QueueType, request: QueueRequest, resource: string): void {
    if (type === 'classic') return;
    if (type === 'stream')
      throw new ConnectionError(ReplyCode.NOT_IMPLEMENTED, "queues of type 'stream' are not available yet");
    const refuse = (property: string, value: boolean) => {
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `invalid property '${property}' for ${resource}: ${value}`,
      );
    };
    if (!request.durable) refuse('non-durable', true);
    if (request.exclusive) refuse('exclusive-owner', true);
    if (request.autoDelete) refuse('auto-delete', true);
  }

  /** Throws ChannelError 406 when it is in use or not empty and that was asked about. Answers the ready count. */
  deleteQueue(queue: Queue, ifUnused: boolean, ifEmpty: boolean): { messages: number; promised: Promised } {
    if (ifUnused && queue.consumers.count > 0)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, `${queue.resource} in use`);
    if (ifEmpty && queue.readyCount > 0)
      throw new ChannelError(ReplyCode.PRECONDITION_FAILED, `${queue.resource} not empty`);
    const messages = queue.readyCount;
    return { messages, promised: this.removeQueue(queue) };
  }

  /** Removes a queue with its bindings, whatever its state; settles when its messages are let go of as well. */
  removeQueue(queue: Queue): Promised {
    if (this.queues.get(queue.name) !== queue) return undefined;
    this.queues.delete(queue.name);
    this.revision++;
    this.counters.queuesDeleted++;
    const removals: DefinitionRemoval[] = [];
    for (const binding of this.bindingsTo(queue)) this.#takeOut(binding, removals);
    if (queue.durable) removals.push(removalOf(this.#queueDefinition(queue)));
    if (queue.owner) this.#disown(queue.owner, queue);
    return all([this.#removeAll(removals), this.turns.run(queue.close())]);
  }

  #addQueue(declaration: ConstructorParameters<typeof Queue>[1]): Queue {
    const queue = new Queue(this, declaration);
    this.queues.set(queue.name, queue);
    if (queue.owner) this.#own(queue.owner, queue);
    this.#applyQueuePolicy(queue);
    this.counters.queuesCreated++;
    this.revision++;
    return queue;
  }

  /** The exclusive queues of each connection that has any. */
  readonly #owned = new Map<QueueOwner, Set<Queue>>();

  #own(owner: QueueOwner, queue: Queue): void {
    const queues = this.#owned.get(owner);
    if (queues) queues.add(queue);
    else this.#owned.set(owner, new Set([queue]));
  }

  #disown(owner: QueueOwner, queue: Queue): void {
    const queues = this.#owned.get(owner);
    queues?.delete(queue);
    if (queues?.size === 0) this.#owned.delete(owner);
  }

  /** A connection ended: its exclusive queues go with it. */
  connectionClosed(owner: QueueOwner): void {
    for (const queue of this.#owned.get(owner) ?? []) void this.removeQueue(queue);
  }

  // ---- Bindings ----

  *bindingsTo(destination: Destination): Generator<Binding> {
    if (destination.kind === 'exchange') yield* destination.incoming;
    else yield* this.#bindingsOfQueue.get(destination) ?? [];
  }

  readonly #bindingsOfQueue = new Map<Queue, Set<Binding>>();

  /** Throws ChannelError 403 for the default exchange, 404 for missing ends, 406 for a bad x-match. */
  bind(request: BindingRequest, owner: QueueOwner | null): Promised {
    const { source, destination } = this.#ends(request, owner);
    this.#checkMatchMode(source, request.arguments);
    const key = bindingKey(request);
    if (this.bindings.has(key)) return this.#unkept.get(key);
    const { routingKey, arguments: args } = request;
    const binding: Binding = { source, destination, routingKey, arguments: args, key, place: 0 };
    this.#attach(binding);
    if (!isStored(binding)) return undefined;
    const takeBack = () => (this.bindings.get(key) === binding ? this.#detach(binding) : undefined);
    return this.#keepNew(key, this.#bindingDefinition(binding), takeBack);
  }

  /** Throws ChannelError 403, or 405 for another's queue; what is missing, an end or the binding, is no error. */
  unbind(request: BindingRequest, owner: QueueOwner | null): Promised {
    this.#refuseDefault(request);
    const binding = this.bindings.get(bindingKey(request));
    if (!binding) return undefined;
    if (binding.destination.kind === 'queue') this.checkOwner(binding.destination, owner);
    return this.#detach(binding);
  }

  #ends(request: BindingRequest, owner: QueueOwner | null): { source: Exchange; destination: Destination } {
    this.#refuseDefault(request);
    // Where both are missing, the source is the one that is named.
    const source = this.exchange(request.source);
    const destination =
      request.destinationType === 'queue'
        ? this.queue(request.destination)
        : this.exchange(request.destination);
    if (destination.kind === 'queue') this.checkOwner(destination, owner);
    return { source, destination };
  }

  #refuseDefault({ source, destination, destinationType }: BindingRequest): void {
    this.refuseDefaultExchange(source);
    if (destinationType === 'exchange') this.refuseDefaultExchange(destination);
  }

  #checkMatchMode(source: Exchange, args: FieldTable): void {
    const mode = args.get('x-match');
    if (source.type !== 'headers' || mode === undefined) return;
    const text = stringOf(mode);
    if (text !== null && (matchModes as readonly string[]).includes(text)) return;
    throw new ChannelError(
      ReplyCode.PRECONDITION_FAILED,
      text === null
        ? `Invalid x-match field type ${typeNameOf(mode)} (value ${String(mode.value)}); expected longstr`
        : `Invalid x-match field value <<"${text}">>; expected all, any, all-with-x, or any-with-x`,
    );
  }

  #attach(binding: Binding): void {
    this.bindings.set(binding.key, binding);
    binding.source.bindings.add(binding);
    binding.source.table.add(binding);
    if (binding.destination.kind === 'exchange') binding.destination.incoming.add(binding);
    else {
      let set = this.#bindingsOfQueue.get(binding.destination);
      if (!set) this.#bindingsOfQueue.set(binding.destination, (set = new Set()));
      set.add(binding);
    }
    this.revision++;
  }

  /** Removes a binding, and its source with the last one where that is auto-delete. */
  #detach(binding: Binding): Promised {
    const removals: DefinitionRemoval[] = [];
    this.#takeOut(binding, removals);
    return this.#removeAll(removals);
  }

  #takeOut(binding: Binding, removals: DefinitionRemoval[]): void {
    if (!this.bindings.delete(binding.key)) return;
    const { source, destination } = binding;
    source.bindings.delete(binding);
    source.table.remove(binding);
    if (destination.kind === 'exchange') destination.incoming.delete(binding);
    else {
      const set = this.#bindingsOfQueue.get(destination);
      set?.delete(binding);
      if (set?.size === 0) this.#bindingsOfQueue.delete(destination);
    }
    this.revision++;
    if (isStored(binding)) removals.push(removalOf(this.#bindingDefinition(binding)));
    if (source.autoDelete && source.bindings.size === 0) this.#takeOutExchange(source, removals);
  }

  // ---- Policies ----

  /** Throws SyntaxError for an impossible pattern, PolicyError for the rest. Applies to what exists at once. */
  putPolicy(policy: Policy): Promise<void> {
    checkPolicyDefinition(policy.definition, policy.operator);
    this.policies.put(policy);
    const applied = this.#applyPolicies();
    return Promise.all([applied, this.#put({ kind: 'policy', body: policy })]).then(() => undefined);
  }

  removePolicy(name: string, operator: boolean): Promised {
    const policy = this.policies.get(name, operator);
    if (!policy) return undefined;
    this.policies.remove(name, operator);
    const applied = this.#applyPolicies();
    return all([applied, this.#remove({ kind: 'policy', body: policy })]);
  }

  #applyPolicies(): Promised {
    return this.turns.run(this.#applyToAll());
  }

  /** Each as the policies are when its turn comes. */
  *#applyToAll(): LongWork {
    let applied = 0;
    for (const queue of this.queues.values()) {
      this.#applyQueuePolicy(queue);
      if (++applied % policiesPerStep === 0) yield;
    }
    for (const exchange of this.exchanges.values()) {
      this.#applyExchangePolicy(exchange);
      if (++applied % policiesPerStep === 0) yield;
    }
  }

  #applyQueuePolicy(queue: Queue): void {
    const policy = this.policies.matching('queues', queue.name, false);
    const operator = this.policies.matching('queues', queue.name, true);
    queue.operatorPolicyName = operator?.name ?? null;
    queue.policyDefinition = merged(policy?.definition ?? {}, operator?.definition ?? {});
    queue.applyPolicies(policy?.name ?? null, policy?.definition, operator?.definition);
  }

  #applyExchangePolicy(exchange: Exchange): void {
    const policy = this.policies.matching('exchanges', exchange.name, false);
    exchange.applyPolicies(policy?.name ?? null, policy?.definition ?? {});
  }

  // ---- Parameters ----

  putParameter(parameter: Parameter): Promise<void> {
    this.parameters.put(parameter);
    return this.#put({ kind: 'parameter', body: { vhost: this.name, ...parameter } });
  }

  removeParameter(component: string, name: string): Promised {
    const parameter = this.parameters.get(component, name);
    if (!parameter) return undefined;
    this.parameters.remove(component, name);
    return this.#remove({ kind: 'parameter', body: { vhost: this.name, ...parameter } });
  }

  // ---- Definitions from the store or the peer ----

  /** Makes what a stored definition says, without storing it again. Unknown ends of a binding are skipped: false. */
  restore(definition: Definition): boolean {
    const { kind, body } = definition;
    if (kind === 'exchange') {
      if (this.exchanges.has(body.name)) return true;
      const table = newRoutingTable(body.type);
      if (!table) return false;
      this.#addExchange({ ...body, durable: true, arguments: tableOf(body.arguments) }, table);
    } else if (kind === 'queue') {
      if (this.queues.has(body.name)) return true;
      const args = tableOf(body.arguments);
      const type = queueTypeOf(args, this.queueResource(body.name));
      const { name, id, autoDelete } = body;
      this.#addQueue({
        name,
        id,
        type,
        durable: true,
        exclusive: false,
        autoDelete,
        arguments: args,
        owner: null,
      });
    } else if (kind === 'binding') {
      const source = this.exchanges.get(body.source);
      const destination = (body.destinationType === 'queue' ? this.queues : this.exchanges).get(
        body.destination,
      );
      if (!source || !destination) return false;
      const args = tableOf(body.arguments);
      const key = bindingKey({ ...body, arguments: args });
      if (!this.bindings.has(key))
        this.#attach({ source, destination, routingKey: body.routingKey, arguments: args, key, place: 0 });
    } else if (kind === 'policy') {
      this.policies.put(body);
      void this.#applyPolicies();
    } else if (kind === 'parameter') {
      const { component, name, value } = body;
      this.parameters.put({ component, name, value });
    }
    return true;
  }

  /** Whether a queue or exchange of that name is here that is not what the definition says. */
  contradicts(definition: Definition): boolean {
    const { kind, body } = definition;
    if (kind === 'exchange') {
      const exchange = this.exchanges.get(body.name);
      if (!exchange) return false;
      return !exchange.durable || shapeOf(this.#exchangeDefinition(exchange)) !== shapeOf(definition);
    }
    if (kind !== 'queue') return false;
    const queue = this.queues.get(body.name);
    if (!queue) return false;
    return !queue.durable || shapeOf(this.#queueDefinition(queue)) !== shapeOf(definition);
  }

  /** Takes back what the peer removed; `names` as in the definition's key, without the virtual host. */
  forget(kind: Definition['kind'], names: string[]): void {
    this.#origin = 'peer';
    try {
      this.#forget(kind, names);
    } finally {
      this.#origin = 'local';
    }
  }

  #forget(kind: Definition['kind'], names: string[]): void {
    if (kind === 'exchange') {
      const exchange = this.exchanges.get(names[0]!);
      if (exchange) void this.#removeExchange(exchange);
    } else if (kind === 'queue') {
      const queue = this.queues.get(names[0]!);
      if (queue) void this.removeQueue(queue);
    } else if (kind === 'binding') {
      const [source, destinationType, destination, routingKey, args] = names as [
        string,
        'queue' | 'exchange',
        string,
        string,
        string,
      ];
      const key = bindingKey({ source, destinationType, destination, routingKey, arguments: tableOf(args) });
      const binding = this.bindings.get(key);
      if (binding) void this.#detach(binding);
    } else if (kind === 'policy') {
      // The key holds [vhost, operator, name]; JSON kept the boolean.
      this.policies.remove(names[1]!, Boolean(names[0]));
      void this.#applyPolicies();
    } else if (kind === 'parameter') this.parameters.remove(names[0]!, names[1]!);
  }

  /** The stored definitions of this virtual host, as they are now. */
  *definitions(): Generator<Definition> {
    for (const exchange of this.exchanges.values())
      if (exchange.durable && exchange.name !== '' && !exchange.name.startsWith('amq.'))
        yield this.#exchangeDefinition(exchange);
    for (const queue of this.queues.values()) if (queue.durable) yield this.#queueDefinition(queue);
    for (const binding of this.bindings.values())
      if (isStored(binding)) yield this.#bindingDefinition(binding);
    for (const policy of this.policies.all) yield { kind: 'policy', body: policy };
    for (const parameter of this.parameters.all)
      yield { kind: 'parameter', body: { vhost: this.name, ...parameter } };
  }

  /** Ends every queue: the virtual host is deleted. Settles when all their messages are let go of. */
  close(): Promised {
    const rest = [...this.queues.values()].map((queue) => queue.close());
    this.queues.clear();
    return this.turns.run(inTurn(rest));
  }

  #exchangeDefinition(exchange: Exchange): Definition {
    const { name, type, autoDelete, internal } = exchange;
    const args = textOf(exchange.arguments);
    return {
      kind: 'exchange',
      body: { vhost: this.name, name, type, autoDelete, internal, arguments: args },
    };
  }

  #queueDefinition(queue: Queue): Definition {
    const { name, id, autoDelete } = queue;
    const args = textOf(queue.arguments);
    return { kind: 'queue', body: { vhost: this.name, name, id, autoDelete, arguments: args } };
  }

  #bindingDefinition(binding: Binding): Definition {
    return {
      kind: 'binding',
      body: {
        vhost: this.name,
        source: binding.source.name,
        destination: binding.destination.name,
        destinationType: binding.destination.kind,
        routingKey: binding.routingKey,
        arguments: textOf(binding.arguments),
      },
    };
  }

  /** What is being stored, by resource or binding key: who declares it again waits for the same. */
  readonly #unkept = new Map<string, Promise<void>>();

  /** Stores what is new. What cannot be stored is taken back: nobody has been told that it is there. */
  #keepNew(key: string, definition: Definition, takeBack: () => Promised): Promise<void> {
    const kept = this.#put(definition)
      .catch(async (error: unknown) => {
        await takeBack()?.catch(() => undefined);
        throw error;
      })
      .finally(() => {
        if (this.#unkept.get(key) === kept) this.#unkept.delete(key);
      });
    this.#unkept.set(key, kept);
    return kept;
  }

  #put(definition: Definition): Promise<void> {
    return this.#commit({ op: 'put', definition });
  }

  /** Rejects with ConnectionError 506 when the store cannot keep it. */
  #commit(change: DefinitionChange): Promise<void> {
    return this.#services.definitions.commit(change, this.#origin).catch(refused);
  }

  #remove(definition: Definition): Promise<void> {
    return this.#commit(removalOf(definition));
  }

  #removeAll(removals: DefinitionRemoval[]): Promised {
    if (removals.length === 0) return undefined;
    return this.#services.definitions.removeAll(removals, this.#origin).catch(refused);
  }

  #defaultTable(): RoutingTable {
    const { queues } = this;
    return {
      add: () => undefined,
      remove: () => undefined,
      route: (_message, routingKey, routing) => {
        const queue = queues.get(routingKey);
        if (queue) routing.reachQueue(queue);
      },
    };
  }
}

/** Throws what a client is told of a store that cannot keep a change. */
function refused(error: unknown): never {
  if (!(error instanceof StoreFault)) throw error;
  throw new ConnectionError(ReplyCode.RESOURCE_ERROR, error.message);
}

/** Bindings are kept where both ends are; the predeclared exchanges always are. */
function isStored(binding: Binding): boolean {
  return binding.source.durable && binding.destination.durable;
}

/** Argument order does not tell bindings apart. */
function bindingKey(request: BindingRequest): string {
  const { size } = request.arguments;
  const args =
    size < 2 ? request.arguments : new Map([...request.arguments].sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([
    request.source,
    request.destinationType,
    request.destination,
    request.routingKey,
    textOf(args),
  ]);
}

const noArguments = encodeTable(emptyTable).toString('base64');

/** What definitions hold of arguments; most have none. */
function textOf(args: FieldTable): string {
  return args.size === 0 ? noArguments : encodeTable(args).toString('base64');
}

function tableOf(encoded: string): FieldTable {
  return decodeTable(Buffer.from(encoded, 'base64'));
}

function all(changes: Promised[]): Promised {
  const pending = changes.filter((change) => change !== undefined);
  return pending.length > 0 ? Promise.all(pending).then(() => undefined) : undefined;
}
