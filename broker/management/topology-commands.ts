// Exchanges, queues and bindings: declared, deleted, purged and bound for those who come through the management. Who
// comes with permissions of its own is asked for them, operation by operation, as a channel would.
import { fromPlain, toPlain, type FieldTable } from '../amqp/field-table.ts';
import {
  requireBinding,
  requireExchangeDeclaration,
  requirePermission,
  requireQueueDeclaration,
  type Actor,
} from '../channel/permissions.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { NodeProcedures } from '../contract/node-procedures.ts';
import type { InputOf, OutputOf } from '../contract/procedure.ts';
import type { Arguments } from '../contract/rows.ts';
import type { Binding } from '../vhost/exchange/exchange.ts';
import type { BindingRequest, Promised, Vhost } from '../vhost/vhost.ts';
import { actorOf, type Caller } from './caller.ts';
import { ContractError } from '../contract/errors.ts';
import { propertiesKeyOf } from './properties-key.ts';

type In<Name extends keyof NodeProcedures> = InputOf<NodeProcedures[Name]>;
type Out<Name extends keyof NodeProcedures> = OutputOf<NodeProcedures[Name]>;

export class TopologyCommands {
  readonly #services: BrokerServices;

  constructor(services: BrokerServices) {
    this.#services = services;
  }

  declareExchange(input: In<'exchanges.declare'>, caller: Caller): Promised {
    const { vhost, actor } = this.#where(input.vhost, caller);
    const { vhost: _, arguments: plain, ...request } = input;
    const args = fromPlain(plain);
    vhost.checkExchangeType(request.type);
    vhost.refuseDefaultExchange(request.name);
    if (actor) requireExchangeDeclaration(actor, request.name, args);
    return vhost.declareExchange({ ...request, arguments: args });
  }

  deleteExchange(input: In<'exchanges.delete'>, caller: Caller): Promised {
    const { vhost, actor } = this.#where(input.vhost, caller);
    if (!vhost.exchanges.has(input.name))
      throw new ContractError('not-found', `no ${vhost.exchangeResource(input.name)}`);
    vhost.refuseSystemExchange(input.name);
    if (actor) requirePermission(actor, 'configure', 'exchange', input.name);
    return vhost.deleteExchange(input.name, input.ifUnused);
  }

  declareQueue(input: In<'queues.declare'>, caller: Caller): Promised {
    const { vhost, actor } = this.#where(input.vhost, caller);
    const { vhost: _, arguments: plain, ...request } = input;
    const args = fromPlain(plain);
    vhost.refuseReservedName('queue', request.name);
    if (actor) requireQueueDeclaration(actor, request.name, args);
    return vhost.declareQueue({ ...request, exclusive: false, arguments: args }, null).promised;
  }

  async deleteQueue(input: In<'queues.delete'>, caller: Caller): Promise<Out<'queues.delete'>> {
    const { vhost, actor } = this.#where(input.vhost, caller);
    if (actor) requirePermission(actor, 'configure', 'queue', input.name);
    const queue = vhost.queue(input.name);
    if (actor) vhost.checkOwner(queue, null);
    const { messages, promised } = vhost.deleteQueue(queue, input.ifUnused, input.ifEmpty);
    await promised;
    return { messages };
  }

  async purgeQueue(input: In<'queues.purge'>, caller: Caller): Promise<Out<'queues.purge'>> {
    const { vhost, actor } = this.#where(input.vhost, caller);
    if (actor) requirePermission(actor, 'read', 'queue', input.name);
    const queue = vhost.queue(input.name);
    if (actor) vhost.checkOwner(queue, null);
    const { messages, released } = queue.purge();
    await released;
    return { messages };
  }

  async bind(input: In<'bindings.create'>, caller: Caller): Promise<Out<'bindings.create'>> {
    const { vhost, actor } = this.#where(input.vhost, caller);
    const { vhost: _, arguments: plain, ...ends } = input;
    if (actor) requireBinding(actor, ends);
    const existing = sameBinding(vhost, ends, plain);
    if (existing) return { propertiesKey: propertiesKeyOf(ends.routingKey, existing.arguments) };
    const args: FieldTable = fromPlain(plain);
    await vhost.bind({ ...ends, arguments: args }, null);
    return { propertiesKey: propertiesKeyOf(ends.routingKey, args) };
  }

  /** A client may have bound with integers of any width: what is meant is found by its plain form. */
  unbind(input: In<'bindings.delete'>, caller: Caller): Promised {
    const { vhost, actor } = this.#where(input.vhost, caller);
    const { vhost: _, arguments: plain, ...ends } = input;
    if (actor) requireBinding(actor, ends);
    const binding = sameBinding(vhost, ends, plain);
    return vhost.unbind({ ...ends, arguments: binding?.arguments ?? fromPlain(plain) }, null);
  }

  #where(name: string, caller: Caller): { vhost: Vhost; actor: Actor | null } {
    const vhost = this.#services.vhosts.get(name);
    if (!vhost) throw new ContractError('not-found', `no virtual host '${name}'`);
    return { vhost, actor: actorOf(this.#services, vhost, caller) };
  }
}

function sameBinding(
  vhost: Vhost,
  ends: Omit<BindingRequest, 'arguments'>,
  plain: Arguments,
): Binding | undefined {
  const wanted = canonical(plain);
  for (const binding of vhost.exchanges.get(ends.source)?.bindings ?? [])
    if (
      binding.destination.name === ends.destination &&
      binding.destination.kind === ends.destinationType &&
      binding.routingKey === ends.routingKey &&
      canonical(toPlain(binding.arguments)) === wanted
    )
      return binding;
  return undefined;
}

/** The order of arguments says nothing. */
function canonical(plain: Arguments): string {
  return JSON.stringify(Object.entries(plain).sort(([a], [b]) => (a < b ? -1 : 1)));
}
