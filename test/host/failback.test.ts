// When the preferred node serves again, as a table of what is set and what is the case (R33e).
import { describe, expect, test } from 'vitest';
import { nextFailback, type FailbackFacts } from '../../broker/host/failback.ts';
import type { FailbackSettings } from '../../broker/contract/pair-rows.ts';

const settings: FailbackSettings = {
  mode: 'automatic',
  preferredId: 'a',
  at: null,
  healthySeconds: 60,
  drainFirst: true,
};
const facts: FailbackFacts = {
  now: 1_000_000,
  model: 'replicated',
  activeId: 'b',
  epoch: 7,
  healthySince: 990_000,
  cancelledEpoch: 0,
  notBefore: 0,
};

const table: [
  what: string,
  Partial<FailbackSettings>,
  Partial<FailbackFacts>,
  state: string,
  dueAt: number | null,
][] = [
  ['automatic: after so long in health', {}, {}, 'waiting', 1_050_000],
  ['automatic: no time while it does not stand by', {}, { healthySince: null }, 'waiting', null],
  ['automatic: not so soon after one that failed', {}, { notBefore: 1_060_000 }, 'waiting', 1_060_000],
  ['the preferred node serves', {}, { activeId: 'a' }, 'none', null],
  ['by hand', { mode: 'manual' }, {}, 'none', null],
  ['called off under this epoch', {}, { cancelledEpoch: 7 }, 'cancelled', null],
  ['called off under an earlier one', {}, { cancelledEpoch: 6 }, 'waiting', 1_050_000],
  ['scheduled', { mode: 'scheduled', at: 1_020_000 }, {}, 'waiting', 1_020_000],
  ['scheduled, late', { mode: 'scheduled', at: 900_000 }, {}, 'waiting', 900_000],
  ['scheduled, too late', { mode: 'scheduled', at: 300_000 }, {}, 'none', null],
  ['scheduled without a time', { mode: 'scheduled' }, {}, 'none', null],
  ['nobody serves', {}, { activeId: null, healthySince: null, cancelledEpoch: 7 }, 'waiting', null],
];

describe('R33e: failback', () => {
  test.each(table)('%s', (_what, set, are, state, dueAt) => {
    expect(nextFailback({ ...settings, ...set }, { ...facts, ...are })).toMatchObject({
      state,
      dueAt,
      toId: 'a',
    });
  });
});
