// A body by ranges: what of it is wanted, in parts the broker gives at once.
import { connection } from '../rpc/connection.svelte.ts';

const partBytes = 262_144;

export interface BodyRef {
  vhost: string;
  queue: string;
  position: number;
}

/** The first `wanted` bytes. Throws when the message has gone meanwhile. */
export async function loadBody(ref: BodyRef, wanted: number): Promise<Uint8Array> {
  const body = new Uint8Array(wanted);
  for (let from = 0; from < wanted;) {
    const input = { ...ref, start: from, lengthMax: Math.min(partBytes, wanted - from) };
    const { bytes } = await connection.callNode('messages.body', input);
    if (bytes.length === 0) return body.subarray(0, from);
    body.set(bytes, from);
    from += bytes.length;
  }
  return body;
}
