// Health checks: 200 with `ok`, or 503 with what is wrong.
import type { Overview } from '../../../contract/rows.ts';
import { badRequest, channelErrorOf, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import type { Router } from '../router.ts';

const ok = { status: 'ok' };

export function healthRoutes(router: Router): void {
  const base = 'health/checks';
  router.get(`${base}/alarms`, 'any', alarms);
  router.get(`${base}/local-alarms`, 'any', alarms);
  router.get(`${base}/virtual-hosts`, 'any', (request) => request.json(ok));
  for (const check of ['node-is-quorum-critical', 'node-is-mirror-sync-critical'])
    router.get(`${base}/${check}`, 'any', (request) =>
      request.json({ ...ok, reason: 'single node cluster' }),
    );
  router.get(`${base}/certificate-expiration/:within/:unit`, 'any', (request) => {
    const units = ['days', 'weeks', 'months', 'years'];
    if (!units.includes(request.param('unit')))
      throw badRequest('Time unit not recognised. Supported units: days, weeks, months, years.');
    if (!/^\d+$/.test(request.param('within'))) throw badRequest('Invalid expiration value.');
    return request.json(ok);
  });
  router.get(`${base}/port-listener/:port`, 'any', portListener);
  router.get(`${base}/protocol-listener/:protocol`, 'any', protocolListener);
  router.get('healthchecks/node', 'any', (request) => request.json(ok));
  router.get('healthchecks/node/:node', 'any', (request) => {
    if (request.param('node') !== request.node) throw notFound();
    return request.json(ok);
  });
  router.get('aliveness-test/:vhost', 'vhost', aliveness);
}

async function alarms(request: ApiRequest): Promise<Response> {
  const { alarms: raised } = await request.call('overview', {});
  if (raised.length === 0) return request.json(ok);
  return request.json(
    {
      status: 'failed',
      reason: raised.map((alarm) => alarm.message).join('; '),
      alarms: raised.map((alarm) => ({ node: request.node, resource: alarm.kind })),
    },
    503,
  );
}

async function portListener(request: ApiRequest): Promise<Response> {
  const text = request.param('port');
  if (!/^\d+$/.test(text)) throw badRequest('Invalid port');
  const port = Number(text);
  const { listeners } = await request.call('overview', {});
  if (listeners.some((each) => each.port === port)) return request.json({ ...ok, port });
  const ports = listeners.map((each) => each.port);
  return request.json({ status: 'failed', reason: 'No active listener', missing: port, ports }, 503);
}

async function protocolListener(request: ApiRequest): Promise<Response> {
  const protocol = request.param('protocol');
  const { listeners } = await request.call('overview', {});
  if (listeners.some((each) => each.protocol === nameOf(protocol))) return request.json({ ...ok, protocol });
  const protocols = protocolsOf(listeners);
  return request.json({ status: 'failed', reason: 'No active listener', missing: protocol, protocols }, 503);
}

/** As RabbitMQ lists its listeners. */
function nameOf(protocol: string): string {
  return ['amqp091', 'amqp0.9.1', 'amqp0-9-1'].includes(protocol.toLowerCase()) ? 'amqp' : protocol;
}

function protocolsOf(listeners: Overview['listeners']): string[] {
  return [...new Set(listeners.map((each) => each.protocol))];
}

/** Declares a queue, publishes and fetches, as a user of the virtual host would. */
async function aliveness(request: ApiRequest): Promise<Response> {
  const { name: vhost } = request.existingVhost();
  const queue = 'aliveness-test';
  try {
    await request.call('queues.declare', { vhost, name: queue, durable: false });
    const body = new Uint8Array(Buffer.from('test_message'));
    await request.call('messages.publish', { vhost, exchange: '', routingKey: queue, body });
    await request.call('messages.get', { vhost, queue, count: 1, ackMode: 'ack_requeue_false' });
  } catch (error) {
    throw channelErrorOf(error);
  }
  return request.json(ok);
}
