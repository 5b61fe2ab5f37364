// Messages as the browser shows them. Looking takes nothing and marks nothing.
import { plainValue, stringOf, toPlain } from '../amqp/field-table.ts';
import type { BasicProperties } from '../amqp/properties.ts';
import type { MessageProperties, MessageRow, XDeath } from '../contract/rows.ts';
import { deathsIn } from '../vhost/dead-letter.ts';
import type { Message } from '../vhost/message.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';

export function messageRow(
  queue: Queue,
  entry: QueueEntry,
  index: number,
  bodyStartMax: number,
  out: boolean,
): MessageRow {
  const { message } = entry;
  const survival = survivalOf(queue, message);
  return {
    position: entry.position,
    index,
    state: out ? 'unacknowledged' : 'ready',
    exchange: message.exchange,
    routingKey: message.routingKey,
    redelivered: entry.redelivered,
    deliveryCount: entry.returns,
    enqueuedAt: message.receivedAt,
    expiresAt: entry.expiresAt || null,
    persistent: message.persistent,
    survivesRestart: survival.survives,
    survivesReason: survival.reason,
    properties: plainProperties(message.decodedProperties()),
    bodyBytes: message.bodySize,
    bodyStart: new Uint8Array(message.body.subarray(0, bodyStartMax)),
    bodyTruncated: message.bodySize > bodyStartMax,
    heldBy: out ? (entry.holder?.description ?? 'basic.get') : null,
  };
}

/** What would be there after the node was killed, and why not (R27). */
function survivalOf(queue: Queue, message: Message): { survives: boolean; reason: string } {
  if (queue.exclusive)
    return { survives: false, reason: 'The queue is exclusive: it goes with its connection.' };
  if (!queue.durable) return { survives: false, reason: 'The queue is not durable.' };
  if (!message.persistent)
    return { survives: false, reason: 'The message is not persistent (delivery mode 1).' };
  return { survives: true, reason: 'Persistent, in a durable queue, in the journal.' };
}

export function plainProperties({ headers, timestamp, ...rest }: BasicProperties): MessageProperties {
  return {
    ...rest,
    ...(timestamp === undefined ? {} : { timestamp: Number(timestamp) }),
    ...(headers ? { headers: toPlain(headers) } : {}),
  };
}

export function xDeathsOf(message: Message): XDeath[] {
  return deathsIn(message.headers()).map((death) => {
    const keys = death.get('routing-keys');
    const expiration = stringOf(death.get('original-expiration'));
    const number = (name: string) => {
      const value = death.get(name);
      return value ? Number(plainValue(value)) : 0;
    };
    return {
      queue: stringOf(death.get('queue')) ?? '',
      reason: stringOf(death.get('reason')) ?? '',
      count: number('count'),
      time: number('time'),
      exchange: stringOf(death.get('exchange')) ?? '',
      routingKeys: keys?.type === 'A' ? keys.value.flatMap((key) => stringOf(key) ?? []) : [],
      ...(expiration === null ? {} : { originalExpiration: expiration }),
    };
  });
}
