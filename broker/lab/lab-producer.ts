// A producer with sequence numbers: publishes at a rate, keeps what is unconfirmed, and after a lost connection sends
// it again in order (R25) or leaves it unresolved. The audit hears of everything.
import { encodeProperties, type BasicProperties } from '../amqp/properties.ts';
import type { AuditSink } from './audit.ts';
import type { ClientChannel } from './client-channel.ts';
import type { ClientOptions } from './client-connection.ts';
import { labelledBody, labelOf } from './message-label.ts';
import { Session, type SessionEvents } from './session.ts';

const tickMs = 5;

export interface ProducerOptions {
  name: string;
  address: ClientOptions;
  exchange: string;
  /** By sequence number where it is not always the same. */
  routingKey: string | ((sequence: number) => string);
  /** Declares what it publishes to, on every new connection. */
  declare: (channel: ClientChannel) => Promise<void>;
  messagesPerSecond: number;
  /** Of that rate, at a time since it started to publish, in milliseconds. */
  rateFactor?: (elapsedMs: number) => number;
  /** It makes no more than these. */
  messagesMax?: number;
  /** It waits when this many are unconfirmed. */
  unconfirmedMax?: number;
  bodyBytes?: number;
  persistent?: boolean;
  confirm?: boolean;
  mandatory?: boolean;
  /** Besides the delivery mode. */
  properties?: BasicProperties;
  /** Hears of connections that came to nothing and of those that were closed. */
  events?: Partial<SessionEvents>;
  /** Sends what was unconfirmed when the connection went again: at least once instead of at most once. */
  resend?: boolean;
  audit: AuditSink;
}

export class LabProducer {
  readonly #options: Required<ProducerOptions>;
  readonly #session: Session;
  readonly #properties: Buffer;
  #lastSequence = 0;
  /** Sequence numbers by the channel's publish number, from `#firstNumber`; 0 for what is settled. */
  #inFlight: number[] = [];
  #firstNumber = 1;
  #unconfirmed = 0;
  #toResend: number[] = [];
  #timer: NodeJS.Timeout | null = null;
  #startedAt = 0;
  #tickedAt = 0;
  /** Messages that are due: a part of one, and what the last tick could not send. */
  #due = 0;
  #making = true;
  #whenSettled: (() => void) | null = null;

  constructor(options: ProducerOptions) {
    this.#options = {
      unconfirmedMax: 1000,
      bodyBytes: 64,
      persistent: true,
      confirm: true,
      mandatory: true,
      resend: true,
      rateFactor: () => 1,
      messagesMax: Infinity,
      properties: {},
      events: {},
      ...options,
    };
    const { persistent, properties, events } = this.#options;
    this.#properties = encodeProperties({ ...properties, deliveryMode: persistent ? 2 : 1 });
    const { audit, name } = this.#options;
    this.#session = new Session({ name, ...options.address }, (channel) => this.#setUp(channel), {
      connected: (channel, at) => {
        audit.connected(name, at);
        events.connected?.(channel, at);
        this.#startedAt ||= at;
        this.#tickedAt = at;
        this.#due = 0;
        this.#tick();
      },
      disconnected: (reason, at) => {
        audit.disconnected(name, at);
        events.disconnected?.(reason, at);
        this.#keepUnconfirmed();
      },
      failed: (reason, at) => events.failed?.(reason, at),
    });
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  start(): void {
    this.#session.start();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Makes no more; what is unconfirmed is still waited for and sent again. */
  finish(): void {
    this.#making = false;
  }

  /** Makes no more, waits at most `waitMs` for what is unconfirmed, and closes. */
  async stop(waitMs = 5000): Promise<void> {
    this.#making = false;
    if (this.#options.confirm && this.#unconfirmed + this.#toResend.length > 0) {
      const settled = new Promise<void>((resolve) => (this.#whenSettled = resolve));
      let timer: NodeJS.Timeout;
      const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
      await Promise.race([settled, patience]);
      clearTimeout(timer!);
    }
    if (this.#timer) clearInterval(this.#timer);
    await this.#session.stop();
  }

  async #setUp(channel: ClientChannel): Promise<void> {
    const { audit, name, confirm, declare } = this.#options;
    if (confirm) await channel.selectConfirms();
    await declare(channel);
    channel.onConfirmed = (from, to, ok) => this.#confirmed(from, to, ok);
    channel.onReturned = ({ body }) => {
      const label = labelOf(body);
      if (label) audit.returned(name, label.sequence, Date.now());
    };
  }

  #tick(): void {
    const { messagesPerSecond, rateFactor, messagesMax, unconfirmedMax, confirm } = this.#options;
    const { channel } = this.#session;
    if (!channel) return;
    const mayPublish = () => this.#session.writable && (!confirm || this.#unconfirmed < unconfirmedMax);
    while (this.#toResend.length > 0 && mayPublish()) this.#publish(channel, this.#toResend.shift()!);
    if (!this.#making) return;
    const now = Date.now();
    this.#due += (((now - this.#tickedAt) * messagesPerSecond) / 1000) * rateFactor(now - this.#startedAt);
    this.#tickedAt = now;
    while (this.#due >= 1 && this.#lastSequence < messagesMax && mayPublish()) {
      this.#publish(channel, ++this.#lastSequence);
      this.#due--;
    }
    // What the broker held back is not made up for in a burst.
    if (this.#due >= 1) this.#due = 0;
  }

  #publish(channel: ClientChannel, sequence: number): void {
    const { name, exchange, routingKey, mandatory, bodyBytes, audit } = this.#options;
    const body = labelledBody({ producer: name, sequence }, bodyBytes);
    audit.published(name, sequence, Date.now());
    const key = typeof routingKey === 'string' ? routingKey : routingKey(sequence);
    const number = channel.publish(exchange, key, body, this.#properties, mandatory);
    if (number === 0) return;
    this.#inFlight.push(sequence);
    this.#unconfirmed++;
  }

  #confirmed(from: number, to: number, ok: boolean): void {
    const { audit, name } = this.#options;
    const now = Date.now();
    for (let number = from; number <= to; number++) {
      const index = number - this.#firstNumber;
      const sequence = this.#inFlight[index] ?? 0;
      if (sequence === 0) continue;
      this.#inFlight[index] = 0;
      this.#unconfirmed--;
      if (ok) audit.confirmed(name, sequence, now);
      else audit.refused(name, sequence, now);
    }
    const settled = this.#inFlight.findIndex((sequence) => sequence !== 0);
    const done = settled === -1 ? this.#inFlight.length : settled;
    if (done > 256 || done === this.#inFlight.length) {
      this.#inFlight.splice(0, done);
      this.#firstNumber += done;
    }
    if (this.#unconfirmed + this.#toResend.length === 0) this.#whenSettled?.();
  }

  #keepUnconfirmed(): void {
    const left = this.#inFlight.filter((sequence) => sequence !== 0);
    if (this.#options.resend) this.#toResend = [...left, ...this.#toResend];
    this.#inFlight = [];
    this.#firstNumber = 1;
    this.#unconfirmed = 0;
    if (this.#toResend.length === 0) this.#whenSettled?.();
  }
}
