// Live figures of what is drawn, one cell per object, beside the nodes: a new rate repaints a number, not the graph.
import { SvelteMap } from 'svelte/reactivity';
import type { TopologyGraph } from '../../broker/contract/rows.ts';
import { nodeId } from './graph.ts';

export interface Figure {
  ready: number;
  unacknowledged: number;
  consumers: number;
  inRate: number;
  unrouted: number;
}

export class Figures {
  readonly #cells = new SvelteMap<string, Figure>();

  take(graph: TopologyGraph): void {
    for (const { name, publishInRate, unroutedTotal } of graph.exchanges)
      this.#set(nodeId('exchange', name), {
        ready: 0,
        unacknowledged: 0,
        consumers: 0,
        inRate: publishInRate,
        unrouted: unroutedTotal,
      });
    for (const queue of graph.queues)
      this.#set(nodeId('queue', queue.name), {
        ready: queue.messagesReady,
        unacknowledged: queue.messagesUnacknowledged,
        consumers: queue.consumers,
        inRate: queue.rates.publish,
        unrouted: 0,
      });
  }

  of(id: string): Figure | undefined {
    return this.#cells.get(id);
  }

  #set(id: string, figure: Figure): void {
    const known = this.#cells.get(id);
    const same =
      known !== undefined &&
      (Object.keys(figure) as (keyof Figure)[]).every((key) => known[key] === figure[key]);
    if (!same) this.#cells.set(id, figure);
  }
}
