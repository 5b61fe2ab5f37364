// Numbers, sizes, times and amounts as people read and write them.
import { afterEach, describe, expect, test } from 'vitest';
import { parseAmount } from '../../renderer/ui/amount.ts';
import {
  bytes,
  compact,
  duration,
  moment,
  plural,
  rate,
  sentence,
  useUtc,
} from '../../renderer/ui/format.ts';
import { inOrderOf } from '../../renderer/ui/row-order.ts';
import { RowHistory } from '../../renderer/ui/row-history.ts';
import { sparkPath } from '../../renderer/ui/sparkline.ts';

afterEach(() => useUtc(false));

describe('figures', () => {
  test('rates keep a decimal while they are small, and are never shown as nothing when they are something', () => {
    expect([0, 0.02, 1.24, 9.96, 1234.4, 1_234_567].map(rate)).toEqual([
      '0/s',
      '<0.1/s',
      '1.2/s',
      '10/s',
      '1,234/s',
      '1.2M/s',
    ]);
  });

  test('sizes are in powers of two, whole below a kibibyte', () => {
    expect([0, 482.89, 1023, 1536, 10_240, 5 * 1024 ** 3].map(bytes)).toEqual([
      '0 B',
      '483 B',
      '1023 B',
      '1.5 KiB',
      '10 KiB',
      '5.0 GiB',
    ]);
  });

  test('durations in the two largest units, without empty ones', () => {
    expect([304, 59_900, 600_000, 605_000, 86_400_000, 93_600_000 * 3].map(duration)).toEqual([
      '304 ms',
      '59 s',
      '10 min',
      '10 min 5 s',
      '24 h',
      '3 d 6 h',
    ]);
  });

  test('large counts are grouped or shortened, nouns agree', () => {
    expect(compact(9999)).toBe('9,999');
    expect(compact(12_345)).toBe('12.3K');
    expect(plural(1, 'queue')).toBe('1 queue');
    expect(plural(1200, 'policy', 'policies')).toBe('1,200 policies');
  });

  test('times can be had in UTC, and say so', () => {
    useUtc(true);
    expect(moment(Date.UTC(2026, 4, 1, 14, 3, 59))).toBe('2026-05-01 14:03:59 UTC');
  });

  test('the broker’s words become a sentence', () => {
    expect(sentence("no queue 'x' in vhost '/'")).toBe("No queue 'x' in vhost '/'.");
    expect(sentence('Really?')).toBe('Really?');
  });
});

describe('amounts', () => {
  test('are taken with units or without', () => {
    expect(['60000', '90 s', '1.5 h', '1d'].map((text) => parseAmount('ms', text))).toEqual([
      60_000, 90_000, 5_400_000, 86_400_000,
    ]);
    expect(['1048576', '64 MiB', '1 GB', '2k'].map((text) => parseAmount('bytes', text))).toEqual([
      1_048_576, 67_108_864, 1_000_000_000, 2048,
    ]);
    expect(['10,000', '10k'].map((text) => parseAmount('count', text))).toEqual([10_000, 10_000]);
  });

  test('what is none is refused with an example', () => {
    for (const text of ['soon', '-1', '5 parsecs', ''])
      expect(() => parseAmount('ms', text)).toThrow(/is no amount: write it as/);
  });
});

describe('rows of a live list', () => {
  test('keep their order while held: new ones come last, those that have gone leave', () => {
    const rows = [{ key: 'c' }, { key: 'new' }, { key: 'a' }];
    expect(inOrderOf(['a', 'b', 'c'], rows, ({ key }) => key).map(({ key }) => key)).toEqual([
      'a',
      'c',
      'new',
    ]);
  });

  test('remember their last minute while they are shown, and no longer', () => {
    const history = new RowHistory();
    for (let value = 0; value < 70; value++) history.take([{ key: 'a', value }]);
    expect(history.of('a')).toHaveLength(60);
    expect(history.of('a').at(-1)).toBe(69);
    history.take([{ key: 'b', value: 1 }]);
    expect(history.of('a')).toEqual([]);
  });

  test('a sparkline goes from zero to the largest value', () => {
    expect(sparkPath([0, 5, 10], 20, 10)).toBe('M0 10L10 5L20 0');
    expect(sparkPath([0, 0], 20, 10)).toBe('M0 10L20 10');
    expect(sparkPath([1], 20, 10)).toBe('');
  });
});
