// A consumer on a channel: its credit and its deliveries. The queue decides who is next, this decides
// whether it can take one.
import type { FieldTable } from '../amqp/field-table.ts';
import { integerOf } from '../amqp/field-table.ts';
import type { Consumer } from '../vhost/consumer.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Channel } from './channel.ts';

export interface ConsumerOptions {
  tag: string;
  noAck: boolean;
  exclusive: boolean;
  arguments: FieldTable;
  /** 0: no limit. */
  prefetch: number;
}

export class ChannelConsumer implements Consumer {
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly arguments: FieldTable;
  readonly prefetch: number;
  readonly queue: Queue;
  readonly channel: Channel;
  /** The tag as a short string with its length, ready for deliveries. */
  readonly tagBytes: Buffer;
  unacked = 0;

  constructor(channel: Channel, queue: Queue, options: ConsumerOptions) {
    this.channel = channel;
    this.queue = queue;
    this.tag = options.tag;
    this.noAck = options.noAck;
    this.exclusive = options.exclusive;
    this.arguments = options.arguments;
    this.prefetch = options.prefetch;
    const priority = options.arguments.get('x-priority');
    this.priority = priority ? (integerOf(priority) ?? 0) : 0;
    const text = Buffer.from(options.tag);
    this.tagBytes = Buffer.concat([Buffer.of(text.length), text]);
  }

  get description(): string {
    return `${this.channel.name} ${this.tag}`;
  }

  /** Whether its own limits would let it take one more; a look without effect. */
  get hasCredit(): boolean {
    return this.noAck || this.prefetch === 0 || this.unacked < this.prefetch;
  }

  canTake(): boolean {
    if (this.channel.mayDeliver(this)) return true;
    this.channel.starves(this);
    return false;
  }

  deliver(_queue: Queue, entry: QueueEntry): void {
    this.channel.deliver(this, entry);
  }

  cancelled(): void {
    this.channel.consumerCancelled(this);
  }
}
