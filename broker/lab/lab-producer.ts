// A producer with sequence numbers: publishes at a rate, keeps what is unconfirmed, and after a lost connection sends
// it again in order (R25) or leaves it unresolved. The audit hears of everything.
import { encodeProperties } from '../amqp/properties.ts';
import type { AuditSink } from './audit.ts';
import type { ClientChannel } from './client-channel.ts';
import type { ClientOptions } from './client-connection.ts';
import { labelledBody, labelOf } from './message-label.ts';
import { Session } from './session.ts';

const tickMs = 5;

export interface ProducerOptions {
  name: string;
  address: ClientOptions;
  exchange: string;
  routingKey: string;
  /** Declares what it publishes to, on every new connection. */
  declare: (channel: ClientChannel) => Promise<void>;
  messagesPerSecond: number;
  /** It waits when this many are unconfirmed. */
  unconfirmedMax?: number;
  bodyBytes?: number;
  persistent?: boolean;
  confirm?: boolean;
  mandatory?: boolean;
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
  #pacedFrom = 0;
  #paced = 0;
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
      ...options,
    };
    this.#properties = encodeProperties({ deliveryMode: this.#options.persistent ? 2 : 1 });
    const { audit, name } = this.#options;
    this.#session = new Session({ name, ...options.address }, (channel) => this.#setUp(channel), {
      connected: (_channel, at) => {
        audit.connected(name, at);
        this.#pacedFrom = at;
        this.#paced = 0;
        this.#tick();
      },
      disconnected: (_reason, at) => {
        audit.disconnected(name, at);
        this.#keepUnconfirmed();
      },
    });
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  start(): void {
    this.#session.start();
    this.#timer = setInterval(() => this.#tick(), tickMs);
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
    const { messagesPerSecond, unconfirmedMax, confirm } = this.#options;
    const { channel } = this.#session;
    if (!channel) return;
    const mayPublish = () => this.#session.writable && (!confirm || this.#unconfirmed < unconfirmedMax);
    while (this.#toResend.length > 0 && mayPublish()) this.#publish(channel, this.#toResend.shift()!);
    if (!this.#making) return;
    const due = Math.floor(((Date.now() - this.#pacedFrom) * messagesPerSecond) / 1000);
    for (; this.#paced < due && mayPublish(); this.#paced++) this.#publish(channel, ++this.#lastSequence);
    // What the broker held back is not made up for in a burst.
    if (this.#paced < due) {
      this.#pacedFrom = Date.now();
      this.#paced = 0;
    }
  }

  #publish(channel: ClientChannel, sequence: number): void {
    const { name, exchange, routingKey, mandatory, bodyBytes, audit } = this.#options;
    const body = labelledBody({ producer: name, sequence }, bodyBytes);
    audit.published(name, sequence, Date.now());
    const number = channel.publish(exchange, routingKey, body, this.#properties, mandatory);
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
