// A dead letter and the message it was made of: the journal is told which of the two must be on disk first (R26).
import { afterEach, expect, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

let node: NodeUnderTest;
let client: ClientConnection;

afterEach(async () => {
  client.destroy();
  await node.dispose();
});

test('a message goes after its dead letter is safe; an acknowledged one waits for nothing', async () => {
  node = await startNode();
  client = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  const channel = await client.openChannel();
  await channel.declareQueue('dead', { durable: true });
  const text = (value: string) => ({ type: 'S', value: Buffer.from(value) }) as const;
  await channel.declareQueue('source', {
    durable: true,
    arguments: new Map([
      ['x-dead-letter-exchange', text('')],
      ['x-dead-letter-routing-key', text('dead')],
    ]),
  });
  const { journal } = node.node.services;
  const released: { after: number; appended: number }[] = [];
  const release = journal.release.bind(journal);
  journal.release = (holder, recordId, after = 0) => {
    released.push({ after, appended: journal.appendedPosition });
    release(holder, recordId, after);
  };
  for (const body of ['dies', 'is done'])
    channel.publish('', 'source', Buffer.from(body), { deliveryMode: 2 });
  const dying = await eventually('the first message', () => channel.get('source'));
  channel.nack(dying.deliveryTag, { requeue: false });
  const done = await eventually('the second message', () => channel.get('source'));
  channel.ack(done.deliveryTag);
  await eventually('both have been let go', () => released.length === 2);
  expect(released[0]!.after).toBe(released[0]!.appended);
  expect(released[0]!.after).toBeGreaterThan(0);
  expect(released[1]!.after).toBe(0);
});
