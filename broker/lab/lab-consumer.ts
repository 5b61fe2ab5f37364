// A consumer that tells the audit what it got, and acknowledges as asked for. When its queue is taken away (R19) or
// its connection goes, it sets everything up again.
import type { AckMode } from '../contract/lab.ts';
import type { AuditSink } from './audit.ts';
import type { ClientChannel, Delivery } from './client-channel.ts';
import type { ClientOptions } from './client-connection.ts';
import { labelOf, type MessageLabel } from './message-label.ts';
import { Session, type SessionEvents } from './session.ts';

const batchSize = 10;
/** A batch that does not fill is acknowledged after this long. */
const batchMs = 100;
const paceTickMs = 10;

export interface ConsumerOptions {
  name: string;
  address: ClientOptions;
  queue: string;
  /** What the audit calls the queue; nothing where there is only one. */
  auditedAs?: string;
  /** Declares what it consumes from, on every new connection. */
  declare: (channel: ClientChannel) => Promise<void>;
  prefetch?: number;
  ack?: AckMode;
  /** Works off no more than this, while it is not told to hurry. */
  messagesPerSecond?: number;
  audit: AuditSink;
  /** Hears of connections that came to nothing, of those that were closed, and of the queue being taken away. */
  events?: Partial<SessionEvents> & { cancelled?: (at: number) => void };
}

export class LabConsumer {
  /** Consumer cancel notifications heard. */
  cancellations = 0;
  /** Unix milliseconds, 0 before the first delivery. */
  lastDeliveryAt = 0;
  readonly #options: Required<ConsumerOptions>;
  readonly #session: Session;
  /** With `batch`: delivered and not acknowledged yet. */
  #batch: { deliveryTag: number; label: MessageLabel | null }[] = [];
  #batchTimer: NodeJS.Timeout | null = null;
  /** With a pace: delivered and not worked off yet. */
  #waiting: { channel: ClientChannel; delivery: Delivery }[] = [];
  #paceTimer: NodeJS.Timeout | null = null;
  #due = 0;
  #pacedAt = 0;

  constructor(options: ConsumerOptions) {
    this.#options = {
      prefetch: 100,
      ack: 'each',
      messagesPerSecond: Infinity,
      auditedAs: '',
      events: {},
      ...options,
    };
    const { audit, name, events } = this.#options;
    this.#session = new Session({ name, ...options.address }, (channel) => this.#setUp(channel), {
      connected: (channel, at) => {
        audit.connected(name, at);
        events.connected?.(channel, at);
      },
      disconnected: (reason, at) => {
        audit.disconnected(name, at);
        this.#forget();
        events.disconnected?.(reason, at);
      },
      failed: (reason, at) => events.failed?.(reason, at),
    });
  }

  start(): void {
    this.#session.start();
    // Without acknowledgements nothing would hold the broker back.
    if (this.#options.messagesPerSecond === Infinity || this.#options.ack === 'none') return;
    this.#pacedAt = Date.now();
    this.#paceTimer = setInterval(() => this.#workOff(), paceTickMs);
  }

  /** From now on as fast as it goes. */
  hurry(): void {
    this.#options.messagesPerSecond = Infinity;
  }

  async stop(): Promise<void> {
    if (this.#paceTimer) clearInterval(this.#paceTimer);
    this.#ackBatch();
    await this.#session.stop();
  }

  async #setUp(channel: ClientChannel): Promise<void> {
    const { declare, prefetch, queue, ack, events } = this.#options;
    this.#forget();
    await declare(channel);
    await channel.prefetch(prefetch);
    await channel.consume(queue, (delivery) => this.#take(channel, delivery), {
      noAck: ack === 'none',
      onCancelled: () => {
        this.cancellations++;
        events.cancelled?.(Date.now());
        this.#session.restart();
      },
    });
  }

  #take(channel: ClientChannel, delivery: Delivery): void {
    const { audit, name, auditedAs } = this.#options;
    const label = labelOf(delivery.body);
    const now = Date.now();
    this.lastDeliveryAt = now;
    if (label) audit.received(name, label.producer, label.sequence, delivery.redelivered, now, auditedAs);
    if (this.#paceTimer) this.#waiting.push({ channel, delivery });
    else this.#acknowledge(channel, delivery.deliveryTag, label);
  }

  #workOff(): void {
    const now = Date.now();
    const { messagesPerSecond } = this.#options;
    const due = this.#due + ((now - this.#pacedAt) * messagesPerSecond) / 1000;
    this.#due = messagesPerSecond === Infinity ? Infinity : Math.min(due, messagesPerSecond);
    this.#pacedAt = now;
    while (this.#due >= 1 && this.#waiting.length > 0) {
      const { channel, delivery } = this.#waiting.shift()!;
      this.#due--;
      this.#acknowledge(channel, delivery.deliveryTag, labelOf(delivery.body));
    }
  }

  #acknowledge(channel: ClientChannel, deliveryTag: number, label: MessageLabel | null): void {
    const { ack } = this.#options;
    if (ack === 'none') return;
    this.#batch.push({ deliveryTag, label });
    if (ack === 'each' || this.#batch.length >= batchSize) this.#ackBatch(channel);
    else this.#batchTimer ??= setTimeout(() => this.#ackBatch(channel), batchMs);
  }

  #ackBatch(channel = this.#session.channel): void {
    if (this.#batchTimer) clearTimeout(this.#batchTimer);
    this.#batchTimer = null;
    const last = this.#batch.at(-1);
    if (!last || !channel || channel.isClosed) return;
    const { audit, name, auditedAs } = this.#options;
    channel.ack(last.deliveryTag, this.#batch.length > 1);
    const now = Date.now();
    for (const { label } of this.#batch)
      if (label) audit.acked(name, label.producer, label.sequence, now, auditedAs);
    this.#batch = [];
  }

  /** What a lost connection had delivered cannot be acknowledged any more. */
  #forget(): void {
    if (this.#batchTimer) clearTimeout(this.#batchTimer);
    this.#batchTimer = null;
    this.#batch = [];
    this.#waiting = [];
  }
}
