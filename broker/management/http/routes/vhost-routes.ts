// Virtual hosts, and what is set for each: permissions, limits.
import { isMonitor } from '../../../auth/tags.ts';
import type { LimitsRow, PermissionRow, TopicPermissionRow, VhostRow } from '../../../contract/rows.ts';
import { badRequest, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { flagOf, given } from '../body-fields.ts';
import type { Json } from '../list-answer.ts';
import type { Router } from '../router.ts';
import { vhostShape } from '../topology-shapes.ts';

export function vhostRoutes(router: Router): void {
  router.get('vhosts', 'any', async (request) => {
    const rows = await request.rows<VhostRow>('vhosts.list');
    const visible = rows.filter(
      (row) => isMonitor(request.user.tags) || request.access.mayOpen(request.user.name, row.name),
    );
    return request.list(
      visible.map((row) => vhostShape(row, request.node)),
      ['name'],
    );
  });
  router.get('vhosts/:vhost', 'administrator', async (request) => {
    const { name } = request.existingVhost();
    const rows = await request.rows<VhostRow>('vhosts.list');
    return request.answer(
      vhostShape(
        rows.find((row) => row.name === name)!,
        request.node,
      ),
    );
  });
  router.put('vhosts/:vhost', 'administrator', put);
  router.delete('vhosts/:vhost', 'administrator', async (request) => {
    const { name } = request.existingVhost();
    await request.call('vhosts.delete', { name });
    return request.nothing();
  });
  router.post('vhosts/:vhost/start/:node', 'administrator', (request) => {
    request.existingVhost();
    const node = request.param('node');
    if (node !== request.node) throw badRequest(`Request to node ${node} failed with nodedown`);
    return request.nothing();
  });
  router.get('vhosts/:vhost/permissions', 'administrator', async (request) => {
    const { name: vhost } = request.existingVhost();
    const rows = await request.rows<PermissionRow>('permissions.list', { vhost });
    return request.list(rows.map(asJson), ['vhost', 'user']);
  });
  router.get('vhosts/:vhost/topic-permissions', 'administrator', async (request) => {
    const { name: vhost } = request.existingVhost();
    const rows = await request.rows<TopicPermissionRow>('topicPermissions.list', { vhost });
    return request.list(rows.map(asJson), ['vhost', 'user']);
  });
  limitRoutes(router);
}

async function put(request: ApiRequest): Promise<Response> {
  const body = await request.body();
  const existed = request.vhost !== undefined;
  const tags = body['tags'];
  await request.call('vhosts.put', {
    name: request.vhostName,
    description: body['description'] ?? '',
    tags: typeof tags === 'string' ? tags.split(',').filter((tag) => tag !== '') : (tags ?? []),
    tracing: flagOf(body['tracing']),
  });
  // Who makes one may use it, as in RabbitMQ.
  if (!existed)
    await request.call('permissions.put', {
      user: request.user.name,
      vhost: request.vhostName,
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  return request.put(existed);
}

function limitRoutes(router: Router): void {
  router.get('vhost-limits', 'any', async (request) => {
    const rows = await request.rows<LimitsRow>('vhostLimits.list');
    const visible = rows.filter(
      (row) => isMonitor(request.user.tags) || request.access.mayOpen(request.user.name, row.name),
    );
    return request.list(visible.map(vhostLimitsShape), []);
  });
  router.get('vhost-limits/:vhost', 'visible vhost', async (request) => {
    const { name: vhost } = request.existingVhost();
    const rows = await request.rows<LimitsRow>('vhostLimits.list', { vhost });
    return request.list(rows.map(vhostLimitsShape), []);
  });
  router.put('vhost-limits/:vhost/:name', 'administrator', async (request) => {
    const { value } = given(await request.body(), 'value');
    const { name: vhost } = request.vhostToChange();
    try {
      await request.call('vhostLimits.put', { vhost, name: request.param('name'), value });
    } catch (error) {
      throw badRequest(`Validation failed\n\n${(error as Error).message}\n`);
    }
    return request.nothing();
  });
  router.delete('vhost-limits/:vhost/:name', 'administrator', async (request) => {
    const { name: vhost } = request.existingVhost();
    await request.call('vhostLimits.delete', { vhost, name: request.param('name') });
    return request.nothing();
  });
  router.get('user-limits', 'any', async (request) =>
    request.list((await request.rows<LimitsRow>('userLimits.list')).map(userLimitsShape), []),
  );
  router.get('user-limits/:user', 'any', async (request) => {
    const user = request.param('user');
    if (!request.access.user(user)) throw notFound();
    return request.list(
      (await request.rows<LimitsRow>('userLimits.list', { user })).map(userLimitsShape),
      [],
    );
  });
  router.put('user-limits/:user/:name', 'administrator', async (request) => {
    const { value } = given(await request.body(), 'value');
    const user = request.param('user');
    if (!request.access.user(user)) throw badRequest(['no_such_user', user]);
    await request.call('userLimits.put', { user, name: request.param('name'), value });
    return request.nothing();
  });
  router.delete('user-limits/:user/:name', 'administrator', async (request) => {
    const user = request.param('user');
    if (!request.access.user(user)) throw notFound();
    await request.call('userLimits.delete', { user, name: request.param('name') });
    return request.nothing();
  });
}

function vhostLimitsShape({ name, limits }: LimitsRow): Json {
  return { vhost: name, value: limits };
}

function userLimitsShape({ name, limits }: LimitsRow): Json {
  return { user: name, value: limits };
}

function asJson(row: object): Json {
  return row as Json;
}
