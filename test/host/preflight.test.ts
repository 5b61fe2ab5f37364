// What an action on the pair would do, from what the nodes say (R33e, R33f).
import { describe, expect, test } from 'vitest';
import { preflight, type PreflightFacts } from '../../broker/host/preflight.ts';
import type { OutageRecord } from '../../broker/contract/pair-rows.ts';

const outage = (outageMs: number, kind: OutageRecord['kind'], model = 'independent'): OutageRecord => ({
  at: 1,
  model,
  kind,
  outageMs,
});

const facts: PreflightFacts = {
  model: 'independent',
  activeId: 'a',
  standbyId: 'b',
  stock: {
    queues: [
      { vhost: '/', queue: 'small', durable: true, persistent: 3, transient: 0, unacknowledged: 0 },
      { vhost: '/', queue: 'big', durable: true, persistent: 40, transient: 2, unacknowledged: 5 },
      { vhost: '/', queue: 'passing', durable: false, persistent: 0, transient: 6, unacknowledged: 0 },
    ],
    connections: 4,
    unconfirmed: 9,
  },
  stranded: [{ nodeId: 'b', vhost: '/', queue: 'old', messages: 11, counted: 'exact', countedAt: 1 }],
  outages: [outage(30, 'failure'), outage(10, 'failure'), outage(20, 'failure'), outage(4, 'switch-over')],
  drainsByItself: false,
  drainFirst: true,
};

describe('R33e: before a kill of the active', () => {
  test('independent: persistent ones are stranded, transient ones lost', () => {
    const flight = preflight('kill', 'a', facts);
    expect(flight).toMatchObject({
      clients: 4,
      lost: { transient: 8, unconfirmed: 9 },
      strandedTotal: 43,
      redelivered: 5,
      reordered: 2,
      outage: { expectedMs: 20, worstMs: 30, runs: 3 },
    });
    expect(flight.stranded.map(({ queue }) => queue)).toEqual(['big', 'small']);
    expect(flight.sentences[0]).toBe('8 messages that are not on disk will be lost.');
    expect(flight.sentences.at(-1)).toBe(
      'Nobody serves for about 20 ms, at worst 30 ms in the last 3 times.',
    );
  });

  test.each(['replicated', 'shared-store'] as const)('%s: nothing is stranded', (model) => {
    const flight = preflight('kill', 'a', { ...facts, model, outages: [outage(50, 'failure', model)] });
    expect(flight).toMatchObject({
      strandedTotal: 0,
      reordered: 0,
      lost: { transient: 8, unconfirmed: 9 },
      outage: { expectedMs: 50, runs: 1 },
    });
  });

  test('without a standby nobody serves until it is back', () => {
    const { sentences } = preflight('kill', 'a', { ...facts, standbyId: null, stranded: [] });
    expect(sentences).toContain('Nobody serves until it is back.');
  });
});

describe('R33e: before what is planned', () => {
  test('switch-over of an independent pair: all of it stays on the node, nothing is lost', () => {
    expect(preflight('switch-over', null, facts)).toMatchObject({
      lost: { transient: 0, unconfirmed: 0 },
      strandedTotal: 51,
      outage: { expectedMs: 4, runs: 1 },
    });
  });

  test('switch-over of a replicated pair: what is only in memory goes', () => {
    const flight = preflight('switch-over', null, { ...facts, model: 'replicated' });
    expect(flight).toMatchObject({ lost: { transient: 8, unconfirmed: 0 }, strandedTotal: 0 });
    expect(flight.outage).toEqual({ expectedMs: null, worstMs: null, runs: 0 });
  });

  test('failback drains first: what is drained comes to be stranded on the other node', () => {
    expect(preflight('failback', null, facts).strandedTotal).toBe(62);
    expect(preflight('failback', null, { ...facts, drainFirst: false }).strandedTotal).toBe(51);
  });

  test('stop hands over first; its process ends all the same', () => {
    expect(preflight('stop', 'a', facts)).toMatchObject({
      lost: { transient: 8, unconfirmed: 0 },
      strandedTotal: 43,
      outage: { expectedMs: 4 },
    });
  });
});

describe('R33e: before the rest', () => {
  test('the standby: clients notice nothing', () => {
    const flight = preflight('kill', 'b', facts);
    expect(flight).toMatchObject({ clients: 0, outage: null, strandedTotal: 0 });
    expect(flight.sentences).toContain('Its 11 messages stay stranded on it.');
  });

  test('the end of the pair: what the standby holds is out of reach', () => {
    expect(preflight('stop-pair', null, facts)).toMatchObject({ strandedTotal: 11, outage: null });
  });

  test('a hung node says nothing: what is known is said', () => {
    const flight = preflight('kill', 'a', { ...facts, stock: null });
    expect(flight).toMatchObject({ strandedTotal: 0, outage: { expectedMs: 20 } });
  });
});
