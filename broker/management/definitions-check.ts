// Whether all that a definitions file names can be made on this broker, found out before any of it is: each object
// as if it were new, each reference against the broker and the file together. What exists already and differs is
// no fault of the file; the import leaves it and says so.
import { fromPlain } from '../amqp/field-table.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import { ContractError } from '../contract/errors.ts';
import type { Arguments } from '../contract/rows.ts';
import { exchangeTypes } from '../vhost/exchange/exchange-types.ts';
import { checkArguments, queueTypeOf } from '../vhost/queue/queue-arguments.ts';
import type { Definitions } from './definitions-json.ts';

export function checkDefinitions(
  services: BrokerServices,
  definitions: Definitions,
  only: string | undefined,
): void {
  new DefinitionsCheck(services, definitions, only).run();
}

class DefinitionsCheck {
  readonly #services: BrokerServices;
  readonly #definitions: Definitions;
  readonly #only: string | undefined;
  readonly #exchanges: ReadonlySet<string>;
  readonly #queues: ReadonlySet<string>;

  constructor(services: BrokerServices, definitions: Definitions, only: string | undefined) {
    this.#services = services;
    this.#definitions = definitions;
    this.#only = only;
    this.#exchanges = this.#named(definitions.exchanges);
    this.#queues = this.#named(definitions.queues);
  }

  run(): void {
    const { exchanges, queues, bindings } = this.#definitions;
    this.#checkVhosts();
    this.#checkUsers();
    for (const [index, row] of exchanges.entries()) this.#at(`exchanges.${index}`, () => this.#exchange(row));
    for (const [index, row] of queues.entries()) this.#at(`queues.${index}`, () => this.#queue(row));
    for (const [index, row] of bindings.entries()) this.#at(`bindings.${index}`, () => this.#binding(row));
  }

  /** Says where in the file it was. */
  #at(place: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      const text = (error as Error).message.replace(/^[A-Z_]+ - /, '');
      throw new ContractError('invalid', `definitions: ${place}: ${text}`);
    }
  }

  #vhostOf(row: { vhost?: string | undefined }): string {
    return this.#only ?? row.vhost ?? '';
  }

  #named(rows: readonly { name: string; vhost?: string | undefined }[]): Set<string> {
    return new Set(rows.map((row) => keyOf(this.#vhostOf(row), row.name)));
  }

  #checkVhosts(): void {
    const known = new Set([...this.#services.vhosts.all()].map((vhost) => vhost.name));
    for (const vhost of this.#definitions.vhosts) known.add(vhost.name);
    const sections = [
      'permissions',
      'topic_permissions',
      'policies',
      'exchanges',
      'queues',
      'bindings',
    ] as const;
    for (const section of sections)
      for (const [index, row] of this.#definitions[section].entries())
        this.#at(`${section}.${index}`, () => {
          const vhost = this.#vhostOf(row);
          if (!known.has(vhost)) throw new Error(`no virtual host '${vhost}'`);
        });
  }

  #checkUsers(): void {
    const known = new Set(this.#services.access.users().map((user) => user.name));
    if (this.#only === undefined) for (const user of this.#definitions.users) known.add(user.name);
    for (const section of ['permissions', 'topic_permissions'] as const)
      for (const [index, { user }] of this.#definitions[section].entries())
        this.#at(`${section}.${index}`, () => {
          if (!known.has(user)) throw new Error(`no user '${user}'`);
        });
  }

  #exchange(row: Definitions['exchanges'][number]): void {
    if (!exchangeTypes.includes(row.type)) throw new Error(`unknown exchange type '${row.type}'`);
    const vhost = this.#services.vhosts.get(this.#vhostOf(row));
    if (vhost?.exchanges.has(row.name) || isPredeclared(row.name)) return;
    if (row.name.startsWith('amq.'))
      throw new Error(`exchange name '${row.name}' contains reserved prefix 'amq.*'`);
    const alternate = row.arguments['alternate-exchange'];
    if (alternate !== undefined && typeof alternate !== 'string')
      throw new Error(`invalid arg 'alternate-exchange' for exchange '${row.name}'`);
  }

  #queue(row: Definitions['queues'][number]): void {
    const vhost = this.#vhostOf(row);
    if (this.#services.vhosts.get(vhost)?.queues.has(row.name)) return;
    const resource = `queue '${row.name}' in vhost '${vhost}'`;
    if (row.name === '') throw new Error('a queue has no name');
    if (row.name.startsWith('amq.') && !row.name.startsWith('amq.gen-'))
      throw new Error(`queue name '${row.name}' contains reserved prefix 'amq.*'`);
    const args = fromPlain(row.arguments as Arguments);
    const type = queueTypeOf(args, resource);
    checkArguments(args, type, resource);
    if (type === 'stream') throw new Error("queues of type 'stream' are not available yet");
    if (type === 'quorum' && !row.durable)
      throw new Error(`invalid property 'non-durable' for ${resource}: true`);
    if (type === 'quorum' && row.auto_delete)
      throw new Error(`invalid property 'auto-delete' for ${resource}: true`);
  }

  #binding(row: Definitions['bindings'][number]): void {
    const vhost = this.#vhostOf(row);
    if (!this.#exists('exchange', vhost, row.source)) throw new Error(`no exchange '${row.source}'`);
    const { destination_type: kind, destination } = row;
    if (!this.#exists(kind, vhost, destination)) throw new Error(`no ${kind} '${destination}'`);
  }

  #exists(kind: 'queue' | 'exchange', vhost: string, name: string): boolean {
    const found = this.#services.vhosts.get(vhost);
    if (kind === 'queue') return this.#queues.has(keyOf(vhost, name)) || (found?.queues.has(name) ?? false);
    if (this.#exchanges.has(keyOf(vhost, name)) || isPredeclared(name)) return true;
    return found?.exchanges.has(name) ?? false;
  }
}

function keyOf(vhost: string, name: string): string {
  return JSON.stringify([vhost, name]);
}

/** There in every virtual host from its beginning. */
function isPredeclared(name: string): boolean {
  return [
    '',
    'amq.direct',
    'amq.fanout',
    'amq.topic',
    'amq.headers',
    'amq.match',
    'amq.rabbitmq.trace',
  ].includes(name);
}
