// Connections, channels and consumers in the names and shapes of RabbitMQ's HTTP API.
import type { ChannelRow, ConnectionRow, ConsumerRow } from '../../contract/rows.ts';
import type { Json } from './list-answer.ts';
import { messageStats } from './stats-shapes.ts';

export function connectionShape(row: ConnectionRow, node: string): Json {
  const given = row.clientProperties['connection_name'];
  return {
    name: row.name,
    node,
    user: row.user,
    user_who_performed_action: row.user,
    ...(typeof given === 'string' ? { user_provided_name: given } : {}),
    vhost: row.vhost,
    state: row.state,
    protocol: row.protocol,
    type: 'network',
    ssl: row.tls,
    ssl_cipher: null,
    ssl_hash: null,
    ssl_key_exchange: null,
    ssl_protocol: null,
    peer_cert_issuer: null,
    peer_cert_subject: null,
    peer_cert_validity: null,
    auth_mechanism: row.mechanism,
    peer_host: row.peerHost,
    peer_port: row.peerPort,
    host: row.host,
    port: row.port,
    connected_at: row.connectedAt,
    channels: row.channels,
    channel_max: row.channelMax,
    frame_max: row.frameMax,
    timeout: row.heartbeatSeconds,
    client_properties: row.clientProperties,
    recv_oct: row.bytesReceived,
    recv_oct_details: { rate: row.receiveRate },
    send_oct: row.bytesSent,
    send_oct_details: { rate: row.sendRate },
    send_pend: row.sendPending,
  };
}

/** As a list of one user's connections has them. */
export function trackedShape(row: ConnectionRow, node: string): Json {
  return { name: row.name, vhost: row.vhost, user: row.user, node };
}

export function channelShape(row: ChannelRow, node: string): Json {
  return {
    name: row.name,
    number: row.number,
    node,
    user: row.user,
    user_who_performed_action: row.user,
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
    pending_raft_commands: 0,
    state: row.flowBlocked ? 'flow' : 'running',
    connection_details: { name: row.connection, ...peerOf(row.connection) },
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
      user: row.user,
      connection_name: row.connection,
      ...peerOf(row.connection),
    },
    ack_required: row.ackRequired,
    exclusive: row.exclusive,
    prefetch_count: row.prefetchCount,
    active: row.active,
    activity_status: row.active ? (row.singleActive ? 'single_active' : 'up') : 'waiting',
    arguments: row.arguments,
  };
}

/** Out of `127.0.0.1:50000 -> 127.0.0.1:5672`. */
function peerOf(name: string): Json {
  const match = /^(.*):(\d+) -> /.exec(name);
  return { peer_host: match?.[1] ?? '', peer_port: Number(match?.[2] ?? 0) };
}
