// Bodies that are large beside the memory that messages may take: a burst of them, and many half way, stay within the
// budget, the room for large bodies, and as much again that waits for the garbage collector; everybody gets through
// (R13, R24). Linux tells a process's peak.
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { BrokerLimits } from '../../broker/channel/channel-host.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { RawClient } from '../conformance/raw-client.ts';
import { eventually } from '../eventually.ts';
import { NodeProcess } from './node-process.ts';

const mebibyte = 1 << 20;
/** The heap, the buffers of sockets and of the journal, and garbage that is found late on a busy machine. */
const slackBytes = 64 * mebibyte;
const deadlineMs = 60_000;
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanup.splice(0).reverse()) await work();
});

async function start(messageMemoryBytes: number, limits: Partial<BrokerLimits>): Promise<NodeProcess> {
  const node = await NodeProcess.start({ messageMemoryBytes, memoryLimitBytes: 2 ** 40, limits });
  cleanup.push(() => node.dispose());
  return node;
}

/** The largest part of a node's memory that was in use since it started. */
function peakBytes(node: NodeProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))![1]) * 1024;
}

async function connect(node: NodeProcess): Promise<ClientConnection> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  cleanup.push(() => connection.destroy());
  return connection;
}

async function declare(node: NodeProcess, queue: string): Promise<void> {
  await (await (await connect(node)).openChannel()).declareQueue(queue, { durable: true });
}

function bodyOf(bytes: number, number: number): Buffer {
  const body = Buffer.alloc(bytes, `body ${number} `);
  body.writeUInt32BE(number, 0);
  body.writeUInt32BE(crc32(body.subarray(8)), 4);
  return body;
}

/** The number of a body of which every byte is right. */
function numberIn(body: Buffer): number {
  expect(crc32(body.subarray(8))).toBe(body.readUInt32BE(4));
  return body.readUInt32BE(0);
}

async function drain(node: NodeProcess, queue: string, count: number): Promise<number[]> {
  const channel = await (await connect(node)).openChannel();
  await channel.prefetch(1);
  const numbers: number[] = [];
  await channel.consume(queue, ({ body, deliveryTag }) => {
    numbers.push(numberIn(body));
    channel.ack(deliveryTag);
  });
  await eventually('all has come', () => numbers.length === count, deadlineMs);
  return numbers;
}

/** Publishes bodies one after the other, each when the last one was confirmed. */
async function publish(
  node: NodeProcess,
  queue: string,
  bodies: Buffer[],
  deliveryMode: 1 | 2,
): Promise<void> {
  const channel = await (await connect(node)).openChannel();
  await channel.selectConfirms();
  for (const body of bodies) {
    channel.publish('', queue, body, { deliveryMode });
    await eventually('it is confirmed', () => channel.unconfirmed === 0, deadlineMs);
  }
}

/** A client that has sent a part of a body, and can send the rest. */
class HalfWay {
  readonly client: RawClient;
  readonly #body: Buffer;
  #sent = 0;

  static async begin(node: NodeProcess, queue: string, body: Buffer, share = 0.5): Promise<HalfWay> {
    const client = await RawClient.open(node.amqpPort);
    cleanup.push(() => client.destroy());
    const half = new HalfWay(client, body);
    await half.openChannel(1);
    half.publish(1, queue);
    half.send(1, share);
    return half;
  }

  private constructor(client: RawClient, body: Buffer) {
    this.client = client;
    this.#body = body;
  }

  async openChannel(channel: number): Promise<void> {
    this.client.send(channel, 'channel.open', { reserved1: '' });
    await this.client.expect('channel.open-ok');
    this.client.send(channel, 'confirm.select', { noWait: false });
    await this.client.expect('confirm.select-ok');
  }

  publish(channel: number, routingKey: string): void {
    const bits = { mandatory: false, immediate: false };
    this.client.send(channel, 'basic.publish', { reserved1: 0, exchange: '', routingKey, ...bits });
    this.client.contentHeader(channel, this.#body.length, { deliveryMode: 2 });
  }

  /** Of the body, up to this share. */
  send(channel: number, share: number): void {
    const most = this.client.frameMax - 8;
    for (const end = Math.floor(this.#body.length * share); this.#sent < end;) {
      const part = this.#body.subarray(this.#sent, Math.min(this.#sent + most, end));
      this.client.frame(3, channel, part);
      this.#sent += part.length;
    }
  }

  /** The next thing that is no heartbeat. */
  async hears(): Promise<string> {
    const heard = await this.client.hear(deadlineMs);
    return heard.kind === 'method' ? heard.method.name : heard.kind;
  }
}

describe.skipIf(process.platform !== 'linux')('R13 R24: large bodies (peak memory as Linux tells it)', () => {
  for (const deliveryMode of [1, 2] as const)
    test(
      `a burst from eight connections, delivery mode ${deliveryMode}, stays within its bounds`,
      { timeout: 120_000 },
      async () => {
        const [bodyBytes, budgetBytes, roomBytes] = [32 * mebibyte, 64 * mebibyte, 32 * mebibyte];
        const node = await start(budgetBytes, { bodyRoomBytesMax: roomBytes });
        await declare(node, 'large');
        const before = peakBytes(node);
        const bodies = Array.from({ length: 16 }, (_, number) => bodyOf(bodyBytes, number));
        await Promise.all(
          [0, 2, 4, 6, 8, 10, 12, 14].map((from) =>
            publish(node, 'large', bodies.slice(from, from + 2), deliveryMode),
          ),
        );
        const bound = budgetBytes + 2 * roomBytes + slackBytes;
        expect(peakBytes(node) - before).toBeLessThan(bound);
        const numbers = await drain(node, 'large', bodies.length);
        expect(numbers.toSorted((a, b) => a - b)).toEqual(bodies.map((_, number) => number));
        expect(peakBytes(node) - before).toBeLessThan(bound + roomBytes);
      },
    );

  test(
    'many half way through a body take no more than the room, and all finish',
    { timeout: 120_000 },
    async () => {
      const [bodyBytes, roomBytes, count] = [16 * mebibyte, 32 * mebibyte, 24];
      const node = await start(16 * mebibyte, { bodyRoomBytesMax: roomBytes });
      await declare(node, 'large');
      await declare(node, 'small');
      const before = peakBytes(node);
      const all: HalfWay[] = [];
      for (let number = 0; number < count; number++)
        all.push(await HalfWay.begin(node, 'large', bodyOf(bodyBytes, number)));
      // Small messages are not held up by that.
      await publish(node, 'small', [bodyOf(1000, 1), bodyOf(1000, 2)], 2);
      expect(peakBytes(node) - before).toBeLessThan(16 * mebibyte + 2 * roomBytes + slackBytes);
      for (const half of all) half.send(1, 1);
      expect(await Promise.all(all.map((half) => half.hears()))).toEqual(all.map(() => 'basic.ack'));
      expect(peakBytes(node) - before).toBeLessThan(16 * mebibyte + 2 * roomBytes + slackBytes);
      const numbers = await drain(node, 'large', count);
      expect(numbers.toSorted((a, b) => a - b)).toEqual(all.map((_, number) => number));
    },
  );
});

describe('R24: who waits for room for a large body', () => {
  const bodyBytes = 8 * mebibyte;

  test('gets that of one who does not go on, and who is told why his connection ends', async () => {
    const node = await start(mebibyte, { bodyRoomBytesMax: bodyBytes, bodyRoomIdleMsMax: 100 });
    await declare(node, 'large');
    const idle = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 1));
    await publish(node, 'large', [bodyOf(bodyBytes, 2)], 2);
    const { args } = await idle.client.expect('connection.close');
    expect(args.replyCode).toBe(506);
    expect(await drain(node, 'large', 1)).toEqual([2]);
  });

  test('is left alone by one who goes on, however slowly', async () => {
    const node = await start(mebibyte, { bodyRoomBytesMax: bodyBytes, bodyRoomIdleMsMax: 1500 });
    await declare(node, 'large');
    const slow = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 1), 0.1);
    const waiting = publish(node, 'large', [bodyOf(bodyBytes, 2)], 2);
    for (let share = 0.2; share < 1; share += 0.1) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      slow.send(1, share);
    }
    slow.send(1, 1);
    expect(await slow.hears()).toBe('basic.ack');
    await waiting;
    expect(await drain(node, 'large', 2)).toEqual([1, 2]);
  });

  test('need not wait for himself: the second channel of a connection is refused, the first finishes', async () => {
    const node = await start(mebibyte, { bodyRoomBytesMax: bodyBytes });
    await declare(node, 'large');
    const first = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 1));
    await first.openChannel(2);
    first.publish(2, 'large');
    const part = Buffer.alloc(100_000);
    for (let i = 0; i < 2; i++) first.client.frame(3, 2, part);
    const { args } = await first.client.expect('channel.close');
    expect(args.replyCode).toBe(311);
    first.send(1, 1);
    expect(await first.hears()).toBe('basic.ack');
    expect(await drain(node, 'large', 1)).toEqual([1]);
  });

  test('may go, and the next in line gets it', async () => {
    const node = await start(mebibyte, { bodyRoomBytesMax: bodyBytes });
    await declare(node, 'large');
    const first = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 1));
    const second = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 2));
    const third = await HalfWay.begin(node, 'large', bodyOf(bodyBytes, 3));
    second.client.destroy();
    first.send(1, 1);
    expect(await first.hears()).toBe('basic.ack');
    third.send(1, 1);
    expect(await third.hears()).toBe('basic.ack');
    expect(await drain(node, 'large', 2)).toEqual([1, 3]);
  });
});
