// What is done to one frame of a sound conversation. Each mutation takes the frames and a place, and answers the
// bytes that go out for the frame at that place (and sometimes its neighbour).
import { frameOf, unsound } from './structured.ts';
import type { Random } from './random.ts';
import { bytesOf, type WireFrame } from './wire-frame.ts';

export interface Mutated {
  bytes: Buffer;
  /** Frames of the conversation that went into it. */
  used: number;
}

export type Mutation = (frames: readonly WireFrame[], at: number, random: Random) => Mutated;

const one = (frame: WireFrame | Buffer): Mutated => ({
  bytes: Buffer.isBuffer(frame) ? frame : bytesOf(frame),
  used: 1,
});
const changed = (frame: WireFrame, payload: Buffer): WireFrame => ({ ...frame, payload });
const sizes = [0, 1, 4, 7, 4095, 4096, 131_064, 131_072, 131_073, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

export const mutations: Record<string, Mutation> = {
  'bits flipped': (frames, at, random) => {
    const bytes = bytesOf(frames[at]!);
    for (let i = random.between(1, 8); i > 0; i--) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return one(bytes);
  },
  'bits flipped in the payload': (frames, at, random) => {
    const payload = Buffer.from(frames[at]!.payload);
    for (let i = random.between(1, 4); i > 0 && payload.length > 0; i--)
      payload[random.below(payload.length)]! ^= 1 << random.below(8);
    return one(changed(frames[at]!, payload));
  },
  'octets replaced': (frames, at, random) => {
    const payload = Buffer.from(frames[at]!.payload);
    for (let i = random.between(1, 4); i > 0 && payload.length > 0; i--)
      payload[random.below(payload.length)] = random.pick([0, 1, 127, 128, 254, 255, random.below(256)]);
    return one(changed(frames[at]!, payload));
  },
  'bytes cut off': (frames, at, random) => {
    const bytes = bytesOf(frames[at]!);
    return one(bytes.subarray(0, random.below(bytes.length)));
  },
  'payload cut short': (frames, at, random) => {
    const { payload } = frames[at]!;
    return one(changed(frames[at]!, payload.subarray(0, random.below(payload.length + 1))));
  },
  'payload longer': (frames, at, random) => {
    const { payload } = frames[at]!;
    return one(changed(frames[at]!, Buffer.concat([payload, random.bytes(random.between(1, 40))])));
  },
  'bytes put into the payload': (frames, at, random) => {
    const { payload } = frames[at]!;
    const place = random.below(payload.length + 1);
    const put = random.bytes(random.between(1, 8));
    return one(
      changed(frames[at]!, Buffer.concat([payload.subarray(0, place), put, payload.subarray(place)])),
    );
  },
  'size off by little': (frames, at, random) => {
    const frame = frames[at]!;
    return one({ ...frame, size: Math.max(0, frame.payload.length + random.pick([-8, -2, -1, 1, 2, 8])) });
  },
  'size a lie': (frames, at, random) => one({ ...frames[at]!, size: random.pick(sizes) }),
  'wrong frame end': (frames, at, random) => one({ ...frames[at]!, end: random.below(0xce) }),
  'another type': (frames, at, random) =>
    one({ ...frames[at]!, type: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 127, 255]) }),
  'another channel': (frames, at, random) =>
    one({ ...frames[at]!, channel: random.pick([0, 1, 2, 3, 7, 2047, 2048, 65_535, random.below(65_536)]) }),
  'swapped with the next': (frames, at) => {
    const next = frames[at + 1];
    if (!next) return one(frames[at]!);
    return { bytes: Buffer.concat([bytesOf(next), bytesOf(frames[at]!)]), used: 2 };
  },
  'said twice': (frames, at) => one(Buffer.concat([bytesOf(frames[at]!), bytesOf(frames[at]!)])),
  'left out': () => one(Buffer.alloc(0)),
  'another method': (frames, at, random) => {
    const payload = Buffer.from(frames[at]!.payload);
    const known = frameOf(random, frames[at]!.channel);
    if (payload.length >= 4) known.payload.copy(payload, 0, 0, 4);
    return one(changed(frames[at]!, payload));
  },
  'unknown method': (frames, at, random) => {
    const payload = Buffer.from(frames[at]!.payload);
    if (payload.length >= 4) {
      payload.writeUInt16BE(random.pick([0, 10, 20, 30, 40, 50, 60, 85, 90, 65_535]), 0);
      payload.writeUInt16BE(random.below(65_536), 2);
    }
    return one(changed(frames[at]!, payload));
  },
  'something unsound before': (frames, at, random) =>
    one(Buffer.concat([unsound(random, frames[at]!.channel), bytesOf(frames[at]!)])),
  'something unsound instead': (frames, at, random) => one(unsound(random, frames[at]!.channel)),
  'a random method before': (frames, at, random) =>
    one(Buffer.concat([bytesOf(frameOf(random, random.pick([0, 1, 1, 1, 2]))), bytesOf(frames[at]!)])),
  'random bytes instead': (_frames, _at, random) => one(random.bytes(random.between(1, 300))),
  'random bytes behind': (frames, at, random) =>
    one(Buffer.concat([bytesOf(frames[at]!), random.bytes(random.between(1, 60))])),
};
