// The model's objects as contract rows.
import { toPlain } from '../amqp/field-table.ts';
import type { Channel } from '../channel/channel.ts';
import type { ChannelConsumer } from '../channel/channel-consumer.ts';
import type { Connection } from '../connection/connection.ts';
import type {
  BindingRow,
  ChannelRow,
  ConnectionRow,
  ConsumerRow,
  ExchangeRow,
  MessageRates,
  QueueRow,
  VhostRow,
} from '../contract/rows.ts';
import type { Binding, Exchange } from '../vhost/exchange/exchange.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Vhost } from '../vhost/vhost.ts';
import { messageTotals, outRateOf, type RateSampler } from './rates.ts';
import { propertiesKeyOf } from './properties-key.ts';

/** A queue without traffic for this long is idle. */
const idleAfterMs = 30_000;

export function queueRow(queue: Queue, rates: RateSampler, now: number): QueueRow {
  const messageRates = rates.messageRates(queue.counters);
  const busy = Object.values(messageRates).some((rate) => rate > 0);
  if (busy) queue.lastActiveAt = now;
  const consumers = queue.consumers.all;
  const able = consumers.filter((consumer) => (consumer as ChannelConsumer).hasCredit).length;
  const [head] = queue.browseReady(0, 1);
  return {
    vhost: queue.host.name,
    name: queue.name,
    type: queue.type,
    durable: queue.durable,
    exclusive: queue.exclusive,
    autoDelete: queue.autoDelete,
    arguments: toPlain(queue.arguments),
    policy: queue.policyName,
    operatorPolicy: queue.operatorPolicyName,
    policyDefinition: queue.policyDefinition,
    effectiveArguments: queue.settings.effective,
    state: now - queue.lastActiveAt > idleAfterMs ? 'idle' : 'running',
    messagesReady: queue.readyCount,
    messagesUnacknowledged: queue.unacked.count,
    messages: queue.messageCount,
    messagesPersistent: queue.durable ? queue.persistentCount : 0,
    bytesReady: queue.readyBytes,
    bytesUnacknowledged: queue.unacked.bytes,
    consumers: consumers.length,
    consumerCapacity: consumers.length === 0 ? 0 : able / consumers.length,
    ownerConnection: queue.owner?.name ?? null,
    exclusiveConsumerTag: queue.consumers.exclusive ? (consumers[0]?.tag ?? null) : null,
    singleActiveConsumerTag: queue.consumers.active?.tag ?? null,
    headMessageTimestamp: timestampOf(head?.entry),
    oldestMessageAgeMs: head ? Math.max(0, now - head.entry.message.receivedAt) : null,
    idleSince: now - queue.lastActiveAt > idleAfterMs ? queue.lastActiveAt : null,
    outRate: outRateOf(messageRates),
    rates: messageRates,
    totals: messageTotals(queue.counters),
  };
}

function timestampOf(entry: QueueEntry | undefined): number | null {
  const timestamp = entry?.message.decodedProperties().timestamp;
  return timestamp === undefined ? null : Number(timestamp);
}

export function exchangeRow(exchange: Exchange, rates: RateSampler): ExchangeRow {
  const sampled = rates.of(exchange.counters);
  return {
    vhost: exchange.vhostName,
    name: exchange.name,
    type: exchange.type,
    durable: exchange.durable,
    autoDelete: exchange.autoDelete,
    internal: exchange.internal,
    arguments: toPlain(exchange.arguments),
    policy: exchange.policyName,
    alternateExchange: exchange.alternateExchange,
    publishInRate: sampled['publishIn'] ?? 0,
    publishOutRate: sampled['publishOut'] ?? 0,
    publishInTotal: exchange.counters.publishIn,
    publishOutTotal: exchange.counters.publishOut,
    unroutedTotal: exchange.counters.unrouted,
    unroutedRate: sampled['unrouted'] ?? 0,
  };
}

export function bindingRow(vhost: string, binding: Binding): BindingRow {
  return {
    vhost,
    source: binding.source.name,
    destination: binding.destination.name,
    destinationType: binding.destination.kind,
    routingKey: binding.routingKey,
    arguments: toPlain(binding.arguments),
    propertiesKey: propertiesKeyOf(binding.routingKey, binding.arguments),
  };
}

/** Every queue is bound to the default exchange by its name. */
export function defaultBindingRow(vhost: string, queue: string): BindingRow {
  return {
    vhost,
    source: '',
    destination: queue,
    destinationType: 'queue',
    routingKey: queue,
    arguments: {},
    propertiesKey: queue,
  };
}

export function connectionRow(connection: Connection, rates: RateSampler): ConnectionRow {
  const sampled = rates.of(connection);
  return {
    name: connection.name,
    user: connection.userName,
    vhost: connection.vhostName,
    state:
      connection.state === 'running'
        ? connection.blocked
          ? 'blocked'
          : connection.blocking
            ? 'blocking'
            : 'running'
        : connection.state === 'closing' || connection.state === 'closed'
          ? 'closing'
          : 'starting',
    protocol: 'AMQP 0-9-1',
    mechanism: connection.mechanism,
    tls: false,
    peerHost: connection.peerHost,
    peerPort: connection.peerPort,
    host: connection.host,
    port: connection.port,
    connectedAt: connection.connectedAt,
    channels: connection.channels.size,
    channelMax: connection.channelMax,
    frameMax: connection.frameMax,
    heartbeatSeconds: connection.heartbeatSeconds,
    clientProperties: toPlain(connection.clientProperties),
    bytesReceived: connection.bytesReceived,
    bytesSent: connection.bytesSent,
    receiveRate: sampled['bytesReceived'] ?? 0,
    sendRate: sampled['bytesSent'] ?? 0,
    sendPending: connection.sendPending,
  };
}

export function channelRow(connection: Connection, channel: Channel, rates: RateSampler): ChannelRow {
  return {
    connection: connection.name,
    number: channel.number,
    name: channel.name,
    user: connection.userName,
    vhost: connection.vhostName,
    confirm: channel.confirms !== null,
    transactional: channel.transaction !== null,
    prefetchCount: channel.prefetch,
    globalPrefetchCount: channel.globalPrefetch,
    messagesUnacknowledged: channel.unacked.count,
    messagesUnconfirmed: channel.confirms?.unconfirmed ?? 0,
    messagesUncommitted: channel.transaction?.uncommittedPublishes ?? 0,
    acksUncommitted: channel.transaction?.uncommittedAcks ?? 0,
    consumers: channel.consumers.size,
    flowBlocked: !connection.mayDeliver,
    rates: rates.messageRates(channel.counters),
    totals: messageTotals(channel.counters),
  };
}

export function vhostRow(vhost: Vhost, connections: Connection[], rates: RateSampler): VhostRow {
  const queues = [...vhost.queues.values()];
  const inside = connections.filter((each) => each.vhostName === vhost.name);
  const total = <Item>(items: Item[], of: (item: Item) => number) =>
    items.reduce((sum, item) => sum + of(item), 0);
  const messagesReady = total(queues, (queue) => queue.readyCount);
  const messagesUnacknowledged = total(queues, (queue) => queue.unacked.count);
  const rate = (name: string) => total(inside, (each) => rates.of(each)[name] ?? 0);
  return {
    name: vhost.name,
    ...vhost.metadata,
    messages: messagesReady + messagesUnacknowledged,
    messagesReady,
    messagesUnacknowledged,
    queues: queues.length,
    exchanges: vhost.exchanges.size,
    connections: inside.length,
    bytesReceived: total(inside, (each) => each.bytesReceived),
    bytesSent: total(inside, (each) => each.bytesSent),
    receiveRate: rate('bytesReceived'),
    sendRate: rate('bytesSent'),
    rates: sumOf(
      queues.map((queue) => rates.of(queue.counters)),
      rates.of(vhost.counters)['publish'] ?? 0,
    ),
    totals: sumOf(
      queues.map((queue) => queue.counters),
      vhost.counters.publish,
    ),
  };
}

/** Of a virtual host's queues; publishes are counted once, however many queues took the message. */
function sumOf(all: Partial<MessageRates>[], publish: number): MessageRates {
  const sum = messageTotals({});
  const names = Object.keys(sum) as (keyof MessageRates)[];
  for (const each of all) for (const name of names) sum[name] += each[name] ?? 0;
  return { ...sum, publish };
}

export function consumerRow(vhost: string, consumer: ChannelConsumer): ConsumerRow {
  const { queue, channel } = consumer;
  const { active } = queue.consumers;
  return {
    vhost,
    queue: queue.name,
    tag: consumer.tag,
    connection: channel.host.name,
    channel: channel.number,
    ackRequired: !consumer.noAck,
    exclusive: consumer.exclusive,
    prefetchCount: consumer.prefetch,
    priority: consumer.priority,
    active: active === null || active === consumer,
    singleActive: queue.consumers.singleActive,
    user: channel.host.user.name,
    arguments: toPlain(consumer.arguments),
    messagesUnacknowledged: consumer.unacked,
  };
}
