// What the broker says of itself and of its clients at work; health checks; methods that a path does not have.
import amqplib from 'amqplib';
import type { HttpScript, HttpTalks } from '../http-script.ts';

/** A client that publishes, consumes, gets and holds something, in a virtual host of the script's own. */
async function atWork(api: HttpScript, vhost: string): Promise<void> {
  await api.vhost(vhost);
  const connection = await amqplib.connect(`amqp://127.0.0.1:${api.peer.amqpPort}/${vhost}`, {
    clientProperties: { connection_name: 'at work' },
  });
  connection.on('error', () => undefined);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange('x', 'topic', { durable: true });
  await channel.assertQueue('q', { durable: true });
  await channel.assertQueue('held', { durable: true });
  await channel.assertQueue('own', { exclusive: true });
  await channel.bindQueue('q', 'x', '#');
  await channel.prefetch(10);
  await channel.consume('q', (message) => message && channel.ack(message), { consumerTag: 'c' });
  for (let i = 0; i < 5; i++) channel.publish('x', 'k', Buffer.from('body'), { persistent: true });
  for (let i = 0; i < 3; i++) channel.publish('', 'held', Buffer.from('held'), { persistent: true });
  channel.publish('x', 'k', Buffer.from('body'));
  channel.publish('amq.direct', 'nowhere', Buffer.from('lost'));
  await channel.waitForConfirms();
  await channel.get('held');
  await channel.get('held', { noAck: true });
  const empty = await channel.get('own');
  if (empty !== false) throw new Error('the queue was to be empty');
  // It may be closed by then.
  api.atEnd(() => connection.close().catch(() => undefined));
}

interface Row {
  name: string;
  vhost: string;
  prefetch_count?: number;
  message_stats?: { publish?: number; deliver_get?: number; get_empty?: number; ack?: number };
  messages_ready?: number;
  messages_unacknowledged?: number;
  consumer_details?: unknown[];
  incoming?: unknown[];
  deliveries?: unknown[];
  publishes?: unknown[];
}

export const state: HttpTalks = {
  'state: connections and channels': async (api) => {
    await atWork(api, 'hs1');
    const settled = (row: Row | undefined) =>
      row?.message_stats?.publish === 10 &&
      row.message_stats.ack === 6 &&
      row.message_stats.get_empty === 1 &&
      row.prefetch_count === 10;
    await api.eventually('vhosts/hs1/channels', (rows: Row[]) => settled(rows[0]));
    const connections = (await api.eventually(
      'vhosts/hs1/connections',
      (rows: { recv_oct?: number; channels?: number }[]) => rows[0]?.channels === 1,
    )) as Row[];
    const name = encodeURIComponent(connections[0]?.name ?? '');
    await api.get(`connections/${name}`);
    await api.get(`connections/${name}/channels`);
    await api.get('connections/username/guest', {
      pick: (rows: Row[]) => rows.filter((row) => row.vhost === 'hs1'),
    });
    await api.eventually(`channels/${name}%20(1)`, (row: Row) => row.consumer_details?.length === 1, {
      pick: ({ deliveries: _, publishes: __, ...rest }: Row) => rest,
    });
    await api.get(`channels/${name}%20(9)`);
    await api.get('channels/none');
    await api.get('connections/none');
    await api.get('connections/none/channels');
    await api.get('connections/username/nobody');
    await api.get('consumers/hs1');
    await api.get('consumers', {
      pick: (rows: { queue: Row }[]) => rows.filter((row) => row.queue.vhost === 'hs1'),
    });
    await api.get('consumers/nowhere');
    await api.delete(`connections/${name}`, { headers: { 'x-reason': 'enough' } });
    await api.delete('connections/none');
    await api.delete('connections/username/nobody');
  },
  'state: queues and exchanges at work': async (api) => {
    await atWork(api, 'hs2');
    await api.eventually(
      'queues/hs2',
      (rows: Row[]) =>
        rows.every((row) => row.messages_ready !== undefined) &&
        rows.find((row) => row.name === 'q')?.message_stats?.ack === 6 &&
        rows.find((row) => row.name === 'held')?.messages_ready === 1,
    );
    await api.eventually('queues/hs2/q', (row: Row) => row.consumer_details?.length === 1, {
      pick: ({ deliveries: _, incoming: __, ...rest }: Row) => rest,
    });
    await api.get('queues/hs2/own', { pick: ({ deliveries: _, incoming: __, ...rest }: Row) => rest });
    await api.get('queues/hs2?disable_stats=true');
    await api.get('queues/hs2?disable_stats=true&enable_queue_totals=true');
    await api.get('queues/hs2?columns=name,messages,message_stats.ack,message_stats.ack_details.rate');
    await api.eventually(
      'exchanges/hs2',
      (rows: { name: string; message_stats?: { publish_in?: number } }[]) =>
        rows.find((row) => row.name === 'x')?.message_stats?.publish_in === 6,
    );
    await api.get('vhosts/hs2');
  },
  'state: overview, nodes, cluster name': async (api) => {
    await atWork(api, 'hs3');
    await api.eventually(
      'overview',
      ({ message_stats: stats }: { message_stats?: Record<string, number> }) =>
        (stats?.['deliver_get'] ?? 0) > 0 && (stats?.['get_empty'] ?? 0) > 0,
      {
        pick: ({ listeners, contexts, exchange_types: types, ...rest }: Record<string, unknown[]>) => ({
          ...rest,
          // In any order, and of other protocols.
          exchange_types: types!.map((type) => (type as Row).name).sort(),
          listener: listeners!.find((each) => (each as { protocol: string }).protocol === 'amqp'),
          context: contexts![0],
        }),
      },
    );
    await api.get('overview?columns=node,object_totals.queues');
    await api.get('nodes', {
      pick: (rows: Record<string, unknown[]>[]) =>
        rows.map(({ applications, exchange_types: _, contexts: __, auth_mechanisms: ___, ...rest }) => ({
          ...rest,
          application: Object.keys(applications![0] as object).sort(),
        })),
    });
    const [{ name }] = (await api.quietly('GET', 'nodes')) as [Row];
    await api.get(`nodes/${name}?columns=name,type,running`);
    await api.get(`nodes/${name}/memory`, { pick: () => 'memory by use' });
    await api.get('cluster-name');
    await api.get('extensions', { pick: Array.isArray });
    await api.get('feature-flags', { pick: Array.isArray });
    await api.get(`auth/attempts/${name}`, { pick: Array.isArray });
    await api.get('whoami');
  },
  'state: health checks': async (api) => {
    await api.get('aliveness-test/%2F');
    await api.get('aliveness-test/nowhere');
    await api.get('healthchecks/node');
    await api.get('health/checks/alarms');
    await api.get('health/checks/local-alarms');
    await api.get('health/checks/virtual-hosts');
    await api.get('health/checks/node-is-quorum-critical');
    await api.get('health/checks/node-is-mirror-sync-critical');
    await api.get('health/checks/certificate-expiration/1/months');
    await api.get('health/checks/certificate-expiration/1/fortnights');
    await api.get(`health/checks/port-listener/${api.peer.amqpPort}`, {
      pick: (row: Row) => Object.keys(row),
    });
    await api.get('health/checks/port-listener/1', {});
    await api.get('health/checks/port-listener/one');
    await api.get('health/checks/protocol-listener/amqp');
    await api.get('health/checks/protocol-listener/amqp091');
    await api.get('health/checks/protocol-listener/http');
    await api.get('health/checks/protocol-listener/mqtt', { pick: () => 'never' });
    await api.get('health/checks/no-such-check');
  },
  'state: methods that a path does not have': async (api) => {
    for (const [method, path] of [
      ['POST', 'overview'],
      ['DELETE', 'overview'],
      ['PUT', 'nodes'],
      ['PUT', 'queues'],
      ['DELETE', 'queues/%2F'],
      ['POST', 'queues/%2F/q'],
      ['PUT', 'queues/%2F/q/bindings'],
      ['PUT', 'bindings/%2F/e/a/q/b'],
      ['POST', 'connections'],
      ['PUT', 'whoami'],
      ['GET', 'rebalance/queues'],
      ['GET', 'users/bulk-delete'],
      ['GET', 'vhost-limits/%2F/max-queues'],
      ['POST', 'users/guest'],
      ['PATCH', 'users/guest'],
    ] as const)
      await api.request(method, path, method === 'GET' || method === 'DELETE' ? {} : { body: {} });
  },
};
