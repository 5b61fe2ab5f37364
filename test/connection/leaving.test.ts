// A node that is stopped, or hands over: what it took it confirms, and what was acknowledged does not come again (R33e).
import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { startNode } from '../node-under-test.ts';

const queue = 'leaving.q';
const window = 500;

const open = async (port: number) => {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  const channel = await connection.openChannel();
  await channel.declareQueue(queue, { durable: true });
  return channel;
};

/** Stops a node while many publishes are unconfirmed, and says what the next one finds in the queue. */
async function stopUnderLoad(consumes: boolean) {
  const { node, amqpPort, dataFolder } = await startNode();
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const publisher = await open(amqpPort);
  await publisher.selectConfirms();
  const acknowledged = new Set<string>();
  if (consumes) {
    const consumer = await open(amqpPort);
    await consumer.consume(queue, ({ body, deliveryTag }) => {
      consumer.ack(deliveryTag);
      acknowledged.add(body.toString());
    });
  }
  let published = 0;
  let confirmed = 0;
  const more = () => {
    while (published - confirmed < window && !publisher.isClosed)
      publisher.publish('', queue, Buffer.from(String(++published)), { deliveryMode: 2 });
  };
  publisher.onConfirmed = (_from, to) => {
    confirmed = to;
    more();
  };
  more();
  await expect.poll(() => confirmed).toBeGreaterThan(4 * window);
  await node.stop();
  const next = await startNode({ dataFolder });
  const reader = await open(next.amqpPort);
  const left: string[] = [];
  for (let message = await reader.get(queue); message; message = await reader.get(queue))
    left.push(message.body.toString());
  await next.node.stop();
  return { confirmed, acknowledged, left };
}

// It waits a while only, which a slow disk may outlast: three tries.
test('R25: a publisher hears of all that was taken from it', { retry: 3, timeout: 30_000 }, async () => {
  const { confirmed, left } = await stopUnderLoad(false);
  expect(left.length).toBe(confirmed);
});

test('R30: what a consumer acknowledged does not come again', { retry: 3, timeout: 30_000 }, async () => {
  const { confirmed, acknowledged, left } = await stopUnderLoad(true);
  expect(left.filter((body) => acknowledged.has(body))).toEqual([]);
  expect(acknowledged.size + left.length).toBe(confirmed);
});
