// The lab's own AMQP client against a node: confirms, returns, taking, cancel notification, errors, reconnecting
// (R9, R19, R25, R29, R33e).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel, Delivery, ReturnedMessage } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

let node: NodeUnderTest;
let address: { host: string; port: number };

beforeAll(async () => {
  node = await startNode();
  address = { host: '127.0.0.1', port: node.amqpPort };
});
afterAll(() => node.dispose());

async function withChannel(use: (channel: ClientChannel, connection: ClientConnection) => Promise<void>) {
  const connection = await ClientConnection.open(address);
  await use(await connection.openChannel(), connection);
  await connection.close();
}

const durable = (queue: string) => async (channel: ClientChannel) => {
  await channel.declareQueue(queue, { durable: true });
};

describe('the lab client', () => {
  test('R25: confirms name every number once, whichever way the broker groups them', () =>
    withChannel(async (channel) => {
      await channel.declareQueue('lab.confirms', { exclusive: true });
      await channel.selectConfirms();
      const confirmed: number[] = [];
      channel.onConfirmed = (from, to, ok) => {
        expect(ok).toBe(true);
        for (let number = from; number <= to; number++) confirmed.push(number);
      };
      for (let i = 0; i < 500; i++)
        channel.publish('', 'lab.confirms', Buffer.from(`${i}`), { deliveryMode: i % 3 === 0 ? 2 : 1 });
      await expect.poll(() => confirmed.length).toBe(500);
      expect([...confirmed].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
      expect(channel.unconfirmed).toBe(0);
    }));

  test('R29: a mandatory message without a queue comes back before its confirm', () =>
    withChannel(async (channel) => {
      await channel.selectConfirms();
      const heard: string[] = [];
      const returned: ReturnedMessage[] = [];
      channel.onReturned = (message) => {
        heard.push('returned');
        returned.push(message);
      };
      channel.onConfirmed = () => heard.push('confirmed');
      channel.publish('amq.direct', 'nobody', Buffer.from('x'), { messageId: 'm' }, true);
      await expect.poll(() => heard).toEqual(['returned', 'confirmed']);
      expect(returned[0]).toMatchObject({ replyCode: 312, routingKey: 'nobody' });
      expect(returned[0]!.properties()).toEqual({ messageId: 'm' });
    }));

  test('a body of many frames comes back whole; an empty one as well', () =>
    withChannel(async (channel) => {
      await channel.declareQueue('lab.bodies', { exclusive: true });
      const body = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, index) => index % 251));
      channel.publish('', 'lab.bodies', body);
      channel.publish('', 'lab.bodies', Buffer.alloc(0));
      expect((await channel.get('lab.bodies', true))!.body.equals(body)).toBe(true);
      expect((await channel.get('lab.bodies', true))!.body).toHaveLength(0);
      expect(await channel.get('lab.bodies')).toBeNull();
    }));

  test('prefetch bounds what is out; what is not acknowledged comes again, marked', () =>
    withChannel(async (channel, connection) => {
      await channel.declareQueue('lab.prefetch', { exclusive: true });
      for (let i = 0; i < 5; i++) channel.publish('', 'lab.prefetch', Buffer.from(String(i)));
      const first: Delivery[] = [];
      await channel.prefetch(2);
      await channel.consume('lab.prefetch', (delivery) => first.push(delivery));
      await expect.poll(() => first.length).toBe(2);
      channel.ack(first[0]!.deliveryTag);
      await expect.poll(() => first.length).toBe(3);
      await channel.close();
      const second = await connection.openChannel();
      const again: Delivery[] = [];
      await second.consume('lab.prefetch', (delivery) => again.push(delivery), { noAck: true });
      await expect
        .poll(() => again.map(({ body, redelivered }) => `${body} ${redelivered}`))
        .toEqual(['1 true', '2 true', '3 false', '4 false']);
    }));

  test('R19: hears of it when its queue is deleted', () =>
    withChannel(async (channel, connection) => {
      await channel.declareQueue('lab.gone');
      const cancelled = new Promise<void>((resolve) => {
        void channel.consume('lab.gone', () => undefined, { onCancelled: resolve });
      });
      const other = await connection.openChannel();
      await expect.poll(() => channel.declareQueue('lab.gone').then((ok) => ok.consumerCount)).toBe(1);
      expect(await other.deleteQueue('lab.gone')).toBe(0);
      await cancelled;
    }));

  test('R22: a channel error ends the channel with its code and leaves the connection', () =>
    withChannel(async (channel, connection) => {
      await expect(channel.declareQueue('lab.missing', { passive: true })).rejects.toMatchObject({
        replyCode: 404,
      });
      await expect(channel.declareQueue('lab.x')).rejects.toMatchObject({ replyCode: 404 });
      const next = await connection.openChannel();
      expect((await next.declareQueue('', { exclusive: true })).queue).toMatch(/^amq\.gen-/);
    }));

  test('a wrong password is refused with 403, a virtual host that is not there with 530', async () => {
    await expect(ClientConnection.open({ ...address, password: 'wrong' })).rejects.toMatchObject({
      replyCode: 403,
    });
    await expect(ClientConnection.open({ ...address, vhost: 'nowhere' })).rejects.toMatchObject({
      replyCode: 530,
    });
  });
});

describe('R33e: producer and consumer', () => {
  test('carry on after their broker was stopped and started again, with every message accounted for', async () => {
    let broker = await startNode();
    const { dataFolder, amqpPort } = broker;
    const front = { host: '127.0.0.1', port: amqpPort };
    const audit = new Audit();
    const declare = durable('lab.q');
    const consumer = new LabConsumer({ name: 'c', address: front, queue: 'lab.q', declare, audit });
    const producer = new LabProducer({
      name: 'p',
      address: front,
      exchange: '',
      routingKey: 'lab.q',
      declare,
      messagesPerSecond: 2000,
      audit,
    });
    consumer.start();
    producer.start();
    await expect.poll(() => audit.report().consumers[0]?.received ?? 0).toBeGreaterThan(200);
    audit.fault('restart', Date.now());
    await broker.node.stop();
    broker = await startNode({ dataFolder, amqpPort });
    const before = producer.lastSequence;
    await expect.poll(() => producer.lastSequence, { timeout: 10_000 }).toBeGreaterThan(before + 200);
    await producer.stop();
    await expect.poll(() => audit.report().producers[0]!.delivered).toBe(producer.lastSequence);
    await consumer.stop();
    await broker.dispose();
    const { producers, consumers, producerWindows } = audit.report();
    expect(producers[0]).toMatchObject({ confirmed: producer.lastSequence, unresolved: 0, lost: 0 });
    expect(producers[0]!.reconnectMs).toBeGreaterThan(0);
    expect(consumers[0]!.reordered).toBe(0);
    expect(producerWindows[0]!.durationMs).toBeGreaterThan(0);
  });

  test('at most once: what was unconfirmed when the connection went stays unresolved', async () => {
    const broker = await startNode();
    const audit = new Audit();
    const producer = new LabProducer({
      name: 'p',
      address: { host: '127.0.0.1', port: broker.amqpPort },
      exchange: '',
      routingKey: 'lab.once',
      declare: durable('lab.once'),
      messagesPerSecond: 1000,
      resend: false,
      audit,
    });
    producer.start();
    await expect.poll(() => audit.report().producers[0]?.confirmed ?? 0).toBeGreaterThan(50);
    await broker.dispose();
    await producer.stop(500);
    const [report] = audit.report().producers;
    expect(report!.sent).toBe(report!.published);
    expect(report!.confirmed + report!.unresolved).toBe(report!.published);
  });
});
