// Exchanges, their bindings, and publishing to them.
import type { BindingRow, ExchangeRow } from '../../../contract/rows.ts';
import { badRequest, notFound, publishErrorOf } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { argumentsOf, flagOf, given } from '../body-fields.ts';
import type { Json } from '../list-answer.ts';
import { propertiesIn } from '../message-shapes.ts';
import type { Router } from '../router.ts';
import { bindingShape, bindingSort, exchangeShape, visibleRows } from '../topology-shapes.ts';

export function exchangeRoutes(router: Router): void {
  router.get('exchanges', 'any', (request) => list(request));
  router.get('exchanges/:vhost', 'vhost', (request) => list(request));
  router.get('exchanges/:vhost/:exchange', 'vhost', async (request) => {
    const { name } = request.existingVhost();
    const exchange = request.exchangeParam('exchange');
    if (!request.vhost!.exchanges.has(exchange)) throw notFound();
    const row = await request.call('exchanges.get', { vhost: name, name: exchange });
    return request.answer({ ...exchangeShape(row), incoming: [], outgoing: [] });
  });
  router.put('exchanges/:vhost/:exchange', 'vhost', declare);
  router.delete('exchanges/:vhost/:exchange', 'vhost', async (request) => {
    const { name: vhost, exchanges } = request.existingVhost();
    const name = request.exchangeParam('exchange');
    if (!exchanges.has(name)) throw notFound();
    await request.call('exchanges.delete', { vhost, name, ifUnused: request.query('if-unused') === 'true' });
    return request.nothing();
  });
  router.post('exchanges/:vhost/:exchange/publish', 'vhost', publish);
  for (const end of ['source', 'destination'] as const)
    router.get(`exchanges/:vhost/:exchange/bindings/${end}`, 'vhost', async (request) => {
      const { name: vhost, exchanges } = request.existingVhost();
      const exchange = request.exchangeParam('exchange');
      if (!exchanges.has(exchange)) throw notFound();
      const input =
        end === 'source'
          ? { vhost, source: exchange }
          : { vhost, destination: exchange, destinationType: 'exchange' };
      const rows = await request.rows<BindingRow>('bindings.list', input);
      return request.longList(rows, bindingShape, bindingSort);
    });
}

async function list(request: ApiRequest): Promise<Response> {
  const input = request.vhostName === undefined ? {} : { vhost: request.existingVhost().name };
  const rows = await visibleRows<ExchangeRow>(request, 'exchanges.list', input);
  return request.longList(rows, exchangeShape);
}

async function declare(request: ApiRequest): Promise<Response> {
  const body = await request.body();
  const { name: vhost, exchanges } = request.vhostToChange();
  const name = request.exchangeParam('exchange');
  const existed = exchanges.has(name);
  await request.call('exchanges.declare', {
    vhost,
    name,
    type: body['type'] ?? 'direct',
    durable: flagOf(body['durable']),
    autoDelete: flagOf(body['auto_delete']),
    internal: flagOf(body['internal']),
    arguments: argumentsOf(body['arguments']),
  });
  return request.put(existed);
}

async function publish(request: ApiRequest): Promise<Response> {
  const body = given(await request.body(), 'routing_key', 'properties', 'payload', 'payload_encoding');
  const { name: vhost } = request.vhostThroughChannel();
  const { properties } = body;
  if (properties === null || typeof properties !== 'object') throw badRequest('properties must be an object');
  const input = {
    vhost,
    exchange: request.exchangeParam('exchange'),
    routingKey: body.routing_key,
    properties: propertiesIn(properties as Json),
    body: payloadOf(body.payload, body.payload_encoding),
  };
  try {
    const { routed } = await request.call('messages.publish', input);
    return request.json({ routed });
  } catch (error) {
    throw publishErrorOf(error);
  }
}

/** Throws ApiError 400. */
function payloadOf(payload: unknown, encoding: unknown): Uint8Array {
  if (encoding !== 'string' && encoding !== 'base64') throw badRequest(['unsupported_encoding', encoding]);
  if (typeof payload !== 'string') throw badRequest('payload must be a text');
  if (encoding === 'string') return new Uint8Array(Buffer.from(payload));
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(payload)) throw badRequest(['not_base64', payload]);
  return new Uint8Array(Buffer.from(payload, 'base64'));
}
