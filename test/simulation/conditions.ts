// What one seed's run is like: every seed draws its own disk, its own faults and its own way of working, so that
// rare combinations come up as whole runs and not as rare moments.
import type { ConfirmMode } from '../../broker/journal/journal.ts';
import type { Random } from './random.ts';

export type Action =
  | 'append'
  | 'release'
  | 'releaseMany'
  | 'move'
  | 'mark'
  | 'read'
  | 'prefetch'
  | 'flush'
  | 'settle'
  | 'fill'
  | 'rot'
  | 'close';

export type Call =
  'open' | 'write' | 'sync' | 'rename' | 'remove' | 'truncate' | 'read' | 'list' | 'syncFolder';

/** A disk that answers without having done it. */
export type Lie = 'sync' | 'syncFolder';

/** What a disk is like. */
export interface DiskConditions {
  readonly latencyMs: number;
  readonly syncMs: number;
  /** How likely a call takes a second. */
  readonly stallShare: number;
  readonly faults: Readonly<Record<Call, number>>;
  readonly lies: readonly Lie[];
}

export interface Conditions extends DiskConditions {
  readonly confirmMode: ConfirmMode;
  readonly segmentBytesMax: number;
  readonly blockBytesMax: number;
  readonly bodyBytesMax: number;
  readonly cacheBytesMax: number;
  readonly pendingBytesMax: number;
  readonly holders: number;
  readonly lives: number;
  /** It ends in a clean stop and is not followed by a power loss. */
  readonly lastLife: boolean;
  readonly eventsMax: number;
  /** Of the ends that are no clean stop. */
  readonly powerLossShare: number;
  readonly pauseMs: number;
  readonly actions: Readonly<Record<Action, number>>;
}

export const noFaults: Record<Call, number> = {
  open: 0,
  write: 0,
  sync: 0,
  rename: 0,
  remove: 0,
  truncate: 0,
  read: 0,
  list: 0,
  syncFolder: 0,
};

export function drawConditions(random: Random): Conditions {
  const trouble = random.weighted({ none: 5, fault: 2, full: 2, rot: 2 });
  const often = (share: number, weight: number) => (random.chance(share) ? random.between(1, weight) : 0);
  return {
    confirmMode: random.weighted({ synced: 4, written: 1 }),
    segmentBytesMax: random.pick([300, 1500, 6000, 25_000]),
    blockBytesMax: random.pick([200, 1000, 8192]),
    bodyBytesMax: random.pick([20, 300, 1200, 5000]),
    cacheBytesMax: random.pick([0, 2000, 1 << 20]),
    pendingBytesMax: random.pick([20_000, 1 << 20, 1 << 20]),
    holders: random.between(1, 4),
    lives: random.between(1, 4),
    lastLife: false,
    eventsMax: random.pick([30, 200, 600]),
    powerLossShare: random.pick([0, 0.7, 1]),
    pauseMs: random.pick([0.02, 0.3, 4]),
    latencyMs: random.pick([0.01, 0.2, 1]),
    syncMs: random.pick([0.1, 1, 20]),
    stallShare: random.pick([0, 0, 0.01]),
    faults: trouble === 'fault' ? drawFaults(random) : noFaults,
    actions: {
      append: random.between(4, 20),
      release: often(0.8, 15),
      releaseMany: often(0.7, 4),
      move: often(0.4, 6),
      mark: often(0.6, 6),
      read: often(0.6, 6),
      prefetch: often(0.3, 3),
      flush: often(0.3, 3),
      settle: often(0.5, 2),
      fill: trouble === 'full' ? random.between(1, 4) : 0,
      rot: trouble === 'rot' ? 1 : 0,
      close: often(0.5, 1) * 0.3,
    },
    lies: [],
  };
}

/** Either one kind of call fails now and then, or all do. */
function drawFaults(random: Random): Record<Call, number> {
  const share = random.pick([0.003, 0.02, 0.1]);
  const calls = Object.keys(noFaults) as Call[];
  const failing = random.chance(0.7) ? [random.pick(calls)] : calls;
  return { ...noFaults, ...Object.fromEntries(failing.map((call) => [call, share])) };
}

/** The same disk without faults, and of the actions only those given. */
export function quiet(conditions: Conditions, actions: Partial<Record<Action, number>>): Conditions {
  const none = Object.fromEntries(
    Object.keys(conditions.actions).map((action) => [action, 0]),
  ) as Conditions['actions'];
  return { ...conditions, lastLife: true, faults: noFaults, actions: { ...none, ...actions } };
}
