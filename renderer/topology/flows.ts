// What flows along an edge, as far as the figures of its ends tell: the broker counts per exchange and per queue, not
// per binding.
import type { TopologyGraph } from '../../broker/contract/rows.ts';
import { nodeId, type DrawnEdge } from './graph.ts';

export interface Flow {
  /** Messages a second; null where the ends do not tell. */
  rate: number | null;
  /** At most this flows. */
  most: number;
}

export function flowsOf(graph: TopologyGraph, edges: readonly DrawnEdge[]): Map<string, Flow> {
  const into = new Map<string, number>();
  for (const { target, kind } of edges) {
    if (kind !== 'binding') continue;
    into.set(target, (into.get(target) ?? 0) + 1);
  }
  const exchanges = new Map(graph.exchanges.map((exchange) => [nodeId('exchange', exchange.name), exchange]));
  const queues = new Map(graph.queues.map((queue) => [nodeId('queue', queue.name), queue]));
  const flows = new Map<string, Flow>();
  for (const { id, kind, source, target } of edges) {
    const from = exchanges.get(source);
    if (kind === 'dropped') flows.set(id, known(from?.unroutedRate ?? 0));
    if (kind !== 'binding' || !from) continue;
    const arrives = queues.get(target)?.rates.publish ?? exchanges.get(target)?.publishInRate ?? 0;
    const most = Math.min(from.publishInRate, arrives);
    if (from.type === 'fanout') flows.set(id, known(from.publishInRate));
    else if (into.get(target) === 1 || most === 0) flows.set(id, known(most));
    else flows.set(id, { rate: null, most });
  }
  return flows;
}

const known = (rate: number): Flow => ({ rate, most: rate });

/** The line's width: nothing flows at 1.25, a thousand a second at 4. */
export function widthOf({ most }: Flow): number {
  return most <= 0 ? 1.25 : Math.min(5, 1.5 + Math.log10(1 + most) * 0.85);
}
