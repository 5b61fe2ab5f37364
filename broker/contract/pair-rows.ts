// What the console sees of a pair besides its state: messages left behind and their way back, failback, and what an
// action would do (R18, R33c, R33e). Times are Unix milliseconds, durations milliseconds.
import * as v from 'valibot';

type NodeName = 'a' | 'b';

/** Durable messages of one queue on a node that does not serve. */
export interface StrandedRow {
  nodeId: string;
  vhost: string;
  queue: string;
  messages: number;
  /** `exact`: the node counted them itself, standing by; `last-known`: it is away, and this was its last word. */
  counted: 'exact' | 'last-known';
  countedAt: number;
}

export interface SkippedQueue {
  vhost: string;
  queue: string;
  messages: number;
  reason: string;
}

/** A drain that was asked for and has not ended. */
export interface DrainRow {
  fromId: string;
  /** Who serves; null while nobody does. */
  toId: string | null;
  state: 'draining' | 'waiting' | 'paused';
  /** Why it waits. */
  problem: string | null;
  startedAt: number;
  drained: number;
  /** Null before the node has said it. */
  remaining: number | null;
  ratePerSecond: number;
  queue: { vhost: string; name: string } | null;
}

export interface DrainResult {
  fromId: string;
  toId: string | null;
  startedAt: number;
  endedAt: number;
  /** `overtaken`: the node it was to empty serves now. */
  outcome: 'completed' | 'cancelled' | 'overtaken';
  drained: number;
  left: number;
  skipped: SkippedQueue[];
}

/** Messages of which it is not known whether the other node has them: their drain was broken off. Nobody gets them. */
export interface InDoubtRow {
  nodeId: string;
  messages: number;
}

export const failbackModes = ['manual', 'scheduled', 'automatic'] as const;

export const failbackSettingsSchema = v.object({
  mode: v.picklist(failbackModes),
  /** Who is to serve where there is a choice. */
  preferredId: v.picklist(['a', 'b']),
  /** When, for `scheduled`. */
  at: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** How long the preferred node must have stood by without a break, for `automatic`. */
  healthySeconds: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(86_400)),
  /** In an independent pair: the preferred node's messages go into the active one first. */
  drainFirst: v.boolean(),
});
export type FailbackSettings = v.InferOutput<typeof failbackSettingsSchema>;

export interface FailbackRow {
  settings: FailbackSettings;
  /**
   * `waiting`: it comes at `dueAt`, or when what `reason` says is over; `draining`: its first step; `cancelled`: not
   * before the next takeover; `none`: nothing is to be done.
   */
  state: 'none' | 'waiting' | 'draining' | 'switching' | 'cancelled';
  toId: NodeName;
  dueAt: number | null;
  reason: string;
}

/** One time without service, kept for what a later one is likely to take. */
export interface OutageRecord {
  at: number;
  model: string;
  kind: 'switch-over' | 'failure';
  outageMs: number;
}

export const pairActions = [
  'kill',
  'stop',
  'pause',
  'switch-over',
  'failback',
  'stop-pair',
  'promote-anyway',
] as const;
export type PairActionName = (typeof pairActions)[number];

/** What an action would do, judged by what is there now and by earlier runs. */
export interface Preflight {
  action: PairActionName;
  nodeId: string | null;
  clients: number;
  /** Gone for good. */
  lost: { transient: number; unconfirmed: number };
  /** Safe, and out of clients' reach until the node serves again or is drained. */
  stranded: { nodeId: string; vhost: string; queue: string; messages: number }[];
  strandedTotal: number;
  /** Delivered and not acknowledged: they come again, marked redelivered. */
  redelivered: number;
  /** Queues whose older messages could come after newer ones. */
  reordered: number;
  /** How long nobody serves, from earlier runs of the same kind; null when there is no outage. */
  outage: { expectedMs: number | null; worstMs: number | null; runs: number } | null;
  /** The same in sentences, in the order of their weight. */
  sentences: string[];
}
