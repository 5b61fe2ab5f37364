// The overview's health: what is not as it should be is found, named and weighed, and nothing else is (R28).
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HealthCause } from '../../broker/contract/rows.ts';
import { Health } from '../../broker/management/health.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

let under: NodeUnderTest;
let client: ChannelModel;
let channel: Channel;

beforeEach(async () => {
  under = await startNode();
  client = await amqp.connect(`amqp://guest:guest@127.0.0.1:${under.amqpPort}/`);
  channel = await client.createChannel();
});

afterEach(async () => {
  await client.close();
  await under.dispose();
});

const causes = () =>
  under.node.management.call('overview.health', {}, { user: 'guest' }) as Promise<HealthCause[]>;

/** Keeps publishing until the cause is there: rates are known after a second reading. */
async function causeOf(kind: HealthCause['kind'], meanwhile: () => void): Promise<HealthCause> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    meanwhile();
    const found = (await causes()).find((cause) => cause.kind === kind);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no cause ${kind} came up: ${JSON.stringify(await causes())}`);
}

test('an empty broker is well', async () => {
  await channel.assertQueue('orders');
  expect(await causes()).toEqual([]);
});

test('messages that wait without a consumer are told, as no fault while no more come', async () => {
  await channel.assertQueue('orders');
  channel.sendToQueue('orders', Buffer.from('one'));
  const cause = await causeOf('unread', () => undefined);
  expect(cause).toMatchObject({ severity: 'info', objects: 1, vhost: '/', name: 'orders', messages: 1 });
});

test('a queue that grows unread is a warning, with how fast', async () => {
  await channel.assertQueue('orders');
  const cause = await causeOf('growing-unread', () => channel.sendToQueue('orders', Buffer.from('one')));
  expect(cause).toMatchObject({ severity: 'warn', objects: 1, name: 'orders' });
  expect(cause.ratePerSecond).toBeGreaterThan(1);
});

test('R28: messages that match no binding are a warning that names the exchange', async () => {
  await channel.assertExchange('events', 'topic');
  const cause = await causeOf('unroutable', () => channel.publish('events', 'nobody', Buffer.from('one')));
  expect(cause).toMatchObject({ severity: 'warn', vhost: '/', name: 'events' });
  expect(cause.messages).toBeGreaterThan(0);
});

test('consumers that hold all they may and acknowledge nothing are stuck after a while, and not before', async () => {
  const taken = new Promise<void>((resolve) => {
    void channel
      .assertQueue('orders')
      .then(() => channel.prefetch(1))
      .then(() => channel.consume('orders', () => resolve()));
  });
  await channel.assertQueue('orders');
  channel.sendToQueue('orders', Buffer.from('one'));
  channel.sendToQueue('orders', Buffer.from('two'));
  await taken;
  const { management } = under.node;
  const { parts } = management;
  let now = 0;
  const at = {
    ...parts,
    services: { ...parts.services, clock: { ...parts.services.clock, monotonic: () => now } },
  };
  const health = new Health(management.rates);
  const stuck = () => health.causes(at).filter(({ kind }) => kind === 'stuck');
  await expect.poll(() => parts.services.vhosts.get('/')!.queues.get('orders')!.readyCount).toBe(1);
  expect(stuck()).toEqual([]);
  now = 4000;
  expect(stuck()).toEqual([]);
  now = 6000;
  expect(stuck()).toMatchObject([{ severity: 'warn', name: 'orders', messages: 1 }]);
});
