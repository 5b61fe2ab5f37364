// A queue on a disk that gives errors for a while: nothing is lost, nothing changes places, consumers wait (R13, R25).
import { afterEach, expect, test } from 'vitest';
import { RecordUnreadable } from '../../broker/journal/journal.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const count = 500;
const bodyBytes = 2048;
let node: NodeUnderTest;
let client: ClientConnection;

afterEach(async () => {
  client.destroy();
  await node.dispose();
});

function bodyOf(number: number): Buffer {
  const body = Buffer.alloc(bodyBytes);
  body.writeUInt32BE(number);
  return body;
}

test('errors of the disk that pass hold a queue up, and then all comes in order', async () => {
  node = await startNode({ messageMemoryBytes: 10_000 });
  client = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  const channel = await client.openChannel();
  await channel.declareQueue('paged', { durable: true });
  await channel.selectConfirms();
  for (let i = 0; i < count; i++) channel.publish('', 'paged', bodyOf(i), { deliveryMode: 2 });
  await eventually('all is confirmed', () => channel.unconfirmed === 0);
  const queue = node.node.services.vhosts.get('/')!.queues.get('paged')!;
  const { readyBytes } = queue;

  const { journal } = node.node.services;
  const read = journal.read.bind(journal);
  let failures = 0;
  journal.read = () => {
    failures++;
    throw new RecordUnreadable('EIO', true);
  };
  const received: number[] = [];
  await channel.consume('paged', ({ body }) => received.push(body.readUInt32BE(0)), { noAck: true });
  await eventually('it is tried again', () => failures >= 3);
  const before = received.length;
  expect(before).toBeLessThan(count);
  expect(queue.readyCount).toBe(count - before);
  expect(queue.readyBytes).toBe(readyBytes - before * bodyBytes);
  channel.publish('', 'paged', bodyOf(count), { deliveryMode: 2 });
  journal.read = read;
  await eventually('all has come', () => received.length === count + 1);
  expect(received).toEqual(Array.from({ length: count + 1 }, (_, i) => i));
  expect([queue.readyCount, queue.readyBytes, queue.persistentCount]).toEqual([0, 0, 0]);
  expect(node.node.services.vhosts.lostMessages).toBe(0);
});
