// What clients said in the conformance conversations (record.ts), in the virtual host that the fuzzer may ruin.
import { readFileSync } from 'node:fs';
import { decodeMethod, encodeMethod } from '../../broker/amqp/methods.ts';
import type { WireFrame } from './wire-frame.ts';

export const fuzzedVhost = 'fuzz';

export interface Conversation {
  name: string;
  /** From start-ok on. */
  frames: WireFrame[];
  /** How many of them are the handshake: start-ok, tune-ok, open. */
  handshake: number;
}

export function corpus(): Conversation[] {
  const text = readFileSync(new URL('./corpus/conversations.json', import.meta.url), 'utf8');
  const recorded = JSON.parse(text) as { name: string; frames: [number, number, string][] }[];
  return recorded.flatMap(({ name, frames: given }) => {
    const frames = given.map<WireFrame>(([type, channel, payload]) => ({
      type,
      channel,
      payload: Buffer.from(payload, 'base64'),
    }));
    const open = frames.findIndex(isOpen);
    if (open !== 2 || frames.length < 5) return [];
    frames[open]!.payload = encodeMethod('connection.open', {
      virtualHost: fuzzedVhost,
      reserved1: '',
      reserved2: false,
    });
    // No heartbeats: on a busy machine a second is soon over.
    frames[open - 1]!.payload.writeUInt16BE(0, 4 + 2 + 4);
    return [{ name, frames, handshake: 3 }];
  });
}

function isOpen({ type, channel, payload }: WireFrame): boolean {
  return type === 1 && channel === 0 && decodeMethod(payload, 0, payload.length).name === 'connection.open';
}
