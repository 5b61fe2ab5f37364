// A full disk, on a real file system: confirms stop and say why, nothing confirmed is lost, and all goes on by
// itself when there is room again (R25, R27, DESIGN promise 3).
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { NodeProcess } from './node-process.ts';
import { canMount, SmallDisk } from './small-disk.ts';

const bodyBytes = 8192;
const windowMax = 100;
const impatienceMs = 50;
const deadlineMs = 30_000;
const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
const cleanup: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanup.splice(0).reverse()) await work();
});

async function start(disk: SmallDisk): Promise<NodeProcess> {
  const node = await NodeProcess.start({
    dataFolder: disk.dataFolder,
    // The journal's own alarm is meant here, not the one that comes well before it.
    diskFreeLimitBytes: 0,
    memoryLimitBytes: 2 ** 40,
    journalSegmentBytes: 1 << 20,
  });
  cleanup.push(() => node.dispose());
  return node;
}

function newDisk(sizeBytes: number, ballastBytes = 0): SmallDisk {
  const disk = new SmallDisk(sizeBytes, ballastBytes);
  cleanup.push(() => disk.dispose());
  return disk;
}

async function connect(node: NodeProcess): Promise<ClientConnection> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
  cleanup.push(() => connection.destroy());
  return connection;
}

function bodyOf(number: number): Buffer {
  const body = Buffer.alloc(bodyBytes, `${number} `);
  body.writeUInt32BE(number, 0);
  body.writeUInt32BE(crc32(body.subarray(8)), 4);
  return body;
}

/** The number of the message; fails when a byte of it is another. */
function numberIn(body: Buffer): number {
  const number = body.readUInt32BE(0);
  expect(body.equals(bodyOf(number))).toBe(true);
  return number;
}

/** Publishes with confirms, a window at a time, until it is told to stop. */
class Publisher {
  readonly connection: ClientConnection;
  readonly confirmed = new Set<number>();
  published = 0;
  #going = true;
  readonly done: Promise<void>;

  static async start(node: NodeProcess, queue: string): Promise<Publisher> {
    return new Publisher(await connect(node), queue);
  }

  private constructor(connection: ClientConnection, queue: string) {
    this.connection = connection;
    this.done = this.#run(queue);
  }

  get unconfirmed(): number {
    return this.published - this.confirmed.size;
  }

  async #run(queue: string): Promise<void> {
    const channel = await this.connection.openChannel();
    await channel.declareQueue(queue, { durable: true });
    await channel.selectConfirms();
    channel.onConfirmed = (from, to, ok) => {
      expect(ok).toBe(true);
      for (let number = from; number <= to; number++) this.confirmed.add(number);
    };
    let idleSince = performance.now();
    while (this.#going) {
      // A publisher is told at the first message that it sends under the alarm, as RabbitMQ does it: one that waits
      // for confirms sends another now and then.
      const mayGoOn = this.unconfirmed < windowMax || performance.now() - idleSince > impatienceMs;
      if (this.connection.blockedReason === null && mayGoOn) {
        channel.publish('', queue, bodyOf(this.published + 1), { deliveryMode: 2 });
        this.published++;
        idleSince = performance.now();
      } else await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.published % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  stop(): void {
    this.#going = false;
  }
}

async function alarms(node: NodeProcess): Promise<string[]> {
  const { alarms: raised } = await node.call('overview');
  return raised.map(({ kind }) => kind);
}

/** Every message of a queue, by its number. */
async function drain(node: NodeProcess, queue: string): Promise<Set<number>> {
  const channel = await (await connect(node)).openChannel();
  const numbers = new Set<number>();
  for (let delivery; (delivery = await channel.get(queue, true));) numbers.add(numberIn(delivery.body));
  return numbers;
}

const title = 'R25 R27: a full disk (where root may mount a tmpfs)';

describe.skipIf(!canMount)(title, { timeout: 120_000 }, () => {
  test('confirms stop with an alarm, go on when there is room, and all confirmed is there after a kill', async () => {
    const disk = newDisk(12 << 20, 6 << 20);
    const node = await start(disk);
    const publisher = await Publisher.start(node, 'full');
    await eventually('the publisher is told', () => publisher.connection.blockedReason, deadlineMs);
    expect(publisher.connection.blockedReason).toBe('low on disk');
    expect(publisher.unconfirmed).toBeGreaterThan(0);
    expect(await alarms(node)).toContain('journal');
    const url = `http://127.0.0.1:${node.managementPort}/api/health/checks/alarms`;
    expect((await fetch(url, { headers: { authorization } })).status).toBe(503);
    const confirmedWhenFull = publisher.confirmed.size;

    // Consumers go on.
    const reader = await (await connect(node)).openChannel();
    const first = await reader.get('full');
    expect(numberIn(first!.body)).toBe(1);
    reader.nack(first!.deliveryTag);
    expect(publisher.confirmed.size).toBe(confirmedWhenFull);

    disk.throwOffBallast();
    const more = () => publisher.confirmed.size > confirmedWhenFull + windowMax;
    await eventually('confirms go on', more, deadlineMs);
    expect(publisher.connection.blockedReason).toBeNull();
    expect(await alarms(node)).not.toContain('journal');
    publisher.stop();
    await publisher.done;
    await eventually('all is confirmed', () => publisher.unconfirmed === 0, deadlineMs);
    await node.kill();

    const there = await drain(await start(disk), 'full');
    expect([...publisher.confirmed].filter((number) => !there.has(number))).toEqual([]);
  });

  test('killed on a full disk, it says why it cannot start, and once it can it has all that was confirmed', async () => {
    const disk = newDisk(10 << 20, 4 << 20);
    const node = await start(disk);
    const publisher = await Publisher.start(node, 'full');
    await eventually('the publisher is told', () => publisher.connection.blockedReason, deadlineMs);
    publisher.stop();
    await publisher.done;
    await node.kill();
    await expect(start(disk)).rejects.toThrow(`no space left to open the definitions in ${disk.dataFolder}`);
    disk.throwOffBallast();
    const there = await drain(await start(disk), 'full');
    expect([...publisher.confirmed].filter((number) => !there.has(number))).toEqual([]);
  });

  test('consuming makes the room by which confirms go on', async () => {
    const node = await start(newDisk(8 << 20));
    const publisher = await Publisher.start(node, 'full');
    await eventually('the publisher is told', () => publisher.connection.blockedReason, deadlineMs);
    const confirmedWhenFull = publisher.confirmed.size;
    const consumer = await (await connect(node)).openChannel();
    await consumer.prefetch(50);
    const received = new Set<number>();
    await consumer.consume('full', ({ body, deliveryTag }) => {
      received.add(numberIn(body));
      consumer.ack(deliveryTag);
    });
    const more = () => publisher.confirmed.size > confirmedWhenFull + windowMax;
    await eventually('confirms go on', more, deadlineMs);
    publisher.stop();
    await publisher.done;
    await eventually('all is confirmed', () => publisher.unconfirmed === 0, deadlineMs);
    await eventually('all is received', () => received.size === publisher.published, deadlineMs);
  });

  test('what cannot be stored is refused and is not there; afterwards it can be declared and lasts', async () => {
    const disk = newDisk(6 << 20);
    const node = await start(disk);
    const fresh = async () => (await connect(node)).openChannel();
    const put = (name: string) =>
      fetch(`http://127.0.0.1:${node.managementPort}/api/queues/%2F/${name}`, {
        method: 'PUT',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ durable: true }),
      });
    disk.fill();
    // The last page of the file takes a few.
    const stored: string[] = [];
    const first = await fresh();
    let refusal: unknown = null;
    while (refusal === null) {
      const name = `queue-${stored.length}`;
      await first.declareQueue(name, { durable: true }).then(
        () => stored.push(name),
        (error: unknown) => (refusal = error),
      );
    }
    const clear = {
      replyCode: 506,
      message: expect.stringContaining('no space left for the definitions') as string,
    };
    expect(refusal).toMatchObject(clear);
    const missing = `queue-${stored.length}`;
    const looked = (await fresh()).declareQueue(missing, { passive: true });
    await expect(looked).rejects.toMatchObject({ replyCode: 404 });
    await expect((await fresh()).declareQueue(missing, { durable: true })).rejects.toMatchObject(clear);
    const refused = await put('by-http');
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('no space left for the definitions');
    // What is never stored needs no disk (R21).
    const channel = await fresh();
    await channel.declareQueue('in-memory');

    disk.throwOffBallast();
    await channel.declareQueue(missing, { durable: true });
    expect((await put('by-http')).status).toBe(201);
    await node.kill();
    const after = await (await connect(await start(disk))).openChannel();
    for (const name of [...stored, missing, 'by-http']) await after.declareQueue(name, { passive: true });
    await expect(after.declareQueue('in-memory', { passive: true })).rejects.toMatchObject({
      replyCode: 404,
    });
  });
});
