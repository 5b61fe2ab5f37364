// The two clients of Node that know nothing of Warren, through all that an application does with a broker
// (R1, R8, R25, R26, R29).
import amqplib from 'amqplib';
import { Connection, type ReturnedMessage, type SyncMessage } from 'rabbitmq-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

let node: NodeUnderTest;
let url: string;

beforeAll(async () => {
  node = await startNode();
  url = `amqp://guest:guest@127.0.0.1:${node.amqpPort}`;
});
afterAll(() => node.dispose());

/** Exchange type, binding key, a routing key that matches, and whether a message can fail to match. */
const exchanges: [string, string, string, boolean][] = [
  ['direct', 'k', 'k', true],
  ['fanout', '', 'any', false],
  ['topic', 'a.*.#', 'a.b.c', true],
  ['headers', '', '', true],
];
const matching = (kind: string) => (kind === 'headers' ? { 'x-match': 'all', colour: 'red', size: 1 } : {});
const nested = {
  text: 'téxt',
  byte: -5,
  short: 300,
  int: -70_000,
  long: 2 ** 40,
  yes: true,
  no: false,
  none: null,
  list: [1, 'b', [null, { a: 1 }]],
  table: { k: 1, deep: { empty: {} } },
  double: 0.1,
};

describe('amqplib', () => {
  let connection: amqplib.ChannelModel;
  let channel: amqplib.ConfirmChannel;
  beforeEach(async () => {
    connection = await amqplib.connect(url);
    channel = await connection.createConfirmChannel();
  });
  afterEach(() => connection.close());

  const got = (queue: string) =>
    eventually(`message in ${queue}`, async () => (await channel.get(queue)) || null);
  const nextReturn = () => new Promise<amqplib.Message>((resolve) => channel.once('return', resolve));

  test('properties and header fields of every type, then a reject to a dead letter exchange', async () => {
    await channel.assertExchange('js.dlx', 'fanout', { autoDelete: true });
    await channel.assertQueue('js.dead', { exclusive: true });
    await channel.bindQueue('js.dead', 'js.dlx', '');
    await channel.assertQueue('js.q', { exclusive: true, deadLetterExchange: 'js.dlx' });
    const headers = {
      ...nested,
      bytes: Buffer.from([0, 255, 128]),
      time: { '!': 'timestamp', value: 1_700_000_000 },
      float: { '!': 'float', value: 0.5 },
      decimal: { '!': 'decimal', value: { places: 2, digits: 125 } },
    };
    const properties = {
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      userId: 'guest',
      appId: 'a',
      // amqplib sends no cluster_id.
    };
    channel.sendToQueue('js.q', Buffer.from('body'), { ...properties, headers });
    await channel.waitForConfirms();
    const received = await new Promise<amqplib.ConsumeMessage>(
      (resolve) => void channel.consume('js.q', (message) => resolve(message!)),
    );
    expect(received.content.toString()).toBe('body');
    expect(received.properties).toMatchObject(properties);
    // A float comes back as a plain number.
    expect(received.properties.headers).toEqual({ ...headers, float: 0.5 });
    channel.reject(received, false);
    const dead = await got('js.dead');
    expect(dead.content.toString()).toBe('body');
    expect(dead.properties.headers).toMatchObject({ ...nested, 'x-first-death-reason': 'rejected' });
    expect(dead.properties.headers!['x-death']).toEqual([
      {
        reason: 'rejected',
        queue: 'js.q',
        count: 1,
        exchange: '',
        'routing-keys': ['js.q'],
        'original-expiration': '60000',
        time: { '!': 'timestamp', value: expect.any(Number) as number },
      },
    ]);
  });

  test.each(exchanges)('through a %s exchange; what matches nothing is returned', async (...row) => {
    const [kind, binding, key, canMiss] = row;
    const exchange = `js.${kind}`;
    await channel.assertExchange(exchange, kind, { autoDelete: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, binding, matching(kind));
    channel.publish(exchange, key, Buffer.from(kind), {
      mandatory: true,
      headers: { colour: 'red', size: 1 },
    });
    expect((await got(queue)).content.toString()).toBe(kind);
    if (!canMiss) return;
    const returned = nextReturn();
    const lost = { mandatory: true, headers: { colour: 'blue', size: 1 } };
    channel.publish(exchange, 'other', Buffer.from('lost'), lost);
    await channel.waitForConfirms();
    const { fields, content } = await returned;
    expect(fields).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey: 'other' });
    expect(content.toString()).toBe('lost');
  });

  // Its error names the method alone, not the 530 within.
  test('a virtual host that does not exist is refused', async () => {
    await expect(amqplib.connect(`${url}/nowhere`)).rejects.toThrow(/got <ConnectionClose/);
  });

  test('a body of many frames comes back byte for byte', async () => {
    await channel.assertQueue('js.big', { exclusive: true });
    const body = Buffer.alloc(3_000_000).map((_, index) => index % 251);
    channel.sendToQueue('js.big', Buffer.from(body));
    await channel.waitForConfirms();
    expect((await got('js.big')).content.equals(body)).toBe(true);
  });
});

describe('rabbitmq-client', () => {
  let connection: Connection;
  beforeEach(() => {
    connection = new Connection(url);
  });
  afterEach(() => connection.unsafeDestroy());

  test('publishes with confirms, consumes, asks by direct reply-to', async () => {
    const received: unknown[] = [];
    const consumer = connection.createConsumer(
      { queue: 'rc.q', queueOptions: { exclusive: true }, qos: { prefetchCount: 2 } },
      async (message) => {
        received.push(message.body);
        await Promise.resolve();
      },
    );
    await new Promise((resolve) => consumer.once('ready', resolve));
    const publisher = connection.createPublisher({ confirm: true });
    for (let i = 0; i < 10; i++) await publisher.send('rc.q', { number: i });
    await expect.poll(() => received.length).toBe(10);
    const server = connection.createConsumer(
      { queue: 'rc.rpc', queueOptions: { exclusive: true } },
      async (message, reply) => {
        await reply({ echo: message.body as unknown });
      },
    );
    await new Promise((resolve) => server.once('ready', resolve));
    const client = connection.createRPCClient({ confirm: true });
    expect((await client.send('rc.rpc', 'ping')).body).toEqual({ echo: 'ping' });
    await client.close();
    await publisher.close();
    await consumer.close();
    await server.close();
    await connection.close();
  });

  // It sends no bytes and no timestamp in a header.
  test('properties and header fields of many types, then a reject to a dead letter exchange', async () => {
    const channel = await connection.acquire();
    await channel.confirmSelect();
    await channel.exchangeDeclare({ exchange: 'rc.dlx', type: 'fanout', autoDelete: true });
    await channel.queueDeclare({ queue: 'rc.dead', exclusive: true });
    await channel.queueBind({ queue: 'rc.dead', exchange: 'rc.dlx' });
    const dying = { 'x-dead-letter-exchange': 'rc.dlx' };
    await channel.queueDeclare({ queue: 'rc.letters', exclusive: true, arguments: dying });
    const properties = {
      contentType: 'application/octet-stream',
      contentEncoding: 'utf-8',
      durable: true,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      userId: 'guest',
      appId: 'a',
      clusterId: 'cl',
      headers: nested,
    };
    await channel.basicPublish({ routingKey: 'rc.letters', ...properties }, Buffer.from('body'));
    const got = await eventually('message', () => channel.basicGet('rc.letters'));
    expect(got).toMatchObject(properties);
    expect(String(got.body)).toBe('body');
    channel.basicNack({ deliveryTag: got.deliveryTag, requeue: false });
    const dead = await eventually<SyncMessage | undefined>('dead letter', () =>
      channel.basicGet({ queue: 'rc.dead', noAck: true }),
    );
    const headers = dead.headers as Record<string, unknown>;
    expect(headers).toMatchObject(nested);
    expect(headers['x-death']).toMatchObject([
      { reason: 'rejected', queue: 'rc.letters', count: 1, exchange: '', 'routing-keys': ['rc.letters'] },
    ]);
    await channel.close();
  });

  test.each(exchanges)('through a %s exchange; what matches nothing is returned', async (...row) => {
    const [kind, binding, key, canMiss] = row;
    const exchange = `rc.${kind}`;
    const channel = await connection.acquire();
    await channel.confirmSelect();
    await channel.exchangeDeclare({ exchange, type: kind, autoDelete: true });
    const { queue } = await channel.queueDeclare({ exclusive: true });
    await channel.queueBind({ queue, exchange, routingKey: binding, arguments: matching(kind) });
    const red = { exchange, routingKey: key, mandatory: true, headers: { colour: 'red', size: 1 } };
    await channel.basicPublish(red, kind);
    const got = await eventually('message', () => channel.basicGet({ queue, noAck: true }));
    expect(got.body).toBe(kind);
    if (canMiss) {
      const returned = new Promise<ReturnedMessage>((resolve) => channel.once('basic.return', resolve));
      await channel.basicPublish(
        { ...red, routingKey: 'other', headers: { colour: 'blue', size: 1 } },
        'lost',
      );
      expect(await returned).toMatchObject({ replyCode: 312, exchange, routingKey: 'other', body: 'lost' });
    }
    await channel.close();
  });

  test('a virtual host that does not exist is refused with 530', async () => {
    const refused = new Connection(`${url}/nowhere`);
    const error = await new Promise<Error>((resolve) => refused.once('error', resolve));
    expect(error).toMatchObject({ code: 'NOT_ALLOWED' });
    expect(error.message).toContain('nowhere');
    await refused.close();
  });
});
