// Who served and who was away in a run of the lab, as bars (R33f).
import { expect, test } from 'vitest';
import type { LabEvent } from '../../broker/contract/lab.ts';
import { lanesOf } from '../../broker/contract/lab-lanes.ts';

const event = (at: number, source: string, turn: LabEvent['turn'], kind: LabEvent['kind'] = 'pair') => ({
  at,
  source,
  turn,
  kind,
  message: 'said',
});

test('a kill: the active is gone and comes back, the standby serves, a client is cut off for a while', () => {
  const events = [
    event(1000, 'node a', 'serves'),
    event(1000, 'node b', 'up'),
    event(3000, 'lab', null, 'fault'),
    event(3010, 'node a', 'gone'),
    event(3050, 'node b', 'serves'),
    event(3010, 'producer-1', 'away', 'client'),
    event(3100, 'producer-1', 'back', 'client'),
    event(3500, 'node a', 'up'),
    event(9000, 'node a', 'gone'),
  ];
  expect(lanesOf(events, ['producer-1', 'consumer-1'], 1000, 5000)).toEqual([
    { name: 'faults', bars: [], marks: [{ at: 3000, label: 'said' }] },
    {
      name: 'node a',
      bars: [
        { from: 1000, to: 3010, kind: 'serves' },
        { from: 3010, to: 3500, kind: 'gone' },
        { from: 3500, to: 5000, kind: 'up' },
      ],
      marks: [],
    },
    {
      name: 'node b',
      bars: [
        { from: 1000, to: 3050, kind: 'up' },
        { from: 3050, to: 5000, kind: 'serves' },
      ],
      marks: [],
    },
    {
      name: 'producer-1',
      bars: [
        { from: 1000, to: 3010, kind: 'up' },
        { from: 3010, to: 3100, kind: 'away' },
        { from: 3100, to: 5000, kind: 'up' },
      ],
      marks: [],
    },
    { name: 'consumer-1', bars: [{ from: 1000, to: 5000, kind: 'up' }], marks: [] },
  ]);
});

test('a switch-over: who gives the front address up is there and serves no more', () => {
  const events = [
    event(0, 'node a', 'serves'),
    event(0, 'node b', 'up'),
    event(20, 'node a', 'up'),
    event(30, 'node b', 'serves'),
  ];
  const [, a, b] = lanesOf(events, [], 0, 100);
  expect(a!.bars.map(({ kind }) => kind)).toEqual(['serves', 'up']);
  expect(b!.bars.map(({ kind }) => kind)).toEqual(['up', 'serves']);
});
