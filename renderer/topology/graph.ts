// From what is declared to what is drawn: nodes for exchanges, queues and for what an exchange drops, one edge per pair
// that is bound, however many bindings that is, and the ways that no binding shows: alternate exchanges and dead
// letters. Free of the canvas library's behaviour, so that it can be tested without a browser.
import type { BindingRow, QueueRow, TopologyGraph } from '../../broker/contract/rows.ts';
import { exchangeName } from '../ui/format.ts';

export type NodeKind = 'exchange' | 'queue' | 'blackhole';

export interface ShapeNode {
  id: string;
  kind: NodeKind;
  /** A blackhole has the name of the exchange that drops. */
  name: string;
  type: string;
  durable: boolean;
}

export type EdgeKind = 'binding' | 'alternate' | 'dead-letter' | 'dropped';

export interface DrawnEdge {
  id: string;
  kind: EdgeKind;
  source: string;
  target: string;
  label: string;
  bindings: BindingRow[];
}

export interface Shape {
  nodes: ShapeNode[];
  edges: DrawnEdge[];
}

export const nodeWidth = 204;
export const nodeHeight = 60;
const labelMax = 26;

export const nodeId = (kind: NodeKind, name: string) => `${kind}:${name}`;

export function nodeOf(id: string): { kind: NodeKind; name: string } {
  const colon = id.indexOf(':');
  return { kind: id.slice(0, colon) as NodeKind, name: id.slice(colon + 1) };
}

/** What is said of a node where it cannot be seen. */
export function nodeTitle({ kind, name }: { kind: NodeKind; name: string }): string {
  if (kind === 'blackhole') return `dropped by ${exchangeName(name)}`;
  return `${kind} ${kind === 'exchange' ? exchangeName(name) : name}`;
}

/** Predeclared exchanges are drawn when something is bound to them, when they drop, or when asked for. */
export function shapeOf(graph: TopologyGraph, options: { builtIn: boolean; deadLetters: boolean }): Shape {
  const bindings = graph.bindings.filter((binding) => binding.source !== '');
  const bound = new Set(
    bindings.flatMap(({ source, destination, destinationType }) => [
      source,
      ...(destinationType === 'exchange' ? [destination] : []),
    ]),
  );
  const dropping = new Set(graph.blackholes.map(({ exchange }) => exchange));
  const exchanges = graph.exchanges.filter(({ name }) => {
    if (dropping.has(name)) return true;
    return name !== '' && (options.builtIn || !name.startsWith('amq.') || bound.has(name));
  });
  const nodes: ShapeNode[] = [
    ...exchanges.map(({ name, type, durable }) => node('exchange', name, type, durable)),
    ...graph.queues.map(({ name, type, durable }) => node('queue', name, type, durable)),
    ...exchanges
      .filter(({ name }) => dropping.has(name))
      .map(({ name }) => node('blackhole', name, 'dropped', true)),
  ];
  const drawn = new Set(nodes.map(({ id }) => id));
  const edges = [
    ...bindingEdges(bindings),
    ...exchanges.flatMap(({ name, alternateExchange }) =>
      alternateExchange === null
        ? []
        : [edge('alternate', nodeId('exchange', name), nodeId('exchange', alternateExchange), 'alternate')],
    ),
    ...(options.deadLetters ? graph.queues.flatMap(deadLetterEdge) : []),
    ...[...dropping].map((name) =>
      edge('dropped', nodeId('exchange', name), nodeId('blackhole', name), 'no binding'),
    ),
  ];
  return { nodes, edges: edges.filter(({ source, target }) => drawn.has(source) && drawn.has(target)) };
}

function node(kind: NodeKind, name: string, type: string, durable: boolean): ShapeNode {
  return { id: nodeId(kind, name), kind, name, type, durable };
}

function edge(kind: EdgeKind, source: string, target: string, label: string): DrawnEdge {
  return { id: `${kind} ${source} -> ${target}`, kind, source, target, label, bindings: [] };
}

function deadLetterEdge({ name, effectiveArguments }: QueueRow): DrawnEdge[] {
  const exchange = effectiveArguments['x-dead-letter-exchange'];
  if (typeof exchange !== 'string') return [];
  const key = effectiveArguments['x-dead-letter-routing-key'];
  const from = nodeId('queue', name);
  // Through the default exchange the key names the queue itself.
  if (exchange === '')
    return [edge('dead-letter', from, nodeId('queue', String(key ?? name)), 'dead letters')];
  return [edge('dead-letter', from, nodeId('exchange', exchange), 'dead letters')];
}

function bindingEdges(bindings: BindingRow[]): DrawnEdge[] {
  const edges = new Map<string, DrawnEdge>();
  for (const binding of bindings) {
    const source = nodeId('exchange', binding.source);
    const target = nodeId(binding.destinationType, binding.destination);
    const id = `${source} -> ${target}`;
    const known = edges.get(id) ?? { ...edge('binding', source, target, ''), id };
    known.bindings.push(binding);
    known.label = labelOf(known.bindings);
    edges.set(id, known);
  }
  return [...edges.values()];
}

function labelOf(bindings: BindingRow[]): string {
  const [first] = bindings;
  const headers = Object.entries(first!.arguments)
    .filter(([name]) => name !== 'x-match')
    .map(([name, value]) => `${name}=${String(value)}`);
  const key = shortened(first!.routingKey || headers.join(', '), labelMax);
  return bindings.length === 1 ? key : `${key} +${bindings.length - 1}`;
}

/** The beginning and the end of what is too long. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 3);
  return `${text.slice(0, most - 1 - end)}…${text.slice(-end)}`;
}
