// The demo's clients of this language: the lab's own, amqplib and rabbitmq-client, each used as an application does.
import amqplib, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { Connection, type Consumer, type Publisher } from 'rabbitmq-client';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { labelledBody, labelOf } from '../../broker/lab/message-label.ts';
import {
  consumerName,
  holds,
  pause,
  type DemoClient,
  type DemoClientKind,
  type DemoContext,
} from './demo-client.ts';
import { Outbox } from './outbox.ts';

const tickMs = 5;
const prefetch = 50;
const firstDelayMs = 10;
const delayMaxMs = 250;

export const labKind: DemoClientKind = {
  name: 'warren-lab',
  missing: null,
  confirms: true,
  start: ({ host, port, name, queue, audit }) => {
    const address = { host, port };
    const declare = async (channel: ClientChannel) => {
      await channel.declareQueue(queue, { durable: true });
    };
    const consumer = new LabConsumer({ name: consumerName(name), address, queue, declare, prefetch, audit });
    const producer = new LabProducer({
      name,
      address,
      exchange: '',
      routingKey: queue,
      declare,
      messagesPerSecond: 400,
      audit,
    });
    consumer.start();
    producer.start();
    return { finish: () => producer.stop(), stop: () => consumer.stop() };
  },
};

export const amqplibKind: DemoClientKind = {
  name: 'amqplib',
  missing: null,
  confirms: true,
  start: (context) => new AmqplibClient(context),
};

/** amqplib leaves reconnecting to the application; this is the loop that applications write. */
class AmqplibClient implements DemoClient {
  readonly #context: DemoContext;
  readonly #outbox: Outbox;
  readonly #running: Promise<void>[];
  readonly #connections = new Set<ChannelModel>();
  #stopped = false;

  constructor(context: DemoContext) {
    this.#context = context;
    this.#outbox = new Outbox(context.name, 200, context.audit);
    this.#running = [this.#produce(), this.#consume()];
  }

  async finish(): Promise<void> {
    this.#outbox.finish();
    await holds(() => this.#outbox.isDone);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const connection of this.#connections) await connection.close().catch(() => undefined);
    await Promise.all(this.#running);
  }

  #produce(): Promise<void> {
    const { name, queue } = this.#context;
    return this.#stayConnected(name, async (channel, ended) => {
      this.#outbox.repace();
      const tick = () => {
        for (let sequence = this.#outbox.next(); sequence !== null; sequence = this.#outbox.next()) {
          const sent = sequence;
          channel.sendToQueue(
            queue,
            labelledBody({ producer: name, sequence }),
            { persistent: true },
            (error) => (error ? this.#outbox.failed(sent) : this.#outbox.settled(sent)),
          );
        }
      };
      const timer = setInterval(tick, tickMs);
      await ended;
      clearInterval(timer);
      this.#outbox.failed();
    });
  }

  #consume(): Promise<void> {
    const { name, queue, audit } = this.#context;
    const consumer = consumerName(name);
    return this.#stayConnected(consumer, async (channel, ended) => {
      await channel.prefetch(prefetch);
      await channel.consume(queue, (message) => {
        const label = message && labelOf(message.content);
        if (!message || !label) return;
        const now = Date.now();
        audit.received(consumer, label.producer, label.sequence, message.fields.redelivered, now);
        channel.ack(message);
        audit.acked(consumer, label.producer, label.sequence, now);
      });
      await ended;
    });
  }

  /** Runs `use` on each new connection until it is stopped; `use` gets a promise of that connection's end. */
  async #stayConnected(
    client: string,
    use: (channel: ConfirmChannel, ended: Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { host, port, queue, audit } = this.#context;
    let delayMs = firstDelayMs;
    while (!this.#stopped) {
      try {
        const connection = await amqplib.connect(`amqp://guest:guest@${host}:${port}`, { noDelay: true });
        this.#connections.add(connection);
        const ended = new Promise<void>((resolve) => {
          connection.on('error', () => undefined);
          connection.once('close', () => resolve());
        });
        const channel = await connection.createConfirmChannel();
        channel.on('error', () => undefined);
        await channel.assertQueue(queue, { durable: true });
        audit.connected(client, Date.now());
        delayMs = firstDelayMs;
        await use(channel, ended);
        this.#connections.delete(connection);
        if (!this.#stopped) audit.disconnected(client, Date.now());
      } catch {
        // Nobody serves yet, or the connection went while it was set up: again.
      }
      await pause(delayMs);
      delayMs = Math.min(delayMs * 2, delayMaxMs);
    }
  }
}

export const rabbitmqClientKind: DemoClientKind = {
  name: 'rabbitmq-client',
  missing: null,
  confirms: true,
  start: (context) => new RabbitmqClient(context),
};

/** rabbitmq-client reconnects by itself; what was unconfirmed is the application's to send again. */
class RabbitmqClient implements DemoClient {
  readonly #context: DemoContext;
  readonly #outbox: Outbox;
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #consumer: Consumer;
  readonly #timer: NodeJS.Timeout;

  constructor(context: DemoContext) {
    const { host, port, name, queue, audit } = context;
    this.#context = context;
    this.#outbox = new Outbox(name, 200, audit);
    const consumer = consumerName(name);
    this.#connection = new Connection({
      url: `amqp://guest:guest@${host}:${port}`,
      retryLow: firstDelayMs,
      retryHigh: delayMaxMs,
    });
    this.#connection.on('connection', () => {
      for (const client of [name, consumer]) audit.connected(client, Date.now());
      this.#outbox.repace();
    });
    this.#connection.on('error', () => undefined);
    this.#connection.on('connection.blocked', () => undefined);
    this.#publisher = this.#connection.createPublisher({
      confirm: true,
      queues: [{ queue, durable: true }],
    });
    this.#consumer = this.#connection.createConsumer(
      { queue, queueOptions: { durable: true }, qos: { prefetchCount: prefetch } },
      (message) => {
        const label = labelOf(message.body as Buffer);
        if (!label) return;
        const now = Date.now();
        audit.received(consumer, label.producer, label.sequence, message.redelivered, now);
        audit.acked(consumer, label.producer, label.sequence, now);
      },
    );
    this.#consumer.on('error', () => undefined);
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  async finish(): Promise<void> {
    this.#outbox.finish();
    await holds(() => this.#outbox.isDone);
    clearInterval(this.#timer);
  }

  async stop(): Promise<void> {
    await this.#publisher.close();
    await this.#consumer.close();
    await this.#connection.close();
  }

  #tick(): void {
    if (!this.#connection.ready) {
      for (const client of [this.#context.name, consumerName(this.#context.name)])
        this.#context.audit.disconnected(client, Date.now());
      return;
    }
    for (let sequence = this.#outbox.next(); sequence !== null; sequence = this.#outbox.next())
      void this.#send(sequence);
  }

  async #send(sequence: number): Promise<void> {
    const { name, queue } = this.#context;
    try {
      await this.#publisher.send(
        { routingKey: queue, durable: true },
        labelledBody({ producer: name, sequence }),
      );
      this.#outbox.settled(sequence);
    } catch {
      this.#outbox.failed(sequence);
    }
  }
}
