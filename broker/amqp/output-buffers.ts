// The buffers that writers fill, used again once the socket has sent them: a busy node would otherwise make and
// drop as many bytes as it sends, and make the garbage collector run for that alone.

export const outputBufferBytes = 64 * 1024;
const sparesMax = 256;

export class OutputBuffers {
  readonly #spares: Buffer[] = [];

  take(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(outputBufferBytes);
  }

  /** Nobody reads these any more. */
  giveBack(buffers: Buffer[]): void {
    for (const buffer of buffers)
      if (buffer.length === outputBufferBytes && this.#spares.length < sparesMax) this.#spares.push(buffer);
  }
}
