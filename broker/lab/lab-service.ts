// A consumer that publishes something for each message it takes, and acknowledges that message only then: an answer
// by its reply-to, or an event with a confirm. A crash between the two makes a second one, never none (R1, R25).
import { encodeProperties } from '../amqp/properties.ts';
import type { AuditSink } from './audit.ts';
import type { ClientChannel, Delivery } from './client-channel.ts';
import type { ClientOptions } from './client-connection.ts';
import { labelledBody, labelOf, type MessageLabel } from './message-label.ts';
import { Session, type SessionEvents } from './session.ts';

export interface ServiceOptions {
  name: string;
  address: ClientOptions;
  queue: string;
  declare: (channel: ClientChannel) => Promise<void>;
  prefetch: number;
  persistent: boolean;
  confirm: boolean;
  bodyBytes: number;
  /** Null: an answer to each message's reply-to. */
  follow: { exchange: string; routingKey: string } | null;
  audit: AuditSink;
  events: Partial<SessionEvents> & { cancelled?: (at: number) => void };
}

interface Taken {
  deliveryTag: number;
  label: MessageLabel;
  /** What was published for it. */
  sequence: number;
}

/** Answers count by the question they answer, under a name of their own: each service keeps an order, all do not. */
export const answersTo = (producer: string, service = '') => `${producer}.answers.${service}`;

export class LabService {
  lastDeliveryAt = 0;
  readonly #options: ServiceOptions;
  readonly #session: Session;
  readonly #properties: Buffer;
  /** Waiting for a confirm, by the channel's publish number. */
  #waiting = new Map<number, Taken>();
  #lastSequence = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    const { audit, name, events, persistent } = options;
    this.#properties = encodeProperties({ deliveryMode: persistent && options.follow ? 2 : 1 });
    this.#session = new Session({ name, ...options.address }, (channel) => this.#setUp(channel), {
      connected: (channel, at) => {
        audit.connected(name, at);
        events.connected?.(channel, at);
      },
      disconnected: (reason, at) => {
        audit.disconnected(name, at);
        this.#waiting.clear();
        events.disconnected?.(reason, at);
      },
      failed: (reason, at) => events.failed?.(reason, at),
    });
  }

  start(): void {
    this.#session.start();
  }

  stop(): Promise<void> {
    return this.#session.stop();
  }

  async #setUp(channel: ClientChannel): Promise<void> {
    const { declare, prefetch, queue, follow, confirm, events } = this.#options;
    this.#waiting.clear();
    await declare(channel);
    if (follow && confirm) await channel.selectConfirms();
    channel.onConfirmed = (from, to, ok) => this.#confirmed(channel, from, to, ok);
    await channel.prefetch(prefetch);
    await channel.consume(queue, (delivery) => this.#take(channel, delivery), {
      onCancelled: () => {
        events.cancelled?.(Date.now());
        this.#session.restart();
      },
    });
  }

  #take(channel: ClientChannel, delivery: Delivery): void {
    const { audit, name, queue, follow } = this.#options;
    const label = labelOf(delivery.body);
    if (!label) return channel.ack(delivery.deliveryTag);
    const now = Date.now();
    this.lastDeliveryAt = now;
    audit.received(name, label.producer, label.sequence, delivery.redelivered, now, queue);
    if (follow) this.#follow(channel, delivery.deliveryTag, label);
    else this.#answer(channel, delivery, label);
  }

  #answer(channel: ClientChannel, delivery: Delivery, label: MessageLabel): void {
    const { audit, name } = this.#options;
    const { replyTo } = delivery.properties();
    const answer = { producer: answersTo(label.producer, name), sequence: label.sequence };
    if (replyTo !== undefined) {
      audit.published(answer.producer, answer.sequence, Date.now());
      channel.publish('', replyTo, labelledBody(answer, this.#options.bodyBytes), this.#properties);
    }
    this.#ack(channel, delivery.deliveryTag, label);
  }

  #follow(channel: ClientChannel, deliveryTag: number, label: MessageLabel): void {
    const { audit, name, follow, bodyBytes, confirm } = this.#options;
    const sequence = ++this.#lastSequence;
    const body = labelledBody({ producer: name, sequence }, bodyBytes);
    audit.published(name, sequence, Date.now());
    const number = channel.publish(follow!.exchange, follow!.routingKey, body, this.#properties, true);
    if (confirm && number > 0) this.#waiting.set(number, { deliveryTag, label, sequence });
    else this.#ack(channel, deliveryTag, label);
  }

  #confirmed(channel: ClientChannel, from: number, to: number, ok: boolean): void {
    const { audit, name } = this.#options;
    const now = Date.now();
    for (let number = from; number <= to; number++) {
      const taken = this.#waiting.get(number);
      if (!taken) continue;
      this.#waiting.delete(number);
      if (ok) {
        audit.confirmed(name, taken.sequence, now);
        this.#ack(channel, taken.deliveryTag, taken.label);
      } else {
        audit.refused(name, taken.sequence, now);
        channel.nack(taken.deliveryTag);
      }
    }
  }

  #ack(channel: ClientChannel, deliveryTag: number, label: MessageLabel): void {
    const { audit, name, queue } = this.#options;
    channel.ack(deliveryTag);
    audit.acked(name, label.producer, label.sequence, Date.now(), queue);
  }
}
