// Frames out of socket chunks [AMQP 4.2.3]: type octet, channel short, size long, payload, end octet 0xCE.
// A frame that is whole in a chunk is handed on as a view of it; one that is split is put together in a
// buffer of its own. The handler may ask to stop: the rest of the chunk is then kept for `resume`. After damage
// the rest of the chunk is dropped and the next one is taken to begin with a frame: a peer that hears of its
// error answers so.
import { payloadSnippet } from './octets.ts';
import { ConnectionError, ReplyCode } from './reply-codes.ts';

export const FrameType = { METHOD: 1, HEADER: 2, BODY: 3, HEARTBEAT: 8 } as const;
export const frameOverhead = 8;
const frameEnd = 0xce;
const headerSize = 7;

export interface FrameHandler {
  /** The payload is `bytes` from `start` to `end`, valid until the call returns. */
  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void;
  /** Checked after each frame: true stops the decoder until `resume`. */
  readonly stopped: boolean;
}

export class FrameDecoder {
  readonly #handler: FrameHandler;
  /** Of a whole frame, as negotiated; RabbitMQ tolerates 8 bytes over. */
  frameMax: number;
  /** The beginning of a frame that is not whole yet. */
  #partial: Buffer | null = null;
  #partialSize = 0;
  #held: Buffer[] = [];
  #decoding = false;

  constructor(handler: FrameHandler, frameMax: number) {
    this.#handler = handler;
    this.frameMax = frameMax;
  }

  /** Bytes kept because the handler stopped. */
  get heldBytes(): number {
    return this.#held.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** The chunk is the caller's again afterwards. Throws ConnectionError 501 for bytes that are no frame. */
  push(chunk: Buffer): void {
    if (this.#handler.stopped) this.#held.push(Buffer.from(chunk));
    else this.#decode(chunk);
  }

  /** Goes on with what was held; within the handler's own call it has no effect. */
  resume(): void {
    if (this.#decoding) return;
    while (this.#held.length > 0 && !this.#handler.stopped) this.#decode(this.#held.shift()!, true);
  }

  /** `own`: the chunk is the decoder's to keep. */
  #decode(chunk: Buffer, own = false): void {
    this.#decoding = true;
    try {
      this.#frames(chunk, own);
    } finally {
      this.#decoding = false;
    }
  }

  #frames(chunk: Buffer, own: boolean): void {
    let at = 0;
    if (this.#partialSize > 0) at = this.#complete(chunk);
    const handler = this.#handler;
    while (at < chunk.length) {
      if (handler.stopped) {
        const rest = chunk.subarray(at);
        this.#held.unshift(own ? rest : Buffer.from(rest));
        return;
      }
      const left = chunk.length - at;
      if (left < headerSize) break;
      const size =
        ((chunk[at + 3]! << 24) | (chunk[at + 4]! << 16) | (chunk[at + 5]! << 8) | chunk[at + 6]!) >>> 0;
      if (size > this.frameMax) this.#tooLarge(chunk[at]!, size);
      if (left < size + frameOverhead) break;
      const end = at + headerSize + size;
      if (chunk[end] !== frameEnd) badEnd(chunk, at, end);
      const type = chunk[at]!;
      const channel = (chunk[at + 1]! << 8) | chunk[at + 2]!;
      const start = at + headerSize;
      at = end + 1;
      handler.frame(type, channel, chunk, start, end);
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  /** Fills up the frame that an earlier chunk began; answers how far into this chunk it went. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#partialSize < headerSize) {
      const take = Math.min(headerSize - this.#partialSize, chunk.length);
      chunk.copy(this.#partial!, this.#partialSize, 0, take);
      this.#partialSize += take;
      at = take;
      if (this.#partialSize < headerSize) return at;
    }
    const size = this.#partial!.readUInt32BE(3);
    if (size > this.frameMax) this.#tooLarge(this.#partial![0]!, size);
    const whole = size + frameOverhead;
    this.#reserve(whole);
    const take = Math.min(whole - this.#partialSize, chunk.length - at);
    chunk.copy(this.#partial!, this.#partialSize, at, at + take);
    this.#partialSize += take;
    at += take;
    if (this.#partialSize < whole) return at;
    const frame = this.#partial!;
    this.#partialSize = 0;
    if (frame[whole - 1] !== frameEnd) badEnd(frame, 0, whole - 1);
    this.#handler.frame(frame[0]!, frame.readUInt16BE(1), frame, headerSize, whole - 1);
    return at;
  }

  #keep(chunk: Buffer, from: number): void {
    const left = chunk.length - from;
    this.#reserve(Math.max(left, headerSize));
    chunk.copy(this.#partial!, 0, from);
    this.#partialSize = left;
  }

  #reserve(size: number): void {
    if (this.#partial && this.#partial.length >= size) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(size, 4096));
    this.#partial?.copy(grown, 0, 0, this.#partialSize);
    this.#partial = grown;
  }

  #tooLarge(type: number, size: number): never {
    this.#partialSize = 0;
    throw new ConnectionError(
      ReplyCode.FRAME_ERROR,
      `type ${type}, all octets = <<>>: {frame_too_large,${size},${this.frameMax - frameOverhead}}`,
    );
  }
}

function badEnd(bytes: Buffer, at: number, end: number): never {
  const snippet = payloadSnippet(bytes, at + headerSize, end);
  throw new ConnectionError(
    ReplyCode.FRAME_ERROR,
    `type ${bytes[at]}, ${snippet}: {invalid_frame_end_marker,${bytes[end]}}`,
  );
}
