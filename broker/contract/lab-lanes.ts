// Nodes and clients over a run as bars on one axis: who served, who was away. From the events that begin or end a
// state; what no event says, nothing is drawn of.
import type { LabEvent } from './lab.ts';

export interface Bar {
  from: number;
  to: number;
  kind: 'serves' | 'up' | 'gone' | 'away';
}

export interface Lane {
  name: string;
  bars: Bar[];
  /** Times of what is no state: faults, and what went wrong. */
  marks: { at: number; label: string }[];
}

type Turned = Pick<LabEvent, 'at' | 'source' | 'turn' | 'kind' | 'message'>;

/** Unix milliseconds; `from` to `to` is what is shown. */
export function lanesOf(
  events: readonly Turned[],
  clients: readonly string[],
  from: number,
  to: number,
): Lane[] {
  const sorted = events.toSorted((a, b) => a.at - b.at);
  const nodes = [
    ...new Set(sorted.map(({ source }) => source).filter((source) => source.startsWith('node '))),
  ];
  const faults = sorted.filter(({ kind, at }) => kind === 'fault' && at >= from && at <= to);
  return [
    { name: 'faults', bars: [], marks: faults.map(({ at, message }) => ({ at, label: message })) },
    ...nodes.toSorted().map((name) => laneOf(name, sorted, from, to, null)),
    ...clients.map((name) => laneOf(name, sorted, from, to, 'up')),
  ];
}

/** `initial`: what holds before the first event; null where nothing is known. */
function laneOf(
  name: string,
  events: readonly Turned[],
  from: number,
  to: number,
  initial: Bar['kind'] | null,
): Lane {
  const bars: Bar[] = [];
  let kind = initial;
  let since = from;
  const end = (at: number) => {
    const [start, stop] = [Math.max(since, from), Math.min(at, to)];
    if (kind !== null && stop > start) bars.push({ from: start, to: stop, kind });
  };
  for (const { source, turn, at } of events) {
    // One serves at a time: who takes the front address over ends the other's.
    const now = source === name ? turn : turn === 'serves' && kind === 'serves' ? 'gone' : null;
    const next = now === 'back' ? 'up' : now;
    if (next === null || next === kind) continue;
    end(at);
    kind = next;
    since = at;
  }
  end(to);
  return { name, bars, marks: [] };
}
