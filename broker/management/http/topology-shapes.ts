// Exchanges, bindings and virtual hosts in the names and shapes of RabbitMQ's HTTP API.
import type { BindingRow, ExchangeRow, VhostRow } from '../../contract/rows.ts';
import type { NodeProcedureName } from '../../contract/node-procedures.ts';
import type { ApiRequest } from './api-request.ts';
import type { Json } from './list-answer.ts';
import { levelStats, messageStats } from './stats-shapes.ts';

/** Of virtual hosts that the user may open. */
export async function visibleRows<Row extends { vhost: string }>(
  request: ApiRequest,
  name: NodeProcedureName,
  input: Json,
): Promise<Row[]> {
  const rows = await request.rows<Row>(name, input);
  return rows.filter((row) => request.sees(row.vhost));
}

export function exchangeShape(row: ExchangeRow): Json {
  const predeclared = row.name === '' || row.name.startsWith('amq.');
  return {
    name: row.name,
    vhost: row.vhost,
    type: row.type,
    durable: row.durable,
    auto_delete: row.autoDelete,
    internal: row.internal,
    arguments: row.arguments,
    ...(row.policy === null ? {} : { policy: row.policy }),
    user_who_performed_action: predeclared ? 'rmq-internal' : 'guest',
    message_stats: {
      publish_in: row.publishInTotal,
      publish_in_details: { rate: row.publishInRate },
      publish_out: row.publishOutTotal,
      publish_out_details: { rate: row.publishOutRate },
    },
  };
}

export const bindingSort = ['vhost', 'source', 'type', 'destination', 'routing_key', 'properties_key'];

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

export function vhostShape(row: VhostRow, node: string): Json {
  return {
    name: row.name,
    description: row.description,
    tags: row.tags,
    default_queue_type: 'undefined',
    metadata: { description: row.description, tags: row.tags },
    tracing: row.tracing,
    cluster_state: { [node]: 'running' },
    ...levelStats(row, row.rates),
    recv_oct: row.bytesReceived,
    recv_oct_details: { rate: row.receiveRate },
    send_oct: row.bytesSent,
    send_oct_details: { rate: row.sendRate },
    message_stats: messageStats(row.totals, row.rates),
  };
}
