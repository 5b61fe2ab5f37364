// Frames into one buffer per connection. What a tick produces goes to the socket as one write; bodies that
// are large go along as views, not copies. A writer with nothing to send has no buffer.
import type { MethodArguments, MethodName } from './methods.ts';
import { encodeMethod } from './methods.ts';
import { FrameType, frameOverhead } from './frame-decoder.ts';
import { outputBufferBytes, type OutputBuffers } from './output-buffers.ts';

const frameEnd = 0xce;
/** From this size a body frame's payload is written as a view: a copy would cost more than a part more. */
const viewBytesMin = 16 * 1024;
const shortStringMax = 255;
const contentClass = 60;

const noBuffer = Buffer.alloc(0);

export class FrameWriter {
  /** Bytes in it, not yet taken. */
  size = 0;
  frameMax = 131072;
  #buffer: Buffer = noBuffer;
  #used = 0;
  /** Where in the buffer the part begins that is not yet in `parts`. */
  #from = 0;
  #parts: Buffer[] = [];
  /** Buffers that `parts` are views of. */
  #filled: Buffer[] = [];
  readonly #onDirty: () => void;
  readonly #buffers: OutputBuffers;

  /** `onDirty` is called when something is written into an empty writer. */
  constructor(buffers: OutputBuffers, onDirty: () => void) {
    this.#buffers = buffers;
    this.#onDirty = onDirty;
  }

  method<Name extends MethodName>(channel: number, name: Name, args: MethodArguments<Name>): void {
    const payload = encodeMethod(name, args);
    const at = this.#room(payload.length + frameOverhead);
    this.#frame(at, FrameType.METHOD, channel, payload.length);
    payload.copy(this.#buffer, at + 7);
  }

  heartbeat(): void {
    this.#frame(this.#room(frameOverhead), FrameType.HEARTBEAT, 0, 0);
  }

  raw(bytes: Buffer): void {
    // `room` may move on to another buffer.
    const at = this.#room(bytes.length);
    bytes.copy(this.#buffer, at);
  }

  /** basic.deliver with its content. `tag` is the consumer tag as a short string with its length. */
  deliver(
    channel: number,
    tag: Buffer,
    deliveryTag: number,
    redelivered: boolean,
    exchange: string,
    routingKey: string,
    bytes: Buffer,
    start: number,
    propertiesSize: number,
    bodySize: number,
  ): void {
    const methodMax = 4 + tag.length + 9 + 2 * (1 + shortStringMax);
    const at = this.#room(methodMax + frameOverhead + 14 + propertiesSize + frameOverhead);
    const buffer = this.#buffer;
    let p = at + 7;
    buffer[p] = 0;
    buffer[p + 1] = contentClass;
    buffer[p + 2] = 0;
    buffer[p + 3] = 60;
    p += 4;
    for (let i = 0; i < tag.length; i++) buffer[p++] = tag[i]!;
    p = writeLongLong(buffer, p, deliveryTag);
    buffer[p++] = redelivered ? 1 : 0;
    p = writeShortString(buffer, p, exchange);
    p = writeShortString(buffer, p, routingKey);
    this.#frame(at, FrameType.METHOD, channel, p - at - 7);
    p++;
    this.#header(p, channel, bytes, start, propertiesSize, bodySize);
    this.#shrink(p + 7 + 12 + propertiesSize + 1);
    this.#body(channel, bytes, start + propertiesSize, bodySize);
  }

  /** Header and body after a method that carries content (return, get-ok). */
  content(channel: number, bytes: Buffer, start: number, propertiesSize: number, bodySize: number): void {
    const at = this.#room(12 + propertiesSize + frameOverhead);
    this.#header(at, channel, bytes, start, propertiesSize, bodySize);
    this.#body(channel, bytes, start + propertiesSize, bodySize);
  }

  /** Everything written since the last call, to be sent in order; `filled` goes back to the buffers when it is. */
  take(): { parts: Buffer[]; filled: Buffer[] } {
    this.#retire();
    const taken = { parts: this.#parts, filled: this.#filled };
    this.#parts = [];
    this.#filled = [];
    this.size = 0;
    return taken;
  }

  #retire(): void {
    if (this.#used > this.#from) this.#parts.push(this.#buffer.subarray(this.#from, this.#used));
    if (this.#buffer !== noBuffer) this.#filled.push(this.#buffer);
    this.#buffer = noBuffer;
    this.#used = this.#from = 0;
  }

  #header(
    at: number,
    channel: number,
    bytes: Buffer,
    start: number,
    propertiesSize: number,
    bodySize: number,
  ): void {
    const buffer = this.#buffer;
    const p = at + 7;
    buffer[p] = 0;
    buffer[p + 1] = contentClass;
    buffer[p + 2] = 0;
    buffer[p + 3] = 0;
    writeLongLong(buffer, p + 4, bodySize);
    if (propertiesSize <= 64) for (let i = 0; i < propertiesSize; i++) buffer[p + 12 + i] = bytes[start + i]!;
    else bytes.copy(buffer, p + 12, start, start + propertiesSize);
    this.#frame(at, FrameType.HEADER, channel, 12 + propertiesSize);
  }

  #body(channel: number, bytes: Buffer, start: number, size: number): void {
    const most = this.frameMax === 0 ? size : this.frameMax - frameOverhead;
    for (let sent = 0; sent < size;) {
      const piece = Math.min(most, size - sent);
      if (piece >= viewBytesMin) this.#bodyView(channel, bytes.subarray(start + sent, start + sent + piece));
      else {
        const at = this.#room(piece + frameOverhead);
        this.#frame(at, FrameType.BODY, channel, piece);
        if (piece <= 32) for (let i = 0; i < piece; i++) this.#buffer[at + 7 + i] = bytes[start + sent + i]!;
        else bytes.copy(this.#buffer, at + 7, start + sent, start + sent + piece);
      }
      sent += piece;
    }
  }

  #bodyView(channel: number, view: Buffer): void {
    const at = this.#room(7);
    const buffer = this.#buffer;
    buffer[at] = FrameType.BODY;
    buffer.writeUInt16BE(channel, at + 1);
    buffer.writeUInt32BE(view.length, at + 3);
    this.#parts.push(buffer.subarray(this.#from, this.#used), view);
    this.#from = this.#used;
    this.size += view.length;
    // `room` may move on to another buffer.
    const end = this.#room(1);
    this.#buffer[end] = frameEnd;
  }

  /** Writes header and end octet around a payload that stands, or will stand, between them. */
  #frame(at: number, type: number, channel: number, size: number): void {
    const buffer = this.#buffer;
    buffer[at] = type;
    buffer[at + 1] = channel >> 8;
    buffer[at + 2] = channel & 255;
    buffer[at + 3] = size >>> 24;
    buffer[at + 4] = (size >>> 16) & 255;
    buffer[at + 5] = (size >>> 8) & 255;
    buffer[at + 6] = size & 255;
    buffer[at + 7 + size] = frameEnd;
  }

  /** Gives back what was reserved beyond `end`. */
  #shrink(end: number): void {
    this.size -= this.#used - end;
    this.#used = end;
  }

  #room(size: number): number {
    if (this.size === 0) this.#onDirty();
    if (this.#used + size > this.#buffer.length) {
      this.#retire();
      this.#buffer = size <= outputBufferBytes ? this.#buffers.take() : Buffer.allocUnsafeSlow(size);
    }
    const at = this.#used;
    this.#used += size;
    this.size += size;
    return at;
  }
}

function writeLongLong(buffer: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  buffer[at] = high >>> 24;
  buffer[at + 1] = (high >>> 16) & 255;
  buffer[at + 2] = (high >>> 8) & 255;
  buffer[at + 3] = high & 255;
  buffer[at + 4] = low >>> 24;
  buffer[at + 5] = (low >>> 16) & 255;
  buffer[at + 6] = (low >>> 8) & 255;
  buffer[at + 7] = low & 255;
  return at + 8;
}

/** ASCII byte by byte, which is quicker than a call for the short names that these are. */
function writeShortString(buffer: Buffer, at: number, text: string): number {
  const size = text.length;
  if (size <= 48) {
    let i = 0;
    for (; i < size; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      buffer[at + 1 + i] = code;
    }
    if (i === size) {
      buffer[at] = size;
      return at + 1 + size;
    }
  }
  const written = buffer.write(text, at + 1, shortStringMax, 'utf8');
  buffer[at] = written;
  return at + 1 + written;
}
