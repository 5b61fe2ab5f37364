// Counters and rates in the names of RabbitMQ's HTTP API.
import type { MessageRates } from '../../contract/rows.ts';
import type { Json } from './list-answer.ts';

const names: readonly (readonly [keyof MessageRates, string])[] = [
  ['publish', 'publish'],
  ['confirm', 'confirm'],
  ['returnUnroutable', 'return_unroutable'],
  ['dropUnroutable', 'drop_unroutable'],
  ['deliver', 'deliver'],
  ['deliverNoAck', 'deliver_no_ack'],
  ['get', 'get'],
  ['getNoAck', 'get_no_ack'],
  ['getEmpty', 'get_empty'],
  ['ack', 'ack'],
  ['redeliver', 'redeliver'],
];

export function messageStats(totals: MessageRates, rates: MessageRates): Json {
  const stats: Json = {};
  for (const [from, to] of names) {
    stats[to] = totals[from];
    stats[`${to}_details`] = { rate: rates[from] };
  }
  stats['deliver_get'] = delivered(totals);
  stats['deliver_get_details'] = { rate: delivered(rates) };
  return stats;
}

function delivered(each: MessageRates): number {
  return each.deliver + each.deliverNoAck + each.get + each.getNoAck;
}

/** How full queues are, and how that changes: what comes in less what goes out. */
export function levelStats(
  levels: { messages: number; messagesReady: number; messagesUnacknowledged: number },
  rates: MessageRates,
): Json {
  const held = rates.deliver + rates.get;
  const passed = rates.deliverNoAck + rates.getNoAck;
  return {
    messages: levels.messages,
    messages_details: { rate: rates.publish - rates.ack - passed },
    messages_ready: levels.messagesReady,
    messages_ready_details: { rate: rates.publish - held - passed },
    messages_unacknowledged: levels.messagesUnacknowledged,
    messages_unacknowledged_details: { rate: held - rates.ack },
  };
}
