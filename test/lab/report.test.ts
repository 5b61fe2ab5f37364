// The lab's report (R33f): its sentence, and a page in which nothing of a run is anything but text.
import { describe, expect, test } from 'vitest';
import { defaultLabSettings, type LabReport, type LabVerdict } from '../../broker/contract/lab.ts';
import { outageText, summariesOf } from '../../broker/contract/lab-words.ts';
import { headlineOf, promiseOf } from '../../broker/host/lab/headline.ts';
import { reportHtml } from '../../broker/host/lab/report-html.ts';
import { Throughput } from '../../broker/lab/throughput.ts';

const verdict: LabVerdict = {
  published: 48_220,
  sent: 48_300,
  confirmed: 48_213,
  refused: 0,
  returned: 0,
  unresolved: 7,
  unseen: 2,
  delivered: 48_218,
  acked: 48_218,
  duplicated: 3,
  redelivered: 12,
  reordered: 0,
  revived: 0,
  held: 0,
  heldBy: [],
  lost: 0,
  lostNames: [],
  promise: 'kept',
  producersMs: 53.4,
  consumersMs: 61,
  headline: '',
};
const promised = { persistent: true, confirms: true };

describe('the sentence', () => {
  test.each([
    [
      promised,
      verdict,
      1,
      '0 of 48,213 confirmed messages lost; unavailable for 53 ms (producers), 61 ms (consumers).',
    ],
    [
      promised,
      { ...verdict, lost: 3, held: 40, heldBy: [{ node: 'a', messages: 40 }], consumersMs: null },
      1,
      '3 of 48,213 confirmed messages lost, 40 of them still held by node a; unavailable for 53 ms (producers), not back for consumers while the load ran.',
    ],
    [
      { persistent: false, confirms: true },
      { ...verdict, lost: 9 },
      1,
      '9 of 48,213 confirmed transient messages lost: they do not survive the node that holds them; unavailable for 53 ms (producers), 61 ms (consumers).',
    ],
    [
      { persistent: true, confirms: false },
      verdict,
      0,
      '2 of 48,220 messages never seen again; without confirms none was promised; no fault, the longest silence 61 ms.',
    ],
  ])('%j', (settings, each, faults, sentence) => {
    expect(headlineOf(settings, each, faults)).toBe(sentence);
  });

  test('a promise is broken by one lost message, and none is given without persistence or confirms', () => {
    expect(promiseOf(promised, 0)).toBe('kept');
    expect(promiseOf(promised, 1)).toBe('broken');
    expect(promiseOf({ persistent: false, confirms: true }, 1)).toBe('none');
    expect(promiseOf({ persistent: true, confirms: false }, 1)).toBe('none');
  });
});

const hostile = `<img src=x onerror="alert(1)">'&`;
const window = { from: 1000, to: 1053, durationMs: 53 };
const report: LabReport = {
  version: 1,
  id: 'r-1',
  seriesId: 'r',
  run: 1,
  of: 1,
  pair: 'replicated',
  model: 'replicated',
  scenario: 'work-queue',
  script: '+1s kill active',
  product: '0.1.0',
  platform: 'linux',
  startedAt: 0,
  endedAt: 9000,
  settings: { ...defaultLabSettings, script: hostile },
  loadFrom: 1000,
  loadTo: 6000,
  verdict: { ...verdict, headline: `0 lost ${hostile}`, lostNames: [hostile], promise: 'broken' },
  faults: [{ label: hostile, at: 2000, problem: hostile, producers: window, consumers: window }],
  clients: [],
  throughput: { stepMs: 250, sent: [1, 2], confirmed: [1, 2], delivered: [0, 3] },
  events: [
    {
      sequence: 1,
      at: 2000,
      nodeAt: 99_000,
      source: hostile,
      kind: 'log',
      level: 'bad',
      turn: null,
      message: hostile,
    },
  ],
  eventsDropped: 4,
  problems: [hostile],
};

describe('the page', () => {
  test('needs nothing else and shows what a run said as text', () => {
    const html = reportHtml([report]);
    expect(html).not.toContain('<img');
    expect(html).not.toMatch(/<script|<link|https?:|url\(/);
    expect(html.split('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;').length).toBeGreaterThan(7);
    expect(html).toContain('own clock 00:01:39.000');
    expect(html).toContain('4 more events were not kept.');
    expect(html).not.toContain('Side by side');
  });

  test('takes runs of the same together: sums, the median and the longest outage', () => {
    const runs = [100, 300, 200, null].map((producersMs, index) => ({
      ...report,
      id: `r-${index}`,
      settings: { ...report.settings, script: '' },
      script: '',
      verdict: {
        ...verdict,
        producersMs,
        lost: index === 0 ? 2 : 0,
        promise: index === 0 ? 'broken' : 'kept',
      },
    })) as LabReport[];
    const [summary, ...more] = summariesOf(runs);
    expect(more).toEqual([]);
    expect(summary).toMatchObject({
      name: 'replicated pair',
      runs: 4,
      lost: 2,
      broken: 1,
      confirmed: 4 * verdict.confirmed,
      producers: { median: 200, longest: 300, notBack: 1 },
    });
    expect(outageText(summary!.producers)).toBe('200 ms, at most 300 ms; 1 not back');
    expect(summariesOf([...runs, { ...runs[0]!, model: 'independent', pair: 'independent' }])).toHaveLength(
      2,
    );
    const many = reportHtml([...runs, ...runs]);
    expect(many).toContain('By kind of nodes');
    expect(many).not.toContain('Side by side');
  });

  test('puts several side by side, and marks a broken promise', () => {
    const kept = { ...report, model: 'independent' as const, verdict: { ...verdict, headline: 'fine' } };
    const html = reportHtml([report, kept]);
    expect(html).toContain('Side by side');
    expect(html).toContain('<td class="bad">0</td><td>0</td>');
  });
});

describe('throughput', () => {
  test('counts by steps from the start, and makes them longer instead of more', () => {
    const throughput = new Throughput();
    throughput.sent(900);
    throughput.start(1000);
    for (const at of [1000, 1249, 1250, 1999]) throughput.sent(at);
    throughput.delivered(1300);
    expect(throughput.read(2000)).toEqual({
      stepMs: 250,
      sent: [2, 1, 0, 1],
      confirmed: [0, 0, 0, 0],
      delivered: [0, 1, 0, 0],
    });
    throughput.sent(1000 + 250 * 240);
    const { stepMs, sent } = throughput.read(1000 + 250 * 240 + 500);
    expect(stepMs).toBe(500);
    expect(sent).toHaveLength(121);
    expect(sent.slice(0, 2)).toEqual([3, 1]);
    expect(sent.at(-1)).toBe(1);
  });
});
