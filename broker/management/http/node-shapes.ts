// The overview and the node in the names and shapes of RabbitMQ's HTTP API. Shapes only: nothing is decided here.
import { availableParallelism } from 'node:os';
import type { Overview } from '../../contract/rows.ts';
import { compatibleVersion } from '../definitions-json.ts';
import type { Json } from './list-answer.ts';
import { levelStats, messageStats } from './stats-shapes.ts';

const exchangeTypes = ['direct', 'fanout', 'headers', 'topic'].map((name) => ({
  name,
  description: `AMQP ${name} exchange, as per the AMQP specification`,
  enabled: true,
}));

const mechanisms = [
  { name: 'AMQPLAIN', description: 'QPid AMQPLAIN mechanism', enabled: true },
  { name: 'PLAIN', description: 'SASL PLAIN authentication mechanism', enabled: true },
];

export function overviewShape(overview: Overview): Json {
  const { counts, rates } = overview;
  return {
    management_version: compatibleVersion,
    rates_mode: 'basic',
    exchange_types: exchangeTypes,
    product_version: overview.productVersion,
    product_name: 'Warren',
    rabbitmq_version: compatibleVersion,
    cluster_name: overview.clusterName,
    node: overview.nodeName,
    disable_stats: false,
    enable_queue_totals: false,
    statistics_db_event_queue: 0,
    object_totals: {
      channels: counts.channels,
      connections: counts.connections,
      consumers: counts.consumers,
      exchanges: counts.exchanges,
      queues: counts.queues,
    },
    queue_totals: levelStats(overview, rates),
    churn_rates: churn(overview),
    message_stats: messageStats(overview.totals, rates),
    listeners: overview.listeners.map(({ protocol, host, port }) => ({
      node: overview.nodeName,
      protocol,
      ip_address: host,
      port,
    })),
    contexts: contexts(overview),
  };
}

function churn(overview: Overview): Json {
  const names: [string, keyof Overview][] = [
    ['connection_created', 'connectionsCreated'],
    ['connection_closed', 'connectionsClosed'],
    ['channel_created', 'channelsCreated'],
    ['channel_closed', 'channelsClosed'],
    ['queue_declared', 'queuesDeclared'],
    ['queue_created', 'queuesCreated'],
    ['queue_deleted', 'queuesDeleted'],
  ];
  return Object.fromEntries(
    names.flatMap(([to, from]) => [
      [to, overview[from]],
      [`${to}_details`, { rate: overview.churnRates[from] ?? 0 }],
    ]),
  );
}

function contexts(overview: Overview): Json[] {
  return overview.listeners
    .filter((each) => each.protocol === 'http')
    .map(({ host, port }) => ({
      ssl_opts: [],
      node: overview.nodeName,
      description: 'RabbitMQ Management',
      path: '/',
      ip: host,
      port: String(port),
    }));
}

export function nodeShape(overview: Overview): Json {
  const raised = (kind: string) => overview.alarms.some((alarm) => alarm.kind === kind);
  return {
    name: overview.nodeName,
    type: 'disc',
    running: true,
    os_pid: String(process.pid),
    uptime: Math.round(overview.uptimeMs),
    processors: availableParallelism(),
    run_queue: 0,
    rates_mode: 'basic',
    mem_used: overview.memoryBytes,
    mem_limit: overview.memoryLimitBytes,
    mem_alarm: raised('memory'),
    mem_calculation_strategy: 'rss',
    disk_free: overview.diskFreeBytes,
    disk_free_limit: overview.diskFreeLimitBytes,
    disk_free_alarm: raised('disk'),
    fd_used: overview.fileDescriptors,
    fd_total: 65536,
    sockets_used: overview.counts.connections,
    sockets_total: 65536,
    proc_used: 1,
    proc_total: 1,
    partitions: [],
    being_drained: false,
    exchange_types: exchangeTypes,
    auth_mechanisms: mechanisms,
    applications: [{ name: 'warren', description: 'Warren', version: overview.productVersion }],
    contexts: contexts(overview),
    enabled_plugins: [],
    cluster_links: [],
    ...churn(overview),
  };
}
