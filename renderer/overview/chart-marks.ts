// What happened to the nodes, as marks on the charts: failures and who took over, nothing of the routine.
import type { PairEvent } from '../../broker/contract/host-procedures.ts';
import type { Mark } from '../ui/plot-options.ts';

const labels: Partial<Record<PairEvent['kind'], (event: PairEvent) => string | null>> = {
  'node-killed': ({ nodeId }) => `${nodeId} killed`,
  'node-exited': ({ nodeId }) => `${nodeId} exited`,
  'node-paused': ({ nodeId }) => `${nodeId} paused`,
  'switch-over': () => 'switch-over',
  'front-taken': ({ nodeId, outageMs }) =>
    outageMs === null ? null : `${nodeId} serves after ${outageMs} ms`,
};

export function marksOf(events: PairEvent[]): Mark[] {
  return events.flatMap((event) => {
    const label = labels[event.kind]?.(event);
    return label === undefined || label === null ? [] : [{ at: event.at, label }];
  });
}
