// Publishes numbered messages in large writes out of buffers filled beforehand, and counts their confirms.
import { markBody, readLong, type PublishTemplate } from './frames.ts';
import type { LoadConnection } from './load-connection.ts';

const batchBytes = 64 * 1024;
/** Numbers of confirms that may be open at once, at most. */
const confirmRing = 1 << 16;

export interface Confirmed {
  /** Called with the number (from 0) of each message when its confirm arrives; only where somebody times it. */
  each: ((number: number) => void) | null;
  /** Called once for each chunk of confirms. */
  some: () => void;
}

export class Publisher {
  published = 0;
  confirmed = 0;
  /** Confirms for what was confirmed already or never published, and nacks. */
  wrongConfirms = 0;
  readonly #connection: LoadConnection;
  readonly #template: PublishTemplate;
  readonly #batch: number;
  readonly #free: Buffer[] = [];
  readonly #patch: ((bytes: Buffer, messageAt: number, number: number) => void) | null;
  readonly #settled = new Uint8Array(confirmRing);
  /** Everything below is confirmed. */
  #low = 0;

  /** `patch` changes more of a message than its number: a routing key. */
  constructor(
    connection: LoadConnection,
    template: PublishTemplate,
    patch: ((bytes: Buffer, messageAt: number, number: number) => void) | null = null,
  ) {
    this.#connection = connection;
    this.#template = template;
    this.#batch = Math.max(1, Math.floor(batchBytes / template.bytes.length));
    this.#patch = patch;
  }

  /** Messages of a template that go with the next ones, e.g. to another queue. */
  publish(count: number): void {
    const { socket } = this.#connection;
    socket.cork();
    for (let left = count; left > 0; left -= this.#batch) this.#write(Math.min(left, this.#batch));
    socket.uncork();
  }

  watchConfirms({ each, some }: Confirmed): void {
    this.#connection.scanner = (bytes, end) => {
      let at = 0;
      while (end - at >= 8) {
        const size = readLong(bytes, at + 3);
        if (end - at < size + 8) break;
        if (readLong(bytes, at + 7) !== 0x003c0050) this.#connection.unexpected(bytes, at, size);
        this.#confirm(readLong(bytes, at + 15) - 1, (bytes[at + 19]! & 1) !== 0, each);
        at += size + 8;
      }
      some();
      return at;
    };
  }

  #confirm(number: number, multiple: boolean, each: ((number: number) => void) | null): void {
    if (number < this.#low || number >= this.published) {
      this.wrongConfirms++;
      return;
    }
    const mask = confirmRing - 1;
    for (let n = multiple ? this.#low : number; n <= number; n++) {
      if (this.#settled[n & mask] === 1) {
        if (!multiple) this.wrongConfirms++;
        continue;
      }
      this.#settled[n & mask] = 1;
      this.confirmed++;
      if (each) each(n);
    }
    while (this.#low < this.published && this.#settled[this.#low & mask] === 1) {
      this.#settled[this.#low & mask] = 0;
      this.#low++;
    }
  }

  #write(count: number): void {
    const { bytes, bodyAt, bodySize } = this.#template;
    const buffer = this.#free.pop() ?? this.#filled();
    for (let i = 0, at = 0; i < count; i++, at += bytes.length) {
      markBody(buffer, at + bodyAt, bodySize, this.published);
      if (this.#patch) this.#patch(buffer, at, this.published);
      this.published++;
    }
    this.#connection.socket.write(buffer.subarray(0, count * bytes.length), () => this.#free.push(buffer));
  }

  #filled(): Buffer {
    const { bytes } = this.#template;
    const buffer = Buffer.allocUnsafeSlow(this.#batch * bytes.length);
    for (let i = 0; i < this.#batch; i++) bytes.copy(buffer, i * bytes.length);
    return buffer;
  }
}
