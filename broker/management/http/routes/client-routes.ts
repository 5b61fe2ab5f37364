// Connections, channels and consumers. Who may not monitor sees its own.
import { isAdministrator, isMonitor } from '../../../auth/tags.ts';
import type { ChannelRow, ConnectionRow, ConsumerRow } from '../../../contract/rows.ts';
import { notAuthorised, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { channelShape, connectionShape, consumerShape, trackedShape } from '../client-shapes.ts';
import type { Router } from '../router.ts';

export function clientRoutes(router: Router): void {
  router.get('connections', 'any', async (request) => listed(request, await connections(request)));
  router.get('vhosts/:vhost/connections', 'vhost', async (request) =>
    listed(request, await connections(request, { vhost: request.existingVhost().name })),
  );
  router.get('connections/username/:username', 'any', async (request) => {
    const rows = await connections(request);
    const own = rows.filter((row) => row.user === request.param('username'));
    return request.list(own.map((row) => trackedShape(row, request.node)));
  });
  router.delete('connections/username/:username', 'any', async (request) => {
    const user = request.param('username');
    if (!isAdministrator(request.user.tags) && user !== request.user.name)
      throw notAuthorised('User not authorised to access object');
    for (const row of await connections(request)) if (row.user === user) await close(request, row);
    return request.nothing();
  });
  router.get('connections/:connection', 'any', async (request) =>
    request.answer(connectionShape(await connection(request), request.node)),
  );
  router.delete('connections/:connection', 'any', async (request) => {
    const row = await connection(request);
    if (!isAdministrator(request.user.tags) && row.user !== request.user.name)
      throw notAuthorised('User not authorised to access object');
    await close(request, row);
    return request.nothing();
  });
  router.get('connections/:connection/channels', 'any', async (request) => {
    const { name } = await connection(request);
    return channelList(request, { connection: name });
  });
  router.get('channels', 'any', (request) => channelList(request));
  router.get('vhosts/:vhost/channels', 'vhost', (request) =>
    channelList(request, { vhost: request.existingVhost().name }),
  );
  router.get('channels/:channel', 'any', async (request) => {
    const name = request.param('channel');
    const rows = await request.rows<ChannelRow>('channels.list', {
      connection: name.replace(/ \(\d+\)$/, ''),
    });
    const found = rows.filter((row) => maySee(request, row.user)).find((row) => row.name === name);
    if (!found) throw notFound();
    const consumers = await request.rows<ConsumerRow>('consumers.list', { connection: found.connection });
    return request.answer({
      ...channelShape(found, request.node),
      consumer_details: consumers
        .filter((row) => row.channel === found.number)
        .map((row) => consumerShape(row, request.node)),
    });
  });
  router.get('consumers', 'any', (request) => consumerList(request));
  router.get('consumers/:vhost', 'any', (request) => {
    const { name } = request.existingVhost();
    return consumerList(request, { vhost: name });
  });
}

function maySee({ user }: ApiRequest, owner: string): boolean {
  return isMonitor(user.tags) || user.name === owner;
}

async function connections(
  request: ApiRequest,
  input: Record<string, unknown> = {},
): Promise<ConnectionRow[]> {
  const rows = await request.rows<ConnectionRow>('connections.list', input);
  return rows.filter((row) => row.vhost !== '' && maySee(request, row.user));
}

function listed(request: ApiRequest, rows: ConnectionRow[]): Promise<Response> {
  return request.longList(rows, (row) => connectionShape(row, request.node));
}

async function connection(request: ApiRequest): Promise<ConnectionRow> {
  const name = request.param('connection');
  const found = (await connections(request)).find((row) => row.name === name);
  if (!found) throw notFound();
  return found;
}

async function close(request: ApiRequest, { name }: ConnectionRow): Promise<void> {
  const reason = request.header('x-reason');
  await request.call('connections.close', reason === undefined ? { name } : { name, reason });
}

async function channelList(request: ApiRequest, input: Record<string, unknown> = {}): Promise<Response> {
  const rows = await request.rows<ChannelRow>('channels.list', input);
  return request.longList(
    rows.filter((row) => maySee(request, row.user)),
    (row) => channelShape(row, request.node),
  );
}

async function consumerList(request: ApiRequest, input: Record<string, unknown> = {}): Promise<Response> {
  const rows = await request.rows<ConsumerRow>('consumers.list', input);
  const visible = rows.filter((row) => isMonitor(request.user.tags) || row.user === request.user.name);
  return request.longList(visible, (row) => consumerShape(row, request.node), []);
}
