// Keeps a pair from bouncing: what comes and goes, such as a slow disk, may be acted on only so often. After each such
// failover there is a hold-off, twice as long each time; after too many in a while there are none until that has
// passed. A node that is dead or hung is another matter: nobody is served until the other one takes over. Pure.
import type { PairSettings } from '../contract/pair-settings.ts';

type GuardSettings = Pick<PairSettings, 'holdOffMs' | 'failoversMax' | 'failoverWindowMinutes'>;

export interface HoldOff {
  /** On the same clock as the failovers. */
  until: number;
  reason: string;
}

/** Whether failovers at these times, oldest first, forbid another one now. */
export function heldOff(failovers: readonly number[], now: number, settings: GuardSettings): HoldOff | null {
  const { holdOffMs, failoversMax, failoverWindowMinutes } = settings;
  const windowMs = failoverWindowMinutes * 60_000;
  const recent = failovers.filter((at) => now - at < windowMs);
  const last = recent.at(-1);
  if (last === undefined) return null;
  const times = `${recent.length} ${recent.length === 1 ? 'failover' : 'failovers'} in ${failoverWindowMinutes} min`;
  if (recent.length >= failoversMax) {
    const until = recent[recent.length - failoversMax]! + windowMs;
    return { until, reason: `${times}, and no more than ${failoversMax} are allowed` };
  }
  const waitMs = Math.min(holdOffMs * 2 ** (recent.length - 1), windowMs);
  const until = last + waitMs;
  return now < until ? { until, reason: `${times}: the next not before ${waitMs} ms after the last` } : null;
}
