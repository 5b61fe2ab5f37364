// What is on a node at this moment, queue by queue: what its end would strand, and what it would take.
import type { ConnectionRegistry } from '../connection/connection-registry.ts';
import type { Stock, StockRow } from '../contract/rpc.ts';
import type { VhostRegistry } from '../vhost/vhost-registry.ts';

export function stockOf(vhosts: VhostRegistry, connections: ConnectionRegistry): Stock {
  const queues: StockRow[] = [];
  for (const vhost of vhosts.all())
    for (const queue of vhost.queues.values()) {
      if (queue.messageCount === 0) continue;
      const persistent = queue.durable ? queue.persistentCount : 0;
      queues.push({
        vhost: vhost.name,
        queue: queue.name,
        durable: queue.durable,
        persistent,
        transient: queue.messageCount - persistent,
        unacknowledged: queue.unacked.count,
      });
    }
  let unconfirmed = 0;
  for (const connection of connections.all())
    for (const channel of connection.channels.values()) unconfirmed += channel.confirms?.unconfirmed ?? 0;
  return { queues, connections: connections.count, unconfirmed };
}
