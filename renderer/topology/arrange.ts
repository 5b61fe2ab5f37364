// Left to right by the way of a message: exchanges before what they are bound to. What hangs together is laid out by
// itself, then all of it is packed into columns, so that the whole has the form of a screen and not of a ribbon.
import { graphlib, layout } from '@dagrejs/dagre';
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import { nodeHeight, nodeWidth, type DrawnEdge } from './graph.ts';

/** Wide to high. */
const wantedRatio = 1.5;
const gap = { x: 80, y: 30 };
const packingsTried = 24;

export type Way = Pick<DrawnEdge, 'source' | 'target' | 'kind'>;

interface Part {
  places: CanvasLayout;
  width: number;
  height: number;
}

export function arrange(ids: string[], ways: Way[]): CanvasLayout {
  // Dead letters go back and across: they are drawn, but say nothing about the order of things.
  const forward = ways.filter(({ kind }) => kind === 'binding' || kind === 'dropped');
  const parts = connectedParts(ids, forward);
  const alone = parts.filter((part) => part.length === 1).flat();
  const laidOut = parts.filter((part) => part.length > 1).map((part) => laidOutPart(part, forward));
  return packed([...laidOut, ...(alone.length > 0 ? [gridOf(alone)] : [])]);
}

function connectedParts(ids: string[], ways: Way[]): string[][] {
  const neighbours = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { source, target } of ways) {
    if (!neighbours.has(source) || !neighbours.has(target)) continue;
    neighbours.get(source)!.push(target);
    neighbours.get(target)!.push(source);
  }
  const seen = new Set<string>();
  const parts: string[][] = [];
  for (const id of ids) {
    if (seen.has(id)) continue;
    const part: string[] = [];
    const open = [id];
    seen.add(id);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      part.push(next);
      for (const other of neighbours.get(next)!)
        if (!seen.has(other)) {
          seen.add(other);
          open.push(other);
        }
    }
    parts.push(part);
  }
  return parts;
}

function laidOutPart(ids: string[], ways: Way[]): Part {
  const members = new Set(ids);
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 20, ranksep: 170 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of ids) graph.setNode(id, { width: nodeWidth, height: nodeHeight });
  for (const { source, target } of ways)
    if (members.has(source) && members.has(target)) graph.setEdge(source, target);
  layout(graph);
  const centres = ids.map((id) => ({ id, ...(graph.node(id) as { x: number; y: number }) }));
  const left = Math.min(...centres.map(({ x }) => x));
  const top = Math.min(...centres.map(({ y }) => y));
  return {
    places: Object.fromEntries(centres.map(({ id, x, y }) => [id, { x: x - left, y: y - top }])),
    width: Math.max(...centres.map(({ x }) => x)) - left + nodeWidth,
    height: Math.max(...centres.map(({ y }) => y)) - top + nodeHeight,
  };
}

function gridOf(ids: string[]): Part {
  const columns = Math.max(1, Math.round(Math.sqrt(ids.length / 2)));
  const rows = Math.ceil(ids.length / columns);
  const [stepX, stepY] = [nodeWidth + 28, nodeHeight + 22];
  return {
    places: Object.fromEntries(
      ids.map((id, index) => [id, { x: Math.floor(index / rows) * stepX, y: (index % rows) * stepY }]),
    ),
    width: columns * stepX - 28,
    height: rows * stepY - 22,
  };
}

interface Packing {
  places: CanvasLayout;
  width: number;
  height: number;
}

/** In columns, of the height that lets all of it be seen largest. */
function packed(parts: Part[]): CanvasLayout {
  const heights = parts.map(({ height }) => height);
  const highest = Math.max(0, ...heights);
  const all = heights.reduce((sum, height) => sum + height + gap.y, 0);
  let best: Packing | null = null;
  for (let step = 0; step <= packingsTried; step++) {
    const packing = packedInColumns(parts, highest + ((all - highest) * step) / packingsTried);
    if (best === null || extent(packing) < extent(best)) best = packing;
  }
  return best?.places ?? {};
}

/** How large a screen of the wanted form has to be. */
const extent = ({ width, height }: Packing) => Math.max(width / wantedRatio, height);

/** The highest parts first. */
function packedInColumns(parts: Part[], columnHeight: number): Packing {
  const places: CanvasLayout = {};
  let [x, y, columnWidth, height] = [0, 0, 0, 0];
  for (const part of parts.toSorted((a, b) => b.height - a.height)) {
    if (y > 0 && y + part.height > columnHeight) {
      x += columnWidth + gap.x;
      [y, columnWidth] = [0, 0];
    }
    for (const [id, place] of Object.entries(part.places))
      places[id] = { x: Math.round(x + place.x), y: Math.round(y + place.y) };
    height = Math.max(height, y + part.height);
    y += part.height + gap.y;
    columnWidth = Math.max(columnWidth, part.width);
  }
  return { places, width: x + columnWidth, height };
}
