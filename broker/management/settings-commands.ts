// Users, permissions, policies, parameters and limits: what is set for a broker rather than declared in it.
import { termText } from '../amqp/erlang-term.ts';
import { hashingAlgorithms } from '../auth/password.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import { ContractError } from '../contract/errors.ts';
import type { NodeProcedures } from '../contract/node-procedures.ts';
import type { InputOf, OutputOf } from '../contract/procedure.ts';
import type { UserRow } from '../contract/rows.ts';
import { limitsParameter, vhostLimitNames } from '../vhost/parameters.ts';
import type { Promised, Vhost } from '../vhost/vhost.ts';
import { paged } from './list.ts';

type In<Name extends keyof NodeProcedures> = InputOf<NodeProcedures[Name]>;
type Out<Name extends keyof NodeProcedures> = OutputOf<NodeProcedures[Name]>;

const userLimitNames = ['max-connections', 'max-channels'];

export class SettingsCommands {
  readonly #services: BrokerServices;
  readonly #connections: ConnectionRegistry;

  constructor(services: BrokerServices, connections: ConnectionRegistry) {
    this.#services = services;
    this.#connections = connections;
  }

  // ---- Virtual hosts ----

  /** Its connections are closed; that their clients answer is not waited for. */
  async deleteVhost(name: string): Promise<void> {
    this.#vhost(name);
    const deleted = this.#services.vhosts.delete(name);
    for (const connection of this.#connections.all())
      if (connection.vhostName === name) void connection.closeForced(`vhost '${name}' is deleted`);
    await deleted;
    await this.#services.access.vhostDeleted(name);
  }

  // ---- Users and permissions ----

  users(input: In<'users.list'>): Out<'users.list'> {
    const { access } = this.#services;
    const rows = access.users().map((user): UserRow => ({
      name: user.name,
      tags: [...user.tags],
      passwordHash: user.passwordHash,
      hashingAlgorithm: user.hashingAlgorithm,
      loopbackOnly: access.loopbackUsers.has(user.name),
      permissions: access.permissions().filter((each) => each.user === user.name).length,
      limits: { ...user.limits },
    }));
    return paged(rows, input, (row) => row.name);
  }

  putUser({ name, ...change }: In<'users.put'>): Promise<void> {
    if (change.hashingAlgorithm !== undefined && !hashingAlgorithms.includes(change.hashingAlgorithm))
      throw new ContractError('invalid', `unknown hashing algorithm '${change.hashingAlgorithm}'`);
    return this.#services.access.putUser(name, change);
  }

  async deleteUser(name: string): Promise<void> {
    if (!(await this.#services.access.deleteUser(name)))
      throw new ContractError('not-found', `no user '${name}'`);
    for (const connection of this.#connections.all())
      if (connection.userName === name) void connection.closeForced(`user '${name}' is deleted`);
  }

  permissions(input: In<'permissions.list'>): Out<'permissions.list'> {
    const rows = this.#services.access
      .permissions()
      .filter((row) => input.vhost === undefined || row.vhost === input.vhost)
      .filter((row) => input.user === undefined || row.user === input.user);
    return paged(rows, input, (row) => `${row.user} ${row.vhost}`);
  }

  putPermission(input: In<'permissions.put'>): Promise<void> {
    this.#userAndVhost(input);
    return this.#services.access.putPermission(input);
  }

  async deletePermission({ user, vhost }: In<'permissions.delete'>): Promise<void> {
    if (!(await this.#services.access.deletePermission(user, vhost)))
      throw new ContractError('not-found', `user '${user}' has no permissions in '${vhost}'`);
  }

  topicPermissions(input: In<'topicPermissions.list'>): Out<'topicPermissions.list'> {
    const rows = this.#services.access
      .topicPermissions()
      .filter((row) => input.vhost === undefined || row.vhost === input.vhost)
      .filter((row) => input.user === undefined || row.user === input.user);
    return paged(rows, input, (row) => `${row.user} ${row.vhost} ${row.exchange}`);
  }

  putTopicPermission(input: In<'topicPermissions.put'>): Promise<void> {
    this.#userAndVhost(input);
    return this.#services.access.putTopicPermission(input);
  }

  async deleteTopicPermission({ user, vhost, exchange }: In<'topicPermissions.delete'>): Promise<void> {
    if (!(await this.#services.access.deleteTopicPermission(user, vhost, exchange)))
      throw new ContractError('not-found', `user '${user}' has no topic permissions in '${vhost}'`);
  }

  // ---- Policies and parameters ----

  removePolicy({ vhost, name, operator }: In<'policies.delete'>): Promised {
    if (!this.#vhost(vhost).policies.get(name, operator))
      throw new ContractError('not-found', `no policy '${name}' in '${vhost}'`);
    return this.#vhost(vhost).removePolicy(name, operator);
  }

  parameters(input: In<'parameters.list'>): Out<'parameters.list'> {
    const vhosts = input.vhost === undefined ? [...this.#services.vhosts.all()] : [this.#vhost(input.vhost)];
    const rows = vhosts.flatMap((vhost) =>
      vhost.parameters.all
        .filter(({ component }) => input.component === undefined || component === input.component)
        .map((parameter) => ({ vhost: vhost.name, ...parameter })),
    );
    return paged(rows, input, (row) => `${row.component} ${row.name}`);
  }

  removeParameter({ vhost, component, name }: In<'parameters.delete'>): Promised {
    if (!this.#vhost(vhost).parameters.get(component, name))
      throw new ContractError(
        'not-found',
        `no parameter '${name}' of component '${component}' in '${vhost}'`,
      );
    return this.#vhost(vhost).removeParameter(component, name);
  }

  globalParameters(input: In<'globalParameters.list'>): Out<'globalParameters.list'> {
    const rows = [...this.#services.vhosts.globalParameters].map(([name, value]) => ({ name, value }));
    return paged(rows, input, (row) => row.name);
  }

  removeGlobalParameter({ name }: In<'globalParameters.delete'>): Promised {
    if (!this.#services.vhosts.globalParameters.has(name))
      throw new ContractError('not-found', `no global parameter '${name}'`);
    return this.#services.vhosts.removeGlobalParameter(name);
  }

  // ---- Limits ----

  vhostLimits(input: In<'vhostLimits.list'>): Out<'vhostLimits.list'> {
    const vhosts = input.vhost === undefined ? [...this.#services.vhosts.all()] : [this.#vhost(input.vhost)];
    const rows = vhosts
      .map((vhost) => ({ name: vhost.name, limits: vhost.parameters.limits }))
      .filter(({ limits }) => Object.keys(limits).length > 0);
    return paged(rows, { ...input, vhost: undefined }, (row) => row.name);
  }

  putVhostLimit({ vhost, name, value }: In<'vhostLimits.put'>): Promise<void> {
    const limit = checkedLimit('limits', vhostLimitNames, name, value);
    const limits = { ...this.#vhost(vhost).parameters.limits, [name]: limit };
    return this.#vhost(vhost).putParameter({ ...limitsParameter, value: limits });
  }

  removeVhostLimit({ vhost, name }: In<'vhostLimits.delete'>): Promised {
    const { [name]: _, ...rest } = this.#vhost(vhost).parameters.limits;
    if (Object.keys(rest).length > 0)
      return this.#vhost(vhost).putParameter({ ...limitsParameter, value: rest });
    return this.#vhost(vhost).removeParameter(limitsParameter.component, limitsParameter.name);
  }

  userLimits(input: In<'userLimits.list'>): Out<'userLimits.list'> {
    const rows = this.#services.access
      .users()
      .filter((user) => input.user === undefined || user.name === input.user)
      .map((user) => ({ name: user.name, limits: { ...user.limits } }))
      .filter(({ limits }) => Object.keys(limits).length > 0);
    return paged(rows, input, (row) => row.name);
  }

  putUserLimit({ user, name, value }: In<'userLimits.put'>): Promise<void> {
    const found = this.#user(user);
    const limit = checkedLimit('user-limits', userLimitNames, name, value);
    const limits = { ...found.limits, [name]: limit };
    return this.#services.access.putUser(user, { tags: found.tags, limits });
  }

  removeUserLimit({ user, name }: In<'userLimits.delete'>): Promise<void> {
    const found = this.#user(user);
    const { [name]: _, ...limits } = { ...found.limits };
    return this.#services.access.putUser(user, { tags: found.tags, limits });
  }

  // ---- What is meant ----

  #vhost(name: string): Vhost {
    const vhost = this.#services.vhosts.get(name);
    if (!vhost) throw new ContractError('not-found', `no virtual host '${name}'`);
    return vhost;
  }

  #user(name: string) {
    const user = this.#services.access.user(name);
    if (!user) throw new ContractError('not-found', `no user '${name}'`);
    return user;
  }

  #userAndVhost({ user, vhost }: { user: string; vhost: string }): void {
    this.#vhost(vhost);
    if (!this.#services.access.user(user)) throw new ContractError('invalid', `no user '${user}'`);
  }
}

/** RabbitMQ's texts. Throws ContractError for a name that is no limit's, or a value that is no number. */
function checkedLimit(kind: string, names: readonly string[], name: string, value: unknown): number {
  if (!names.includes(name))
    throw new ContractError(
      'invalid',
      `Unrecognised terms [{${termText(name)},${termText(value)}}] in ${kind}`,
    );
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ContractError('invalid', `${name} should be a number, actually was ${termText(value)}`);
  return value;
}
