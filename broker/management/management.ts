// Everything a node can be asked or told, once: the console reaches it by the contract, RabbitMQ's tools by the
// HTTP API, and both end up in these handlers.
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ChannelConsumer } from '../channel/channel-consumer.ts';
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import { ContractError } from '../contract/errors.ts';
import {
  nodeProcedures,
  type ListInput,
  type NodeProcedureName,
  type NodeProcedures,
} from '../contract/node-procedures.ts';
import type { Handlers, InputOf, OutputOf } from '../contract/procedure.ts';
import type { BindingRow, Overview, Page, QueueRow, RateHistory, VhostRow } from '../contract/rows.ts';
import * as v from 'valibot';
import { StoreFault } from '../definitions/definitions-store.ts';
import { JournalFault } from '../journal/journal.ts';
import { PolicyError } from '../vhost/policy-check.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Vhost } from '../vhost/vhost.ts';
import type { Caller } from './caller.ts';
import { exportDefinitions, importDefinitions } from './definitions-json.ts';
import { Health } from './health.ts';
import { checkInput } from './input-check.ts';
import { mappedInTurns } from './in-turns.ts';
import { paged, pagedInTurns } from './list.ts';
import { MessageCommands } from './message-commands.ts';
import { overviewOf } from './overview.ts';
import { RateSampler } from './rates.ts';
import type { ResourceAlarms } from './resource-alarms.ts';
import {
  bindingRow,
  channelRow,
  connectionRow,
  consumerRow,
  defaultBindingRow,
  exchangeRow,
  queueRow,
  vhostRow,
} from './rows-of.ts';
import { SettingsCommands } from './settings-commands.ts';
import { TopologyCommands } from './topology-commands.ts';

export interface ManagementParts {
  services: BrokerServices;
  connections: ConnectionRegistry;
  alarms: ResourceAlarms;
  listeners: () => Overview['listeners'];
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
  call<Name extends NodeProcedureName>(
    name: Name,
    input: unknown,
    caller: Caller,
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    return this.#answer(name, () => checked(name, input), caller);
  }

  /** Every row of a list, in the order of the query. Throws ContractError. */
  async rows(name: NodeProcedureName, input: object, caller: Caller): Promise<unknown[]> {
    const whole = () => ({ ...(checked(name, input) as object), page: 1, pageSize: Infinity });
    const { items } = (await this.#answer(name, whole, caller)) as unknown as Page<unknown>;
    return items;
  }

  async #answer<Name extends NodeProcedureName>(
    name: Name,
    input: () => unknown,
    caller: Caller,
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    const given = input();
    try {
      const handler = this.#handlers[name] as (input: unknown, caller: Caller) => unknown;
      return (await handler(given, caller)) as OutputOf<NodeProcedures[Name]>;
    } catch (error) {
      throw asContractError(error);
    }
  }

  #handlerTable(): NodeHandlers {
    const { services, connections } = this.parts;
    const messages = this.#messages;
    const topology = new TopologyCommands(services);
    const settings = new SettingsCommands(services, connections);
    return {
      overview: () => overviewOf(this.parts, this.rates),
      'overview.history': ({ seconds }) => this.#history(seconds),
      'overview.health': () => this.#health.causes(this.parts),
      'topology.graph': ({ vhost }) => this.#graph(vhost),
      'connections.list': (input) =>
        this.#listed(
          this.parts.connections
            .all()
            .filter((each) => input.vhost === undefined || each.vhostName === input.vhost),
          (each) => connectionRow(each, this.rates),
          input,
          (row) => `${row.name} ${row.user}`,
        ),
      'connections.close': ({ name, reason }) => this.#closeConnection(name, reason),
      'channels.list': (input) =>
        this.#listed(
          this.parts.connections
            .all()
            .filter((each) => input.connection === undefined || each.name === input.connection)
            .filter((each) => input.vhost === undefined || each.vhostName === input.vhost)
            .flatMap((connection) =>
              [...connection.channels.values()].map((channel) => ({ connection, channel })),
            ),
          ({ connection, channel }) => channelRow(connection, channel, this.rates),
          input,
          (row) => row.name,
        ),
      'consumers.list': (input) =>
        this.#listed(
          this.#vhosts(input.vhost)
            .flatMap((vhost) => [...vhost.queues.values()])
            .filter((queue) => input.queue === undefined || queue.name === input.queue)
            .flatMap((queue) => queue.consumers.all as ChannelConsumer[])
            .filter(
              (consumer) => input.connection === undefined || consumer.channel.host.name === input.connection,
            ),
          (consumer) => consumerRow(consumer.queue.host.name, consumer),
          input,
          (row) => `${row.tag} ${row.queue}`,
        ),
      'exchanges.list': (input) =>
        this.#listed(
          this.#vhosts(input.vhost).flatMap((vhost) => [...vhost.exchanges.values()]),
          (exchange) => exchangeRow(exchange, this.rates),
          input,
          (row) => row.name,
        ),
      'exchanges.get': ({ vhost, name }) => exchangeRow(this.#exchange(vhost, name), this.rates),
      'exchanges.declare': (input, caller) => topology.declareExchange(input, caller),
      'exchanges.delete': (input, caller) => topology.deleteExchange(input, caller),
      'queues.list': (input) => this.#queues(input),
      'queues.get': ({ vhost, name }) => queueRow(this.#queue(vhost, name), this.rates, services.clock.now()),
      'queues.declare': (input, caller) => topology.declareQueue(input, caller),
      'queues.delete': (input, caller) => topology.deleteQueue(input, caller),
      'queues.purge': (input, caller) => topology.purgeQueue(input, caller),
      'bindings.list': (input) => this.#bindings(input),
      'bindings.create': (input, caller) => topology.bind(input, caller),
      'bindings.delete': (input, caller) => topology.unbind(input, caller),
      'messages.peek': (input) => messages.peek(input),
      'messages.search': (input) => messages.search(input),
      'messages.body': (input) => messages.body(input),
      'messages.publish': (input, caller) => messages.publish(input, caller),
      'messages.get': (input, caller) => messages.get(input, caller),
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
      'vhosts.delete': ({ name }) => settings.deleteVhost(name),
      'users.list': (input) => settings.users(input),
      'users.put': (input) => settings.putUser(input),
      'users.delete': ({ name }) => settings.deleteUser(name),
      'permissions.list': (input) => settings.permissions(input),
      'permissions.put': (input) => settings.putPermission(input),
      'permissions.delete': (input) => settings.deletePermission(input),
      'topicPermissions.list': (input) => settings.topicPermissions(input),
      'topicPermissions.put': (input) => settings.putTopicPermission(input),
      'topicPermissions.delete': (input) => settings.deleteTopicPermission(input),
      'policies.list': (input) =>
        paged(
          this.#vhosts(input.vhost).flatMap((vhost) => vhost.policies.all),
          input,
          (row) => row.name,
        ),
      'policies.put': (input) => this.#vhost(input.vhost).putPolicy(input),
      'policies.delete': (input) => settings.removePolicy(input),
      'parameters.list': (input) => settings.parameters(input),
      'parameters.put': ({ vhost, ...parameter }) => this.#vhost(vhost).putParameter(parameter),
      'parameters.delete': (input) => settings.removeParameter(input),
      'globalParameters.list': (input) => settings.globalParameters(input),
      'globalParameters.put': ({ name, value }) => services.vhosts.putGlobalParameter(name, value),
      'globalParameters.delete': (input) => settings.removeGlobalParameter(input),
      'vhostLimits.list': (input) => settings.vhostLimits(input),
      'vhostLimits.put': (input) => settings.putVhostLimit(input),
      'vhostLimits.delete': (input) => settings.removeVhostLimit(input),
      'userLimits.list': (input) => settings.userLimits(input),
      'userLimits.put': (input) => settings.putUserLimit(input),
      'userLimits.delete': (input) => settings.removeUserLimit(input),
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

  #listed<Source, Row extends object>(
    sources: Source[],
    rowOf: (source: Source) => Row,
    input: Partial<ListInput>,
    nameOf: (row: Row) => string,
  ): Promise<Page<Row>> {
    return pagedInTurns(this.parts.services.vhosts.turns, sources, rowOf, input, nameOf);
  }

  /** Sorting by name looks at names alone: rows are made for the page only. */
  async #queues(
    input: InputOf<NodeProcedures['queues.list']>,
  ): Promise<OutputOf<NodeProcedures['queues.list']>> {
    const now = this.parts.services.clock.now();
    const queues = this.#vhosts(input.vhost).flatMap((vhost) => [...vhost.queues.values()]);
    const row = (queue: Queue): QueueRow => queueRow(queue, this.rates, now);
    if (input.sort !== undefined && input.sort !== 'name')
      return this.#listed(queues, row, input, (each) => each.name);
    const page = await this.#listed(
      queues,
      (queue) => queue,
      input,
      (queue) => queue.name,
    );
    return { ...page, items: await this.#mapped(page.items, row) };
  }

  #mapped<Source, Row>(sources: Source[], rowOf: (source: Source) => Row): Promise<Row[]> {
    return mappedInTurns(this.parts.services.vhosts.turns, sources, rowOf);
  }

  #bindings(
    input: InputOf<NodeProcedures['bindings.list']>,
  ): Promise<OutputOf<NodeProcedures['bindings.list']>> {
    const { source, destination, destinationType } = input;
    const wanted: (() => BindingRow)[] = [];
    const matches = (from: string, to: string, kind: BindingRow['destinationType']) =>
      (source === undefined || from === source) &&
      (destination === undefined || to === destination) &&
      (destinationType === undefined || kind === destinationType);
    for (const vhost of this.#vhosts(input.vhost)) {
      for (const queue of vhost.queues.keys())
        if (matches('', queue, 'queue')) wanted.push(() => defaultBindingRow(vhost.name, queue));
      for (const binding of vhost.bindings.values())
        if (matches(binding.source.name, binding.destination.name, binding.destination.kind))
          wanted.push(() => bindingRow(vhost.name, binding));
    }
    return this.#listed(
      wanted,
      (make) => make(),
      input,
      (row) => `${row.source} ${row.routingKey} ${row.destination}`,
    );
  }

  async #graph(name: string): Promise<OutputOf<NodeProcedures['topology.graph']>> {
    const vhost = this.#vhost(name);
    const now = this.parts.services.clock.now();
    // All of one moment: each binding has both its ends.
    const { revision } = vhost;
    const exchanges = [...vhost.exchanges.values()];
    const queues = [...vhost.queues.values()];
    const bindings = [...vhost.bindings.values()];
    return {
      vhost: name,
      exchanges: await this.#mapped(exchanges, (each) => exchangeRow(each, this.rates)),
      queues: await this.#mapped(queues, (each) => queueRow(each, this.rates, now)),
      bindings: await this.#mapped(bindings, (each) => bindingRow(name, each)),
      blackholes: vhost.blackholes.rows().slice(0, 50),
      revision,
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

  #vhostRow(vhost: Vhost): VhostRow {
    return vhostRow(vhost, this.parts.connections.all(), this.rates);
  }

  // ---- Commands ----

  /** Begins the close and does not wait for the client, which may never answer. */
  #closeConnection(name: string, reason: string): void {
    const connection = this.parts.connections.get(name);
    if (!connection) throw new ContractError('not-found', `no connection '${name}'`);
    void connection.closeForced(reason);
  }
}

/** The input as the procedure's schema has it. Throws ContractError. */
function checked(name: NodeProcedureName, input: unknown): unknown {
  if (!Object.hasOwn(nodeProcedures, name)) throw new ContractError('not-found', `no procedure '${name}'`);
  checkInput(input);
  const parsed = v.safeParse(nodeProcedures[name].input as v.GenericSchema, input);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ContractError('invalid', `${v.getDotPath(issue) ?? name}: ${issue.message}`);
}

/** The model's refusals as the contract names them. */
function asContractError(error: unknown): unknown {
  if (error instanceof SyntaxError || error instanceof PolicyError)
    return new ContractError('invalid', error.message);
  if (error instanceof JournalFault || error instanceof StoreFault)
    return new ContractError('unavailable', error.message);
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
    case ReplyCode.RESOURCE_ERROR:
      return new ContractError('unavailable', text);
    default:
      return new ContractError('invalid', text);
  }
}
