// The fault library as the console and the lab see it: faults that other products fell to, each a sequence of steps that
// anyone can run again (ANCHORS of the README's table of pairs).
import type { NodeFault, FaultPlace } from './node-faults.ts';
import type { PairModel } from './pair-models.ts';

/** Who was active, or stood by, when the run began. */
export type FaultTarget = 'active' | 'standby';

/** What a run waits for, or finds. */
export type FaultCondition =
  /** The one that stood by serves. */
  | 'taken-over'
  /** One serves, the other stands by with everything it needs. */
  | 'ready'
  /** The active knows that it is without a standby that could take over. */
  | 'alone'
  /** Nobody serves. */
  | 'nobody'
  /** Who was active serves under the same epoch: nothing has happened. */
  | 'unchanged';

export type FaultStep =
  | { do: 'kill' | 'pause' | 'resume' | 'stop' | 'start'; node: FaultTarget }
  | { do: 'kill-both' }
  | { do: 'fault'; node: FaultTarget; fault: NodeFault }
  | { do: 'clear'; node: FaultTarget; place: FaultPlace }
  /** The standby is told to serve, under the epoch the active serves with; it has to refuse. */
  | { do: 'claim' }
  | { do: 'remove-lock-files' }
  | { do: 'wait'; ms: number }
  | { do: 'await'; condition: FaultCondition; limitMs: number };

export interface FaultEntry {
  id: string;
  title: string;
  /** What happens, for people. */
  what: string;
  /** Who fell to it. */
  fellTo: { product: string; issue: string }[];
  /** What Warren has to do. */
  expected: string;
  models: PairModel[];
  steps: FaultStep[];
}

export interface FaultOutcome {
  id: string;
  startedAt: number;
  durationMs: number;
  /** What did not come as it should; null when all did. */
  problem: string | null;
}

export interface FaultLibrary {
  entries: FaultEntry[];
  running: { id: string; step: number; of: number; doing: string } | null;
  /** The latest of each entry. */
  outcomes: FaultOutcome[];
}
