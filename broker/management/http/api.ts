// RabbitMQ's management HTTP API: paths, methods, status codes and shapes over the node's own procedures.
// Basic authentication on every path; what a user's tags allow is RabbitMQ's rule.
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { AuthenticationFailure, type AccessControl, type User } from '../../auth/access-control.ts';
import { hashPassword } from '../../auth/password.ts';
import type { Log } from '../../base/log.ts';
import { ContractError, type ContractErrorCode } from '../../contract/errors.ts';
import type { NodeProcedureName, NodeProcedures } from '../../contract/node-procedures.ts';
import type { OutputOf } from '../../contract/procedure.ts';
import type { ImportReport, MessageProperties, Page } from '../../contract/rows.ts';
import type { Management } from '../management.ts';
import { metricsText } from './metrics.ts';
import * as shapes from './shapes.ts';

type Env = { Variables: { user: User } };
type Json = Record<string, unknown>;
type Ctx = Context<Env>;

const bodyBytesMax = 32 << 20;
/** How long wrong credentials wait for their answer, so that guessing is slow. */
const refusalDelayMs = 500;
const listMax = 1_000_000;

const statusOf: Record<ContractErrorCode, ContentfulStatusCode> = {
  invalid: 400,
  unauthenticated: 401,
  refused: 403,
  'not-found': 404,
  conflict: 400,
  'too-large': 413,
  unavailable: 503,
  internal: 500,
};

/** `administrator` may all; each of the others what RabbitMQ lets it. */
type Need = 'management' | 'monitoring' | 'policymaker' | 'administrator';
const satisfiedBy: Record<Need, readonly string[]> = {
  management: ['management', 'policymaker', 'monitoring', 'administrator'],
  policymaker: ['policymaker', 'administrator'],
  monitoring: ['monitoring', 'administrator'],
  administrator: ['administrator'],
};

export function createHttpApi(management: Management, access: AccessControl, log: Log): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/metrics', (c) => metrics(c, management));
  app.get('/metrics/per-object', (c) => metrics(c, management));
  app.use('/api/*', async (c, next) => {
    const user = await authenticated(c, access, log);
    if (!user) {
      c.header('www-authenticate', 'Basic realm="RabbitMQ Management"');
      return c.json({ error: 'not_authorised', reason: 'Login failed' }, 401);
    }
    if (!allowed(user, 'management')) return failure(c, 401, 'Not management user', 'not_authorised');
    c.set('user', user);
    return next();
  });
  // After that: of somebody unknown no body is read.
  app.use('/api/*', bodyLimit({ maxSize: bodyBytesMax, onError: (c) => failure(c, 413, 'body too large') }));
  new Api(app, management, access).routes();
  app.notFound((c) => failure(c, 404, 'Not Found', 'Object Not Found'));
  app.onError((error, c) => {
    if (error instanceof ContractError)
      return failure(
        c,
        statusOf[error.code],
        error.message,
        error.code === 'not-found' ? 'Object Not Found' : 'bad_request',
      );
    if (error instanceof SyntaxError)
      return failure(c, 400, `body is not JSON: ${error.message}`, 'bad_request');
    log.error(`HTTP API: ${error.stack}`);
    return failure(c, 500, 'internal error', 'internal_error');
  });
  return app;
}

async function metrics(c: Context, management: Management): Promise<Response> {
  const perObject = c.req.path.endsWith('per-object');
  return c.text(await metricsText(management, perObject), 200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
  });
}

function failure(c: Context, status: ContentfulStatusCode, reason: string, error = 'bad_request'): Response {
  return c.json({ error, reason }, status);
}

function allowed(user: User, need: Need): boolean {
  return satisfiedBy[need].some((tag) => user.tags.includes(tag));
}

/** Null for wrong credentials, after a while. */
async function authenticated(c: Context, access: AccessControl, log: Log): Promise<User | null> {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/.exec(c.req.header('authorization') ?? '');
  if (!match) return null;
  const [name = '', ...password] = Buffer.from(match[1]!, 'base64').toString('utf8').split(':');
  try {
    // The port is bound to loopback, so its peers are.
    return access.login({ user: name, password: password.join(':') }, '127.0.0.1');
  } catch (error) {
    if (!(error instanceof AuthenticationFailure)) throw error;
    log.warn(`HTTP access denied: ${error.message}`);
    await new Promise((resolve) => setTimeout(resolve, refusalDelayMs));
    return null;
  }
}

class Api {
  readonly #app: Hono<Env>;
  readonly #management: Management;
  readonly #access: AccessControl;

  constructor(app: Hono<Env>, management: Management, access: AccessControl) {
    this.#app = app;
    this.#management = management;
    this.#access = access;
  }

  routes(): void {
    this.#general();
    this.#connections();
    this.#exchanges();
    this.#queues();
    this.#bindings();
    this.#vhosts();
    this.#users();
    this.#policies();
    this.#health();
  }

  #call<Name extends NodeProcedureName>(
    c: Ctx,
    name: Name,
    input: unknown,
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    return this.#management.call(name, input, { user: c.get('user').name });
  }

  get #node(): string {
    return this.#management.parts.services.nodeName;
  }

  #need(c: Ctx, need: Need): void {
    if (!allowed(c.get('user'), need)) throw new ContractError('unauthenticated', `needs the tag ${need}`);
  }

  /** A user without the monitoring tag sees the virtual hosts it may open only. */
  #mayOpen(c: Ctx, vhost: string): void {
    const user = c.get('user');
    if (allowed(user, 'administrator')) return;
    if (!this.#access.mayOpen(user.name, vhost))
      throw new ContractError('unauthenticated', `User not authorised to access virtual host ${vhost}`);
  }

  /** A list in RabbitMQ's form: bare, or in pages when asked for. */
  async #list<Row extends object>(
    c: Ctx,
    name: NodeProcedureName,
    input: Json,
    shape: (row: Row) => Json,
  ): Promise<Response> {
    const vhost = input['vhost'] as string | undefined;
    if (vhost !== undefined) this.#mayOpen(c, vhost);
    const rows: Row[] = [];
    for (let page = 1; rows.length < listMax; page++) {
      const part = (await this.#call(c, name, { ...input, page, pageSize: 500 })) as unknown as Page<Row>;
      rows.push(...part.items);
      if (rows.length >= part.filteredCount || part.items.length === 0) break;
    }
    return c.json(listAnswer(c, this.#visible(c, rows).map(shape)));
  }

  #visible<Row extends object>(c: Ctx, rows: Row[]): Row[] {
    const user = c.get('user');
    if (allowed(user, 'monitoring')) return rows;
    return rows.filter((row) => {
      const { vhost } = row as { vhost?: string };
      return vhost === undefined || this.#access.mayOpen(user.name, vhost);
    });
  }

  #general(): void {
    const app = this.#app;
    const overview = (c: Ctx) => this.#call(c, 'overview', {});
    app.get('/api/overview', async (c) => c.json(shapes.overviewShape(await overview(c))));
    app.get('/api/nodes', async (c) => c.json([shapes.nodeShape(await overview(c))]));
    app.get('/api/nodes/:node', async (c) => {
      if (c.req.param('node') !== this.#node) throw new ContractError('not-found', 'Not Found');
      return c.json(shapes.nodeShape(await overview(c)));
    });
    app.get('/api/cluster-name', (c) => c.json({ name: this.#node }));
    app.get('/api/extensions', (c) => c.json([]));
    app.get('/api/feature-flags', (c) => c.json([]));
    app.get('/api/global-parameters', (c) => c.json([]));
    app.get('/api/parameters', (c) => c.json([]));
    app.get('/api/parameters/:component', (c) => c.json([]));
    app.get('/api/parameters/:component/:vhost', (c) => c.json([]));
    app.get('/api/vhost-limits', (c) => c.json([]));
    app.get('/api/vhost-limits/:vhost', (c) => c.json([]));
    app.get('/api/user-limits', (c) => c.json([]));
    app.get('/api/auth/attempts/:node', (c) => c.json([]));
    app.get('/api/whoami', (c) => c.json({ name: c.get('user').name, tags: [...c.get('user').tags] }));
    app.get('/api/auth/hash_password/:password', (c) =>
      c.json({ ok: hashPassword(c.req.param('password')) }),
    );
    app.get('/api/definitions', async (c) => {
      this.#need(c, 'administrator');
      return c.json(await this.#call(c, 'definitions.export', {}));
    });
    app.get('/api/definitions/:vhost', async (c) => {
      this.#mayOpen(c, c.req.param('vhost'));
      return c.json(await this.#call(c, 'definitions.export', { vhost: c.req.param('vhost') }));
    });
    app.post('/api/definitions', async (c) => {
      this.#need(c, 'administrator');
      const report = await this.#call(c, 'definitions.import', { definitions: await jsonBody(c) });
      return imported(c, report);
    });
    app.post('/api/definitions/:vhost', async (c) => {
      this.#need(c, 'policymaker');
      const report = await this.#call(c, 'definitions.import', {
        vhost: c.req.param('vhost'),
        definitions: await jsonBody(c),
      });
      return imported(c, report);
    });
  }

  #connections(): void {
    const app = this.#app;
    const shape = (row: Parameters<typeof shapes.connectionShape>[0]) =>
      shapes.connectionShape(row, this.#node);
    const channel = (row: Parameters<typeof shapes.channelShape>[0]) => shapes.channelShape(row, this.#node);
    const consumer = (row: Parameters<typeof shapes.consumerShape>[0]) =>
      shapes.consumerShape(row, this.#node);
    app.get('/api/connections', (c) => this.#list(c, 'connections.list', {}, shape));
    app.get('/api/vhosts/:vhost/connections', (c) =>
      this.#list(c, 'connections.list', { vhost: c.req.param('vhost') }, shape),
    );
    app.get('/api/connections/:name', async (c) => c.json(shape(await this.#connection(c))));
    app.delete('/api/connections/:name', async (c) => {
      const { name } = await this.#connection(c);
      const reason = c.req.header('x-reason');
      await this.#call(c, 'connections.close', reason === undefined ? { name } : { name, reason });
      return c.body(null, 204);
    });
    app.get('/api/connections/:name/channels', (c) =>
      this.#list(c, 'channels.list', { connection: c.req.param('name') }, channel),
    );
    app.get('/api/channels', (c) => this.#list(c, 'channels.list', {}, channel));
    app.get('/api/vhosts/:vhost/channels', (c) =>
      this.#list(c, 'channels.list', { vhost: c.req.param('vhost') }, channel),
    );
    app.get('/api/channels/:name', async (c) => {
      const name = c.req.param('name');
      const connection = name.replace(/ \(\d+\)$/, '');
      const { items } = await this.#call(c, 'channels.list', { connection, pageSize: 500 });
      const found = items.find((row) => row.name === name);
      if (!found) throw new ContractError('not-found', 'Not Found');
      return c.json({ ...channel(found), consumer_details: [] });
    });
    app.get('/api/consumers', (c) => this.#list(c, 'consumers.list', {}, consumer));
    app.get('/api/consumers/:vhost', (c) =>
      this.#list(c, 'consumers.list', { vhost: c.req.param('vhost') }, consumer),
    );
  }

  async #connection(c: Ctx) {
    const name = c.req.param('name');
    const { items } = await this.#call(c, 'connections.list', { pageSize: 500, filter: name });
    const found = items.find((row) => row.name === name);
    if (!found) throw new ContractError('not-found', 'Not Found');
    return found;
  }

  #exchanges(): void {
    const app = this.#app;
    app.get('/api/exchanges', (c) => this.#list(c, 'exchanges.list', {}, shapes.exchangeShape));
    app.get('/api/exchanges/:vhost', (c) =>
      this.#list(c, 'exchanges.list', { vhost: c.req.param('vhost') }, shapes.exchangeShape),
    );
    app.get('/api/exchanges/:vhost/:name', async (c) =>
      c.json(shapes.exchangeShape(await this.#call(c, 'exchanges.get', this.#exchangeRef(c)))),
    );
    app.put('/api/exchanges/:vhost/:name', async (c) => {
      const body = await jsonBody(c);
      const ref = this.#exchangeRef(c);
      this.#may(c, ref.vhost, 'configure', ref.name);
      const existed = this.#management.parts.services.vhosts.get(ref.vhost)?.exchanges.has(ref.name) ?? false;
      await this.#call(c, 'exchanges.declare', {
        ...ref,
        type: body['type'] ?? 'direct',
        durable: asFlag(body['durable'], true),
        autoDelete: asFlag(body['auto_delete'], false),
        internal: asFlag(body['internal'], false),
        arguments: body['arguments'] ?? {},
      });
      return c.body(null, existed ? 204 : 201);
    });
    app.delete('/api/exchanges/:vhost/:name', async (c) => {
      const ref = this.#exchangeRef(c);
      this.#may(c, ref.vhost, 'configure', ref.name);
      await this.#call(c, 'exchanges.delete', { ...ref, ifUnused: c.req.query('if-unused') === 'true' });
      return c.body(null, 204);
    });
    app.post('/api/exchanges/:vhost/:name/publish', async (c) => {
      const body = await jsonBody(c);
      const ref = this.#exchangeRef(c);
      this.#may(c, ref.vhost, 'write', ref.name);
      const payload = requiredText(body, 'payload');
      const encoding = requiredText(body, 'payload_encoding');
      if (encoding !== 'string' && encoding !== 'base64')
        throw new ContractError('invalid', `unsupported encoding ${encoding}`);
      const { routed } = await this.#call(c, 'messages.publish', {
        vhost: ref.vhost,
        exchange: ref.name,
        routingKey: requiredText(body, 'routing_key'),
        properties: propertiesIn((body['properties'] ?? {}) as Json),
        body: new Uint8Array(Buffer.from(payload, encoding === 'base64' ? 'base64' : 'utf8')),
      });
      return c.json({ routed });
    });
    for (const end of ['source', 'destination'] as const)
      app.get(`/api/exchanges/:vhost/:name/bindings/${end}`, (c) => {
        const ref = this.#exchangeRef(c);
        return this.#list(
          c,
          'bindings.list',
          end === 'source'
            ? { vhost: ref.vhost, source: ref.name }
            : { vhost: ref.vhost, destination: ref.name, destinationType: 'exchange' },
          shapes.bindingShape,
        );
      });
  }

  /** In paths and bodies the default exchange is amq.default. */
  #exchangeRef(c: Ctx): { vhost: string; name: string } {
    const vhost = c.req.param('vhost')!;
    this.#mayOpen(c, vhost);
    const name = c.req.param('name')!;
    return { vhost, name: name === 'amq.default' ? '' : name };
  }

  #may(c: Ctx, vhost: string, permission: 'configure' | 'write' | 'read', resource: string): void {
    if (!this.#access.may(c.get('user').name, vhost, permission, resource))
      throw new ContractError('unauthenticated', `${permission} access to '${resource}' refused`);
  }

  #queues(): void {
    const app = this.#app;
    const shape = (row: Parameters<typeof shapes.queueShape>[0]) => shapes.queueShape(row, this.#node);
    app.get('/api/queues', (c) => this.#list(c, 'queues.list', {}, shape));
    app.get('/api/queues/:vhost', (c) =>
      this.#list(c, 'queues.list', { vhost: c.req.param('vhost') }, shape),
    );
    app.get('/api/queues/:vhost/:name', async (c) => {
      const ref = this.#queueRef(c);
      const row = shape(await this.#call(c, 'queues.get', ref));
      const { items } = await this.#call(c, 'consumers.list', {
        vhost: ref.vhost,
        queue: ref.name,
        pageSize: 500,
      });
      const details = items.map((item) => shapes.consumerShape(item, this.#node));
      return c.json({ ...row, consumer_details: details, deliveries: [], incoming: [] });
    });
    app.put('/api/queues/:vhost/:name', async (c) => {
      const body = await jsonBody(c);
      const ref = this.#queueRef(c);
      this.#may(c, ref.vhost, 'configure', ref.name);
      const existed = this.#management.parts.services.vhosts.get(ref.vhost)?.queues.has(ref.name) ?? false;
      await this.#call(c, 'queues.declare', {
        ...ref,
        durable: asFlag(body['durable'], true),
        autoDelete: asFlag(body['auto_delete'], false),
        arguments: body['arguments'] ?? {},
      });
      return c.body(null, existed ? 204 : 201);
    });
    app.delete('/api/queues/:vhost/:name', async (c) => {
      const ref = this.#queueRef(c);
      this.#may(c, ref.vhost, 'configure', ref.name);
      await this.#call(c, 'queues.delete', {
        ...ref,
        ifUnused: c.req.query('if-unused') === 'true',
        ifEmpty: c.req.query('if-empty') === 'true',
      });
      return c.body(null, 204);
    });
    app.delete('/api/queues/:vhost/:name/contents', async (c) => {
      const ref = this.#queueRef(c);
      this.#may(c, ref.vhost, 'read', ref.name);
      await this.#call(c, 'queues.purge', ref);
      return c.body(null, 204);
    });
    app.get('/api/queues/:vhost/:name/bindings', (c) => {
      const { vhost, name } = this.#queueRef(c);
      return this.#list(
        c,
        'bindings.list',
        { vhost, destination: name, destinationType: 'queue' },
        shapes.bindingShape,
      );
    });
    app.post('/api/queues/:vhost/:name/get', async (c) => {
      const body = await jsonBody(c);
      const ref = this.#queueRef(c);
      this.#may(c, ref.vhost, 'read', ref.name);
      const { messages, remaining } = await this.#call(c, 'messages.get', {
        vhost: ref.vhost,
        queue: ref.name,
        count: Number(body['count']),
        ackMode: body['ackmode'] ?? (body['requeue'] === true ? 'ack_requeue_true' : 'ack_requeue_false'),
        ...(body['truncate'] === undefined ? {} : { bodyBytesMax: Number(body['truncate']) }),
      });
      const encoding = requiredText(body, 'encoding');
      return c.json(
        messages.map((message, index) =>
          shapes.messageShape(message, encoding, remaining + messages.length - 1 - index),
        ),
      );
    });
    app.post('/api/queues/:vhost/:name/actions', async (c) => {
      const { action } = (await jsonBody(c)) as { action?: string };
      await this.#call(c, 'queues.get', this.#queueRef(c));
      if (action !== 'sync' && action !== 'cancel_sync')
        throw new ContractError('invalid', `unknown action '${action ?? ''}'`);
      return c.body(null, 204);
    });
  }

  #queueRef(c: Ctx): { vhost: string; name: string } {
    const vhost = c.req.param('vhost')!;
    this.#mayOpen(c, vhost);
    return { vhost, name: c.req.param('name')! };
  }

  #bindings(): void {
    const app = this.#app;
    app.get('/api/bindings', (c) => this.#list(c, 'bindings.list', {}, shapes.bindingShape));
    app.get('/api/bindings/:vhost', (c) =>
      this.#list(c, 'bindings.list', { vhost: c.req.param('vhost') }, shapes.bindingShape),
    );
    const pair = '/api/bindings/:vhost/e/:source/:kind{[qe]}/:destination';
    app.get(pair, (c) => this.#list(c, 'bindings.list', this.#bindingEnds(c), shapes.bindingShape));
    app.post(pair, async (c) => {
      const body = await jsonBody(c);
      const ends = this.#bindingEnds(c);
      this.#may(c, ends.vhost, 'write', ends.destination);
      this.#may(c, ends.vhost, 'read', ends.source);
      const { propertiesKey } = await this.#call(c, 'bindings.create', {
        ...ends,
        routingKey: body['routing_key'] ?? '',
        arguments: body['arguments'] ?? {},
      });
      c.header('location', `${c.req.path.split('/').at(-1)}/${encodeURIComponent(propertiesKey)}`);
      return c.body(null, 201);
    });
    app.get(`${pair}/:key`, async (c) => c.json(shapes.bindingShape(await this.#binding(c))));
    app.delete(`${pair}/:key`, async (c) => {
      const {
        source,
        destination,
        destinationType,
        routingKey,
        arguments: args,
        vhost,
      } = await this.#binding(c);
      this.#may(c, vhost, 'write', destination);
      await this.#call(c, 'bindings.delete', {
        vhost,
        source,
        destination,
        destinationType,
        routingKey,
        arguments: args,
      });
      return c.body(null, 204);
    });
  }

  #bindingEnds(c: Ctx) {
    const vhost = c.req.param('vhost')!;
    this.#mayOpen(c, vhost);
    const named = (name: string) => (name === 'amq.default' ? '' : name);
    return {
      vhost,
      source: named(c.req.param('source')!),
      destination: c.req.param('destination')!,
      destinationType: c.req.param('kind') === 'q' ? ('queue' as const) : ('exchange' as const),
    };
  }

  async #binding(c: Ctx) {
    const { items } = await this.#call(c, 'bindings.list', { ...this.#bindingEnds(c), pageSize: 500 });
    const key = c.req.param('key');
    const found = items.find((row) => row.propertiesKey === key);
    if (!found) throw new ContractError('not-found', 'Not Found');
    return found;
  }

  #vhosts(): void {
    const app = this.#app;
    app.get('/api/vhosts', (c) =>
      this.#list(c, 'vhosts.list', {}, (row: Parameters<typeof shapes.vhostShape>[0]) =>
        shapes.vhostShape(row),
      ),
    );
    app.get('/api/vhosts/:name', async (c) => c.json(shapes.vhostShape(await this.#vhost(c))));
    app.put('/api/vhosts/:name', async (c) => {
      this.#need(c, 'administrator');
      const body = await jsonBody(c);
      const name = c.req.param('name');
      const existed = this.#management.parts.services.vhosts.get(name) !== undefined;
      const given = body['tags'];
      await this.#call(c, 'vhosts.put', {
        name,
        description: body['description'] ?? '',
        tags: typeof given === 'string' ? given.split(',').filter((tag) => tag !== '') : (given ?? []),
        tracing: body['tracing'] === true,
      });
      return c.body(null, existed ? 204 : 201);
    });
    app.delete('/api/vhosts/:name', async (c) => {
      this.#need(c, 'administrator');
      await this.#call(c, 'vhosts.delete', { name: c.req.param('name') });
      return c.body(null, 204);
    });
    app.get('/api/vhosts/:name/permissions', async (c) => {
      const { items } = await this.#call(c, 'permissions.list', {
        vhost: c.req.param('name'),
        pageSize: 500,
      });
      return c.json(listAnswer(c, items as unknown as Json[]));
    });
    app.get('/api/vhosts/:name/topic-permissions', async (c) => {
      const { items } = await this.#call(c, 'topicPermissions.list', {
        vhost: c.req.param('name'),
        pageSize: 500,
      });
      return c.json(listAnswer(c, items as unknown as Json[]));
    });
  }

  async #vhost(c: Ctx) {
    const name = c.req.param('name')!;
    const { items } = await this.#call(c, 'vhosts.list', { pageSize: 500 });
    const found = items.find((row) => row.name === name);
    if (!found) throw new ContractError('not-found', 'Not Found');
    this.#mayOpen(c, name);
    return found;
  }

  #users(): void {
    const app = this.#app;
    app.get('/api/users', (c) => {
      this.#need(c, 'administrator');
      return this.#list(c, 'users.list', {}, shapes.userShape);
    });
    app.get('/api/users/without-permissions', async (c) => {
      this.#need(c, 'administrator');
      const { items } = await this.#call(c, 'users.list', { pageSize: 500 });
      return c.json(items.filter((row) => row.permissions === 0).map(shapes.userShape));
    });
    app.get('/api/users/:name', async (c) => {
      this.#need(c, 'administrator');
      const { items } = await this.#call(c, 'users.list', { filter: c.req.param('name'), pageSize: 500 });
      const found = items.find((row) => row.name === c.req.param('name'));
      if (!found) throw new ContractError('not-found', 'Not Found');
      return c.json(shapes.userShape(found));
    });
    app.put('/api/users/:name', async (c) => {
      this.#need(c, 'administrator');
      const body = await jsonBody(c);
      const name = c.req.param('name');
      if (body['tags'] === undefined) throw new ContractError('invalid', 'tags must be present');
      const existed = this.#access.user(name) !== undefined;
      const given = body['tags'];
      const tags = Array.isArray(given) ? given : String(given).split(',');
      await this.#call(c, 'users.put', {
        name,
        tags: tags.map((tag) => String(tag).trim()).filter((tag) => tag !== ''),
        ...(typeof body['password'] === 'string' ? { password: body['password'] } : {}),
        ...(typeof body['password_hash'] === 'string' ? { passwordHash: body['password_hash'] } : {}),
        ...(typeof body['hashing_algorithm'] === 'string'
          ? { hashingAlgorithm: body['hashing_algorithm'] }
          : {}),
      });
      return c.body(null, existed ? 204 : 201);
    });
    app.delete('/api/users/:name', async (c) => {
      this.#need(c, 'administrator');
      await this.#call(c, 'users.delete', { name: c.req.param('name') });
      return c.body(null, 204);
    });
    app.get('/api/users/:name/permissions', async (c) => {
      const { items } = await this.#call(c, 'permissions.list', { user: c.req.param('name'), pageSize: 500 });
      return c.json(items);
    });
    this.#permissions();
  }

  #permissions(): void {
    const app = this.#app;
    app.get('/api/permissions', (c) => this.#list(c, 'permissions.list', {}, (row: Json) => row));
    app.get('/api/permissions/:vhost/:user', async (c) => {
      const { items } = await this.#call(c, 'permissions.list', { ...userRef(c), pageSize: 500 });
      if (!items[0]) throw new ContractError('not-found', 'Not Found');
      return c.json(items[0]);
    });
    app.put('/api/permissions/:vhost/:user', async (c) => {
      this.#need(c, 'administrator');
      const body = await jsonBody(c);
      const existed = this.#access.mayOpen(c.req.param('user'), c.req.param('vhost'));
      const [configure, write, read] = ['configure', 'write', 'read'].map((name) => requiredText(body, name));
      await this.#call(c, 'permissions.put', { ...userRef(c), configure, write, read });
      return c.body(null, existed ? 204 : 201);
    });
    app.delete('/api/permissions/:vhost/:user', async (c) => {
      this.#need(c, 'administrator');
      await this.#call(c, 'permissions.delete', userRef(c));
      return c.body(null, 204);
    });
    app.get('/api/topic-permissions', (c) => this.#list(c, 'topicPermissions.list', {}, (row: Json) => row));
    app.get('/api/topic-permissions/:vhost/:user', async (c) => {
      const { items } = await this.#call(c, 'topicPermissions.list', { ...userRef(c), pageSize: 500 });
      return c.json(items);
    });
    app.put('/api/topic-permissions/:vhost/:user', async (c) => {
      this.#need(c, 'administrator');
      const body = await jsonBody(c);
      const [exchange, write, read] = ['exchange', 'write', 'read'].map((name) => requiredText(body, name));
      await this.#call(c, 'topicPermissions.put', { ...userRef(c), exchange, write, read });
      return c.body(null, 201);
    });
    app.delete('/api/topic-permissions/:vhost/:user', async (c) => {
      this.#need(c, 'administrator');
      await this.#call(c, 'topicPermissions.delete', userRef(c));
      return c.body(null, 204);
    });
  }

  #policies(): void {
    const app = this.#app;
    for (const operator of [false, true]) {
      const base = operator ? '/api/operator-policies' : '/api/policies';
      const rows = async (c: Ctx, vhost?: string) => {
        const { items } = await this.#call(c, 'policies.list', {
          pageSize: 500,
          ...(vhost === undefined ? {} : { vhost }),
        });
        return items.filter((row) => row.operator === operator);
      };
      app.get(base, async (c) => c.json(listAnswer(c, (await rows(c)).map(shapes.policyShape))));
      app.get(`${base}/:vhost`, async (c) =>
        c.json(listAnswer(c, (await rows(c, c.req.param('vhost'))).map(shapes.policyShape))),
      );
      app.get(`${base}/:vhost/:name`, async (c) => {
        const found = (await rows(c, c.req.param('vhost'))).find((row) => row.name === c.req.param('name'));
        if (!found) throw new ContractError('not-found', 'Not Found');
        return c.json(shapes.policyShape(found));
      });
      app.put(`${base}/:vhost/:name`, async (c) => {
        this.#need(c, operator ? 'administrator' : 'policymaker');
        const body = await jsonBody(c);
        const { vhost, name } = c.req.param();
        const existed = (await rows(c, vhost)).some((row) => row.name === name);
        await this.#call(c, 'policies.put', {
          vhost,
          name,
          pattern: requiredText(body, 'pattern'),
          definition: body['definition'],
          priority: body['priority'] ?? 0,
          applyTo: body['apply-to'] ?? 'all',
          operator,
        });
        return c.body(null, existed ? 204 : 201);
      });
      app.delete(`${base}/:vhost/:name`, async (c) => {
        this.#need(c, operator ? 'administrator' : 'policymaker');
        const { vhost, name } = c.req.param();
        await this.#call(c, 'policies.delete', { vhost, name, operator });
        return c.body(null, 204);
      });
    }
  }

  #health(): void {
    const app = this.#app;
    const ok = (c: Ctx) => c.json({ status: 'ok' });
    const alarms = async (c: Ctx) => {
      const { alarms: raised } = await this.#call(c, 'overview', {});
      if (raised.length === 0) return ok(c);
      return c.json({ status: 'failed', reason: raised.map((alarm) => alarm.message).join('; ') }, 503);
    };
    app.get('/api/health/checks/alarms', alarms);
    app.get('/api/health/checks/local-alarms', alarms);
    app.get('/api/health/checks/virtual-hosts', ok);
    app.get('/api/health/checks/node-is-quorum-critical', ok);
    app.get('/api/health/checks/node-is-mirror-sync-critical', ok);
    app.get('/api/health/checks/certificate-expiration/:within/:unit', ok);
    app.get('/api/health/checks/port-listener/:port', async (c) => {
      const port = Number(c.req.param('port'));
      const { listeners } = await this.#call(c, 'overview', {});
      if (listeners.some((each) => each.port === port)) return c.json({ status: 'ok', port });
      return c.json(
        {
          status: 'failed',
          reason: 'No active listener',
          missing: port,
          ports: listeners.map((each) => each.port),
        },
        503,
      );
    });
    app.get('/api/health/checks/protocol-listener/:protocol', async (c) => {
      const protocol = c.req.param('protocol');
      const wanted = ['amqp091', 'amqp', 'amqp0-9-1'].includes(protocol) ? 'amqp' : protocol;
      const { listeners } = await this.#call(c, 'overview', {});
      if (listeners.some((each) => each.protocol === wanted)) return c.json({ status: 'ok', protocol });
      const protocols = [...new Set(listeners.map((each) => each.protocol))];
      return c.json({ status: 'failed', reason: 'No active listener', missing: protocol, protocols }, 503);
    });
    app.get('/api/healthchecks/node', ok);
    app.get('/api/healthchecks/node/:node', ok);
    app.get('/api/aliveness-test/:vhost', async (c) => {
      const vhost = c.req.param('vhost');
      this.#mayOpen(c, vhost);
      const queue = 'aliveness-test';
      await this.#call(c, 'queues.declare', { vhost, name: queue, durable: false });
      await this.#call(c, 'messages.publish', {
        vhost,
        exchange: '',
        routingKey: queue,
        body: new Uint8Array(Buffer.from('test_message')),
      });
      await this.#call(c, 'messages.get', { vhost, queue, count: 1, ackMode: 'ack_requeue_false' });
      return ok(c);
    });
  }
}

/** RabbitMQ's 204; what was left as it was, and why, is not kept from who asked. */
function imported(c: Ctx, report: ImportReport): Response {
  return report.warnings.length === 0 ? c.body(null, 204) : c.json(report);
}

function userRef(c: Ctx): { vhost: string; user: string } {
  return { vhost: c.req.param('vhost')!, user: c.req.param('user')! };
}

async function jsonBody(c: Ctx): Promise<Json> {
  const text = await c.req.text();
  if (text.trim() === '') return {};
  const value: unknown = JSON.parse(text);
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ContractError('invalid', 'body is not a JSON object');
  return value as Json;
}

function requiredText(body: Json, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new ContractError('invalid', `key_missing: ${name}`);
  return value;
}

/** rabbitmqadmin sends booleans as text. */
function asFlag(value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null || value === '') return otherwise;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new ContractError('invalid', `not a boolean: ${JSON.stringify(value)}`);
}

const propertyNames: Record<string, keyof MessageProperties> = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  headers: 'headers',
  delivery_mode: 'deliveryMode',
  priority: 'priority',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  timestamp: 'timestamp',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
  cluster_id: 'clusterId',
};

function propertiesIn(given: Json): Json {
  const known: Json = {};
  for (const [name, value] of Object.entries(given)) {
    const to = propertyNames[name];
    if (to === undefined) continue;
    known[to] = ['deliveryMode', 'priority', 'timestamp'].includes(to) ? Number(value) : value;
  }
  return known;
}

/** Paging, name filter, sort and columns as RabbitMQ's query parameters say. */
function listAnswer(c: Ctx, rows: Json[]): Json | Json[] {
  const {
    page,
    page_size: pageSize,
    name,
    use_regex: useRegex,
    sort,
    sort_reverse: reverse,
    columns,
  } = c.req.query();
  let chosen = rows;
  if (name) {
    const matches = nameMatcher(name, useRegex === 'true');
    chosen = chosen.filter((row) => matches(String(row['name'] ?? '')));
  }
  if (sort) {
    const valueOf = (row: Json) =>
      sort.split('.').reduce<unknown>((value, key) => (value as Json | undefined)?.[key], row);
    chosen = [...chosen].sort(
      (a, b) => compareValues(valueOf(a), valueOf(b)) * (reverse === 'true' ? -1 : 1),
    );
  }
  const cut = (row: Json) =>
    columns
      ? Object.fromEntries(columns.split(',').flatMap((key) => (key in row ? [[key, row[key]]] : [])))
      : row;
  if (page === undefined) return chosen.map(cut);
  const number = Number(page);
  const size = Number(pageSize ?? 100);
  if (!Number.isInteger(number) || number < 1 || !Number.isInteger(size) || size < 1 || size > 500)
    throw new ContractError('invalid', 'page_size must be from 1 to 500, page from 1');
  const items = chosen.slice((number - 1) * size, number * size).map(cut);
  return {
    filtered_count: chosen.length,
    item_count: items.length,
    items,
    page: number,
    page_count: Math.max(1, Math.ceil(chosen.length / size)),
    page_size: size,
    total_count: rows.length,
  };
}

function nameMatcher(text: string, asPattern: boolean): (name: string) => boolean {
  if (!asPattern) return (name) => name.toLowerCase().includes(text.toLowerCase());
  try {
    const pattern = new RegExp(text, 'i');
    return (name) => pattern.test(name);
  } catch (error) {
    throw new ContractError('invalid', `name: ${(error as Error).message}`);
  }
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a ?? '') < String(b ?? '') ? -1 : String(a ?? '') > String(b ?? '') ? 1 : 0;
}
