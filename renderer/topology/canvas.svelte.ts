// What is on the canvas and where: the nodes and edges the library draws, the places of things, what is selected and
// looked for, and the part in view. The graph is drawn anew only when something was declared or bound.
import { getNodesBounds, getViewportForBounds, type Edge, type Node, type Viewport } from '@xyflow/svelte';
import { SvelteSet } from 'svelte/reactivity';
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import type { TopologyGraph } from '../../broker/contract/rows.ts';
import { connection } from '../rpc/connection.svelte.ts';
import { attempt } from '../state/actions.svelte.ts';
import { plural } from '../ui/format.ts';
import { Arranger } from './arranger.ts';
import { Figures } from './figures.svelte.ts';
import {
  nodeHeight,
  nodeOf,
  nodeTitle,
  nodeWidth,
  type DrawnEdge,
  type Shape,
  type ShapeNode,
} from './graph.ts';
import { placesFor } from './placing.ts';

const zoomLeast = 0.1;
/** Below this names alone can be read, and are written larger. */
const farBelow = 0.55;

export class Canvas {
  nodes = $state.raw<Node[]>([]);
  edges = $state.raw<Edge[]>([]);
  viewport = $state.raw<Viewport>({ x: 40, y: 40, zoom: 1 });
  selectedId = $state<string | null>(null);
  /** True once something was drawn, be it nothing. */
  ready = $state(false);
  width = $state(0);
  height = $state(0);
  readonly figures = new Figures();
  readonly vhost: string;
  /** Set aside while something is looked for. */
  readonly dimmed = new SvelteSet<string>();
  readonly far = $derived(this.viewport.zoom < farBelow);
  #shape = $state.raw<Shape>({ nodes: [], edges: [] });
  #drawn = '';
  #known: CanvasLayout | null = null;
  /** Where the next new thing is to go, when somebody has said where. */
  #wanted: { x: number; y: number } | null = null;
  #arranger: Arranger | null = null;

  constructor(vhost: string) {
    this.vhost = vhost;
  }

  async open(): Promise<void> {
    this.#known = await connection.callHost('layout.get', { vhost: this.vhost }).catch(() => ({}));
  }

  close(): void {
    this.#arranger?.close();
  }

  get selectedNode(): ShapeNode | null {
    return this.#shape.nodes.find(({ id }) => id === this.selectedId) ?? null;
  }

  get selectedEdge(): DrawnEdge | null {
    return this.#shape.edges.find(({ id }) => id === this.selectedId) ?? null;
  }

  get shapeNodes(): ShapeNode[] {
    return this.#shape.nodes;
  }

  edgesAt(id: string): DrawnEdge[] {
    return this.#shape.edges.filter(({ source, target }) => source === id || target === id);
  }

  edgeOf(id: string): DrawnEdge | undefined {
    return this.#shape.edges.find((edge) => edge.id === id);
  }

  nodeOf(id: string): ShapeNode | undefined {
    return this.#shape.nodes.find((node) => node.id === id);
  }

  /** Draws what is declared now, if that is not what is drawn. */
  async take(graph: TopologyGraph, shape: Shape): Promise<void> {
    this.figures.take(graph, shape.edges);
    if (this.#known === null) await this.open();
    const now = JSON.stringify(shape);
    if (now === this.#drawn) return;
    this.#drawn = now;
    const known = { ...this.#known, ...this.#placesOnScreen() };
    const first = Object.keys(known).length === 0;
    const places =
      first && shape.nodes.length > 0
        ? await this.#arranged(shape)
        : placesFor(shape, known, this.#wanted ?? this.#middle());
    // Something else was declared while this was laid out.
    if (now !== this.#drawn) return;
    this.#wanted = null;
    this.#draw(shape, places);
    if (!this.ready) this.fit();
    this.ready = true;
  }

  select(id: string | null): void {
    this.selectedId = id;
    this.nodes = this.nodes.map((node) =>
      node.selected === (node.id === id) ? node : { ...node, selected: node.id === id },
    );
    this.edges = this.edges.map((edge) =>
      edge.selected === (edge.id === id) ? edge : { ...edge, selected: edge.id === id },
    );
  }

  /** The next thing that is declared goes here, in the window's coordinates. */
  placeNextAt(clientX: number, clientY: number, frame: DOMRect): void {
    const { x, y, zoom } = this.viewport;
    this.#wanted = {
      x: Math.round((clientX - frame.left - x) / zoom - nodeWidth / 2),
      y: Math.round((clientY - frame.top - y) / zoom - nodeHeight / 2),
    };
  }

  /** After something was moved by hand: from now on all stays where it is. */
  keepPlaces(): void {
    const layout = this.#placesOnScreen();
    this.#known = layout;
    void attempt(() => connection.callHost('layout.put', { vhost: this.vhost, layout }));
  }

  async arrangeAll(): Promise<void> {
    this.#known = {};
    const shape = this.#shape;
    const done = await attempt(
      () => connection.callHost('layout.put', { vhost: this.vhost, layout: {} }),
      'Arranged anew',
    );
    if (!done) return;
    this.#draw(shape, await this.#arranged(shape));
    this.fit();
  }

  /** All of it in view, no larger than life. */
  fit(): void {
    if (this.nodes.length === 0 || this.width === 0) return;
    const bounds = getNodesBounds(this.nodes);
    this.viewport = getViewportForBounds(bounds, this.width, this.height, zoomLeast, 1, 0.08);
  }

  /** Brings a node to the middle, near enough to be read, and selects it. */
  show(id: string): void {
    const node = this.nodes.find((each) => each.id === id);
    if (!node) return;
    const zoom = Math.max(this.viewport.zoom, 0.9);
    this.viewport = {
      zoom,
      x: this.width / 2 - (node.position.x + nodeWidth / 2) * zoom,
      y: this.height / 2 - (node.position.y + nodeHeight / 2) * zoom,
    };
    this.select(id);
  }

  /** Dims what does not hold the text; returns the ids of what does. */
  lookFor(text: string): string[] {
    const wanted = text.trim().toLowerCase();
    this.dimmed.clear();
    if (wanted === '') return [];
    const found: string[] = [];
    for (const { id, name } of this.#shape.nodes)
      if (name.toLowerCase().includes(wanted)) found.push(id);
      else this.dimmed.add(id);
    return found;
  }

  #draw(shape: Shape, places: CanvasLayout): void {
    this.#shape = shape;
    this.nodes = shape.nodes.map((node) => ({
      id: node.id,
      type: 'object',
      position: places[node.id] ?? { x: 0, y: 0 },
      width: nodeWidth,
      height: nodeHeight,
      selected: node.id === this.selectedId,
      deletable: true,
      ariaLabel: nodeTitle(node),
      data: { node, canvas: this },
    }));
    this.edges = shape.edges.map((edge) => ({
      id: edge.id,
      type: 'way',
      source: edge.source,
      target: edge.target,
      selected: edge.id === this.selectedId,
      selectable: edge.kind === 'binding',
      focusable: edge.kind === 'binding',
      ariaLabel:
        edge.kind === 'binding'
          ? `${plural(edge.bindings.length, 'binding')} from ${edge.source} to ${edge.target}`
          : `${edge.label} from ${nodeTitle(nodeOf(edge.source))} to ${nodeTitle(nodeOf(edge.target))}`,
      data: { edge, canvas: this },
    }));
  }

  #placesOnScreen(): CanvasLayout {
    return Object.fromEntries(this.nodes.map(({ id, position: { x, y } }) => [id, { x, y }]));
  }

  #middle(): { x: number; y: number } {
    const { x, y, zoom } = this.viewport;
    return {
      x: Math.round((this.width / 2 - x) / zoom - nodeWidth / 2),
      y: Math.round((this.height / 3 - y) / zoom - nodeHeight / 2),
    };
  }

  #arranged({ nodes, edges }: Shape): Promise<CanvasLayout> {
    this.#arranger ??= new Arranger();
    return this.#arranger.arrange(
      nodes.map(({ id }) => id),
      edges.map(({ source, target, kind }) => ({ source, target, kind })),
    );
  }
}
