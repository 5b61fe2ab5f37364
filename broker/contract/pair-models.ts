/** The kinds of active/standby pair (R33b, R33c, R33d). */
export const pairModels = ['independent', 'shared-store', 'replicated'] as const;
export type PairModel = (typeof pairModels)[number];
