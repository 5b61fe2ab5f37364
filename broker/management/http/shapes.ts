// Contract rows in the names and shapes of RabbitMQ's HTTP API. Shapes only: nothing is decided here.
import type {
  BindingRow,
  ChannelRow,
  ConnectionRow,
  ConsumerRow,
  ExchangeRow,
  MessageRates,
  MessageRow,
  Overview,
  PolicyRow,
  QueueRow,
  UserRow,
  VhostRow,
} from '../../contract/rows.ts';
import { compatibleVersion } from '../definitions-json.ts';

type Json = Record<string, unknown>;

const rateNames: readonly (readonly [keyof MessageRates, string])[] = [
  ['publish', 'publish'],
  ['confirm', 'confirm'],
  ['returnUnroutable', 'return_unroutable'],
  ['dropUnroutable', 'drop_unroutable'],
  ['deliver', 'deliver'],
  ['deliverNoAck', 'deliver_no_ack'],
  ['get', 'get'],
  ['getNoAck', 'get_no_ack'],
  ['ack', 'ack'],
  ['redeliver', 'redeliver'],
];

export function messageStats(totals: MessageRates, rates: MessageRates): Json {
  const stats: Json = {};
  for (const [from, to] of rateNames) {
    stats[to] = totals[from];
    stats[`${to}_details`] = { rate: rates[from] };
  }
  const delivered = (each: MessageRates) => each.deliver + each.deliverNoAck + each.get + each.getNoAck;
  stats['deliver_get'] = delivered(totals);
  stats['deliver_get_details'] = { rate: delivered(rates) };
  return stats;
}

export function queueShape(row: QueueRow, node: string): Json {
  return {
    name: row.name,
    vhost: row.vhost,
    type: row.type,
    durable: row.durable,
    auto_delete: row.autoDelete,
    exclusive: row.exclusive,
    owner_pid_details: row.ownerConnection === null ? '' : { name: row.ownerConnection },
    arguments: row.arguments,
    node,
    state: row.state === 'idle' ? 'running' : row.state,
    policy: row.policy,
    operator_policy: null,
    effective_policy_definition: {},
    messages: row.messages,
    messages_details: { rate: 0 },
    messages_ready: row.messagesReady,
    messages_ready_details: { rate: 0 },
    messages_unacknowledged: row.messagesUnacknowledged,
    messages_unacknowledged_details: { rate: 0 },
    messages_persistent: row.messagesPersistent,
    messages_ram: row.messages,
    message_bytes: row.bytesReady + row.bytesUnacknowledged,
    message_bytes_ready: row.bytesReady,
    message_bytes_unacknowledged: row.bytesUnacknowledged,
    consumers: row.consumers,
    consumer_utilisation: row.consumerCapacity,
    consumer_capacity: row.consumerCapacity,
    exclusive_consumer_tag: null,
    single_active_consumer_tag: row.singleActiveConsumerTag,
    head_message_timestamp: null,
    memory: 0,
    ...(row.idleSince === null ? {} : { idle_since: new Date(row.idleSince).toISOString() }),
    message_stats: messageStats(row.totals, row.rates),
  };
}

export function exchangeShape(row: ExchangeRow): Json {
  return {
    name: row.name,
    vhost: row.vhost,
    type: row.type,
    durable: row.durable,
    auto_delete: row.autoDelete,
    internal: row.internal,
    arguments: row.arguments,
    policy: row.policy,
    user_who_performed_action: 'guest',
    message_stats: {
      publish_in: row.publishInTotal,
      publish_in_details: { rate: row.publishInRate },
      publish_out: row.publishOutTotal,
      publish_out_details: { rate: row.publishOutRate },
    },
  };
}

export function bindingShape(row: BindingRow): Json {
  return {
    source: row.source,
    vhost: row.vhost,
    destination: row.destination,
    destination_type: row.destinationType,
    routing_key: row.routingKey,
    arguments: row.arguments,
    properties_key: row.propertiesKey,
  };
}

export function connectionShape(row: ConnectionRow, node: string): Json {
  return {
    name: row.name,
    node,
    user: row.user,
    vhost: row.vhost,
    state: row.state,
    protocol: row.protocol,
    ssl: row.tls,
    peer_host: row.peerHost,
    peer_port: row.peerPort,
    host: row.host,
    port: row.port,
    connected_at: row.connectedAt,
    channels: row.channels,
    channel_max: row.channelMax,
    frame_max: row.frameMax,
    timeout: row.heartbeatSeconds,
    auth_mechanism: 'PLAIN',
    client_properties: row.clientProperties,
    type: 'network',
    recv_oct: row.bytesReceived,
    recv_oct_details: { rate: row.receiveRate },
    send_oct: row.bytesSent,
    send_oct_details: { rate: row.sendRate },
    send_pend: row.sendPending,
  };
}

export function channelShape(row: ChannelRow, node: string): Json {
  return {
    name: row.name,
    number: row.number,
    node,
    user: row.user,
    vhost: row.vhost,
    confirm: row.confirm,
    transactional: row.transactional,
    prefetch_count: row.prefetchCount,
    global_prefetch_count: row.globalPrefetchCount,
    messages_unacknowledged: row.messagesUnacknowledged,
    messages_unconfirmed: row.messagesUnconfirmed,
    messages_uncommitted: row.messagesUncommitted,
    acks_uncommitted: row.acksUncommitted,
    consumer_count: row.consumers,
    state: row.flowBlocked ? 'flow' : 'running',
    connection_details: connectionDetails(row.connection),
    message_stats: messageStats(row.totals, row.rates),
  };
}

export function consumerShape(row: ConsumerRow, node: string): Json {
  return {
    consumer_tag: row.tag,
    queue: { name: row.queue, vhost: row.vhost },
    channel_details: {
      name: `${row.connection} (${row.channel})`,
      number: row.channel,
      node,
      connection_name: row.connection,
    },
    ack_required: row.ackRequired,
    exclusive: row.exclusive,
    prefetch_count: row.prefetchCount,
    active: row.active,
    activity_status: row.active ? 'up' : 'waiting',
    arguments: row.arguments,
  };
}

/** `127.0.0.1:50000 -> 127.0.0.1:5672` in its parts. */
function connectionDetails(name: string): Json {
  const match = /^(.*):(\d+) -> /.exec(name);
  return { name, peer_host: match?.[1] ?? '', peer_port: Number(match?.[2] ?? 0) };
}

export function vhostShape(row: VhostRow): Json {
  return {
    name: row.name,
    description: row.description,
    tags: row.tags,
    metadata: { description: row.description, tags: row.tags },
    tracing: row.tracing,
    cluster_state: {},
    messages: row.messages,
    messages_ready: row.messagesReady,
    messages_unacknowledged: row.messagesUnacknowledged,
  };
}

export function userShape(row: UserRow): Json {
  return {
    name: row.name,
    password_hash: row.passwordHash,
    hashing_algorithm: row.hashingAlgorithm,
    tags: row.tags,
    limits: {},
  };
}

export function policyShape(row: PolicyRow): Json {
  const { vhost, name, pattern, applyTo, definition, priority } = row;
  return { vhost, name, pattern, 'apply-to': applyTo, definition, priority };
}

export function overviewShape(overview: Overview): Json {
  const { counts } = overview;
  return {
    management_version: compatibleVersion,
    rates_mode: 'basic',
    product_version: overview.productVersion,
    product_name: 'Warren',
    rabbitmq_version: compatibleVersion,
    cluster_name: overview.nodeName,
    node: overview.nodeName,
    statistics_db_event_queue: 0,
    exchange_types: ['direct', 'fanout', 'headers', 'topic'].map((name) => ({ name, enabled: true })),
    object_totals: {
      channels: counts.channels,
      connections: counts.connections,
      consumers: counts.consumers,
      exchanges: counts.exchanges,
      queues: counts.queues,
    },
    queue_totals: {
      messages: overview.messages,
      messages_ready: overview.messagesReady,
      messages_unacknowledged: overview.messagesUnacknowledged,
    },
    churn_rates: {
      connection_created: overview.connectionsCreated,
      connection_closed: overview.connectionsClosed,
      channel_created: overview.channelsCreated,
      channel_closed: overview.channelsClosed,
      queue_declared: overview.queuesDeclared,
      queue_created: overview.queuesCreated,
      queue_deleted: overview.queuesDeleted,
    },
    message_stats: messageStats(overview.totals, overview.rates),
    listeners: overview.listeners.map(({ protocol, host, port }) => ({
      node: overview.nodeName,
      protocol,
      ip_address: host,
      port,
    })),
    contexts: [],
  };
}

export function nodeShape(overview: Overview): Json {
  return {
    name: overview.nodeName,
    type: 'disc',
    running: true,
    os_pid: String(process.pid),
    uptime: Math.round(overview.uptimeMs),
    mem_used: overview.memoryBytes,
    mem_limit: overview.memoryLimitBytes,
    mem_alarm: overview.alarms.some((alarm) => alarm.kind === 'memory'),
    disk_free: overview.diskFreeBytes,
    disk_free_limit: overview.diskFreeLimitBytes,
    disk_free_alarm: overview.alarms.some((alarm) => alarm.kind === 'disk'),
    fd_used: overview.fileDescriptors,
    fd_total: 65536,
    sockets_used: overview.counts.connections,
    sockets_total: 65536,
    proc_used: 1,
    proc_total: 1,
    partitions: [],
    applications: [{ name: 'warren', version: overview.productVersion, description: 'Warren' }],
    rates_mode: 'basic',
    enabled_plugins: [],
  };
}

/** The properties of a message as the API names them. */
export function propertiesShape({ properties }: MessageRow): Json {
  const names: Record<string, string> = {
    contentType: 'content_type',
    contentEncoding: 'content_encoding',
    deliveryMode: 'delivery_mode',
    correlationId: 'correlation_id',
    replyTo: 'reply_to',
    messageId: 'message_id',
    userId: 'user_id',
    appId: 'app_id',
    clusterId: 'cluster_id',
  };
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [names[name] ?? name, value]));
}

const textOrNull = new TextDecoder('utf-8', { fatal: true });

export function messageShape(row: MessageRow, encoding: string, remaining: number): Json {
  let payload: string;
  let payloadEncoding = 'string';
  try {
    if (encoding === 'base64') throw new TypeError('asked for');
    payload = textOrNull.decode(row.bodyStart);
  } catch {
    payload = Buffer.from(row.bodyStart).toString('base64');
    payloadEncoding = 'base64';
  }
  return {
    payload_bytes: row.bodyBytes,
    redelivered: row.redelivered,
    exchange: row.exchange,
    routing_key: row.routingKey,
    message_count: remaining,
    properties: propertiesShape(row),
    payload,
    payload_encoding: payloadEncoding,
  };
}
