// What goes to one consumer: deliveries gathered in a buffer and written once for each chunk that was read.
import type { Socket } from 'node:net';
import { methodFrame, writeLong } from '../load/frames.ts';

const bufferBytes = 512 * 1024;
/** Below this a loop is quicker than a call. */
const smallBytes = 64;

export class Outlet {
  readonly #socket: Socket;
  readonly #head: Buffer;
  readonly #tagAt: number;
  readonly #free: Buffer[] = [];
  #buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #used = 0;
  #delivered = 0;

  constructor(socket: Socket, consumerTag: string) {
    this.#socket = socket;
    this.#tagAt = 7 + 4 + 1 + consumerTag.length;
    this.#head = methodFrame(1, 'basic.deliver', {
      consumerTag,
      deliveryTag: 0,
      redelivered: false,
      exchange: '',
      routingKey: '',
    });
  }

  /** The method of the next delivery; its content is to follow. */
  begin(): void {
    const head = this.#head;
    if (this.#used + head.length > bufferBytes) this.flush();
    const at = this.#used;
    const buffer = this.#buffer;
    for (let i = 0; i < head.length; i++) buffer[at + i] = head[i]!;
    writeLong(buffer, at + this.#tagAt + 4, ++this.#delivered);
    this.#used = at + head.length;
  }

  append(bytes: Buffer, from: number, to: number): void {
    const size = to - from;
    if (this.#used + size > bufferBytes) this.flush();
    const buffer = this.#buffer;
    const at = this.#used;
    if (size <= smallBytes) for (let i = 0; i < size; i++) buffer[at + i] = bytes[from + i]!;
    else bytes.copy(buffer, at, from, to);
    this.#used = at + size;
  }

  flush(): void {
    if (this.#used === 0) return;
    const buffer = this.#buffer;
    this.#socket.write(buffer.subarray(0, this.#used), () => this.#free.push(buffer));
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.#used = 0;
  }
}
