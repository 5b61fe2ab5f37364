// A small shop to look around in: orders by topic, one queue whose messages die, one that catches what nothing
// matches. All names begin with `demo.`.
import { connection } from '../rpc/connection.svelte.ts';

const orders = 60;

const definitions = (vhost: string) => ({
  exchanges: [
    exchange(vhost, 'demo.orders', 'topic', { 'alternate-exchange': 'demo.unrouted' }),
    exchange(vhost, 'demo.notifications', 'fanout'),
    exchange(vhost, 'demo.unrouted', 'fanout'),
    exchange(vhost, 'demo.dead', 'fanout'),
  ],
  queues: [
    queue(vhost, 'demo.billing'),
    queue(vhost, 'demo.shipping', { 'x-dead-letter-exchange': 'demo.dead' }),
    queue(vhost, 'demo.mail', { 'x-message-ttl': 86_400_000 }),
    queue(vhost, 'demo.dashboard', { 'x-max-length': 1000 }),
    queue(vhost, 'demo.unrouted'),
    queue(vhost, 'demo.dead-letters'),
  ],
  bindings: [
    binding(vhost, 'demo.orders', 'demo.billing', 'order.*.paid'),
    binding(vhost, 'demo.orders', 'demo.shipping', 'order.eu.*'),
    binding(vhost, 'demo.orders', 'demo.notifications', 'order.#', 'exchange'),
    binding(vhost, 'demo.notifications', 'demo.mail', ''),
    binding(vhost, 'demo.notifications', 'demo.dashboard', ''),
    binding(vhost, 'demo.unrouted', 'demo.unrouted', ''),
    binding(vhost, 'demo.dead', 'demo.dead-letters', ''),
  ],
});

/** Declares the shop in a virtual host and lets it take some orders. Tells how many. */
export async function loadDemo(vhost: string): Promise<number> {
  await connection.callNode('definitions.import', { vhost, definitions: definitions(vhost) });
  const encoder = new TextEncoder();
  const regions = ['eu', 'us', 'apac'];
  const events = ['created', 'paid', 'shipped'];
  for (let index = 0; index < orders; index++) {
    const [region, event] = [regions[index % 3]!, events[Math.floor(index / 3) % 3]!];
    const order = {
      order: 1000 + index,
      event,
      region,
      customer: ['Ada', 'Grace', 'Edsger', 'Barbara'][index % 4],
      total: Math.round((19.9 + index * 7.35) * 100) / 100,
      items: Array.from({ length: 1 + (index % 3) }, (_, item) => ({
        sku: `SKU-${index * 3 + item}`,
        quantity: item + 1,
      })),
    };
    await connection.callNode('messages.publish', {
      vhost,
      exchange: 'demo.orders',
      // Every tenth key matches no binding, every sixth order to ship expires at once.
      routingKey: index % 10 === 9 ? `quote.${region}` : `order.${region}.${event}`,
      properties: {
        contentType: 'application/json',
        deliveryMode: index % 4 === 3 ? 1 : 2,
        messageId: `demo-${index}`,
        appId: 'demo',
        headers: { attempt: 1, source: 'demo' },
        ...(index % 18 === 0 ? { expiration: '1' } : {}),
      },
      body: encoder.encode(JSON.stringify(order)),
    });
  }
  return orders;
}

function exchange(vhost: string, name: string, type: string, args: Record<string, unknown> = {}) {
  return { name, vhost, type, durable: true, auto_delete: false, internal: false, arguments: args };
}

function queue(vhost: string, name: string, args: Record<string, unknown> = {}) {
  return { name, vhost, durable: true, auto_delete: false, arguments: args };
}

function binding(vhost: string, source: string, destination: string, key: string, type = 'queue') {
  return { source, vhost, destination, destination_type: type, routing_key: key, arguments: {} };
}
