// Prometheus text with RabbitMQ's metric names, so that its dashboards work.
import type { Overview, QueueRow } from '../../contract/rows.ts';
import { mappedInTurns } from '../in-turns.ts';
import type { Management } from '../management.ts';

export async function metricsText(management: Management, perObject: boolean): Promise<string> {
  const caller = { user: 'metrics' };
  const overview = await management.call('overview', {}, caller);
  const lines: string[] = [];
  const metric = (name: string, type: 'gauge' | 'counter', help: string, value: number) =>
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`);
  identity(overview, lines);
  nodeMetrics(overview, metric);
  if (perObject) await queueMetrics(management, lines);
  return `${lines.join('\n')}\n`;
}

type Metric = (name: string, type: 'gauge' | 'counter', help: string, value: number) => void;

function identity(overview: Overview, lines: string[]): void {
  const labels = `rabbitmq_node="${label(overview.nodeName)}",product_name="Warren",product_version="${label(overview.productVersion)}"`;
  lines.push(
    '# HELP rabbitmq_build_info Product and node',
    '# TYPE rabbitmq_build_info untyped',
    `rabbitmq_build_info{${labels}} 1`,
  );
}

function nodeMetrics(overview: Overview, metric: Metric): void {
  const { counts, totals } = overview;
  metric('rabbitmq_connections', 'gauge', 'Connections currently open', counts.connections);
  metric('rabbitmq_channels', 'gauge', 'Channels currently open', counts.channels);
  metric('rabbitmq_queues', 'gauge', 'Queues available', counts.queues);
  metric('rabbitmq_consumers', 'gauge', 'Consumers currently connected', counts.consumers);
  metric('rabbitmq_queue_messages', 'gauge', 'Sum of ready and unacknowledged messages', overview.messages);
  metric('rabbitmq_queue_messages_ready', 'gauge', 'Messages ready to be delivered', overview.messagesReady);
  metric(
    'rabbitmq_queue_messages_unacked',
    'gauge',
    'Messages delivered and not acknowledged',
    overview.messagesUnacknowledged,
  );
  metric('rabbitmq_connections_opened_total', 'counter', 'Connections opened', overview.connectionsCreated);
  metric('rabbitmq_connections_closed_total', 'counter', 'Connections closed', overview.connectionsClosed);
  metric('rabbitmq_channels_opened_total', 'counter', 'Channels opened', overview.channelsCreated);
  metric('rabbitmq_channels_closed_total', 'counter', 'Channels closed', overview.channelsClosed);
  metric('rabbitmq_queues_declared_total', 'counter', 'Queues declared', overview.queuesDeclared);
  metric('rabbitmq_queues_created_total', 'counter', 'Queues created', overview.queuesCreated);
  metric('rabbitmq_queues_deleted_total', 'counter', 'Queues deleted', overview.queuesDeleted);
  const global = 'rabbitmq_global_messages';
  metric(`${global}_received_total`, 'counter', 'Messages received from publishers', totals.publish);
  metric(`${global}_confirmed_total`, 'counter', 'Messages confirmed to publishers', totals.confirm);
  metric(
    `${global}_unroutable_returned_total`,
    'counter',
    'Mandatory messages returned',
    totals.returnUnroutable,
  );
  metric(
    `${global}_unroutable_dropped_total`,
    'counter',
    'Messages dropped as unroutable',
    totals.dropUnroutable,
  );
  metric(
    `${global}_delivered_total`,
    'counter',
    'Messages delivered',
    totals.deliver + totals.deliverNoAck + totals.get + totals.getNoAck,
  );
  metric(
    `${global}_delivered_consume_auto_ack_total`,
    'counter',
    'Delivered to consumers without acknowledgement',
    totals.deliverNoAck,
  );
  metric(
    `${global}_delivered_consume_manual_ack_total`,
    'counter',
    'Delivered to consumers with acknowledgement',
    totals.deliver,
  );
  metric(
    `${global}_delivered_get_auto_ack_total`,
    'counter',
    'Fetched without acknowledgement',
    totals.getNoAck,
  );
  metric(`${global}_delivered_get_manual_ack_total`, 'counter', 'Fetched with acknowledgement', totals.get);
  metric(`${global}_redelivered_total`, 'counter', 'Messages redelivered', totals.redeliver);
  metric(`${global}_acknowledged_total`, 'counter', 'Messages acknowledged', totals.ack);
  metric('rabbitmq_process_resident_memory_bytes', 'gauge', 'Memory used', overview.memoryBytes);
  metric('rabbitmq_resident_memory_limit_bytes', 'gauge', 'Memory high watermark', overview.memoryLimitBytes);
  metric('rabbitmq_disk_space_available_bytes', 'gauge', 'Disk space available', overview.diskFreeBytes);
  metric(
    'rabbitmq_disk_space_available_limit_bytes',
    'gauge',
    'Free disk space low watermark',
    overview.diskFreeLimitBytes,
  );
  const { damagedPieces, lostMessages } = overview.journal;
  metric('warren_journal_damaged_pieces_total', 'counter', 'Damage found and set aside', damagedPieces);
  metric('warren_messages_lost_total', 'counter', 'Messages that could not be read back', lostMessages);
  metric('rabbitmq_process_open_fds', 'gauge', 'Open file descriptors', overview.fileDescriptors);
  metric('rabbitmq_erlang_uptime_seconds', 'gauge', 'Node uptime', overview.uptimeMs / 1000);
  for (const kind of ['memory', 'disk'] as const)
    metric(
      `rabbitmq_alarms_${kind === 'memory' ? 'memory_used_watermark' : 'free_disk_space_watermark'}`,
      'gauge',
      `1 while the ${kind} alarm is in effect`,
      overview.alarms.some((alarm) => alarm.kind === kind) ? 1 : 0,
    );
}

async function queueMetrics(management: Management, lines: string[]): Promise<void> {
  const { turns } = management.parts.services.vhosts;
  const rows = (await management.rows('queues.list', {}, { user: 'metrics' })) as QueueRow[];
  const families: [string, string, (row: QueueRow) => number][] = [
    ['rabbitmq_queue_messages_ready', 'Messages ready to be delivered', (row) => row.messagesReady],
    ['rabbitmq_queue_messages_unacked', 'Messages not acknowledged', (row) => row.messagesUnacknowledged],
    ['rabbitmq_queue_messages', 'Sum of ready and unacknowledged messages', (row) => row.messages],
    ['rabbitmq_queue_messages_persistent', 'Persistent messages', (row) => row.messagesPersistent],
    [
      'rabbitmq_queue_messages_bytes',
      'Bytes of the messages',
      (row) => row.bytesReady + row.bytesUnacknowledged,
    ],
    ['rabbitmq_queue_consumers', 'Consumers', (row) => row.consumers],
  ];
  for (const [name, help, value] of families) {
    // The totals of the same name stand above; per object they carry labels.
    if (!lines.some((line) => line === `# TYPE ${name} gauge`))
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    const own = (row: QueueRow) =>
      `${name}{vhost="${label(row.vhost)}",queue="${label(row.name)}"} ${value(row)}`;
    for (const line of await mappedInTurns(turns, rows, own)) lines.push(line);
  }
}

function label(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
