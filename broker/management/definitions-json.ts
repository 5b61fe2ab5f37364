// RabbitMQ's definitions JSON, in and out (R40): whole broker or one virtual host. A file is checked whole
// before anything of it is made, so a bad one changes nothing.
import * as v from 'valibot';
import { fromPlain, toPlain } from '../amqp/field-table.ts';
import type { LongWork } from '../base/turns.ts';
import { defaultAlgorithm, hashPassword, hashingAlgorithms } from '../auth/password.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import { ContractError } from '../contract/errors.ts';
import { argumentsSchema } from '../contract/node-procedures.ts';
import type { Arguments, ImportReport } from '../contract/rows.ts';
import type { Vhost } from '../vhost/vhost.ts';
import { checkDefinitions } from './definitions-check.ts';

const name = v.pipe(
  v.string(),
  v.check((text) => Buffer.byteLength(text) <= 255, 'is longer than 255 bytes'),
);
const ownName = v.pipe(
  name,
  v.check((text) => !text.includes('\0'), 'has a NUL in it'),
);
const flag = v.optional(v.boolean(), false);
const tags = v.pipe(
  v.optional(v.union([v.string(), v.array(v.string())]), []),
  v.transform((value) =>
    (typeof value === 'string' ? value.split(',') : value)
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ''),
  ),
);
const pattern = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.check((text) => isPattern(text), 'is no regular expression'),
);
const args = v.optional(argumentsSchema, {});
const vhostField = v.optional(name);
const rowsMax = 1_000_000;
const rows = <Schema extends v.GenericSchema>(schema: Schema) =>
  v.optional(v.pipe(v.array(schema), v.maxLength(rowsMax)), []);

const policy = v.object({
  vhost: vhostField,
  name,
  pattern,
  definition: argumentsSchema,
  priority: v.optional(v.number(), 0),
  'apply-to': v.optional(
    v.picklist(['queues', 'exchanges', 'all', 'classic_queues', 'quorum_queues', 'streams']),
    'all',
  ),
});

const definitionsSchema = v.looseObject({
  users: rows(
    v.object({
      name: ownName,
      password: v.optional(v.string()),
      password_hash: v.optional(v.string()),
      hashing_algorithm: v.optional(v.picklist(hashingAlgorithms), defaultAlgorithm),
      tags,
    }),
  ),
  vhosts: rows(
    v.looseObject({
      name: ownName,
      description: v.optional(v.string(), ''),
      tags: v.optional(v.any()),
      tracing: flag,
    }),
  ),
  permissions: rows(
    v.object({ user: name, vhost: vhostField, configure: pattern, write: pattern, read: pattern }),
  ),
  topic_permissions: rows(
    v.object({ user: name, vhost: vhostField, exchange: name, write: pattern, read: pattern }),
  ),
  policies: rows(policy),
  parameters: rows(v.looseObject({ component: name, name, value: v.any(), vhost: vhostField })),
  exchanges: rows(
    v.object({
      name,
      vhost: vhostField,
      type: name,
      durable: flag,
      auto_delete: flag,
      internal: flag,
      arguments: args,
    }),
  ),
  queues: rows(
    v.object({
      name,
      vhost: vhostField,
      type: v.optional(v.string()),
      durable: flag,
      auto_delete: flag,
      arguments: args,
    }),
  ),
  bindings: rows(
    v.object({
      source: name,
      vhost: vhostField,
      destination: name,
      destination_type: v.picklist(['queue', 'exchange']),
      routing_key: name,
      arguments: args,
    }),
  ),
});

export type Definitions = v.InferOutput<typeof definitionsSchema>;

export function exportDefinitions(services: BrokerServices, only?: string): Record<string, unknown> {
  const { vhosts, access, productVersion } = services;
  const chosen = [...vhosts.all()].filter((vhost) => only === undefined || vhost.name === only);
  const inVhost = (vhost: string) => (only === undefined ? { vhost } : {});
  const ofAll = <Row>(each: (vhost: Vhost) => Row[]): Row[] => chosen.flatMap(each);
  const policies = (operator: boolean) =>
    ofAll((vhost) =>
      vhost.policies.all
        .filter((found) => found.operator === operator)
        .map(({ name: policyName, pattern: text, applyTo, definition, priority }) => ({
          // RabbitMQ names it here even when only one is exported.
          vhost: vhost.name,
          name: policyName,
          pattern: text,
          'apply-to': applyTo,
          definition,
          priority,
        })),
    );
  const topology = {
    parameters: ofAll((vhost) =>
      vhost.policies.all
        .filter((found) => found.operator)
        .map(({ name: policyName, pattern: text, applyTo, definition, priority }) => ({
          vhost: vhost.name,
          component: 'operator_policy',
          name: policyName,
          value: { pattern: text, 'apply-to': applyTo, definition, priority },
        })),
    ),
    policies: policies(false),
    queues: ofAll((vhost) =>
      [...vhost.queues.values()]
        .filter((queue) => !queue.exclusive)
        .map((queue) => ({
          name: queue.name,
          ...inVhost(vhost.name),
          durable: queue.durable,
          auto_delete: queue.autoDelete,
          arguments: toPlain(queue.arguments),
        })),
    ),
    exchanges: ofAll((vhost) =>
      [...vhost.exchanges.values()]
        .filter((exchange) => exchange.name !== '' && !exchange.name.startsWith('amq.'))
        .map((exchange) => ({
          name: exchange.name,
          ...inVhost(vhost.name),
          type: exchange.type,
          durable: exchange.durable,
          auto_delete: exchange.autoDelete,
          internal: exchange.internal,
          arguments: toPlain(exchange.arguments),
        })),
    ),
    bindings: ofAll((vhost) =>
      [...vhost.bindings.values()]
        .filter((binding) => binding.destination.kind === 'exchange' || !binding.destination.exclusive)
        .map((binding) => ({
          source: binding.source.name,
          ...inVhost(vhost.name),
          destination: binding.destination.name,
          destination_type: binding.destination.kind,
          routing_key: binding.routingKey,
          arguments: toPlain(binding.arguments),
        })),
    ),
  };
  const version = {
    rabbit_version: compatibleVersion,
    rabbitmq_version: compatibleVersion,
    product_name: 'Warren',
    product_version: productVersion,
  };
  // RabbitMQ says no more of itself with one virtual host.
  if (only !== undefined) return { rabbit_version: compatibleVersion, ...topology };
  return {
    ...version,
    users: access.users().map((user) => ({
      name: user.name,
      password_hash: user.passwordHash,
      hashing_algorithm: user.hashingAlgorithm,
      tags: [...user.tags],
      limits: {},
    })),
    vhosts: chosen.map((vhost) => ({ name: vhost.name })),
    permissions: access.permissions(),
    topic_permissions: access.topicPermissions(),
    global_parameters: [],
    ...topology,
  };
}

/** The RabbitMQ whose behaviour is kept; tools look at it. */
export const compatibleVersion = '3.10.8';

/** Throws ContractError naming the first thing that cannot be, with nothing made. */
export async function importDefinitions(
  services: BrokerServices,
  input: Record<string, unknown>,
  only?: string,
): Promise<ImportReport> {
  const parsed = v.safeParse(definitionsSchema, input);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ContractError('invalid', `definitions: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
  }
  const definitions = parsed.output;
  checkDefinitions(services, definitions, only);
  return new Importer(services, only).run(definitions);
}

class Importer {
  readonly #services: BrokerServices;
  readonly #only: string | undefined;
  readonly #report: ImportReport = { created: 0, unchanged: 0, warnings: [] };
  readonly #promised: Promise<unknown>[] = [];

  constructor(services: BrokerServices, only: string | undefined) {
    this.#services = services;
    this.#only = only;
  }

  async run(definitions: Definitions): Promise<ImportReport> {
    await this.#services.vhosts.turns.run(this.#all(definitions));
    await Promise.all(this.#promised);
    return this.#report;
  }

  /** One thing a step: each is made in one go, the file is not. */
  *#all(definitions: Definitions): LongWork {
    this.#access(definitions);
    yield;
    yield* this.#topology(definitions);
  }

  #access(definitions: Definitions): void {
    const { vhosts, access } = this.#services;
    if (this.#only === undefined) {
      for (const {
        name: user,
        password,
        password_hash,
        hashing_algorithm,
        tags: userTags,
      } of definitions.users)
        this.#make(`user '${user}'`, () =>
          access.putUser(user, {
            passwordHash: password !== undefined ? hashPassword(password) : (password_hash ?? ''),
            hashingAlgorithm: password !== undefined ? defaultAlgorithm : hashing_algorithm,
            tags: userTags,
          }),
        );
      for (const { name: vhost, description, tracing } of definitions.vhosts)
        if (!vhosts.get(vhost))
          this.#make(`virtual host '${vhost}'`, () => vhosts.put(vhost, { description, tags: [], tracing }));
    }
    for (const permission of definitions.permissions)
      this.#make('permission', () =>
        access.putPermission({ ...permission, vhost: this.#vhostName(permission) }),
      );
    for (const permission of definitions.topic_permissions)
      this.#make('topic permission', () =>
        access.putTopicPermission({ ...permission, vhost: this.#vhostName(permission) }),
      );
  }

  *#topology(definitions: Definitions): LongWork {
    for (const row of definitions.policies) this.#policy(row, false);
    for (const row of definitions.parameters) {
      const value = v.safeParse(v.omit(policy, ['name', 'vhost']), row.value);
      if (row.component === 'operator_policy' && value.success)
        this.#policy({ ...value.output, name: row.name, vhost: row.vhost }, true);
      else this.#report.warnings.push(`parameter '${row.name}' of component '${row.component}' is not used`);
    }
    for (const row of definitions.exchanges) {
      const vhost = this.#vhost(row);
      const existed = vhost.exchanges.has(row.name);
      this.#make(
        `exchange '${row.name}'`,
        () =>
          vhost.declareExchange({
            name: row.name,
            type: row.type,
            durable: row.durable,
            autoDelete: row.auto_delete,
            internal: row.internal,
            arguments: fromPlain(row.arguments as Arguments),
          }),
        existed,
      );
      yield;
    }
    for (const row of definitions.queues) {
      const vhost = this.#vhost(row);
      const existed = vhost.queues.has(row.name);
      this.#make(
        `queue '${row.name}'`,
        () =>
          vhost.declareQueue(
            {
              name: row.name,
              durable: row.durable,
              exclusive: false,
              autoDelete: row.auto_delete,
              arguments: fromPlain(row.arguments as Arguments),
            },
            null,
          ).promised,
        existed,
      );
      yield;
    }
    for (const row of definitions.bindings) {
      const vhost = this.#vhost(row);
      this.#make(`binding '${row.source}' -> '${row.destination}'`, () =>
        vhost.bind(
          {
            source: row.source,
            destination: row.destination,
            destinationType: row.destination_type,
            routingKey: row.routing_key,
            arguments: fromPlain(row.arguments as Arguments),
          },
          null,
        ),
      );
      yield;
    }
  }

  #policy(row: v.InferOutput<typeof policy>, operator: boolean): void {
    const applyTo = row['apply-to'];
    this.#make(`policy '${row.name}'`, () =>
      this.#vhost(row).putPolicy({
        vhost: this.#vhostName(row),
        name: row.name,
        pattern: row.pattern,
        applyTo: applyTo === 'exchanges' || applyTo === 'all' ? applyTo : 'queues',
        priority: row.priority,
        definition: row.definition,
        operator,
      }),
    );
  }

  /** One object; what it collides with is a warning that names both, the rest goes on. */
  #make(what: string, make: () => Promise<unknown> | undefined, existed = false): void {
    try {
      const promised = make();
      // Its failure is the import's, at the end.
      promised?.catch(() => undefined);
      if (promised) this.#promised.push(promised);
      if (existed) this.#report.unchanged++;
      else this.#report.created++;
    } catch (error) {
      this.#report.warnings.push(`${what}: ${(error as Error).message}`);
    }
  }

  #vhostName(row: { vhost?: string | undefined }): string {
    return this.#only ?? row.vhost ?? '/';
  }

  /** Throws ContractError when it was deleted meanwhile. */
  #vhost(row: { vhost?: string | undefined }): Vhost {
    const vhost = this.#services.vhosts.get(this.#vhostName(row));
    if (!vhost) throw new ContractError('not-found', `no virtual host '${this.#vhostName(row)}'`);
    return vhost;
  }
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
