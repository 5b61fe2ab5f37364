// What the console says about the broker: health, arguments, outlooks, definitions, marks on charts.
import { describe, expect, test } from 'vitest';
import type { PairEvent } from '../../broker/contract/host-procedures.ts';
import type { HealthCause } from '../../broker/contract/rows.ts';
import { parseDefinitions, summaryOf, unknownIn } from '../../renderer/admin/definitions-summary.ts';
import { split } from '../../renderer/admin/highlight.ts';
import { marksOf } from '../../renderer/overview/chart-marks.ts';
import { findingOf, verdict } from '../../renderer/overview/health.ts';
import { declaredArguments } from '../../renderer/queues/declaration.ts';
import { drainText } from '../../renderer/queues/drain.ts';
import { governing, valueText } from '../../renderer/queues/queue-arguments.ts';

const cause = (known: Partial<HealthCause>): HealthCause => ({
  kind: 'unread',
  severity: 'warn',
  objects: 1,
  vhost: '/',
  name: 'orders',
  messages: 0,
  ratePerSecond: 0,
  detail: null,
  ...known,
});

describe('health', () => {
  test('says why and where to put it right', () => {
    expect(findingOf(cause({ kind: 'growing-unread', ratePerSecond: 900 }))).toEqual({
      severity: 'warn',
      text: 'orders grows by 900/s: nobody consumes from it.',
      fix: { label: 'Open the queue', href: '#/queues/%2F/orders/messages' },
    });
    expect(findingOf(cause({ kind: 'growing-unread', objects: 2, ratePerSecond: 900 })).text).toBe(
      '2 queues grow by 900/s together, orders the most: nobody consumes from them.',
    );
    expect(findingOf(cause({ kind: 'unroutable', name: '', ratePerSecond: 2 })).text).toBe(
      '2.0/s published to (default) match no binding.',
    );
  });

  test('sums up: faults before warnings, and mere remarks are no matter', () => {
    expect(verdict([cause({ severity: 'bad' }), cause({})])).toBe('1 fault and 1 warning');
    expect(verdict([cause({}), cause({})])).toBe('2 things to look at');
    expect(verdict([cause({ severity: 'info' })])).toMatch(/^Healthy/);
  });
});

describe('queue arguments', () => {
  test('from a form: amounts with units, nothing for what is left empty, the field named when it is wrong', () => {
    const filled = {
      'x-message-ttl': '1 min',
      'x-max-length': '10k',
      'x-single-active-consumer': true,
      'x-expires': '',
    };
    expect(declaredArguments('quorum', filled, '{"x-delivery-limit": 5}')).toEqual({
      'x-queue-type': 'quorum',
      'x-message-ttl': 60_000,
      'x-max-length': 10_000,
      'x-single-active-consumer': true,
      'x-delivery-limit': 5,
    });
    expect(() => declaredArguments('classic', { 'x-max-length': 'many' }, '')).toThrow(/^Length limit: /);
  });

  test('what is in effect is traced to where it comes from', () => {
    const declared = { 'x-max-length': 500, 'x-max-priority': 5 };
    const effective = { 'x-max-length': 100, 'x-dead-letter-exchange': 'dlx' };
    expect(governing(declared, effective, { 'dead-letter-exchange': 'dlx' })).toEqual([
      { name: 'x-dead-letter-exchange', value: 'dlx', origin: 'policy' },
      { name: 'x-max-length', value: 100, origin: 'operator policy' },
      { name: 'x-max-priority', value: 5, origin: 'declared' },
    ]);
    expect(valueText('x-message-ttl', 60_000)).toBe('1 min');
    expect(valueText('x-dead-letter-exchange', '')).toBe('(default)');
  });

  test('an outlook from the rates of this second', () => {
    const flow = { messagesReady: 600, consumers: 1, inRate: 0, outRate: 0 };
    expect(drainText({ ...flow, outRate: 10 })).toBe('Empty in 1 min');
    expect(drainText({ ...flow, inRate: 30, outRate: 10 })).toBe('Grows by 20/s');
    expect(drainText({ ...flow, inRate: 100, outRate: 95 })).toBe('Steady');
    expect(drainText({ ...flow, consumers: 0 })).toBe('No consumer');
    expect(drainText({ ...flow, messagesReady: 0 })).toBeNull();
  });
});

describe('definitions', () => {
  test('are summed up before they are imported, with what Warren leaves alone', () => {
    const file = parseDefinitions('{"queues":[1,2],"vhosts":[1],"parameters":[1],"users":[]}');
    expect(summaryOf(file)).toEqual([
      { label: 'Virtual hosts', count: 1 },
      { label: 'Queues', count: 2 },
    ]);
    expect(unknownIn(file)).toEqual(['parameters']);
    expect(() => parseDefinitions('[]')).toThrow(/no object/);
  });
});

test('what is looked for in a log is marked, whatever its case', () => {
  expect(split('Node a: node up', 'NODE')).toEqual([
    { text: 'Node', found: true },
    { text: ' a: ', found: false },
    { text: 'node', found: true },
    { text: ' up', found: false },
  ]);
  expect(split('as it is', '')).toEqual([{ text: 'as it is', found: false }]);
});

test('charts are marked with failures and take-overs, not with the first start', () => {
  const event = (kind: PairEvent['kind'], outageMs: number | null): PairEvent => ({
    sequence: 1,
    at: 5,
    nodeId: 'b',
    kind,
    message: '',
    outageMs,
  });
  expect(
    marksOf([event('front-taken', null), event('node-started', null), event('front-taken', 12)]),
  ).toEqual([{ at: 5, label: 'b serves after 12 ms' }]);
});
