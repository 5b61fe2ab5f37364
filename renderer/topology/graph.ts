// From what is declared to what is drawn: nodes for exchanges and queues, one edge per pair that is bound, however
// many bindings that is. Free of the canvas library's behaviour, so that it can be tested without a browser.
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import type { BindingRow, TopologyGraph } from '../../broker/contract/rows.ts';

export type NodeKind = 'exchange' | 'queue';

export interface DrawnNode {
  id: string;
  kind: NodeKind;
  name: string;
  type: string;
  durable: boolean;
  x: number;
  y: number;
}

export interface DrawnEdge {
  id: string;
  source: string;
  target: string;
  label: string;
  bindings: BindingRow[];
}

export const nodeWidth = 200;
export const nodeHeight = 64;

export const nodeId = (kind: NodeKind, name: string) => `${kind}:${name}`;

export function nodeOf(id: string): { kind: NodeKind; name: string } {
  const colon = id.indexOf(':');
  return { kind: id.slice(0, colon) as NodeKind, name: id.slice(colon + 1) };
}

/** Predeclared exchanges are drawn when something is bound to them, or when asked for. */
export function visibleGraph(
  graph: TopologyGraph,
  builtIn: boolean,
): { nodes: Omit<DrawnNode, 'x' | 'y'>[]; edges: DrawnEdge[] } {
  const bindings = graph.bindings.filter((binding) => binding.source !== '');
  const bound = new Set(
    bindings.flatMap(({ source, destination, destinationType }) => [
      source,
      ...(destinationType === 'exchange' ? [destination] : []),
    ]),
  );
  const exchanges = graph.exchanges.filter(
    ({ name }) => name !== '' && (builtIn || !name.startsWith('amq.') || bound.has(name)),
  );
  const nodes = [
    ...exchanges.map(({ name, type, durable }) => ({ kind: 'exchange' as const, name, type, durable })),
    ...graph.queues.map(({ name, type, durable }) => ({ kind: 'queue' as const, name, type, durable })),
  ].map((node) => ({ ...node, id: nodeId(node.kind, node.name) }));
  return { nodes, edges: edgesOf(bindings) };
}

function edgesOf(bindings: BindingRow[]): DrawnEdge[] {
  const edges = new Map<string, DrawnEdge>();
  for (const binding of bindings) {
    const source = nodeId('exchange', binding.source);
    const target = nodeId(binding.destinationType, binding.destination);
    const id = `${source} -> ${target}`;
    const edge = edges.get(id) ?? { id, source, target, label: '', bindings: [] };
    edge.bindings.push(binding);
    edge.label = labelOf(edge.bindings);
    edges.set(id, edge);
  }
  return [...edges.values()];
}

function labelOf(bindings: BindingRow[]): string {
  const [first] = bindings;
  const headers = Object.keys(first!.arguments).filter((name) => name !== 'x-match');
  const key = first!.routingKey || headers.join(', ');
  return bindings.length === 1 ? key : `${key} +${bindings.length - 1}`;
}

/** Kept places win; the rest is placed by `arranged`. */
export function place(
  nodes: Omit<DrawnNode, 'x' | 'y'>[],
  kept: CanvasLayout,
  arranged: CanvasLayout,
): DrawnNode[] {
  return nodes.map((node) => ({ ...node, ...(kept[node.id] ?? arranged[node.id] ?? { x: 0, y: 0 }) }));
}
