// Queues and bindings: declared, looked at, fetched from, purged, bound.
import type { BindingRow, ConsumerRow, QueueRow } from '../../../contract/rows.ts';
import { badRequest, channelErrorOf, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { argumentsOf, flagOf, given, integerOf } from '../body-fields.ts';
import { consumerShape } from '../client-shapes.ts';
import { fetchedShapes } from '../message-shapes.ts';
import { queueShape, queueTotalsShape, staticQueueShape } from '../queue-shapes.ts';
import type { Router } from '../router.ts';
import { bindingShape, bindingSort, visibleRows } from '../topology-shapes.ts';

export function queueRoutes(router: Router): void {
  router.get('queues', 'any', (request) => list(request));
  router.get('queues/:vhost', 'vhost', (request) => list(request));
  router.get('queues/:vhost/:queue', 'vhost', async (request) => {
    const { vhost, name } = existingQueue(request);
    const row = queueShape(await request.call('queues.get', { vhost, name }), request.node);
    const consumers = await request.rows<ConsumerRow>('consumers.list', { vhost, queue: name });
    const details = consumers.map((each) => consumerShape(each, request.node));
    return request.answer({ ...row, consumer_details: details, deliveries: [], incoming: [] });
  });
  router.put('queues/:vhost/:queue', 'vhost', declare);
  router.delete('queues/:vhost/:queue', 'vhost', async (request) => {
    await request.call('queues.delete', {
      ...existingQueue(request),
      ifUnused: request.query('if-unused') === 'true',
      ifEmpty: request.query('if-empty') === 'true',
    });
    return request.nothing();
  });
  router.delete('queues/:vhost/:queue/contents', 'vhost', async (request) => {
    await request.call('queues.purge', existingQueue(request));
    return request.nothing();
  });
  router.post('queues/:vhost/:queue/get', 'vhost', fetch);
  router.post('queues/:vhost/:queue/actions', 'administrator', async (request) => {
    const { action } = given(await request.body(), 'action');
    existingQueue(request);
    // There are no mirrors to bring in step.
    if (action !== 'sync' && action !== 'cancel_sync') throw badRequest(['unknown', action]);
    return request.nothing();
  });
  router.get('queues/:vhost/:queue/bindings', 'vhost', (request) => {
    const { vhost, name } = existingQueue(request);
    return bindingList(request, { vhost, destination: name, destinationType: 'queue' });
  });
  bindingRoutes(router);
}

async function list(request: ApiRequest): Promise<Response> {
  const input = request.vhostName === undefined ? {} : { vhost: request.existingVhost().name };
  const rows = await visibleRows<QueueRow>(request, 'queues.list', input);
  const shape =
    request.query('disable_stats') !== 'true'
      ? queueShape
      : request.query('enable_queue_totals') === 'true'
        ? queueTotalsShape
        : staticQueueShape;
  return request.longList(rows, (row) => shape(row, request.node));
}

/** Throws ApiError 404. */
function existingQueue(request: ApiRequest): { vhost: string; name: string } {
  const { name: vhost, queues } = request.existingVhost();
  const name = request.param('queue');
  if (!queues.has(name)) throw notFound();
  return { vhost, name };
}

async function declare(request: ApiRequest): Promise<Response> {
  const body = await request.body();
  const { name: vhost, queues } = request.vhostToChange();
  const name = request.param('queue');
  const { node } = body;
  if (node !== undefined && node !== request.node)
    throw badRequest(`Node ${String(node)} could not be contacted`);
  const existed = queues.has(name);
  await request.call('queues.declare', {
    vhost,
    name,
    durable: flagOf(body['durable']),
    autoDelete: flagOf(body['auto_delete']),
    arguments: argumentsOf(body['arguments']),
  });
  return request.put(existed);
}

const ackModes = ['ack_requeue_true', 'ack_requeue_false', 'reject_requeue_true', 'reject_requeue_false'];

/** RabbitMQ's `get`: takes from the queue, then acknowledges or requeues. */
async function fetch(request: ApiRequest): Promise<Response> {
  const body = await request.body();
  const { ackmode, count, encoding } = given(body, 'ackmode', 'count', 'encoding');
  const { name: vhost } = request.vhostThroughChannel();
  if (!ackModes.includes(ackmode as string)) throw badRequest(['unknown_ackmode', ackmode]);
  const wanted = integerOf(count);
  if (encoding !== 'auto' && encoding !== 'base64')
    throw badRequest('Unsupported encoding. Please use auto or base64.');
  const truncate = body['truncate'] === undefined ? undefined : integerOf(body['truncate']);
  try {
    const { messages, remaining } = await request.call('messages.get', {
      vhost,
      queue: request.param('queue'),
      // A negative number takes all there are.
      count: wanted < 0 ? countMax : Math.min(wanted, countMax),
      ackMode: ackmode,
      ...(truncate === undefined ? {} : { bodyBytesMax: truncate }),
    });
    return request.json(fetchedShapes(messages, encoding, remaining));
  } catch (error) {
    throw channelErrorOf(error);
  }
}

const countMax = 10_000;

// ---- Bindings ----

function bindingRoutes(router: Router): void {
  router.get('bindings', 'any', (request) => bindingList(request));
  router.get('bindings/:vhost', 'vhost', (request) =>
    bindingList(request, { vhost: request.existingVhost().name }),
  );
  const pair = 'bindings/:vhost/e/:source/:kind/:destination';
  router.get(pair, 'vhost', (request) => {
    request.existingVhost();
    return bindingList(request, endsOf(request));
  });
  router.post(pair, 'vhost', async (request) => {
    const body = await request.body();
    request.vhostToChange();
    const { propertiesKey } = await request.call('bindings.create', {
      ...endsOf(request),
      routingKey: body['routing_key'] ?? '',
      arguments: argumentsOf(body['arguments']),
    });
    const last = request.path.split('/').at(-1)!;
    return request.created(`${last}/${encodeURIComponent(propertiesKey)}`);
  });
  router.get(`${pair}/:key`, 'vhost', async (request) =>
    request.answer(bindingShape(await binding(request))),
  );
  router.delete(`${pair}/:key`, 'vhost', async (request) => {
    const { propertiesKey: _, ...found } = await binding(request);
    await request.call('bindings.delete', found);
    return request.nothing();
  });
}

async function bindingList(request: ApiRequest, input: Record<string, unknown> = {}): Promise<Response> {
  const rows = await visibleRows<BindingRow>(request, 'bindings.list', input);
  return request.longList(rows, bindingShape, bindingSort);
}

function endsOf(request: ApiRequest) {
  const kind = request.param('kind');
  if (kind !== 'q' && kind !== 'e') throw badRequest(['unknown_destination_type', kind]);
  return {
    vhost: request.vhostName!,
    source: request.exchangeParam('source'),
    destination: kind === 'q' ? request.param('destination') : request.exchangeParam('destination'),
    destinationType: kind === 'q' ? ('queue' as const) : ('exchange' as const),
  };
}

/** Throws ApiError 404 when the source or the destination is not there. */
function existingEnds(request: ApiRequest) {
  const { exchanges, queues } = request.existingVhost();
  const ends = endsOf(request);
  const destinations = ends.destinationType === 'queue' ? queues : exchanges;
  if (!exchanges.has(ends.source) || !destinations.has(ends.destination)) throw notFound();
  return ends;
}

async function binding(request: ApiRequest): Promise<BindingRow> {
  const rows = await request.rows<BindingRow>('bindings.list', existingEnds(request));
  const key = request.param('key');
  const found = rows.find((row) => row.propertiesKey === key);
  if (!found) throw notFound();
  return found;
}
