// Live figures of what is drawn, one cell per object, beside the nodes: a new rate repaints a number, not the graph.
import { SvelteMap } from 'svelte/reactivity';
import type { BlackholeRow, TopologyGraph } from '../../broker/contract/rows.ts';
import { flowsOf, type Flow } from './flows.ts';
import { nodeId, type DrawnEdge } from './graph.ts';

export interface Figure {
  ready: number;
  unacknowledged: number;
  consumers: number;
  inRate: number;
  outRate: number;
  unrouted: number;
  unroutedRate: number;
}

const nothing: Figure = {
  ready: 0,
  unacknowledged: 0,
  consumers: 0,
  inRate: 0,
  outRate: 0,
  unrouted: 0,
  unroutedRate: 0,
};

export class Figures {
  readonly #cells = new SvelteMap<string, Figure>();
  readonly #flows = new SvelteMap<string, Flow>();
  readonly #holes = new SvelteMap<string, BlackholeRow[]>();

  take(graph: TopologyGraph, edges: readonly DrawnEdge[]): void {
    for (const { name, publishInRate, publishOutRate, unroutedTotal, unroutedRate } of graph.exchanges) {
      const figure = {
        ...nothing,
        inRate: publishInRate,
        outRate: publishOutRate,
        unrouted: unroutedTotal,
        unroutedRate,
      };
      set(this.#cells, nodeId('exchange', name), figure);
      set(this.#cells, nodeId('blackhole', name), figure);
    }
    for (const queue of graph.queues)
      set(this.#cells, nodeId('queue', queue.name), {
        ...nothing,
        ready: queue.messagesReady,
        unacknowledged: queue.messagesUnacknowledged,
        consumers: queue.consumers,
        inRate: queue.rates.publish,
        outRate: queue.outRate,
      });
    for (const [id, flow] of flowsOf(graph, edges)) set(this.#flows, id, flow);
    for (const [exchange, holes] of Map.groupBy(graph.blackholes, ({ exchange }) => exchange))
      this.#holes.set(nodeId('blackhole', exchange), holes);
  }

  of(id: string): Figure {
    return this.#cells.get(id) ?? nothing;
  }

  flow(edgeId: string): Flow | undefined {
    return this.#flows.get(edgeId);
  }

  /** The keys that were dropped, newest first. */
  holes(id: string): BlackholeRow[] {
    return this.#holes.get(id) ?? [];
  }
}

/** A cell changes only when one of its figures does. */
function set<Cell extends object>(cells: SvelteMap<string, Cell>, id: string, cell: Cell): void {
  const known = cells.get(id);
  const same =
    known !== undefined && (Object.keys(cell) as (keyof Cell)[]).every((key) => known[key] === cell[key]);
  if (!same) cells.set(id, cell);
}
