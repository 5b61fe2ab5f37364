// Users and their permissions.
import { defaultAlgorithm } from '../../../auth/password.ts';
import type { PermissionRow, TopicPermissionRow, UserRow } from '../../../contract/rows.ts';
import { badRequest, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { given } from '../body-fields.ts';
import type { Json } from '../list-answer.ts';
import type { Router } from '../router.ts';

const permissionSort = ['vhost', 'user'];

export function accessRoutes(router: Router): void {
  router.get('users', 'administrator', async (request) =>
    request.list((await users(request)).map(userShape)),
  );
  router.get('users/without-permissions', 'administrator', async (request) =>
    request.list((await users(request)).filter((row) => row.permissions === 0).map(userShape)),
  );
  router.post('users/bulk-delete', 'administrator', bulkDelete);
  router.get('users/:user', 'administrator', async (request) => {
    requireUser(request);
    const found = (await users(request)).find((row) => row.name === request.param('user'));
    return request.answer(userShape(found!));
  });
  router.put('users/:user', 'administrator', putUser);
  router.delete('users/:user', 'administrator', async (request) => {
    requireUser(request);
    await request.call('users.delete', { name: request.param('user') });
    return request.nothing();
  });
  router.get('users/:user/permissions', 'administrator', (request) => {
    requireUser(request);
    return permissionList(request, 'permissions.list', { user: request.param('user') });
  });
  router.get('users/:user/topic-permissions', 'administrator', (request) => {
    requireUser(request);
    return permissionList(request, 'topicPermissions.list', { user: request.param('user') });
  });
  permissionRoutes(router);
  topicPermissionRoutes(router);
}

function users(request: ApiRequest): Promise<UserRow[]> {
  return request.rows<UserRow>('users.list');
}

function requireUser(request: ApiRequest): void {
  if (!request.access.user(request.param('user'))) throw notFound();
}

function userShape(row: UserRow): Json {
  return {
    name: row.name,
    password_hash: row.passwordHash,
    hashing_algorithm: row.hashingAlgorithm,
    tags: row.tags,
    limits: row.limits,
  };
}

async function putUser(request: ApiRequest): Promise<Response> {
  const body = await request.body();
  const name = request.param('user');
  const existed = request.access.user(name) !== undefined;
  await request.call('users.put', { name, ...userChangeIn(body) });
  return request.put(existed);
}

/** What a user's JSON says, in the API as in definitions. Throws ApiError 400. */
export function userChangeIn(body: Json): Json {
  const { tags, password, password_hash: hash, hashing_algorithm: algorithm } = body;
  if (tags === undefined) throw badRequest('tags_not_present');
  if (password !== undefined && hash !== undefined)
    throw badRequest('both_password_and_password_hash_are_provided');
  if (hash !== undefined && (typeof hash !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(hash)))
    throw badRequest(['not_base64', hash]);
  if (!Array.isArray(tags) && typeof tags !== 'string') throw badRequest('tags must be a list or a text');
  const names = (Array.isArray(tags) ? tags : tags.split(',')).map((tag) => String(tag).trim());
  return {
    tags: names.filter((tag) => tag !== ''),
    ...(typeof password === 'string'
      ? { password }
      : // Neither: the user may not log in by password.
        { passwordHash: hash ?? '', hashingAlgorithm: algorithm ?? defaultAlgorithm }),
  };
}

async function bulkDelete(request: ApiRequest): Promise<Response> {
  const { users: names } = given(await request.body(), 'users');
  if (!Array.isArray(names)) throw badRequest('users must be a list');
  let missing: unknown;
  for (const name of names as unknown[])
    if (typeof name === 'string' && request.access.user(name)) await request.call('users.delete', { name });
    else missing ??= name;
  if (missing !== undefined) throw badRequest(['no_such_user', missing]);
  return request.nothing();
}

async function permissionList(
  request: ApiRequest,
  name: 'permissions.list' | 'topicPermissions.list',
  input: Json = {},
): Promise<Response> {
  const rows = await request.rows<PermissionRow | TopicPermissionRow>(name, input);
  return request.list(rows as unknown as Json[], permissionSort);
}

function permissionRoutes(router: Router): void {
  router.get('permissions', 'administrator', (request) => permissionList(request, 'permissions.list'));
  router.get('permissions/:vhost/:user', 'administrator', async (request) =>
    request.answer((await permission(request)) as unknown as Json),
  );
  router.put('permissions/:vhost/:user', 'administrator', async (request) => {
    const fields = given(await request.body(), 'configure', 'write', 'read');
    const where = ends(request);
    const existed = request.access.mayOpen(where.user, where.vhost);
    for (const name of ['configure', 'write', 'read'] as const) requirePattern(fields[name]);
    await request.call('permissions.put', {
      ...where,
      configure: fields.configure,
      write: fields.write,
      read: fields.read,
    });
    return request.put(existed);
  });
  router.delete('permissions/:vhost/:user', 'administrator', async (request) => {
    const { user, vhost } = await permission(request);
    await request.call('permissions.delete', { user, vhost });
    return request.nothing();
  });
}

/** Throws ApiError 404. */
async function permission(request: ApiRequest): Promise<PermissionRow> {
  const { name: vhost } = request.existingVhost();
  const [found] = await request.rows<PermissionRow>('permissions.list', {
    vhost,
    user: request.param('user'),
  });
  if (!found) throw notFound();
  return found;
}

/** Throws ApiError 400. */
function ends(request: ApiRequest): { vhost: string; user: string } {
  const user = request.param('user');
  const { vhost } = request;
  if (!vhost || !request.access.user(user)) throw badRequest('vhost_or_user_not_found');
  return { vhost: vhost.name, user };
}

function requirePattern(pattern: unknown): void {
  try {
    new RegExp(String(pattern));
  } catch (error) {
    throw badRequest(['invalid_regexp', pattern, (error as Error).message]);
  }
}

function topicPermissionRoutes(router: Router): void {
  router.get('topic-permissions', 'administrator', (request) =>
    permissionList(request, 'topicPermissions.list'),
  );
  const ofUser = 'topic-permissions/:vhost/:user';
  router.get(ofUser, 'administrator', async (request) =>
    request.list((await topicPermissions(request)) as unknown as Json[], permissionSort),
  );
  // RabbitMQ answers with all of the user's here as well.
  router.get(`${ofUser}/:exchange`, 'administrator', async (request) =>
    request.list((await topicPermissions(request)) as unknown as Json[], permissionSort),
  );
  router.put(ofUser, 'administrator', async (request) => {
    const { exchange, write, read } = given(await request.body(), 'exchange', 'write', 'read');
    const where = ends(request);
    for (const pattern of [write, read]) requirePattern(pattern);
    const existing = await request.rows<TopicPermissionRow>('topicPermissions.list', where);
    await request.call('topicPermissions.put', { ...where, exchange, write, read });
    return request.put(existing.length > 0);
  });
  router.delete(ofUser, 'administrator', async (request) => {
    const [{ user, vhost }] = (await topicPermissions(request)) as [TopicPermissionRow];
    await request.call('topicPermissions.delete', { user, vhost });
    return request.nothing();
  });
  router.delete(`${ofUser}/:exchange`, 'administrator', async (request) => {
    const exchange = request.param('exchange');
    const [{ user, vhost }] = (await topicPermissions(request)) as [TopicPermissionRow];
    await request.call('topicPermissions.delete', { user, vhost, exchange });
    return request.nothing();
  });
}

/** Throws ApiError 404 when there are none. */
async function topicPermissions(request: ApiRequest): Promise<TopicPermissionRow[]> {
  const { name: vhost } = request.existingVhost();
  const rows = await request.rows<TopicPermissionRow>('topicPermissions.list', {
    vhost,
    user: request.param('user'),
  });
  if (rows.length === 0) throw notFound();
  return rows;
}
