// A consumer that acknowledges by hand and tells the audit what it got. When its queue is taken away (R19) or its
// connection goes, it sets everything up again.
import type { AuditSink } from './audit.ts';
import type { ClientChannel, Delivery } from './client-channel.ts';
import type { ClientOptions } from './client-connection.ts';
import { labelOf } from './message-label.ts';
import { Session } from './session.ts';

export interface ConsumerOptions {
  name: string;
  address: ClientOptions;
  queue: string;
  /** Declares what it consumes from, on every new connection. */
  declare: (channel: ClientChannel) => Promise<void>;
  prefetch?: number;
  audit: AuditSink;
}

export class LabConsumer {
  /** Consumer cancel notifications heard. */
  cancellations = 0;
  /** Unix milliseconds, 0 before the first delivery. */
  lastDeliveryAt = 0;
  readonly #options: Required<ConsumerOptions>;
  readonly #session: Session;

  constructor(options: ConsumerOptions) {
    this.#options = { prefetch: 100, ...options };
    const { audit, name } = options;
    this.#session = new Session({ name, ...options.address }, (channel) => this.#setUp(channel), {
      connected: (_channel, at) => audit.connected(name, at),
      disconnected: (_reason, at) => audit.disconnected(name, at),
    });
  }

  start(): void {
    this.#session.start();
  }

  stop(): Promise<void> {
    return this.#session.stop();
  }

  async #setUp(channel: ClientChannel): Promise<void> {
    const { declare, prefetch, queue } = this.#options;
    await declare(channel);
    await channel.prefetch(prefetch);
    await channel.consume(queue, (delivery) => this.#take(channel, delivery), {
      onCancelled: () => {
        this.cancellations++;
        this.#session.restart();
      },
    });
  }

  #take(channel: ClientChannel, { body, deliveryTag, redelivered }: Delivery): void {
    const { audit, name } = this.#options;
    const label = labelOf(body);
    const now = Date.now();
    this.lastDeliveryAt = now;
    if (label) audit.received(name, label.producer, label.sequence, redelivered, now);
    channel.ack(deliveryTag);
    if (label) audit.acked(name, label.producer, label.sequence, now);
  }
}
