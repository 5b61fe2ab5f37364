// What others do to a broker while a probe measures: each is prepared, then under way until it is told to end.
import { request } from 'node:http';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import type { FieldTable } from '../../../broker/amqp/field-table.ts';
import type { ClientChannel } from '../../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../../broker/lab/client-connection.ts';
import { publishTemplate } from './frames.ts';
import { LoadConnection } from './load-connection.ts';
import { Publisher } from './publisher.ts';

export interface DisturbancePorts {
  amqp: number;
  http: number;
}

/** Goes on until `ended` says so; what happens once happens at once. Resolves when nothing is under way any more. */
type Disturb = (ended: () => boolean) => Promise<void>;

type Prepare = (desk: Desk) => Promise<Disturb>;

const backlog = 200_000;
const listed = 10_000;
const consumers = 1000;
const consumersPerConnection = 100;
const unacknowledged = 10_000;
const floodBatchBytes = 1 << 20;
const queue = 'disturbed';
const dead = 'disturbed.dead';

export const disturbances = {
  'flood of 16 B': (desk) => flood(desk, { queues: 1, bodySize: 16, persistent: false }),
  'flood of 1 KiB, persistent': (desk) => flood(desk, { queues: 1, bodySize: 1024, persistent: true }),
  'flood to 100 queues': (desk) => flood(desk, { queues: 100, bodySize: 16, persistent: false }),
  'purge of 200,000': async (desk) => {
    await desk.fill(queue, backlog);
    return async () => void (await desk.purge(queue));
  },
  'delete of 200,000': async (desk) => {
    await desk.fill(queue, backlog);
    return async () => void (await desk.channel.deleteQueue(queue));
  },
  '200,000 become dead letters': deadLetters,
  'consumers that do not read': slowConsumers,
  '1,000 consumers of a queue': manyConsumers,
  'channels with 10,000 unacknowledged close': closingChannels,
  'lists of 10,000 queues and bindings': lists,
} satisfies Record<string, Prepare>;

export type DisturbanceName = keyof typeof disturbances;

export const disturbanceNames = Object.keys(disturbances) as DisturbanceName[];

/** A connection to prepare with, and what has to be put away afterwards. */
export class Desk {
  readonly ports: DisturbancePorts;
  readonly channel: ClientChannel;
  readonly #connections: ClientConnection[];
  readonly #queues = new Set<string>();

  static async open(ports: DisturbancePorts): Promise<Desk> {
    const connection = await connect(ports);
    return new Desk(ports, connection, await connection.openChannel());
  }

  private constructor(ports: DisturbancePorts, connection: ClientConnection, channel: ClientChannel) {
    this.ports = ports;
    this.channel = channel;
    this.#connections = [connection];
  }

  async declare(name: string, args: FieldTable = new Map(), durable = true): Promise<void> {
    this.#queues.add(name);
    await this.channel.declareQueue(name, { durable, arguments: args });
  }

  /** With messages of 100 B, persistent and confirmed, into a new durable queue. */
  async fill(name: string, count: number, args?: FieldTable, expiration?: string): Promise<void> {
    await this.declare(name, args);
    const channel = await this.connection.openChannel();
    await channel.selectConfirms();
    const body = Buffer.alloc(100);
    for (let i = 0; i < count; i++) {
      const properties = { deliveryMode: 2, ...(expiration === undefined || i === 0 ? {} : { expiration }) };
      channel.publish('', name, body, properties);
      while (channel.unconfirmed >= 5000) await turn();
    }
    while (channel.unconfirmed > 0) await turn();
    await channel.close();
  }

  get connection(): ClientConnection {
    return this.#connections[0]!;
  }

  async purge(name: string): Promise<void> {
    await this.channel.call('queue.purge', { reserved1: 0, queue: name, noWait: false }, 'queue.purge-ok');
  }

  async another(): Promise<ClientConnection> {
    const connection = await connect(this.ports);
    this.#connections.push(connection);
    return connection;
  }

  async clear(): Promise<void> {
    for (const name of this.#queues) await this.channel.deleteQueue(name);
    for (const connection of this.#connections) await connection.close();
  }
}

function connect({ amqp }: DisturbancePorts): Promise<ClientConnection> {
  return ClientConnection.open({ host: '127.0.0.1', port: amqp, heartbeatSeconds: 0 });
}

/** As fast as the broker reads, and as much at a time as its system takes, into queues that keep a thousand. */
async function flood(
  desk: Desk,
  { queues, bodySize, persistent }: { queues: number; bodySize: number; persistent: boolean },
): Promise<Disturb> {
  const exchange = queues === 1 ? '' : 'amq.fanout';
  for (let index = 0; index < queues; index++) {
    const name = `${queue}.${index}`;
    await desk.declare(name, new Map([['x-max-length', { type: 'l', value: 1000 }]]), persistent);
    if (exchange !== '') await desk.channel.bindQueue(name, exchange, '');
  }
  const connection = await LoadConnection.open(desk.ports.amqp, () => undefined);
  await connection.openChannel(1);
  const properties = { deliveryMode: persistent ? 2 : 1 };
  const template = publishTemplate({ exchange, routingKey: `${queue}.0`, bodySize, properties });
  const publisher = new Publisher(connection, template);
  const batch = Math.ceil(floodBatchBytes / template.bytes.length);
  return async (ended) => {
    while (!ended()) {
      publisher.publish(batch);
      // Always something in the socket, without a process that spins: the probe needs a core as well.
      while (connection.socket.writableLength > floodBatchBytes / 2 && !ended()) await wait(1);
    }
    connection.destroy();
  };
}

async function deadLetters(desk: Desk): Promise<Disturb> {
  await desk.declare(dead);
  const text = (value: string) => ({ type: 'S', value: Buffer.from(value) }) as const;
  const args: FieldTable = new Map([
    ['x-dead-letter-exchange', text('')],
    ['x-dead-letter-routing-key', text(dead)],
  ]);
  // The first has no time to live: when it is taken, the time of all the others has come.
  await desk.fill(queue, backlog, args, '1');
  return async (ended) => {
    await desk.channel.get(queue, true);
    while (!ended()) await wait(10);
  };
}

/** One reads nothing of what it is sent, one acknowledges a message every few milliseconds. */
async function slowConsumers(desk: Desk): Promise<Disturb> {
  await desk.fill(queue, backlog);
  await desk.fill(`${queue}.slow`, backlog);
  return async (ended) => {
    const stuck = await LoadConnection.open(desk.ports.amqp, () => undefined);
    await stuck.openChannel(1);
    stuck.send(1, 'basic.consume', { ...consume, queue, noAck: true });
    stuck.socket.pause();
    const channel = await (await desk.another()).openChannel();
    await channel.prefetch(100);
    const held: number[] = [];
    await channel.consume(`${queue}.slow`, ({ deliveryTag }) => held.push(deliveryTag));
    while (!ended()) {
      await wait(5);
      const tag = held.shift();
      if (tag !== undefined) channel.ack(tag);
    }
    stuck.destroy();
  };
}

const consume = {
  reserved1: 0,
  consumerTag: 'stuck',
  noLocal: false,
  exclusive: false,
  noWait: true,
  arguments: new Map(),
};

/** Each takes one at a time; there is always more waiting than they can take. */
async function manyConsumers(desk: Desk): Promise<Disturb> {
  await desk.fill(queue, backlog);
  const channels: ClientChannel[] = [];
  for (let left = consumers; left > 0; left -= consumersPerConnection) {
    const connection = await desk.another();
    for (let i = 0; i < consumersPerConnection; i++) channels.push(await connection.openChannel());
  }
  return async (ended) => {
    const held: (() => void)[] = [];
    for (const channel of channels) {
      await channel.prefetch(1);
      await channel.consume(queue, ({ deliveryTag }) => held.push(() => channel.ack(deliveryTag)));
    }
    // Some thousand acknowledgements a second.
    while (!ended()) {
      await wait(1);
      for (const ack of held.splice(0, 5)) ack();
    }
  };
}

/** Over and over: a channel takes ten thousand, and ends. */
async function closingChannels(desk: Desk): Promise<Disturb> {
  await desk.fill(queue, unacknowledged);
  return async (ended) => {
    while (!ended()) {
      const channel = await desk.connection.openChannel();
      let taken = 0;
      await channel.consume(queue, () => void taken++);
      while (taken < unacknowledged && !ended()) await wait(1);
      await channel.close();
      await wait(20);
    }
  };
}

async function lists(desk: Desk): Promise<Disturb> {
  const connections = await Promise.all(Array.from({ length: 10 }, () => desk.another()));
  const channels = await Promise.all(connections.map((each) => each.openChannel()));
  await Promise.all(
    channels.map(async (channel, first) => {
      for (let index = first; index < listed; index += channels.length) {
        const name = `${queue}.${index}`;
        await channel.declareQueue(name, { durable: false, exclusive: true });
        await channel.bindQueue(name, 'amq.topic', `${index}.#`);
      }
    }),
  );
  return async (ended) => {
    while (!ended()) {
      for (const path of ['/api/queues', '/api/bindings', '/api/queues?page=1&page_size=100&sort=messages'])
        await fetched(desk.ports.http, path);
      await wait(50);
    }
  };
}

function fetched(port: number, path: string): Promise<void> {
  const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${path} is answered ${answer.statusCode}`));
      answer.resume().once('end', resolve);
    });
    asked.once('error', reject).end();
  });
}
