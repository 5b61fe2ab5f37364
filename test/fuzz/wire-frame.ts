// Frames as the fuzzer handles them: taken apart, put together, and with every part open to lies.

export interface WireFrame {
  type: number;
  channel: number;
  payload: Buffer;
  /** What the frame says of itself, where that is not the truth. */
  size?: number;
  end?: number;
}

export const frameEnd = 0xce;
export const frameOverhead = 8;

export function bytesOf({ type, channel, payload, size, end }: WireFrame): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt8(type & 255, 0);
  head.writeUInt16BE(channel & 65535, 1);
  head.writeUInt32BE((size ?? payload.length) >>> 0, 3);
  return Buffer.concat([head, payload, Buffer.of(end ?? frameEnd)]);
}

/** What a stream of bytes comes to when it is read by the rules. */
export type Reading =
  /** Ends with a frame. */
  | 'whole'
  /** Ends within a frame, so that more may come. */
  | 'unfinished'
  /** Has a frame that is too large, or ends wrong. */
  | 'broken';

export function readingOf(stream: Buffer, frameMax: number): Reading {
  for (let at = 0; at < stream.length;) {
    if (stream.length - at < 7) return 'unfinished';
    const size = stream.readUInt32BE(at + 3);
    if (size > frameMax) return 'broken';
    const end = at + 7 + size;
    if (end >= stream.length) return 'unfinished';
    if (stream[end] !== frameEnd) return 'broken';
    at = end + 1;
  }
  return 'whole';
}

/** Whole frames at the start of a stream. */
export function framesIn(stream: Buffer): { frames: WireFrame[]; rest: Buffer } {
  const frames: WireFrame[] = [];
  let at = 0;
  while (stream.length - at >= 7) {
    const end = at + 7 + stream.readUInt32BE(at + 3);
    if (end >= stream.length) break;
    frames.push({
      type: stream[at]!,
      channel: stream.readUInt16BE(at + 1),
      payload: Buffer.from(stream.subarray(at + 7, end)),
      ...(stream[end] === frameEnd ? {} : { end: stream[end]! }),
    });
    at = end + 1;
  }
  return { frames, rest: stream.subarray(at) };
}
