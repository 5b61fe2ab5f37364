// What a failback and a look ahead come to in words (R33e).
import { describe, expect, test } from 'vitest';
import type { FailbackRow, Preflight } from '../../broker/contract/pair-rows.ts';
import { localText, nextWords, timeOf } from '../../renderer/pair/failback-words.ts';
import { pointsOf } from '../../renderer/pair/preflight-words.ts';

const row: FailbackRow = {
  settings: { mode: 'automatic', preferredId: 'a', at: null, healthySeconds: 60, drainFirst: true },
  state: 'waiting',
  toId: 'a',
  dueAt: 42_000,
  reason: 'when node a has stood by for 60 s',
};

describe('R33e: failback', () => {
  test('says what happens next, and when', () => {
    expect(nextWords(row, 0)).toBe('Fails back to node a in 42 s');
    expect(nextWords({ ...row, dueAt: null }, 0)).toBe('Fails back to node a once it stands by, after 60 s');
    expect(nextWords(row, 50_000)).toContain('as soon as it can');
    expect(nextWords({ ...row, state: 'cancelled', reason: 'called off' }, 0)).toBe(
      'No failback: called off',
    );
    expect(nextWords({ ...row, state: 'draining' }, 0)).toContain('drained first');
  });

  test('a time goes through the form and comes back', () => {
    const at = new Date(2026, 3, 5, 6, 7).getTime();
    expect(localText(at)).toBe('2026-04-05T06:07');
    expect(timeOf(localText(at))).toBe(at);
    expect(timeOf('')).toBe(null);
  });
});

test('R33e: the queues stand behind what is said of stranded messages', () => {
  const stranded = ['one', 'two', 'three', 'four', 'five', 'six'].map((queue, index) => ({
    nodeId: 'a',
    vhost: '/',
    queue,
    messages: 2000 - index,
  }));
  const sentences = ['1 message will be lost.', '9 messages in 6 queues will be stranded.', 'The end.'];
  const flight = { sentences, stranded } as Preflight;
  expect(pointsOf(flight)[2]).toBe(
    'By queue: one 2,000, two 1,999, three 1,998, four 1,997, five 1,996, and 1 more.',
  );
  expect(pointsOf(flight)[3]).toBe('The end.');
  expect(pointsOf({ ...flight, stranded: [] })).toEqual(sentences);
});
