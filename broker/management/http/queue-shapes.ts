// Queues in the names and shapes of RabbitMQ's HTTP API: with all figures, with totals only, and without any.
import type { QueueRow } from '../../contract/rows.ts';
import type { Json } from './list-answer.ts';
import { levelStats, messageStats } from './stats-shapes.ts';

/** As it was declared. */
function declared(row: QueueRow, node: string): Json {
  return {
    name: row.name,
    vhost: row.vhost,
    type: row.type,
    durable: row.durable,
    auto_delete: row.autoDelete,
    exclusive: row.exclusive,
    arguments: row.arguments,
    node,
  };
}

export function staticQueueShape(row: QueueRow, node: string): Json {
  return { ...declared(row, node), state: 'live' };
}

export function queueTotalsShape(row: QueueRow, node: string): Json {
  return {
    ...declared(row, node),
    state: 'running',
    messages: row.messages,
    messages_ready: row.messagesReady,
    messages_unacknowledged: row.messagesUnacknowledged,
  };
}

export function queueShape(row: QueueRow, node: string): Json {
  return {
    ...declared(row, node),
    ...(row.ownerConnection === null ? {} : { owner_pid_details: ownerDetails(row.ownerConnection) }),
    state: row.state === 'idle' ? 'running' : row.state,
    policy: row.policy,
    operator_policy: row.operatorPolicy,
    effective_policy_definition: row.policyDefinition,
    ...levelStats(row, row.rates),
    messages_persistent: row.messagesPersistent,
    message_bytes: row.bytesReady + row.bytesUnacknowledged,
    message_bytes_ready: row.bytesReady,
    message_bytes_unacknowledged: row.bytesUnacknowledged,
    consumers: row.consumers,
    consumer_utilisation: row.consumerCapacity,
    consumer_capacity: row.consumerCapacity,
    exclusive_consumer_tag: row.exclusiveConsumerTag,
    single_active_consumer_tag: row.singleActiveConsumerTag,
    head_message_timestamp: row.headMessageTimestamp,
    memory: row.bytesReady + row.bytesUnacknowledged,
    ...(row.idleSince === null ? {} : { idle_since: new Date(row.idleSince).toISOString() }),
    message_stats: messageStats(row.totals, row.rates),
  };
}

function ownerDetails(name: string): Json {
  const match = /^(.*):(\d+) -> /.exec(name);
  return { name, peer_host: match?.[1] ?? '', peer_port: Number(match?.[2] ?? 0) };
}
