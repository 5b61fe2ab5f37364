// Where something new goes on a canvas that somebody has in view: near what it is bound to, on nothing else, and
// without moving what is there.
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import { nodeHeight, nodeWidth, type Shape } from './graph.ts';

interface Place {
  x: number;
  y: number;
}

const [stepX, stepY] = [nodeWidth + 60, nodeHeight + 22];
const rowsTried = 40;

/** `wanted`, or the nearest place below it, then to its right, that is free. */
export function freePlace(taken: readonly Place[], wanted: Place): Place {
  const isFree = ({ x, y }: Place) =>
    taken.every((other) => Math.abs(other.x - x) >= nodeWidth + 8 || Math.abs(other.y - y) >= nodeHeight + 8);
  for (let column = 0; ; column++)
    for (let row = 0; row < rowsTried; row++) {
      const place = { x: wanted.x + column * stepX, y: wanted.y + row * stepY };
      if (isFree(place)) return place;
    }
}

/** Places for all of a shape: known ones as they are, the others beside what they hang on, else at `otherwise`. */
export function placesFor(shape: Shape, known: CanvasLayout, otherwise: Place): CanvasLayout {
  const places: CanvasLayout = {};
  for (const { id } of shape.nodes) if (known[id]) places[id] = known[id];
  for (const { id } of shape.nodes)
    places[id] ??= freePlace(Object.values(places), besideNeighbour(id, shape, places) ?? otherwise);
  return places;
}

function besideNeighbour(id: string, { edges }: Shape, places: CanvasLayout): Place | null {
  for (const { source, target, kind } of edges) {
    if (kind === 'dead-letter') continue;
    const before = target === id ? places[source] : undefined;
    if (before) return { x: before.x + nodeWidth + 130, y: before.y };
    const after = source === id ? places[target] : undefined;
    if (after) return { x: after.x - nodeWidth - 130, y: after.y };
  }
  return null;
}
