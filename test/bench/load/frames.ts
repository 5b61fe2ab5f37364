// Frames made once, before the clock runs: publishes as templates whose numbers are patched, acknowledgements, and
// the marks a body carries so that its receiver can tell a lost, doubled, reordered or damaged one.
import { encodeMethod, type MethodArguments, type MethodName } from '../../../broker/amqp/methods.ts';
import { encodeProperties, type BasicProperties } from '../../../broker/amqp/properties.ts';

const frameEnd = 0xce;
const tailMask = 0x5a5a5a5a;
/** Number at the head and, masked, at the tail. */
export const bodyBytesMin = 8;

export function frame(type: number, channel: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(payload.length + 8);
  bytes.writeUInt8(type, 0);
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(payload.length, 3);
  payload.copy(bytes, 7);
  bytes[bytes.length - 1] = frameEnd;
  return bytes;
}

export function methodFrame<Name extends MethodName>(
  channel: number,
  name: Name,
  args: MethodArguments<Name>,
): Buffer {
  return frame(1, channel, encodeMethod(name, args));
}

/** A body of this size with its numbers at 0: every octet between head and tail is known to both sides. */
export function bodyPattern(size: number): Buffer {
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i++) body[i] = (i * 7 + 11) & 255;
  return body;
}

export interface PublishTemplate {
  bytes: Buffer;
  /** Offset of the body in `bytes`. */
  bodyAt: number;
  bodySize: number;
  /** Offset of the routing key in `bytes`. */
  keyAt: number;
}

export function publishTemplate(options: {
  exchange: string;
  routingKey: string;
  properties: BasicProperties;
  bodySize: number;
}): PublishTemplate {
  const { exchange, routingKey, bodySize } = options;
  const method = methodFrame(1, 'basic.publish', {
    reserved1: 0,
    exchange,
    routingKey,
    mandatory: false,
    immediate: false,
  });
  const head = Buffer.alloc(12);
  head.writeUInt16BE(60, 0);
  head.writeBigUInt64BE(BigInt(bodySize), 4);
  const header = frame(2, 1, Buffer.concat([head, encodeProperties(options.properties)]));
  const body = frame(3, 1, bodyPattern(bodySize));
  return {
    bytes: Buffer.concat([method, header, body]),
    bodyAt: method.length + header.length + 7,
    bodySize,
    keyAt: 7 + 4 + 2 + 1 + Buffer.byteLength(exchange) + 1,
  };
}

/** Writes a message's number into the body that begins at `at`. */
export function markBody(bytes: Buffer, at: number, bodySize: number, number: number): void {
  writeLong(bytes, at, number);
  writeLong(bytes, at + bodySize - 4, number ^ tailMask);
}

export function tailOf(number: number): number {
  return (number ^ tailMask) >>> 0;
}

export function readLong(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function writeLong(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 255;
  bytes[at + 2] = (value >>> 8) & 255;
  bytes[at + 3] = value & 255;
}

export const ackFrameBytes = 21;

/** basic.ack with `multiple`. Answers the offset behind it. */
export function writeAck(bytes: Buffer, at: number, channel: number, deliveryTag: number): number {
  bytes[at] = 1;
  bytes[at + 1] = channel >> 8;
  bytes[at + 2] = channel & 255;
  writeLong(bytes, at + 3, 13);
  writeLong(bytes, at + 7, (60 << 16) | 80);
  writeLong(bytes, at + 11, Math.floor(deliveryTag / 0x1_0000_0000));
  writeLong(bytes, at + 15, deliveryTag >>> 0);
  bytes[at + 19] = 1;
  bytes[at + 20] = frameEnd;
  return at + ackFrameBytes;
}

/** A number in decimal digits of fixed width, into a routing key. */
export function writeKeyNumber(bytes: Buffer, at: number, width: number, number: number): void {
  for (let i = at + width - 1; i >= at; i--) {
    const rest = Math.floor(number / 10);
    bytes[i] = 48 + (number - rest * 10);
    number = rest;
  }
}
