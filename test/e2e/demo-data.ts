// A broker with something on every screen: a shop's topology with live traffic, dead letters of each cause, a topic
// that drops, and what the administration shows.
import amqplib, { type Channel, type ConfirmChannel } from 'amqplib';

export interface DemoTraffic {
  stop(): Promise<void>;
}

export async function declareDemo(channel: ConfirmChannel): Promise<void> {
  await channel.assertExchange('orders', 'topic');
  await channel.assertExchange('notifications', 'fanout');
  await channel.assertExchange('documents', 'headers');
  await channel.assertExchange('dead-letters', 'direct');
  const dying = { deadLetterExchange: 'dead-letters' };
  await channel.assertQueue('orders.billing', { ...dying, deadLetterRoutingKey: 'billing' });
  await channel.assertQueue('orders.shipping', { ...dying, deadLetterRoutingKey: 'shipping' });
  await channel.assertQueue('orders.analytics', {
    arguments: { 'x-max-length': 5000, 'x-overflow': 'drop-head' },
  });
  await channel.assertQueue('notify.email', { ...dying, deadLetterRoutingKey: 'email', messageTtl: 60_000 });
  await channel.assertQueue('notify.push', { maxPriority: 5 });
  await channel.assertQueue('invoices.pdf');
  await channel.assertQueue('quotes', { ...dying, deadLetterRoutingKey: 'billing', messageTtl: 1 });
  await channel.assertQueue('failed');
  await channel.bindQueue('orders.billing', 'orders', 'order.*.paid');
  await channel.bindQueue('orders.shipping', 'orders', 'order.eu.#');
  await channel.bindQueue('orders.analytics', 'orders', '#');
  await channel.bindExchange('notifications', 'orders', 'order.#');
  await channel.bindQueue('notify.email', 'notifications', '');
  await channel.bindQueue('notify.push', 'notifications', '');
  await channel.bindQueue('invoices.pdf', 'documents', '', {
    'x-match': 'all',
    kind: 'invoice',
    format: 'pdf',
  });
  for (const key of ['billing', 'shipping', 'email']) await channel.bindQueue('failed', 'dead-letters', key);
}

const order = (n: number) =>
  Buffer.from(
    JSON.stringify({
      id: `ORD-${10_000 + n}`,
      customer: ['Ines', 'Tariq', 'Mei', 'Olu'][n % 4],
      lines: [{ sku: `A-${(n * 7) % 90}`, quantity: 1 + (n % 3) }],
      total: ((n * 1337) % 40_000) / 100,
      currency: 'EUR',
    }),
  );

/** Orders of the past: some lie in queues, some died. */
export async function fillDemo(channel: ConfirmChannel): Promise<void> {
  for (let n = 0; n < 60; n++) publishOrder(channel, n);
  for (let n = 0; n < 4; n++) channel.sendToQueue('quotes', order(n), { contentType: 'application/json' });
  for (let n = 0; n < 9; n++)
    channel.publish('documents', '', Buffer.from('%PDF-1.7'), {
      headers: { kind: 'invoice', format: 'pdf' },
    });
  for (let n = 0; n < 7; n++) channel.publish('documents', 'scan', order(n), { headers: { kind: 'scan' } });
  await channel.waitForConfirms();
  for (const [queue, count] of [
    ['orders.billing', 6],
    ['orders.shipping', 3],
  ] as const)
    for (let n = 0; n < count; n++) {
      const message = await channel.get(queue);
      if (message) channel.reject(message, false);
    }
}

function publishOrder(channel: Channel, n: number): void {
  const region = ['eu', 'us', 'apac'][n % 3];
  const step = ['placed', 'paid', 'shipped'][n % 2];
  channel.publish('orders', `order.${region}.${step}`, order(n), {
    persistent: true,
    contentType: 'application/json',
    messageId: `m-${n}`,
    appId: 'shop',
    timestamp: Math.floor(Date.now() / 1000),
    headers: { region, attempt: 1 },
  });
}

/** A publisher with confirms and consumers that keep up with most of it, until stopped. */
export async function startDemoTraffic(uri: string): Promise<DemoTraffic> {
  const named = (name: string) => amqplib.connect(uri, { clientProperties: { connection_name: name } });
  const [shop, billing, mailer] = [await named('shop'), await named('billing'), await named('mailer')];
  const publishing = await shop.createConfirmChannel();
  for (const [connection, queues] of [
    [billing, ['orders.billing', 'orders.analytics']],
    [mailer, ['notify.email', 'notify.push']],
  ] as const)
    for (const queue of queues) {
      const channel = await connection.createChannel();
      await channel.prefetch(20);
      await channel.consume(queue, (message) => message && channel.ack(message));
    }
  let n = 100;
  const timer = setInterval(() => {
    for (let each = 0; each < 4; each++) publishOrder(publishing, n++);
    if (n % 3 === 0) publishing.publish('documents', 'scan', order(n), { headers: { kind: 'scan' } });
  }, 40);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all([shop, billing, mailer].map((connection) => connection.close()));
    },
  };
}
