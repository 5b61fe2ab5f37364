// What stands on the node that gets killed: every kind of route a message can take, and what happens beside.
import { fromPlain } from '../../broker/amqp/field-table.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import type { Arguments } from '../../broker/contract/rows.ts';

export const deadQueue = 'k.dead';
export const purgedQueue = 'k.purged';
/** Not durable: it has to be gone. */
export const volatileQueue = 'k.volatile';
export const rejectingQueue = 'k.rejecting';
const deadLetters = 'k.dlx';

export interface QueueSpec {
  name: string;
  arguments: Arguments;
}

export const queues: QueueSpec[] = [
  { name: 'k.direct.a', arguments: {} },
  { name: 'k.direct.b', arguments: {} },
  { name: 'k.fan.1', arguments: {} },
  { name: 'k.fan.2', arguments: {} },
  { name: 'k.fan.3', arguments: {} },
  { name: 'k.topic.x', arguments: {} },
  { name: 'k.topic.all', arguments: {} },
  { name: 'k.work', arguments: {} },
  { name: rejectingQueue, arguments: { 'x-dead-letter-exchange': deadLetters } },
  { name: 'k.ttl', arguments: { 'x-message-ttl': 300, 'x-dead-letter-exchange': deadLetters } },
  { name: 'k.max', arguments: { 'x-max-length': 40, 'x-dead-letter-exchange': deadLetters } },
  { name: purgedQueue, arguments: {} },
  { name: deadQueue, arguments: {} },
];

/** Messages leave these for the dead letters. */
export const dyingQueues: ReadonlySet<string> = new Set([rejectingQueue, 'k.ttl', 'k.max']);

export const exchanges = [
  { name: 'k.direct', type: 'direct' },
  { name: 'k.fan', type: 'fanout' },
  { name: 'k.topic', type: 'topic' },
  { name: deadLetters, type: 'fanout' },
] as const;

export const bindings: readonly (readonly [exchange: string, queue: string, key: string])[] = [
  ['k.direct', 'k.direct.a', 'a'],
  ['k.direct', 'k.direct.a', 'both'],
  ['k.direct', 'k.direct.b', 'b'],
  ['k.direct', 'k.direct.b', 'both'],
  ['k.fan', 'k.fan.1', ''],
  ['k.fan', 'k.fan.2', ''],
  ['k.fan', 'k.fan.3', ''],
  ['k.topic', 'k.topic.x', '*.x'],
  ['k.topic', 'k.topic.all', '#'],
  [deadLetters, deadQueue, ''],
];

/** Where a publisher may send, and which queues then have it. */
export const routes: readonly { exchange: string; key: string; to: string[] }[] = [
  { exchange: 'k.direct', key: 'a', to: ['k.direct.a'] },
  { exchange: 'k.direct', key: 'b', to: ['k.direct.b'] },
  { exchange: 'k.direct', key: 'both', to: ['k.direct.a', 'k.direct.b'] },
  { exchange: 'k.fan', key: '', to: ['k.fan.1', 'k.fan.2', 'k.fan.3'] },
  { exchange: 'k.topic', key: 'm.x', to: ['k.topic.x', 'k.topic.all'] },
  { exchange: 'k.topic', key: 'm.y', to: ['k.topic.all'] },
  { exchange: '', key: 'k.work', to: ['k.work'] },
  { exchange: '', key: 'k.work', to: ['k.work'] },
  { exchange: '', key: rejectingQueue, to: [rejectingQueue] },
  { exchange: '', key: 'k.ttl', to: ['k.ttl'] },
  { exchange: '', key: 'k.max', to: ['k.max'] },
  { exchange: '', key: purgedQueue, to: [purgedQueue] },
  { exchange: '', key: volatileQueue, to: [] },
];

export async function declareTopology(channel: ClientChannel): Promise<void> {
  for (const { name, type } of exchanges) await channel.declareExchange(name, type, true);
  for (const { name, arguments: args } of queues)
    await channel.declareQueue(name, { durable: true, arguments: fromPlain(args) });
  await channel.declareQueue(volatileQueue);
  for (const [exchange, queue, key] of bindings) await channel.bindQueue(queue, exchange, key);
}
