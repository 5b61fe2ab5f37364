// Dead letters: the message that goes on when one died, with its x-death history (R26). Newest death first,
// one entry per queue and reason; `time` is the first death of its kind, `count` how often. The texts and
// rules are RabbitMQ 3.10's.
import { integerOf, longString, stringOf, type FieldTable, type TypedValue } from '../amqp/field-table.ts';
import { encodeProperties } from '../amqp/properties.ts';
import { composeMessage, type Message } from './message.ts';
import type { DeathReason } from './queue/queue.ts';

/** A history longer than this fits no frame, and its message goes no further. */
const deathsMax = 256;

/** Whether the message has been through so many queues that it is dropped, as one that goes in circles is. */
export function hasDiedEnough(message: Message): boolean {
  return message.hasHeaders && deathsIn(message.headers()).length >= deathsMax;
}

/** The message as it goes to the dead-letter exchange. `routingKey` null keeps its own. */
export function deadLetterOf(
  message: Message,
  queueName: string,
  reason: DeathReason,
  exchange: string,
  routingKey: string | null,
  now: number,
): Message {
  const properties = message.decodedProperties();
  const headers: FieldTable = new Map(properties.headers ?? []);
  const death: FieldTable = new Map<string, TypedValue>([
    ['reason', longString(reason)],
    ['queue', longString(queueName)],
    ['time', { type: 'T', value: Math.floor(now / 1000) }],
    ['exchange', longString(message.exchange)],
    ['routing-keys', { type: 'A', value: routingKeysOf(message, headers) }],
  ]);
  if (properties.expiration !== undefined)
    death.set('original-expiration', longString(properties.expiration));
  if (!headers.has('x-death')) {
    headers.set('x-first-death-reason', longString(reason));
    headers.set('x-first-death-queue', longString(queueName));
    headers.set('x-first-death-exchange', longString(message.exchange));
  }
  const deaths = withDeath(deathsIn(headers), death);
  headers.set('x-death', { type: 'A', value: deaths.map((value) => ({ type: 'F', value })) });
  if (routingKey !== null) headers.delete('CC');
  delete properties.expiration;
  properties.headers = headers;
  return composeMessage(
    exchange,
    routingKey ?? message.routingKey,
    encodeProperties(properties),
    message.body,
    now,
  );
}

/** The entries of an x-death header, newest first; what is not one is left out. */
export function deathsIn(headers: FieldTable): FieldTable[] {
  const header = headers.get('x-death');
  if (header?.type !== 'A') return [];
  return header.value.flatMap((item) => (item.type === 'F' ? [item.value] : []));
}

/**
 * Whether delivering to `target` would close a cycle without a consumer's part in it: the target is in the
 * history and nothing since then was rejected. A death by rejection is never checked.
 */
export function isCycle(message: Message, target: string, reason: DeathReason): boolean {
  if (reason === 'rejected' || !message.hasHeaders) return false;
  const deaths = deathsIn(message.headers());
  const index = deaths.findIndex((death) => stringOf(death.get('queue')) === target);
  if (index < 0) return false;
  return deaths.slice(0, index + 1).every((death) => stringOf(death.get('reason')) !== 'rejected');
}

/** The history with one more death: a new entry, or the one of its kind counted on, goes to the front. */
function withDeath(deaths: FieldTable[], death: FieldTable): FieldTable[] {
  const kind = kindOfDeath(death);
  const earlier = deaths.find((each) => kindOfDeath(each) === kind);
  const others = grouped(deaths).filter((each) => kindOfDeath(each) !== kind);
  if (!earlier) {
    death.set('count', { type: 'l', value: 1 });
    return [ordered(death), ...others];
  }
  const count = earlier.get('count');
  const times = (count && integerOf(count)) ?? deaths.filter((each) => kindOfDeath(each) === kind).length;
  return [new Map(earlier).set('count', { type: 'l', value: times + 1 }), ...others];
}

/** One entry of each kind. RabbitMQ turns the order of several round every time it does this. */
function grouped(deaths: FieldTable[]): FieldTable[] {
  if (deaths.length < 2) return deaths;
  const byKind = new Map<string, FieldTable>();
  for (const each of deaths) if (!byKind.has(kindOfDeath(each))) byKind.set(kindOfDeath(each), each);
  return [...byKind.values()].reverse();
}

function kindOfDeath(death: FieldTable): string {
  return JSON.stringify([stringOf(death.get('queue')), stringOf(death.get('reason'))]);
}

/** In RabbitMQ's order of fields. */
function ordered(death: FieldTable): FieldTable {
  const names = ['count', 'reason', 'queue', 'time', 'exchange', 'routing-keys', 'original-expiration'];
  return new Map(names.flatMap((name) => (death.has(name) ? [[name, death.get(name)!]] : [])));
}

function routingKeysOf(message: Message, headers: FieldTable): TypedValue[] {
  const cc = headers.get('CC');
  const copies = cc?.type === 'A' ? cc.value.filter((item) => item.type === 'S') : [];
  return [longString(message.routingKey), ...copies];
}
