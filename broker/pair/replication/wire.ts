// What goes over a replication link: the active node's file operations in order, and the standby's answers.
//
//   u32 size of the rest | u8 kind | u32 id | u16 n, name | f64 position | bytes
//
// An id of 0 wants no answer. The standby carries operations out one after the other, so an answer to one says that
// all before it are done too.
import type { Connection } from '../../base/network.ts';

export const Kind = {
  /** JSON Hello in `bytes`; answered by INVENTORY. */
  HELLO: 1,
  /** JSON FileState[] in `bytes`. */
  INVENTORY: 2,
  CREATE: 3,
  WRITE: 4,
  /** fdatasync of the file. */
  SYNC: 5,
  SYNC_FOLDER: 6,
  /** To the name in `bytes`. */
  RENAME: 7,
  REMOVE: 8,
  TRUNCATE: 9,
  /** The checksum of the file's first `position` bytes is asked for; the answer has it as `position`. */
  CHECKSUM: 10,
  /** What stands from `position` on is not the active node's: it is moved aside. */
  QUARANTINE: 11,
  /** JSON Definition[] in `bytes`: the store becomes like it. */
  DEFINITIONS: 12,
  /** JSON DefinitionChange in `bytes`. */
  CHANGE: 13,
  /** Nothing to do: is anybody there? */
  PING: 14,
  DONE: 15,
  /** The reason in `bytes`. */
  FAILED: 16,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Frame {
  kind: Kind;
  id: number;
  name: string;
  position: number;
  bytes: Buffer;
}

export interface Hello {
  token: string;
  /** Of the active node; a standby that has written down a higher one refuses. */
  epoch: number;
}

/** A file as the standby has it. */
export interface FileState {
  name: string;
  size: number;
  checksum: number;
}

const frameBytesMax = 1 << 30;
const fixedSize = 1 + 4 + 2 + 8;
const noBytes: readonly Uint8Array[] = [];

/** Sends one frame; the parts are copied. False when the socket has more waiting than it likes. */
export function sendFrame(
  socket: Connection,
  kind: Kind,
  id: number,
  name = '',
  position = 0,
  parts: readonly Uint8Array[] = noBytes,
): boolean {
  const nameBytes = Buffer.byteLength(name);
  let size = fixedSize + nameBytes;
  for (const part of parts) size += part.length;
  const frame = Buffer.allocUnsafeSlow(4 + size);
  frame.writeUInt32BE(size, 0);
  frame[4] = kind;
  frame.writeUInt32BE(id, 5);
  frame.writeUInt16BE(nameBytes, 9);
  frame.write(name, 11, 'utf8');
  let at = 11 + nameBytes;
  frame.writeDoubleBE(position, at);
  at += 8;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return socket.write(frame);
}

export const json = (value: unknown): [Buffer] => [Buffer.from(JSON.stringify(value))];

/** Calls back with each frame, whose bytes are its own. A frame that cannot be one destroys the socket. */
export function readFrames(socket: Connection, take: (frame: Frame) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    let rest = parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length < fixedSize || length > frameBytesMax) return void socket.destroy();
      wanted = 4 + length;
      if (rest.length < wanted) break;
      take(frameIn(rest.subarray(4, wanted)));
      if (socket.destroyed) return;
      rest = rest.subarray(wanted);
      wanted = 4;
    }
    parts = rest.length > 0 ? [rest] : [];
    size = rest.length;
  });
}

function frameIn(bytes: Buffer): Frame {
  const nameEnd = 7 + bytes.readUInt16BE(5);
  return {
    kind: bytes[0] as Kind,
    id: bytes.readUInt32BE(1),
    name: bytes.toString('utf8', 7, nameEnd),
    position: bytes.readDoubleBE(nameEnd),
    bytes: bytes.subarray(nameEnd + 8),
  };
}
