// Looks for ready messages that hold a text. A call looks at a piece of the queue only, so that the broker serves its
// clients between the pieces; the console goes on where the last one ended.
import type { InputOf, OutputOf } from '../contract/procedure.ts';
import type { NodeProcedures } from '../contract/node-procedures.ts';
import type { MessageRow } from '../contract/rows.ts';
import type { Message } from '../vhost/message.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import { messageRow, plainProperties } from './message-rows.ts';

type Input = InputOf<NodeProcedures['messages.search']>;

const pieceMs = 25;
const pieceMessages = 20_000;
/** A body is searched this far. */
const bodySearchedBytes = 65_536;

export function searchMessages(queue: Queue, input: Input): OutputOf<NodeProcedures['messages.search']> {
  const { offset, limit, bodyStartBytesMax } = input;
  const holds = matcherOf(input.text, input.where);
  const until = performance.now() + pieceMs;
  const items: MessageRow[] = [];
  let scanned = 0;
  for (const { entry, index } of queue.browseReady(offset, pieceMessages)) {
    scanned++;
    if (holds(entry.message)) items.push(messageRow(queue, entry, index, bodyStartBytesMax, false));
    if (items.length >= limit || performance.now() > until) break;
  }
  const next = offset + scanned;
  return { items, scanned, next: next < queue.readyCount ? next : null, ready: queue.readyCount };
}

function matcherOf(text: string, where: Input['where']): (message: Message) => boolean {
  // Bytes as Latin-1, on both sides: UTF-8 is compared as it is, and binary bodies can be searched as well.
  const wanted = latin1(Buffer.from(text, 'utf8'));
  const inText = (hay: string) => latin1(Buffer.from(hay, 'utf8')).includes(wanted);
  const inKey = ({ routingKey }: Message) => inText(routingKey);
  const inProperties = (message: Message) =>
    inText(message.exchange) || inText(JSON.stringify(plainProperties(message.decodedProperties())));
  const inPayload = ({ body }: Message) => latin1(body.subarray(0, bodySearchedBytes)).includes(wanted);
  switch (where) {
    case 'routing-key':
      return inKey;
    case 'properties':
      return inProperties;
    case 'payload':
      return inPayload;
    case 'anywhere':
      return (message) => inKey(message) || inProperties(message) || inPayload(message);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1').toLowerCase();
}
