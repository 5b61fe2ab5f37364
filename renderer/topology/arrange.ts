// Left to right by the way of a message: exchanges before what they are bound to.
import { graphlib, layout } from '@dagrejs/dagre';
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import { nodeHeight, nodeWidth, type DrawnEdge, type DrawnNode } from './graph.ts';

export function arrange(nodes: Omit<DrawnNode, 'x' | 'y'>[], edges: DrawnEdge[]): CanvasLayout {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 130, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(id, { width: nodeWidth, height: nodeHeight });
  for (const { source, target } of edges)
    if (graph.hasNode(source) && graph.hasNode(target)) graph.setEdge(source, target);
  layout(graph);
  return Object.fromEntries(
    nodes.map(({ id }) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return [id, { x: Math.round(x - nodeWidth / 2), y: Math.round(y - nodeHeight / 2) }];
    }),
  );
}
