// Everything a node can be asked or told, once: the console reaches it by the contract, RabbitMQ's tools by the
// HTTP API, and both end up in these handlers.
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { fromPlain } from '../amqp/field-table.ts';
import { hashingAlgorithms } from '../auth/password.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ChannelConsumer } from '../channel/channel-consumer.ts';
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import { ContractError } from '../contract/errors.ts';
import { nodeProcedures, type NodeProcedureName, type NodeProcedures } from '../contract/node-procedures.ts';
import type { Handlers, InputOf, OutputOf } from '../contract/procedure.ts';
import type { BindingRow, Overview, QueueRow, RateHistory } from '../contract/rows.ts';
import * as v from 'valibot';
import { JournalFault } from '../journal/journal.ts';
import type { Vhost } from '../vhost/vhost.ts';
import { exportDefinitions, importDefinitions } from './definitions-json.ts';
import { Health } from './health.ts';
import { checkInput } from './input-check.ts';
import { paged } from './list.ts';
import { MessageCommands } from './message-commands.ts';
import { overviewOf } from './overview.ts';
import { RateSampler } from './rates.ts';
import { propertiesKeyOf } from './properties-key.ts';
import type { ResourceAlarms } from './resource-alarms.ts';
import {
  bindingRow,
  channelRow,
  connectionRow,
  consumerRow,
  defaultBindingRow,
  exchangeRow,
  queueRow,
} from './rows-of.ts';

export interface ManagementParts {
  services: BrokerServices;
  connections: ConnectionRegistry;
  alarms: ResourceAlarms;
  listeners: () => Overview['listeners'];
}

/** Who asks; the console's user is the machine's own. */
export interface Caller {
  readonly user: string;
}

type NodeHandlers = Handlers<NodeProcedures, Caller>;

export class Management {
  readonly parts: ManagementParts;
  readonly rates: RateSampler;
  readonly #health: Health;
  readonly #messages: MessageCommands;
  readonly #handlers: NodeHandlers;

  constructor(parts: ManagementParts) {
    this.parts = parts;
    this.rates = new RateSampler(parts.services, parts.connections);
    this.#health = new Health(this.rates);
    this.#messages = new MessageCommands(parts.services);
    this.#handlers = this.#handlerTable();
  }

  stop(): void {
    this.rates.stop();
  }

  /** Checks the input against the procedure's schema and answers it. Throws ContractError. */
  async call<Name extends NodeProcedureName>(
    name: Name,
    input: unknown,
    caller: Caller,
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    if (!Object.hasOwn(nodeProcedures, name)) throw new ContractError('not-found', `no procedure '${name}'`);
    checkInput(input);
    const parsed = v.safeParse(nodeProcedures[name].input as v.GenericSchema, input);
    if (!parsed.success) {
      const [issue] = parsed.issues;
      throw new ContractError('invalid', `${v.getDotPath(issue) ?? name}: ${issue.message}`);
    }
    try {
      const handler = this.#handlers[name] as (input: unknown, caller: Caller) => unknown;
      return (await handler(parsed.output, caller)) as OutputOf<NodeProcedures[Name]>;
    } catch (error) {
      throw asContractError(error);
    }
  }

  #handlerTable(): NodeHandlers {
    const { services } = this.parts;
    const messages = this.#messages;
    return {
      overview: () => overviewOf(this.parts, this.rates),
      'overview.history': ({ seconds }) => this.#history(seconds),
      'overview.health': () => this.#health.causes(this.parts),
      'topology.graph': ({ vhost }) => this.#graph(vhost),
      'connections.list': (input) =>
        paged(
          this.parts.connections
            .all()
            .filter((each) => input.vhost === undefined || each.vhostName === input.vhost)
            .map((each) => connectionRow(each, this.rates)),
          input,
          (row) => `${row.name} ${row.user}`,
        ),
      'connections.close': ({ name, reason }) => this.#closeConnection(name, reason),
      'channels.list': (input) =>
        paged(
          this.parts.connections
            .all()
            .filter((each) => input.connection === undefined || each.name === input.connection)
            .filter((each) => input.vhost === undefined || each.vhostName === input.vhost)
            .flatMap((each) =>
              [...each.channels.values()].map((channel) => channelRow(each, channel, this.rates)),
            ),
          input,
          (row) => row.name,
        ),
      'consumers.list': (input) =>
        paged(
          this.#vhosts(input.vhost)
            .flatMap((vhost) => [...vhost.queues.values()])
            .filter((queue) => input.queue === undefined || queue.name === input.queue)
            .flatMap((queue) =>
              queue.consumers.all.map((consumer) =>
                consumerRow(queue.host.name, consumer as ChannelConsumer),
              ),
            )
            .filter((row) => input.connection === undefined || row.connection === input.connection),
          input,
          (row) => `${row.tag} ${row.queue}`,
        ),
      'exchanges.list': (input) =>
        paged(
          this.#vhosts(input.vhost).flatMap((vhost) =>
            [...vhost.exchanges.values()].map((exchange) => exchangeRow(exchange, this.rates)),
          ),
          input,
          (row) => row.name,
        ),
      'exchanges.get': ({ vhost, name }) => exchangeRow(this.#exchange(vhost, name), this.rates),
      'exchanges.declare': ({ vhost, arguments: args, ...request }) =>
        this.#vhost(vhost).declareExchange({ ...request, arguments: fromPlain(args) }),
      'exchanges.delete': ({ vhost, name, ifUnused }) => {
        this.#exchange(vhost, name);
        return this.#vhost(vhost).deleteExchange(name, ifUnused);
      },
      'queues.list': (input) => this.#queues(input),
      'queues.get': ({ vhost, name }) => queueRow(this.#queue(vhost, name), this.rates, services.clock.now()),
      'queues.declare': ({ vhost: host, arguments: args, ...request }) => {
        const vhost = this.#vhost(host);
        vhost.refuseReservedName('queue', request.name);
        return vhost.declareQueue({ ...request, exclusive: false, arguments: fromPlain(args) }, null)
          .promised;
      },
      'queues.delete': async ({ vhost, name, ifUnused, ifEmpty }) => {
        const { messages: count, promised } = this.#vhost(vhost).deleteQueue(
          this.#queue(vhost, name),
          ifUnused,
          ifEmpty,
        );
        await promised;
        return { messages: count };
      },
      'queues.purge': ({ vhost, name }) => ({ messages: this.#queue(vhost, name).purge() }),
      'bindings.list': (input) => this.#bindings(input),
      'bindings.create': async ({ vhost, arguments: args, ...request }) => {
        const table = fromPlain(args);
        await this.#vhost(vhost).bind({ ...request, arguments: table }, null);
        return { propertiesKey: propertiesKeyOf(request.routingKey, table) };
      },
      'bindings.delete': ({ vhost, arguments: args, ...request }) =>
        this.#vhost(vhost).unbind({ ...request, arguments: fromPlain(args) }, null),
      'messages.peek': (input) => messages.peek(input),
      'messages.search': (input) => messages.search(input),
      'messages.body': (input) => messages.body(input),
      'messages.publish': (input) => messages.publish(input),
      'messages.get': (input) => messages.get(input),
      'messages.move': (input) => messages.move(input),
      'messages.delete': (input) => messages.delete(input),
      'deadLetters.groups': (input) => messages.deadLetterGroups(input),
      'deadLetters.list': (input) => messages.deadLetters(input),
      'deadLetters.requeue': (input) => messages.requeueDeadLetters(input),
      'vhosts.list': (input) =>
        paged(
          [...services.vhosts.all()].map((vhost) => this.#vhostRow(vhost)),
          { ...input, vhost: undefined },
          (row) => row.name,
        ),
      'vhosts.put': ({ name, description, tags, tracing }) =>
        services.vhosts.put(name, { description, tags, tracing }),
      'vhosts.delete': ({ name }) => this.#deleteVhost(name),
      'users.list': (input) =>
        paged(
          services.access.users().map((user) => ({
            name: user.name,
            tags: [...user.tags],
            passwordHash: user.passwordHash,
            hashingAlgorithm: user.hashingAlgorithm,
            loopbackOnly: services.access.loopbackUsers.has(user.name),
            permissions: services.access.permissions().filter((each) => each.user === user.name).length,
          })),
          input,
          (row) => row.name,
        ),
      'users.put': ({ name, ...change }) => {
        if (change.hashingAlgorithm !== undefined && !hashingAlgorithms.includes(change.hashingAlgorithm))
          throw new ContractError('invalid', `unknown hashing algorithm '${change.hashingAlgorithm}'`);
        return services.access.putUser(name, change);
      },
      'users.delete': ({ name }) => this.#deleteUser(name),
      'permissions.list': (input) =>
        paged(
          services.access
            .permissions()
            .filter((row) => input.vhost === undefined || row.vhost === input.vhost)
            .filter((row) => input.user === undefined || row.user === input.user),
          input,
          (row) => `${row.user} ${row.vhost}`,
        ),
      'permissions.put': (input) => {
        this.#userAndVhost(input);
        return services.access.putPermission(input);
      },
      'permissions.delete': async ({ user, vhost }) => {
        if (!(await services.access.deletePermission(user, vhost)))
          throw new ContractError('not-found', `user '${user}' has no permissions in '${vhost}'`);
      },
      'topicPermissions.list': (input) =>
        paged(
          services.access
            .topicPermissions()
            .filter((row) => input.vhost === undefined || row.vhost === input.vhost)
            .filter((row) => input.user === undefined || row.user === input.user),
          input,
          (row) => `${row.user} ${row.vhost} ${row.exchange}`,
        ),
      'topicPermissions.put': (input) => {
        this.#userAndVhost(input);
        return services.access.putTopicPermission(input);
      },
      'topicPermissions.delete': async ({ user, vhost, exchange }) => {
        if (!(await services.access.deleteTopicPermission(user, vhost, exchange)))
          throw new ContractError('not-found', `user '${user}' has no topic permissions in '${vhost}'`);
      },
      'policies.list': (input) =>
        paged(
          this.#vhosts(input.vhost).flatMap((vhost) => vhost.policies.all),
          input,
          (row) => row.name,
        ),
      'policies.put': (input) => this.#vhost(input.vhost).putPolicy(input),
      'policies.delete': ({ vhost, name, operator }) => {
        if (!this.#vhost(vhost).policies.get(name, operator))
          throw new ContractError('not-found', `no policy '${name}' in '${vhost}'`);
        return this.#vhost(vhost).removePolicy(name, operator);
      },
      'definitions.export': ({ vhost }) => {
        if (vhost !== undefined) this.#vhost(vhost);
        return exportDefinitions(services, vhost);
      },
      'definitions.import': ({ vhost, definitions }) => {
        if (vhost !== undefined) this.#vhost(vhost);
        return importDefinitions(services, definitions, vhost);
      },
    };
  }

  // ---- Queries ----

  #vhosts(name: string | undefined): Vhost[] {
    return name === undefined ? [...this.parts.services.vhosts.all()] : [this.#vhost(name)];
  }

  #vhost(name: string): Vhost {
    const vhost = this.parts.services.vhosts.get(name);
    if (!vhost) throw new ContractError('not-found', `no virtual host '${name}'`);
    return vhost;
  }

  #queue(vhost: string, name: string) {
    const queue = this.#vhost(vhost).queues.get(name);
    if (!queue) throw new ContractError('not-found', `no ${this.#vhost(vhost).queueResource(name)}`);
    return queue;
  }

  #exchange(vhost: string, name: string) {
    const exchange = this.#vhost(vhost).exchanges.get(name);
    if (!exchange) throw new ContractError('not-found', `no ${this.#vhost(vhost).exchangeResource(name)}`);
    return exchange;
  }

  /** Sorting by name looks at names alone: rows are made for the page only. */
  #queues(input: InputOf<NodeProcedures['queues.list']>): OutputOf<NodeProcedures['queues.list']> {
    const now = this.parts.services.clock.now();
    const queues = this.#vhosts(input.vhost).flatMap((vhost) => [...vhost.queues.values()]);
    const row = (queue: (typeof queues)[number]): QueueRow => queueRow(queue, this.rates, now);
    if (input.sort === undefined || input.sort === 'name') {
      const page = paged(queues, input, (queue) => queue.name);
      return { ...page, items: page.items.map(row) };
    }
    return paged(queues.map(row), input, (each) => each.name);
  }

  #bindings(input: InputOf<NodeProcedures['bindings.list']>): OutputOf<NodeProcedures['bindings.list']> {
    const { source, destination, destinationType } = input;
    const rows: BindingRow[] = [];
    for (const vhost of this.#vhosts(input.vhost)) {
      if (source === undefined || source === '')
        for (const queue of vhost.queues.keys()) rows.push(defaultBindingRow(vhost.name, queue));
      for (const binding of vhost.bindings.values()) rows.push(bindingRow(vhost.name, binding));
    }
    const matching = rows.filter(
      (row) =>
        (source === undefined || row.source === source) &&
        (destination === undefined || row.destination === destination) &&
        (destinationType === undefined || row.destinationType === destinationType),
    );
    return paged(matching, input, (row) => `${row.source} ${row.routingKey} ${row.destination}`);
  }

  #graph(name: string): OutputOf<NodeProcedures['topology.graph']> {
    const vhost = this.#vhost(name);
    const now = this.parts.services.clock.now();
    return {
      vhost: name,
      exchanges: [...vhost.exchanges.values()].map((exchange) => exchangeRow(exchange, this.rates)),
      queues: [...vhost.queues.values()].map((queue) => queueRow(queue, this.rates, now)),
      bindings: [...vhost.bindings.values()].map((binding) => bindingRow(name, binding)),
      blackholes: vhost.blackholes.rows().slice(0, 50),
      revision: vhost.revision,
    };
  }

  #history(seconds: number): RateHistory {
    return Object.fromEntries(
      Object.entries(this.rates.history).map(([name, series]) => [
        name,
        (series as number[]).slice(-seconds),
      ]),
    ) as unknown as RateHistory;
  }

  #vhostRow(vhost: Vhost): OutputOf<NodeProcedures['vhosts.list']>['items'][number] {
    let messagesReady = 0;
    let messagesUnacknowledged = 0;
    for (const queue of vhost.queues.values()) {
      messagesReady += queue.readyCount;
      messagesUnacknowledged += queue.unacked.count;
    }
    return {
      name: vhost.name,
      ...vhost.metadata,
      messages: messagesReady + messagesUnacknowledged,
      messagesReady,
      messagesUnacknowledged,
      queues: vhost.queues.size,
      exchanges: vhost.exchanges.size,
      connections: this.parts.connections.all().filter((each) => each.vhostName === vhost.name).length,
    };
  }

  // ---- Commands ----

  /** Begins the close and does not wait for the client, which may never answer. */
  #closeConnection(name: string, reason: string): void {
    const connection = this.parts.connections.get(name);
    if (!connection) throw new ContractError('not-found', `no connection '${name}'`);
    void connection.closeForced(reason);
  }

  async #deleteVhost(name: string): Promise<void> {
    this.#vhost(name);
    const deleted = this.parts.services.vhosts.delete(name);
    for (const connection of this.parts.connections.all())
      if (connection.vhostName === name) void connection.closeForced(`vhost '${name}' is deleted`);
    await deleted;
    await this.parts.services.access.vhostDeleted(name);
  }

  async #deleteUser(name: string): Promise<void> {
    if (!(await this.parts.services.access.deleteUser(name)))
      throw new ContractError('not-found', `no user '${name}'`);
    for (const connection of this.parts.connections.all())
      if (connection.userName === name) void connection.closeForced(`user '${name}' is deleted`);
  }

  #userAndVhost({ user, vhost }: { user: string; vhost: string }): void {
    this.#vhost(vhost);
    if (!this.parts.services.access.user(user)) throw new ContractError('invalid', `no user '${user}'`);
  }
}

/** The model's refusals as the contract names them. */
function asContractError(error: unknown): unknown {
  if (error instanceof SyntaxError) return new ContractError('invalid', error.message);
  if (error instanceof JournalFault) return new ContractError('unavailable', error.message);
  if (!(error instanceof ChannelError || error instanceof ConnectionError)) return error;
  const text = error.message.replace(/^[A-Z_]+ - /, '');
  switch (error.replyCode) {
    case ReplyCode.NOT_FOUND:
      return new ContractError('not-found', text);
    case ReplyCode.ACCESS_REFUSED:
      return new ContractError('refused', text);
    case ReplyCode.PRECONDITION_FAILED:
    case ReplyCode.RESOURCE_LOCKED:
      return new ContractError('conflict', text);
    default:
      return new ContractError('invalid', text);
  }
}
