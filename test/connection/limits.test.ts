// What a client can make the node keep, or wait for, has a bound; and reaching it harms nobody else.
import { afterEach, describe, expect, test } from 'vitest';
import { fromPlain } from '../../broker/amqp/field-table.ts';
import type { BrokerLimits } from '../../broker/channel/channel-host.ts';
import type { NodeConfig } from '../../broker/node/node.ts';
import { describe as lineOf, RawClient } from '../conformance/raw-client.ts';
import { Party, type Loose } from '../conformance/script.ts';
import { eventually } from '../eventually.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const megabyte = 1 << 20;
let nodes: NodeUnderTest[] = [];

afterEach(async () => {
  for (const node of nodes) await node.dispose();
  nodes = [];
});

async function nodeWith(limits: Partial<BrokerLimits>, config: Partial<NodeConfig> = {}) {
  const node = await startNode({ limits, ...config });
  nodes.push(node);
  return node;
}

async function withChannel(node: NodeUnderTest): Promise<{ client: RawClient; party: Party }> {
  const client = await RawClient.open(node.amqpPort);
  const party = new Party(client, '', []);
  await party.openChannel(1);
  return { client, party };
}

async function withQueue(node: NodeUnderTest, queue: string, args: Loose<'queue.declare'> = {}) {
  const opened = await withChannel(node);
  await opened.party.call(1, 'queue.declare', { queue, ...args });
  return opened;
}

/** A connection of the node that is not this client's still does its work. */
async function expectHealthy(node: NodeUnderTest): Promise<void> {
  const { client, party } = await withQueue(node, 'health', { exclusive: true });
  await party.call(1, 'confirm.select');
  client.publish(1, { routingKey: 'health' }, Buffer.from('well'));
  await client.expect('basic.ack');
  const heard = await party.call(1, 'basic.get', { queue: 'health', noAck: true });
  expect(heard.kind === 'method' && heard.body?.toString()).toBe('well');
  client.destroy();
}

const unsent = (node: NodeUnderTest) =>
  Math.max(0, ...node.node.connections.all().map((each) => each.sendPending));

describe('R2: a handshake that does not end', () => {
  const limits = { handshakeTimeoutMs: 300 };

  test('a client that says nothing is cut off', async () => {
    const node = await nodeWith(limits);
    const client = await RawClient.connect(node.amqpPort);
    expect(await client.hear()).toEqual({ kind: 'end' });
    await eventually('the connection is forgotten', () => node.node.connections.count === 0);
  });

  test('so is one that says everything slowly, byte by byte', async () => {
    const node = await nodeWith(limits);
    const client = await RawClient.connect(node.amqpPort);
    let sent = 0;
    const drip = setInterval(() => client.write(protocolHeader.subarray(sent, ++sent)), 60);
    const heard = await client.hear();
    clearInterval(drip);
    expect(heard).toEqual({ kind: 'end' });
    expect(sent).toBeLessThan(protocolHeader.length);
  });

  test('and one that stops between start and open, while others go on', async () => {
    const node = await nodeWith(limits);
    const client = await RawClient.connect(node.amqpPort);
    client.write(protocolHeader);
    await client.expect('connection.start');
    client.startOk({});
    await client.expect('connection.tune');
    await expectHealthy(node);
    expect(await client.hear()).toEqual({ kind: 'end' });
  });

  test('an open connection may stay silent for longer', async () => {
    const node = await nodeWith(limits);
    const { client, party } = await withChannel(node);
    expect(await client.hear(600)).toEqual({ kind: 'silence' });
    await party.call(1, 'basic.qos', { prefetchCount: 1 });
    expect(party.last()).toBe('1 basic.qos-ok');
    client.destroy();
  });
});

describe('R14: a client that goes without a word', () => {
  test('half a socket closed is a connection closed: what it held goes back to its queue', async () => {
    const node = await nodeWith({});
    const { client, party } = await withQueue(node, 'held', { durable: true });
    client.publish(1, { routingKey: 'held' }, Buffer.from('x'));
    await party.call(1, 'basic.get', { queue: 'held' });
    client.halfClose();
    expect(await client.hear()).toEqual({ kind: 'end' });
    const other = await withChannel(node);
    await other.party.call(1, 'basic.get', { queue: 'held' });
    expect(other.party.last()).toContain('basic.get-ok deliveryTag=1 redelivered=true');
    other.client.destroy();
  });

  test('one that says close-ok before it has heard of its fault hears of it all the same', async () => {
    const node = await nodeWith({});
    const { client } = await withChannel(node);
    const unknownFrame = Buffer.from([5, 0, 1, 0, 0, 0, 1, 120, 0xce]);
    const closeOk = Buffer.from([1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, 0xce]);
    client.write(Buffer.concat([unknownFrame, closeOk]));
    expect((await client.expect('connection.close')).args.replyCode).toBe(501);
    expect(await client.hear()).toEqual({ kind: 'end' });
  });

  test('a frame announced and never sent holds no more than a frame', async () => {
    const node = await nodeWith({});
    const { client } = await withChannel(node);
    client.write(Buffer.from([3, 0, 1, 0, 1, 0xff, 0xf0, 1, 2, 3]));
    await expectHealthy(node);
    client.destroy();
    await eventually('the connection is forgotten', () => node.node.connections.count === 0);
  });
});

describe('R13: a client that does not read', () => {
  const limits = { unsentBytesMax: megabyte, unreadBytesMax: 8 * megabyte };

  test('gets deliveries up to a bound, and the rest when it reads on', async () => {
    const node = await nodeWith(limits);
    const { client, party } = await withQueue(node, 'deliveries', { exclusive: true });
    const body = Buffer.alloc(64 << 10, 'd');
    const count = 1000;
    for (let i = 0; i < count; i++) client.publish(1, { routingKey: 'deliveries' }, body);
    await party.call(1, 'queue.declare', { queue: 'deliveries', exclusive: true });
    client.stopReading();
    party.send(1, 'basic.consume', { queue: 'deliveries', noAck: true, consumerTag: 'c' });
    await eventually('deliveries fill the output', () => unsent(node) > megabyte);
    await expectHealthy(node);
    expect(unsent(node)).toBeLessThan(megabyte + 2 * body.length);
    client.readOn();
    await client.expect('basic.consume-ok');
    for (let tag = 1; tag <= count; tag++)
      expect((await client.expect('basic.deliver')).args.deliveryTag).toBe(tag);
    client.destroy();
  });

  test('is not read when it asks for more and more; it loses nothing of it', async () => {
    const node = await nodeWith(limits);
    const { client, party } = await withQueue(node, 'answers', { exclusive: true });
    const body = Buffer.alloc(256 << 10, 'g');
    const count = 400;
    for (let i = 0; i < count; i++) client.publish(1, { routingKey: 'answers' }, body);
    await party.call(1, 'queue.declare', { queue: 'answers', exclusive: true });
    client.stopReading();
    for (let i = 0; i < count; i++) party.send(1, 'basic.get', { queue: 'answers', noAck: true });
    await eventually('answers fill the output', () => unsent(node) > 8 * megabyte);
    await expectHealthy(node);
    expect(unsent(node)).toBeLessThan(8 * megabyte + 2 * body.length);
    client.readOn();
    for (let tag = 1; tag <= count; tag++)
      expect((await client.expect('basic.get-ok')).args.deliveryTag).toBe(tag);
    client.destroy();
  });

  test('is not read while its returned messages lie there', async () => {
    const node = await nodeWith(limits);
    const { client } = await withChannel(node);
    client.stopReading();
    const body = Buffer.alloc(128 << 10, 'r');
    for (let i = 0; i < 400; i++) client.publish(1, { routingKey: 'nowhere', mandatory: true }, body);
    await eventually('returns fill the output', () => unsent(node) > 8 * megabyte);
    await expectHealthy(node);
    expect(unsent(node)).toBeLessThan(8 * megabyte + 2 * body.length);
    client.readOn();
    for (let i = 0; i < 400; i++) await client.expect('basic.return');
    client.destroy();
  });

  test('has direct replies dropped, which wait nowhere', async () => {
    const node = await nodeWith(limits);
    const { client, party } = await withChannel(node);
    await party.call(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true });
    const server = await withQueue(node, 'questions', { exclusive: true });
    client.publish(1, { routingKey: 'questions' }, Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' });
    const got = await eventually('the question arrives', async () => {
      const heard = await server.party.call(1, 'basic.get', { queue: 'questions', noAck: true });
      return heard.kind === 'method' ? heard.properties?.replyTo : null;
    });
    client.stopReading();
    const body = Buffer.alloc(128 << 10, 'a');
    for (let i = 0; i < 400; i++) server.client.publish(1, { routingKey: got }, body);
    await server.party.call(1, 'basic.qos', { prefetchCount: 1 });
    await expectHealthy(node);
    expect(unsent(node)).toBeLessThan(8 * megabyte + 2 * body.length);
    client.destroy();
    server.client.destroy();
  });
});

describe('R25: a publisher under an alarm', () => {
  test('is held back by an alarm before its first message is whole', async () => {
    const node = await nodeWith({}, { memoryLimitBytes: 1 });
    await eventually('the alarm is raised', () => node.node.connections.blocked);
    const { client, party } = await withChannel(node);
    party.send(1, 'basic.publish', { routingKey: 'q' });
    client.contentHeader(1, megabyte);
    await client.expect('connection.blocked');
    client.destroy();
  });
});

describe('R14: numbers of things', () => {
  test('consumers of a channel: one too many is 530', async () => {
    const node = await nodeWith({ consumersPerChannelMax: 3 });
    const { client, party } = await withQueue(node, 'crowded', { exclusive: true });
    for (let i = 0; i < 3; i++) await party.call(1, 'basic.consume', { queue: 'crowded' });
    await party.call(1, 'basic.consume', { queue: 'crowded' });
    expect(party.last()).toContain('replyCode=530 replyText="NOT_ALLOWED - reached maximum (3) of consumers');
    client.destroy();
  });

  test('connections: one too many is closed at once, and has room when another has gone', async () => {
    const node = await nodeWith({ connectionsMax: 2 });
    const first = await RawClient.open(node.amqpPort);
    const second = await RawClient.open(node.amqpPort);
    const third = await RawClient.connect(node.amqpPort);
    expect(lineOf(await third.hear())).toBe('end');
    first.destroy();
    await eventually('there is room again', () =>
      RawClient.open(node.amqpPort).then(
        (client) => (client.destroy(), true),
        () => false,
      ),
    );
    second.destroy();
  });

  test('a dead letter goes through 256 queues and no further', async () => {
    const node = await nodeWith({});
    const { client, party } = await withChannel(node);
    const length = 300;
    for (let i = 0; i <= length; i++) {
      const args = fromPlain({
        'x-max-length': i === 256 || i === 257 ? 1 : 0,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': `chain-${i + 1}`,
      });
      party.send(1, 'queue.declare', { queue: `chain-${i}`, exclusive: true, noWait: true, arguments: args });
    }
    client.publish(1, { routingKey: 'chain-0' }, Buffer.from('long way'));
    await party.call(1, 'basic.get', { queue: 'chain-256' });
    expect(party.last()).toContain('"long way"');
    party.send(1, 'basic.reject', { deliveryTag: 1, requeue: false });
    await party.call(1, 'basic.get', { queue: 'chain-257' });
    expect(party.last()).toBe('1 basic.get-empty');
    client.destroy();
  });
});
