// Counts deliveries of one queue, checks each one's number and marks, a sample of whole bodies, and acknowledges.
import type { Buffer as Bytes } from 'node:buffer';
import { ackFrameBytes, bodyPattern, readLong, tailOf, writeAck } from './frames.ts';
import type { LoadConnection } from './load-connection.ts';

const deliver = 0x003c003c;
/** Every n-th body is compared octet by octet. */
const sampleEvery = 64;
const consumerTag = 'load';
const redeliveredAt = 7 + 4 + 1 + consumerTag.length + 8;

export interface ConsumeOptions {
  queue: string;
  bodySize: number;
  /** 0: no acknowledgements. */
  ackEvery: number;
  prefetch: number;
  /** Numbers that this queue gets: first, first + step, ... */
  first: number;
  step: number;
}

export class Consumer {
  received = 0;
  /** Numbers skipped; a late one is counted again as out of order. */
  gaps = 0;
  outOfOrder = 0;
  corrupt = 0;
  redelivered = 0;
  readonly #connection: LoadConnection;
  readonly #options: ConsumeOptions;
  readonly #pattern: Bytes;
  #expected: number;
  #acked = 0;
  #acks = Buffer.allocUnsafeSlow(64 * 1024);

  constructor(connection: LoadConnection, options: ConsumeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#pattern = bodyPattern(options.bodySize);
    this.#expected = options.first;
  }

  /** `some` is called for each chunk with deliveries; `each`, where somebody times it, with each number. */
  async consume(some: () => void, each: ((number: number) => void) | null = null): Promise<void> {
    const connection = this.#connection;
    await connection.openChannel(1);
    const { prefetch, queue, ackEvery } = this.#options;
    const limit = { prefetchSize: 0, prefetchCount: prefetch, global: false };
    await connection.call(1, 'basic.qos', limit);
    connection.scanner = (bytes, end) => this.#scan(bytes, end, some, each);
    connection.send(1, 'basic.consume', {
      reserved1: 0,
      queue,
      consumerTag,
      noLocal: false,
      noAck: ackEvery === 0,
      exclusive: false,
      noWait: true,
      arguments: new Map(),
    });
  }

  #scan(bytes: Bytes, end: number, some: () => void, each: ((number: number) => void) | null): number {
    let at = 0;
    while (end - at >= 8) {
      const size = readLong(bytes, at + 3);
      const next = at + size + 8;
      if (next > end) break;
      const type = bytes[at];
      if (type === 3) this.#body(bytes, at + 7, size, each);
      else if (type === 1) {
        if (readLong(bytes, at + 7) !== deliver) this.#connection.unexpected(bytes, at, size);
        if (bytes[at + redeliveredAt] !== 0) this.redelivered++;
      }
      at = next;
    }
    if (this.#options.ackEvery > 0) this.#acknowledge();
    some();
    return at;
  }

  #body(bytes: Bytes, at: number, size: number, each: ((number: number) => void) | null): void {
    const number = readLong(bytes, at);
    this.received++;
    if (number === this.#expected) this.#expected += this.#options.step;
    else this.#surprise(number);
    if (size !== this.#options.bodySize || readLong(bytes, at + size - 4) !== tailOf(number)) this.corrupt++;
    else if (this.received % sampleEvery === 0 && this.#differs(bytes, at, size)) this.corrupt++;
    if (each) each(number);
  }

  #surprise(number: number): void {
    if (number < this.#expected) {
      this.outOfOrder++;
      return;
    }
    this.gaps += (number - this.#expected) / this.#options.step;
    this.#expected = number + this.#options.step;
  }

  #differs(bytes: Bytes, at: number, size: number): boolean {
    return this.#pattern.compare(bytes, at + 4, at + size - 4, 4, size - 4) !== 0;
  }

  #acknowledge(): void {
    const { ackEvery } = this.#options;
    if (this.received - this.#acked < ackEvery) return;
    let at = 0;
    while (this.received - this.#acked >= ackEvery) {
      this.#acked += ackEvery;
      at = writeAck(this.#acks, at, 1, this.#acked);
      if (at + ackFrameBytes > this.#acks.length) break;
    }
    const acks = this.#acks.subarray(0, at);
    // The socket still reads them after this; what comes later goes behind.
    this.#acks = this.#acks.length - at < 4096 ? Buffer.allocUnsafeSlow(64 * 1024) : this.#acks.subarray(at);
    this.#connection.socket.write(acks);
  }

  /** Acknowledges the last few. */
  acknowledgeAll(): void {
    if (this.#options.ackEvery === 0 || this.received === this.#acked) return;
    this.#acked = this.received;
    const ack = Buffer.alloc(ackFrameBytes);
    writeAck(ack, 0, 1, this.#acked);
    this.#connection.socket.write(ack);
  }
}
