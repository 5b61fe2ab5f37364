// One connection's flood and the others: how much of it is worked off before everybody has a turn again. What one
// message costs is made large (it goes to very many queues), so that the share is small whatever the machine.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const queues = 200;
/** In one read of the socket, of which a turn may have several. */
const perRead = 3500;
const flood = 20_000;

let node: NodeUnderTest;
const clients: ClientConnection[] = [];

beforeEach(async () => {
  node = await startNode();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await node.dispose();
});

async function open(): Promise<ClientChannel> {
  const client = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  clients.push(client);
  return client.openChannel();
}

async function declareFanout(channel: ClientChannel): Promise<void> {
  const args = new Map([['x-max-length', { type: 'l', value: 10 } as const]]);
  for (let i = 0; i < queues; i++) {
    await channel.declareQueue(`q${i}`, { durable: false, arguments: args });
    await channel.bindQueue(`q${i}`, 'amq.fanout', '');
  }
}

/** The most that is counted from one turn of the event loop to the next, until `done`. */
async function mostPerTurn(count: () => number, done: () => boolean): Promise<number> {
  let most = 0;
  for (let before = count(); !done(); before = count()) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, count() - before);
  }
  return most;
}

describe('a connection that floods', () => {
  test('yields its turn long before what was read of it is done, and all of it is done in the end', async () => {
    const channel = await open();
    await declareFanout(channel);
    const { totals } = node.node.services;
    const before = totals.publish;
    for (let i = 0; i < flood; i++) channel.publish('amq.fanout', '', Buffer.from('x'));
    const most = await mostPerTurn(
      () => totals.publish,
      () => totals.publish - before === flood,
    );
    expect(most).toBeLessThan(perRead / 2);
    for (let i = 0; i < queues; i++)
      expect(node.node.services.vhosts.get('/')!.queue(`q${i}`).counters.publish).toBe(flood);
  });

  test('lets another do all it asks for meanwhile, in order', async () => {
    const hot = await open();
    await declareFanout(hot);
    const quiet = await open();
    await quiet.declareQueue('quiet', { durable: false });
    const got: string[] = [];
    await quiet.consume('quiet', ({ body }) => got.push(body.toString()), { noAck: true });
    const { totals } = node.node.services;
    const before = totals.publish;
    for (let i = 0; i < flood; i++) hot.publish('amq.fanout', '', Buffer.from('x'));
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      quiet.publish('', 'quiet', Buffer.from(String(round)));
      await eventually('the round trip', () => got.length === round + 1);
    }
    // The flood is far from being over.
    expect(totals.publish - before).toBeLessThan(flood / 2);
    expect(got).toEqual(Array.from({ length: rounds }, (_, round) => String(round)));
  });

  test('is answered in order, whatever it waits for', async () => {
    const channel = await open();
    await declareFanout(channel);
    await channel.selectConfirms();
    const confirmed: number[] = [];
    channel.onConfirmed = (from, to) => {
      for (let number = from; number <= to; number++) confirmed.push(number);
    };
    for (let i = 0; i < 500; i++) {
      for (let k = 0; k < 4; k++) channel.publish('amq.fanout', '', Buffer.from('x'), { deliveryMode: 2 });
      if (i % 100 === 0) void channel.declareQueue(`durable.${i}`, { durable: true });
    }
    await eventually('all are confirmed', () => confirmed.length === 2000);
    expect(confirmed).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1));
  });

  test('has all done that it sent, when it goes in the middle of it', async () => {
    const channel = await open();
    await declareFanout(channel);
    for (let i = 0; i < flood; i++) channel.publish('amq.fanout', '', Buffer.from('x'));
    const { totals } = node.node.services;
    await eventually('all has left', () => totals.publish > 0 && clients[0]!.unsentBytes === 0);
    expect(totals.publish).toBeLessThan(flood);
    clients[0]!.destroy();
    await eventually('the connection is gone', () => totals.connectionsClosed === 1, 20_000);
    expect(totals.publish).toBe(flood);
  });
});
