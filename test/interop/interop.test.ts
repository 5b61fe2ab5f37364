// Clients that know nothing of Warren, in the languages this machine has: each publishes, consumes, gets, is confirmed
// and refused as against RabbitMQ (R1, R25, R26, R29).
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import amqplib from 'amqplib';
import { Connection } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
let node: NodeUnderTest;
let port: string;

beforeAll(async () => {
  node = await startNode();
  port = String(node.amqpPort);
});
afterAll(() => node.dispose());

const foreign: [string, string, string, string][] = [
  ['pika', '/usr/lib/python3/dist-packages/pika', '/usr/bin/python3', 'pika_client.py'],
  ['py-amqp', '/usr/lib/python3/dist-packages/amqp', '/usr/bin/python3', 'py_amqp_client.py'],
  ['kombu', '/usr/lib/python3/dist-packages/kombu', '/usr/bin/python3', 'kombu_client.py'],
  ['bunny', '/usr/share/rubygems-integration/all/gems', '/usr/bin/ruby', 'bunny_client.rb'],
  ['php-amqplib', '/usr/share/php/PhpAmqpLib', '/usr/bin/php', 'php_client.php'],
];

describe('clients of other languages', () => {
  for (const [name, library, interpreter, file] of foreign)
    test.skipIf(!existsSync(library) || !existsSync(interpreter))(name, async () => {
      const { stdout } = await run(interpreter, [script(file), port], { timeout: 25_000 });
      expect(stdout.trim().split('\n').at(-1)).toBe('ok');
    });

  test.skipIf(!existsSync('/usr/bin/amqp-publish'))('amqp-tools', async () => {
    const url = `amqp://guest:guest@127.0.0.1:${port}`;
    const { stdout: declared } = await run('amqp-declare-queue', ['-u', url, '-q', 'tools']);
    expect(declared.trim()).toBe('tools');
    await run('amqp-publish', ['-u', url, '-r', 'tools', '-p', '-b', 'from the shell']);
    const { stdout: got } = await run('amqp-get', ['-u', url, '-q', 'tools']);
    expect(got).toBe('from the shell');
    await run('amqp-publish', ['-u', url, '-r', 'tools', '-b', 'once more']);
    const { stdout: consumed } = await run('amqp-consume', ['-u', url, '-q', 'tools', '-c', '1', 'cat']);
    expect(consumed).toBe('once more');
    const { stdout: deleted } = await run('amqp-delete-queue', ['-u', url, '-q', 'tools']);
    expect(deleted.trim()).toBe('0');
    await expect(run('amqp-get', ['-u', url, '-q', 'tools'])).rejects.toThrow(/404/);
  });
});

describe('amqplib', () => {
  test('confirms, returns, consumes, rejects to a dead letter exchange', async () => {
    const connection = await amqplib.connect(`amqp://guest:guest@127.0.0.1:${port}`);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('js.dead', { exclusive: true });
    await channel.assertQueue('js.q', {
      exclusive: true,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'js.dead',
    });
    const returned = new Promise<number>((resolve) =>
      channel.once('return', (message: { fields: { replyCode: number } }) =>
        resolve(message.fields.replyCode),
      ),
    );
    channel.publish('amq.direct', 'nobody', Buffer.from('x'), { mandatory: true });
    channel.sendToQueue('js.q', Buffer.from('hello'), {
      persistent: true,
      headers: { deep: { list: [1, 'two', null] } },
      messageId: 'm',
    });
    await channel.waitForConfirms();
    expect(await returned).toBe(312);
    const received = await new Promise<amqplib.ConsumeMessage>(
      (resolve) => void channel.consume('js.q', (message) => resolve(message!)),
    );
    expect(received.properties.headers).toEqual({ deep: { list: [1, 'two', null] } });
    const dead = new Promise<amqplib.ConsumeMessage>(
      (resolve) => void channel.consume('js.dead', (message) => resolve(message!), { noAck: true }),
    );
    channel.reject(received, false);
    expect((await dead).properties.headers!['x-death']![0]).toMatchObject({
      reason: 'rejected',
      queue: 'js.q',
      count: 1,
    });
    await connection.close();
  });

  test('a virtual host that does not exist is refused with 530', async () => {
    await expect(amqplib.connect(`amqp://guest:guest@127.0.0.1:${port}/nowhere`)).rejects.toThrow(
      /ConnectionClose/,
    );
  });

  test('a body of many frames comes back byte for byte', async () => {
    const connection = await amqplib.connect(`amqp://guest:guest@127.0.0.1:${port}`);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('js.big', { exclusive: true });
    const body = Buffer.alloc(3_000_000).map((_, index) => index % 251);
    channel.sendToQueue('js.big', Buffer.from(body));
    await channel.waitForConfirms();
    const got = await channel.get('js.big', { noAck: true });
    expect(got && got.content.equals(body)).toBe(true);
    await connection.close();
  });
});

describe('rabbitmq-client', () => {
  test('publishes with confirms, consumes, asks by direct reply-to', async () => {
    const connection = new Connection(`amqp://guest:guest@127.0.0.1:${port}`);
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
});
