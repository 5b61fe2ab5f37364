// What one seed's pair is like: its kind, how fast its disks and links are, what its clients do, and which faults come
// how often.
import type { PairModel } from '../../../broker/contract/host-procedures.ts';
import type { AlonePolicy, ReplicationMode } from '../../../broker/pair/replication/replicator.ts';
import { noFaults, type DiskConditions } from '../conditions.ts';
import type { Random } from '../random.ts';

export type Fault =
  | 'killActive'
  | 'killStandby'
  | 'killBoth'
  | 'losePower'
  | 'losePowerOfAll'
  | 'pauseActive'
  | 'pauseStandby'
  | 'pauseHost'
  | 'killHost'
  | 'cutLink'
  | 'breakConnections'
  | 'slowLink'
  | 'cutHost'
  | 'stallDisk'
  | 'switchOver'
  | 'stopNode'
  | 'jumpClock'
  | 'dropClients';

export interface PairConditions extends DiskConditions {
  readonly model: PairModel;
  readonly mode: ReplicationMode;
  readonly policy: AlonePolicy;
  readonly segmentBytesMax: number;
  readonly blockBytesMax: number;
  readonly bodyBytesMax: number;
  /** Of a link, on average. */
  readonly delayMs: number;
  readonly queues: number;
  readonly publishers: number;
  readonly publishEveryMs: number;
  readonly messagesMax: number;
  readonly consumers: number;
  readonly prefetch: number;
  readonly consumeMs: number;
  readonly requeueShare: number;
  readonly declareEveryMs: number;
  readonly durationMs: number;
  readonly faultEveryMs: number;
  readonly weights: Readonly<Record<Fault, number>>;
}

export function drawPairConditions(random: Random): PairConditions {
  const often = (share: number) => (random.chance(share) ? random.between(1, 10) : 0);
  return {
    model: random.weighted({ replicated: 6, 'shared-store': 2, independent: 2 }),
    mode: random.weighted({ sync: 3, async: 1 }),
    policy: random.weighted({ available: 3, strict: 1 }),
    segmentBytesMax: random.pick([600, 2000, 8000]),
    blockBytesMax: random.pick([300, 1000]),
    bodyBytesMax: random.pick([20, 20, 200]),
    latencyMs: random.pick([0.02, 0.2, 1]),
    syncMs: random.pick([0.2, 2, 15]),
    stallShare: random.pick([0, 0, 0.002]),
    faults: noFaults,
    lies: [],
    delayMs: random.pick([0.05, 0.5, 10]),
    queues: random.between(1, 3),
    publishers: random.between(1, 3),
    publishEveryMs: random.pick([3, 20, 100]),
    messagesMax: random.pick([50, 200]),
    consumers: random.between(0, 3),
    prefetch: random.pick([1, 5, 100]),
    consumeMs: random.pick([0.1, 5, 200]),
    requeueShare: random.pick([0, 0, 0.1]),
    declareEveryMs: random.pick([20, 300]),
    durationMs: random.pick([1000, 4000, 12_000]),
    faultEveryMs: random.pick([100, 700, 2500]),
    weights: {
      killActive: often(0.8),
      killStandby: often(0.6),
      killBoth: often(0.3),
      losePower: often(0.4),
      losePowerOfAll: often(0.2),
      pauseActive: often(0.5),
      pauseStandby: often(0.5),
      pauseHost: often(0.2),
      killHost: often(0.3),
      cutLink: often(0.4),
      breakConnections: often(0.4),
      slowLink: often(0.2),
      cutHost: often(0.2),
      stallDisk: often(0.3),
      switchOver: often(0.5),
      stopNode: often(0.3),
      jumpClock: often(0.1),
      dropClients: often(0.3),
    },
  };
}
