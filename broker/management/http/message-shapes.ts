// Messages and their properties in the names and shapes of RabbitMQ's HTTP API, in and out.
import type { MessageProperties, MessageRow } from '../../contract/rows.ts';
import { badRequest } from './api-error.ts';
import { argumentsOf } from './body-fields.ts';
import type { Json } from './list-answer.ts';

const names: Record<string, keyof MessageProperties> = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  headers: 'headers',
  delivery_mode: 'deliveryMode',
  priority: 'priority',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  timestamp: 'timestamp',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
  cluster_id: 'clusterId',
};
const apiNames = new Map(Object.entries(names).map(([to, from]) => [from as string, to]));
const numbers = new Set(['delivery_mode', 'priority', 'timestamp']);

/** Throws ApiError 400. Names that are no property's are left out. */
export function propertiesIn(given: Json): Json {
  const known: Json = {};
  for (const [name, value] of Object.entries(given)) {
    const to = names[name];
    if (to === undefined) continue;
    if (name === 'headers') known[to] = argumentsOf(value);
    else known[to] = numbers.has(name) ? numberOf(name, value) : value;
  }
  return known;
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw badRequest(['not_int', name]);
}

/** The messages of one `get`, in order. */
export function fetchedShapes(messages: MessageRow[], encoding: string, remaining: number): Json[] {
  return messages.map((message, index) =>
    messageShape(message, encoding, remaining + messages.length - 1 - index),
  );
}

const textOrNone = new TextDecoder('utf-8', { fatal: true });

function messageShape(row: MessageRow, encoding: string, remaining: number): Json {
  return {
    payload_bytes: row.bodyBytes,
    redelivered: row.redelivered,
    exchange: row.exchange,
    routing_key: row.routingKey,
    message_count: remaining,
    properties: propertiesShape(row.properties),
    ...payloadShape(row.bodyStart, encoding),
  };
}

function payloadShape(body: Uint8Array, encoding: string): Json {
  if (encoding === 'auto')
    try {
      return { payload: textOrNone.decode(body), payload_encoding: 'string' };
    } catch {
      // Not a text.
    }
  return { payload: Buffer.from(body).toString('base64'), payload_encoding: 'base64' };
}

/** None at all is a list: so Erlang says it. */
function propertiesShape(properties: MessageProperties): Json | [] {
  const entries = Object.entries(properties).map(
    ([name, value]) => [apiNames.get(name) ?? name, value] as const,
  );
  return entries.length > 0 ? Object.fromEntries(entries) : [];
}
