// What the user sets of a pair: when a node is taken for failed, how often that may be acted on, how long a takeover may
// take, and what a copy promises. Times in milliseconds unless the name says otherwise.
import * as v from 'valibot';

export interface SettingLimits {
  least: number;
  most: number;
  otherwise: number;
}

/** Limits and defaults of the numbers; the console's form and the command line say the same. */
export const pairSettingLimits = {
  /** A node that answers nothing for so long is hung. Shorter than a garbage collection would be taken for one. */
  hungAfterMs: { least: 500, most: 60_000, otherwise: 1500 },
  /** Without a word from its host for so long, a node that serves stops by itself. */
  leaseMs: { least: 2000, most: 300_000, otherwise: 10_000 },
  /** A file operation that is not done after so long: the disk stalls. */
  diskStallMs: { least: 500, most: 120_000, otherwise: 5000 },
  /** A sync that takes longer is slow, and a disk that has only slow ones for a while is. */
  slowSyncMs: { least: 5, most: 60_000, otherwise: 500 },
  slowForMs: { least: 1000, most: 600_000, otherwise: 10_000 },
  /** After a failover for something that comes and goes nothing of the kind is acted on for so long; then twice that. */
  holdOffMs: { least: 1000, most: 3_600_000, otherwise: 15_000 },
  /** And no more than so many of them in so many minutes. */
  failoversMax: { least: 1, most: 100, otherwise: 3 },
  failoverWindowMinutes: { least: 1, most: 1440, otherwise: 10 },
  /** A takeover that is longer under way is said to be. */
  takeoverLimitMs: { least: 100, most: 600_000, otherwise: 5000 },
  /** A copy that answers nothing for so long is given up, and the active goes on without it. */
  standbyTimeoutMs: { least: 300, most: 60_000, otherwise: 1500 },
} as const satisfies Record<string, SettingLimits>;
export type PairNumber = keyof typeof pairSettingLimits;

export const replicationModes = ['sync', 'async'] as const;
export const alonePolicies = ['available', 'strict'] as const;
/** What is done about a slow disk: the standby takes over, or people are told. */
export const slowDiskActions = ['switch-over', 'report'] as const;

const within = (name: PairNumber) => {
  const { least, most, otherwise } = pairSettingLimits[name];
  return v.optional(
    v.pipe(
      v.number(`${name} is a number`),
      v.integer(`${name} is a whole number`),
      v.minValue(least, `${name} is at least ${least}`),
      v.maxValue(most, `${name} is at most ${most}`),
    ),
    otherwise,
  );
};

export const pairSettingsSchema = v.pipe(
  v.object({
    hungAfterMs: within('hungAfterMs'),
    leaseMs: within('leaseMs'),
    diskStallMs: within('diskStallMs'),
    slowSyncMs: within('slowSyncMs'),
    slowForMs: within('slowForMs'),
    holdOffMs: within('holdOffMs'),
    failoversMax: within('failoversMax'),
    failoverWindowMinutes: within('failoverWindowMinutes'),
    takeoverLimitMs: within('takeoverLimitMs'),
    standbyTimeoutMs: within('standbyTimeoutMs'),
    slowDisk: v.optional(v.picklist(slowDiskActions), 'switch-over'),
    /** A confirm of a replicated pair waits for the copy, or does not. */
    replication: v.optional(v.picklist(replicationModes), 'sync'),
    /** Without its copy the active confirms alone, or holds publishers. */
    whenAlone: v.optional(v.picklist(alonePolicies), 'available'),
  }),
  v.check(
    ({ leaseMs, hungAfterMs }) => leaseMs >= 2 * hungAfterMs,
    'leaseMs is at least twice hungAfterMs: a node must not stop before its host takes it for hung',
  ),
  v.check(
    ({ diskStallMs, slowSyncMs }) => diskStallMs > slowSyncMs,
    'diskStallMs is more than slowSyncMs: a disk is slow before it stalls',
  ),
);
export type PairSettings = v.InferOutput<typeof pairSettingsSchema>;

export const defaultPairSettings: PairSettings = v.parse(pairSettingsSchema, {});
