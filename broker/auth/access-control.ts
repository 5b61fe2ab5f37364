// Users and what they may do (R15). In memory, promised through the definition sink; decisions are cached per
// user until anything about permissions changes.
import type { Definition, DefinitionBodies, DefinitionSink } from '../definitions/definitions-store.ts';
import { definitionKey } from '../definitions/definition-key.ts';
import { defaultAlgorithm, hashPassword, passwordMatches } from './password.ts';
import { credentialsIn, type Credentials, type Mechanism } from './sasl.ts';

export type Permission = 'configure' | 'write' | 'read';
type Permissions = DefinitionBodies['permission'];
type TopicPermissions = DefinitionBodies['topic-permission'];

export interface User {
  readonly name: string;
  readonly tags: readonly string[];
  readonly passwordHash: string;
  readonly hashingAlgorithm: string;
  /** max-connections, max-channels. */
  readonly limits?: Readonly<Record<string, number>>;
}

/** Login refused; the client is told no more than that, the log says why. */
export class AuthenticationFailure extends Error {
  override name = 'AuthenticationFailure';
}

/** A user-supplied pattern longer than this is refused: it runs on the data path. */
const patternLengthMax = 2000;
const decisionsMax = 10_000;

export class AccessControl {
  readonly #sink: DefinitionSink;
  readonly #users = new Map<string, User>();
  readonly #permissions = new Map<string, { body: Permissions; patterns: Record<Permission, RegExp> }>();
  readonly #topicPermissions = new Map<string, TopicPermissions>();
  readonly #decisions = new Map<string, boolean>();
  /** May connect from loopback only, until it has been given another password than its name. */
  readonly loopbackUsers: ReadonlySet<string>;

  constructor(sink: DefinitionSink, loopbackUsers: readonly string[] = ['guest']) {
    this.#sink = sink;
    this.loopbackUsers = new Set(loopbackUsers);
  }

  /** Grows when a decision may have become another one. */
  revision = 0;

  // ---- Logging in ----

  /** Throws AuthenticationFailure. */
  authenticate(mechanism: Mechanism, response: Buffer, peerHost: string): User {
    const credentials = credentialsIn(mechanism, response);
    if (!credentials) throw new AuthenticationFailure(`malformed ${mechanism} response`);
    return this.login(credentials, peerHost);
  }

  /** Throws AuthenticationFailure. */
  login({ user: name, password }: Credentials, peerHost: string): User {
    const user = this.#users.get(name);
    // Unknown users cost the same digest as known ones.
    const matches = passwordMatches(
      password,
      user?.passwordHash ?? unknownHash,
      user?.hashingAlgorithm ?? defaultAlgorithm,
    );
    if (!user || !matches) throw new AuthenticationFailure(`user '${name}' - invalid credentials`);
    if (this.loopbackUsers.has(name) && !isLoopback(peerHost))
      throw new AuthenticationFailure(`user '${name}' can only connect via localhost`);
    return user;
  }

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  users(): User[] {
    return [...this.#users.values()];
  }

  // ---- Deciding ----

  mayOpen(user: string, vhost: string): boolean {
    return this.#permissions.has(permissionKey(user, vhost));
  }

  /** The default exchange is known to permissions as amq.default. */
  may(user: string, vhost: string, permission: Permission, resource: string): boolean {
    const key = `${permission}\0${user}\0${vhost}\0${resource}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const patterns = this.#permissions.get(permissionKey(user, vhost))?.patterns;
    const decision = patterns?.[permission].test(resource === '' ? 'amq.default' : resource) ?? false;
    if (this.#decisions.size >= decisionsMax) this.#decisions.clear();
    this.#decisions.set(key, decision);
    return decision;
  }

  /** Without a topic permission for the exchange all keys are allowed, as in RabbitMQ. */
  mayTopic(
    user: string,
    vhost: string,
    exchange: string,
    permission: 'write' | 'read',
    routingKey: string,
    variables: Record<string, string>,
  ): boolean {
    if (this.#topicPermissions.size === 0) return true;
    const found = this.#topicPermissions.get(topicKey(user, vhost, exchange));
    if (!found) return true;
    const pattern = found[permission].replace(/\{(username|vhost|client_id)\}/g, (_, name: string) =>
      escapePattern(variables[name] ?? ''),
    );
    return compile(pattern).test(routingKey);
  }

  permissions(): Permissions[] {
    return [...this.#permissions.values()].map(({ body }) => body);
  }

  topicPermissions(): TopicPermissions[] {
    return [...this.#topicPermissions.values()];
  }

  // ---- Changing ----

  /** Either a password, or a hash with its algorithm; neither keeps what is there, or bars password login. */
  putUser(name: string, change: UserChange): Promise<void> {
    const current = this.#users.get(name);
    const hashed =
      change.password !== undefined
        ? { passwordHash: hashPassword(change.password), hashingAlgorithm: defaultAlgorithm }
        : {
            passwordHash: change.passwordHash ?? current?.passwordHash ?? '',
            hashingAlgorithm: change.hashingAlgorithm ?? current?.hashingAlgorithm ?? defaultAlgorithm,
          };
    const body = { name, ...hashed, tags: [...change.tags], limits: change.limits ?? current?.limits ?? {} };
    this.#users.set(name, body);
    return this.#put({ kind: 'user', body });
  }

  /** With the user go its permissions. */
  async deleteUser(name: string): Promise<boolean> {
    const user = this.#users.get(name);
    if (!user) return false;
    this.#users.delete(name);
    const gone: Definition[] = [definitionOf(user)];
    for (const { body } of this.#permissions.values())
      if (body.user === name) gone.push({ kind: 'permission', body });
    for (const body of this.#topicPermissions.values())
      if (body.user === name) gone.push({ kind: 'topic-permission', body });
    await this.#removeAll(gone);
    return true;
  }

  /** Throws SyntaxError for an impossible pattern. */
  putPermission(body: Permissions): Promise<void> {
    this.#setPermission(body);
    return this.#put({ kind: 'permission', body });
  }

  async deletePermission(user: string, vhost: string): Promise<boolean> {
    const found = this.#permissions.get(permissionKey(user, vhost));
    if (!found) return false;
    await this.#removeAll([{ kind: 'permission', body: found.body }]);
    return true;
  }

  /** Throws SyntaxError for an impossible pattern. */
  putTopicPermission(body: TopicPermissions): Promise<void> {
    this.#setTopicPermission(body);
    return this.#put({ kind: 'topic-permission', body });
  }

  /** All of the user's in the virtual host, or those of one exchange. */
  async deleteTopicPermission(user: string, vhost: string, exchange?: string): Promise<boolean> {
    const found = [...this.#topicPermissions.values()].filter(
      (each) =>
        each.user === user && each.vhost === vhost && (exchange === undefined || each.exchange === exchange),
    );
    await this.#removeAll(found.map((body) => ({ kind: 'topic-permission', body })));
    return found.length > 0;
  }

  /** A virtual host is gone: so is what was said about it. */
  async vhostDeleted(vhost: string): Promise<void> {
    const gone: Definition[] = [];
    for (const { body } of this.#permissions.values())
      if (body.vhost === vhost) gone.push({ kind: 'permission', body });
    for (const body of this.#topicPermissions.values())
      if (body.vhost === vhost) gone.push({ kind: 'topic-permission', body });
    await this.#removeAll(gone);
  }

  // ---- The store and the peer ----

  /** Makes what a stored definition says; true when it was one of ours. */
  restore(definition: Definition): boolean {
    const { kind, body } = definition;
    if (kind === 'user') this.#users.set(body.name, body);
    else if (kind === 'permission') this.#setPermission(body);
    else if (kind === 'topic-permission') this.#setTopicPermission(body);
    else return false;
    return true;
  }

  /** Takes back what the peer removed; `names` as in the definition's key. */
  forget(kind: Definition['kind'], names: string[]): void {
    this.#changed();
    if (kind === 'user') this.#users.delete(names[0]!);
    else if (kind === 'permission') this.#permissions.delete(permissionKey(names[0]!, names[1]!));
    else if (kind === 'topic-permission')
      this.#topicPermissions.delete(topicKey(names[0]!, names[1]!, names[2]!));
  }

  *definitions(): Generator<Definition> {
    for (const user of this.#users.values()) yield definitionOf(user);
    for (const { body } of this.#permissions.values()) yield { kind: 'permission', body };
    for (const body of this.#topicPermissions.values()) yield { kind: 'topic-permission', body };
  }

  #changed(): void {
    this.revision++;
    this.#decisions.clear();
  }

  #setPermission(body: Permissions): void {
    const patterns = {
      configure: compile(body.configure),
      write: compile(body.write),
      read: compile(body.read),
    };
    this.#permissions.set(permissionKey(body.user, body.vhost), { body, patterns });
    this.#changed();
  }

  #setTopicPermission(body: TopicPermissions): void {
    compile(body.write);
    compile(body.read);
    this.#topicPermissions.set(topicKey(body.user, body.vhost, body.exchange), body);
    this.#changed();
  }

  #put(definition: Definition): Promise<void> {
    return this.#sink.commit({ op: 'put', definition }, 'local');
  }

  async #removeAll(definitions: Definition[]): Promise<void> {
    await Promise.all(
      definitions.map((definition) => {
        const key = definitionKey(definition);
        this.forget(definition.kind, (JSON.parse(key) as string[]).slice(1));
        return this.#sink.commit({ op: 'remove', kind: definition.kind, key }, 'local');
      }),
    );
  }
}

export interface UserChange {
  password?: string;
  passwordHash?: string;
  hashingAlgorithm?: string;
  tags: readonly string[];
  /** Absent: as they are. */
  limits?: Readonly<Record<string, number>>;
}

function definitionOf(user: User): Definition {
  return { kind: 'user', body: { ...user, tags: [...user.tags], limits: { ...user.limits } } };
}

const unknownHash = hashPassword('');

export function isLoopback(host: string): boolean {
  return host === '::1' || /^(::ffff:)?127\./.test(host);
}

function permissionKey(user: string, vhost: string): string {
  return `${user}\0${vhost}`;
}

function topicKey(user: string, vhost: string, exchange: string): string {
  return `${user}\0${vhost}\0${exchange}`;
}

/** RabbitMQ matches anywhere in the name; the empty pattern matches the empty name only. */
function compile(pattern: string): RegExp {
  if (pattern.length > patternLengthMax)
    throw new SyntaxError(`a pattern of ${pattern.length} characters; at most ${patternLengthMax}`);
  return new RegExp(pattern === '' ? '^$' : pattern);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
