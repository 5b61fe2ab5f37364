// Faults put on a node on purpose: on its disk, its clock, its link to the other node, its memory. One of each kind of
// trouble at a time; they stay until they are taken away, also over restarts of the node's process.
import * as v from 'valibot';

const whole = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );

const hourMs = 3_600_000;

export const lastingFaultSchema = v.variant('kind', [
  /** Every file operation hangs; the event loop and the heartbeat live. */
  v.object({ kind: v.literal('disk-stall') }),
  /** Each sync takes so much longer. */
  v.object({ kind: v.literal('slow-sync'), delayMs: whole(1, 60_000) }),
  /** ENOSPC for whatever needs room. */
  v.object({ kind: v.literal('disk-full') }),
  /** EIO for writes and syncs. */
  v.object({ kind: v.literal('disk-error') }),
  /** The wall clock as the node sees it; a negative number is a clock set back. */
  v.object({ kind: v.literal('clock-jump'), byMs: whole(-24 * hourMs, 24 * hourMs) }),
  /** Of definitions and replication: nothing comes through, and nobody is told so. */
  v.object({ kind: v.literal('peer-link'), state: v.literal('cut') }),
  /** Each way. */
  v.object({ kind: v.literal('peer-link'), state: v.literal('delayed'), delayMs: whole(1, 60_000) }),
  v.object({
    kind: v.literal('peer-link'),
    state: v.literal('throttled'),
    bytesPerSecond: whole(1, 1_000_000_000),
  }),
  /** The memory alarm is on. */
  v.object({ kind: v.literal('memory') }),
]);
export type LastingFault = v.InferOutput<typeof lastingFaultSchema>;

const damageSchema = v.variant('kind', [
  /** Bits turned over within the journal's last segment, of a node that is down or of the standby's copy. */
  v.object({ kind: v.literal('corrupt-last-segment') }),
  /** Half a commit behind the journal's last one, as a power failure leaves it. */
  v.object({ kind: v.literal('torn-tail') }),
]);
/** Done once; nothing stays on. */
export type StoreDamage = v.InferOutput<typeof damageSchema>;

export const nodeFaultSchema = v.union([lastingFaultSchema, damageSchema]);
export type NodeFault = v.InferOutput<typeof nodeFaultSchema>;

/** What can have one fault at a time. */
export const faultPlaces = ['disk', 'clock', 'peer-link', 'memory'] as const;
export type FaultPlace = (typeof faultPlaces)[number];

export function placeOf({ kind }: LastingFault): FaultPlace {
  switch (kind) {
    case 'disk-stall':
    case 'slow-sync':
    case 'disk-full':
    case 'disk-error':
      return 'disk';
    case 'clock-jump':
      return 'clock';
    case 'peer-link':
    case 'memory':
      return kind;
  }
}

/** One that is on. */
export interface NodeFaultRow {
  /** `store`: of a shared store, so of whichever node opens it. */
  nodeId: 'a' | 'b' | 'store';
  place: FaultPlace;
  fault: LastingFault;
  /** Unix milliseconds. */
  since: number;
}
