// What the two nodes of a pair say to each other about definitions and drained messages. Wire: 4 bytes big-endian length, then one
// MessagePack value; the first message must carry the token of the node that is called.
import { decode, encode } from '@msgpack/msgpack';
import type { Connection } from '../base/network.ts';
import type { Definition, DefinitionChange } from '../definitions/definitions-store.ts';
import type { DrainMessage } from './drain-protocol.ts';

/** A definition may carry what the HTTP API takes, tens of megabytes; a drained message has up to 128 MiB of body. */
const messageBytesMax = 160 * 1024 * 1024;

export type PeerMessage =
  | { kind: 'hello'; token: string }
  /** The active's definitions, in parts, and then that they were all. */
  | { kind: 'snapshot-part'; definitions: Definition[] }
  | { kind: 'snapshot-end'; id: number }
  | { kind: 'change'; id: number; change: DefinitionChange }
  /**
   * The answer to a snapshot or a change. Of a snapshot, `kept`: what the follower has besides and must not lose;
   * `differing`: how many it could not make the same.
   */
  | { kind: 'done'; id: number; error: string | null; kept: Definition[]; differing: number }
  /** The active has taken what was kept: the follower had nothing more when it answered. */
  | { kind: 'settled' }
  /** The follower has promised something alone and wants to be asked for it. */
  | { kind: 'asks-for-snapshot' }
  | DrainMessage;

export function send(socket: Connection, message: PeerMessage): void {
  if (socket.destroyed) return;
  const body = encode(message);
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(body.length, 0);
  socket.cork();
  socket.write(head);
  socket.write(body);
  socket.uncork();
}

/** Calls back for each message. What makes no sense ends the connection. */
export function readMessages(socket: Connection, take: (message: PeerMessage) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  const next = (): Buffer | null => {
    if (size < 4) return null;
    if (chunks[0]!.length < 4) chunks = [Buffer.concat(chunks)];
    const length = chunks[0]!.readUInt32BE(0);
    if (length > messageBytesMax) throw new RangeError(`a message of ${length} bytes`);
    if (size < 4 + length) return null;
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    chunks = all.length > 4 + length ? [all.subarray(4 + length)] : [];
    size -= 4 + length;
    return all.subarray(4, 4 + length);
  };
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    try {
      for (let body = next(); body && !socket.destroyed; body = next()) take(decode(body) as PeerMessage);
    } catch {
      socket.destroy();
    }
  });
}
