// The node at a glance.
import { readdirSync } from 'node:fs';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { Overview } from '../contract/rows.ts';
import type { ManagementParts } from './management.ts';
import { messageTotals, type RateSampler } from './rates.ts';

export function overviewOf(
  { services, connections, alarms, listeners }: ManagementParts,
  rates: RateSampler,
): Overview {
  const { vhosts, access, journal, clock, totals } = services;
  const all = [...vhosts.all()];
  const sum = (count: (vhost: (typeof all)[number]) => number) =>
    all.reduce((total, each) => total + count(each), 0);
  const queues = all.flatMap((vhost) => [...vhost.queues.values()]);
  const messagesReady = queues.reduce((total, queue) => total + queue.readyCount, 0);
  const messagesUnacknowledged = queues.reduce((total, queue) => total + queue.unacked.count, 0);
  const { segments, bytes, liveRecords, damagedPieces } = journal.statistics();
  const startedAt = clock.now() - process.uptime() * 1000;
  return {
    nodeName: services.nodeName,
    clusterName: clusterNameOf(services),
    productVersion: services.productVersion,
    startedAt,
    uptimeMs: process.uptime() * 1000,
    memoryBytes: process.memoryUsage.rss(),
    memoryLimitBytes: alarms.memoryLimitBytes,
    diskFreeBytes: alarms.diskFreeBytes,
    diskFreeLimitBytes: alarms.diskFreeLimitBytes,
    cpuFraction: rates.cpuFraction,
    fileDescriptors: fileDescriptorCount(),
    listeners: listeners(),
    alarms: alarms.all,
    journal: {
      confirmMode: journal.confirmMode,
      state: journal.state,
      fault: journal.fault,
      segments,
      bytes,
      liveRecords,
      damagedPieces,
      lostMessages: vhosts.lostMessages,
      syncRate: rates.syncRate,
      syncP99Ms: rates.syncP99Ms,
      writtenBytesRate: rates.writtenBytesRate,
    },
    counts: {
      connections: connections.count,
      channels: connections.all().reduce((total, each) => total + each.channels.size, 0),
      consumers: queues.reduce((total, queue) => total + queue.consumers.count, 0),
      exchanges: sum((vhost) => vhost.exchanges.size),
      queues: queues.length,
      bindings: sum((vhost) => vhost.bindings.size),
      vhosts: all.length,
      users: access.users().length,
    },
    messagesReady,
    messagesUnacknowledged,
    messages: messagesReady + messagesUnacknowledged,
    rates: rates.messageRates(totals),
    totals: messageTotals(totals),
    connectionsCreated: totals.connectionsCreated,
    connectionsClosed: totals.connectionsClosed,
    channelsCreated: totals.channelsCreated,
    channelsClosed: totals.channelsClosed,
    queuesDeclared: sum((vhost) => vhost.counters.queuesDeclared),
    queuesCreated: sum((vhost) => vhost.counters.queuesCreated),
    queuesDeleted: sum((vhost) => vhost.counters.queuesDeleted),
    churnRates: {
      ...pick(rates.of(totals), [
        'connectionsCreated',
        'connectionsClosed',
        'channelsCreated',
        'channelsClosed',
      ]),
      ...Object.fromEntries(
        ['queuesDeclared', 'queuesCreated', 'queuesDeleted'].map((name) => [
          name,
          sum((vhost) => rates.of(vhost.counters)[name] ?? 0),
        ]),
      ),
    },
    blackholes: all
      .flatMap((vhost) => vhost.blackholes.rows())
      .sort((a, b) => b.lastAt - a.lastAt)
      .slice(0, 50),
  };
}

/** The one that was given, else the node's name. */
export function clusterNameOf({ vhosts, nodeName }: BrokerServices): string {
  const given = vhosts.globalParameters.get('cluster_name');
  return typeof given === 'string' ? given : nodeName;
}

function pick(rates: Record<string, number>, names: string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, rates[name] ?? 0]));
}

/** Linux and macOS say; elsewhere 0. */
function fileDescriptorCount(): number {
  try {
    return readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').length;
  } catch {
    return 0;
  }
}
