// Whether a frame can be one at all, before anybody asks whether it may come now. RabbitMQ's texts.
import { FrameType } from './frame-decoder.ts';
import { payloadSnippet } from './octets.ts';
import { ConnectionError, ReplyCode } from './reply-codes.ts';

const methodIdSize = 4;
/** Class, weight and body size. */
const contentHeaderSizeMin = 12;

export function isFrame(type: number, payloadSize: number): boolean {
  if (type === FrameType.METHOD) return payloadSize >= methodIdSize;
  if (type === FrameType.HEADER) return payloadSize >= contentHeaderSizeMin;
  if (type === FrameType.HEARTBEAT) return payloadSize === 0;
  return type === FrameType.BODY;
}

export function unknownFrame(type: number, bytes: Buffer, start: number, end: number): ConnectionError {
  const text = `type ${type}, ${payloadSnippet(bytes, start, end)}: unknown_frame`;
  return new ConnectionError(ReplyCode.FRAME_ERROR, text);
}

/** One that has no place on its channel. */
export function unexpectedFrame(type: number, bytes: Buffer, start: number, end: number): ConnectionError {
  const text = `type ${type}, ${payloadSnippet(bytes, start, end)}`;
  return new ConnectionError(ReplyCode.UNEXPECTED_FRAME, text);
}
