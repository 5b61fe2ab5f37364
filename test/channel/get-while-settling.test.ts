// basic.get on a queue whose head is being cleared of very many messages: it waits, and is told the truth.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const count = 20_000;
let node: NodeUnderTest;
let client: ClientConnection;
let channel: ClientChannel;

beforeEach(async () => {
  node = await startNode();
  client = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  channel = await client.openChannel();
  await channel.declareQueue('q', { durable: false });
  for (let i = 0; i < count; i++) channel.publish('', 'q', Buffer.from(String(i)), {});
  await eventually('all are there', () => queue().readyCount === count);
});

afterEach(async () => {
  client.destroy();
  await node.dispose();
});

const vhost = () => node.node.services.vhosts.get('/')!;
const queue = () => vhost().queue('q');

/** All but one must go, from this moment on. */
function trim(): void {
  const policy = { vhost: '/', name: 'one', pattern: '^q$', applyTo: 'queues' as const, priority: 0 };
  void vhost().putPolicy({ ...policy, operator: false, definition: { 'max-length': 1 } });
  expect(queue().settling).toBeInstanceOf(Promise);
}

test('the message that is left is got, not "empty" and none of those that must go', async () => {
  const answer = channel.get('q', true);
  trim();
  expect((await answer)?.body.toString()).toBe(String(count - 1));
  expect(queue().counters).toMatchObject({ getNoAck: 1, getEmpty: 0 });
});

test('it is empty when the queue is deleted meanwhile', async () => {
  const answer = channel.get('q', true);
  trim();
  await new Promise<void>((resolve) => {
    const q = queue();
    const get = q.get.bind(q);
    q.get = (noAck) => {
      resolve();
      return get(noAck);
    };
  });
  expect(queue().settling).toBeInstanceOf(Promise);
  void vhost().removeQueue(queue());
  expect(await answer).toBeNull();
  // The channel goes on.
  expect(await channel.declareQueue('q', { durable: false })).toBeDefined();
});
