// Deep links, and what the palette finds.
import { describe, expect, test } from 'vitest';
import { grouped, rank, type Entry } from '../../renderer/shell/palette-rank.ts';
import { changedQuery, link, queryOf, segmentsOf } from '../../renderer/state/link.ts';

describe('links', () => {
  test('carry any name there and back', () => {
    for (const name of ['orders', 'a/b', 'what?', '#1', 'ünï ☂', '%2F', ' '])
      expect(segmentsOf(link('queues', '/', name))).toEqual(['queues', '/', name]);
  });

  test('a query is apart from the path, and a broken escape is taken as it is', () => {
    expect(segmentsOf('#/queues?filter=a/b')).toEqual(['queues']);
    expect(queryOf('#/queues?filter=a/b').get('filter')).toBe('a/b');
    expect(segmentsOf('#/queues/%E0%A4%A')).toEqual(['queues', '%E0%A4%A']);
  });

  test('what is empty leaves the query', () => {
    const query = queryOf('#/queues?filter=orders&page=3');
    expect(changedQuery(query, { page: '', sort: 'name' })).toBe('?filter=orders&sort=name');
    expect(changedQuery(query, { page: '', filter: '' })).toBe('');
  });
});

describe('the palette', () => {
  const entry = (label: string, group = 'Objects'): Entry => ({
    group,
    label,
    kind: '',
    run: () => undefined,
  });

  test('lists exact names first, then beginnings, words, parts, and letters in order', () => {
    const labels = ['xordersx', 'my orders', 'o-r-d-e-r-s', 'orders', 'orders.eu', 'payments'];
    expect(
      rank(
        labels.map((label) => entry(label)),
        'orders',
      ).map(({ label }) => label),
    ).toEqual(['orders', 'orders.eu', 'my orders', 'xordersx', 'o-r-d-e-r-s']);
  });

  test('groups stay in the order of their best entry', () => {
    const found = grouped([entry('a', 'Screens'), entry('b', 'Objects'), entry('c', 'Screens')]);
    expect(found.map(({ group, entries }) => [group, entries.length])).toEqual([
      ['Screens', 2],
      ['Objects', 1],
    ]);
  });
});
