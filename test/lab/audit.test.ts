// The audit's arithmetic (R33f): each word of its report from a run made by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import { labelledBody, labelOf } from '../../broker/lab/message-label.ts';

function audited(script: (audit: Audit) => void) {
  const audit = new Audit();
  script(audit);
  const report = audit.report();
  return { audit, report, producer: report.producers[0]!, consumer: report.consumers[0]! };
}

describe('R33f: what became of each message', () => {
  test('confirmed and delivered once is the quiet case', () => {
    const { producer, consumer, report } = audited((audit) => {
      for (let sequence = 1; sequence <= 3; sequence++) {
        audit.published('p', sequence, sequence);
        audit.confirmed('p', sequence, sequence + 1);
        audit.received('c', 'p', sequence, false, sequence + 2);
        audit.acked('c', 'p', sequence, sequence + 2);
      }
    });
    expect(producer).toMatchObject({
      published: 3,
      sent: 3,
      confirmed: 3,
      delivered: 3,
      refused: 0,
      returned: 0,
      unresolved: 0,
      duplicated: 0,
      held: 0,
      lost: 0,
      reconnectMs: null,
    });
    expect(consumer).toMatchObject({ received: 3, acked: 3, duplicated: 0, redelivered: 0, reordered: 0 });
    expect(report.lost).toBe(0);
  });

  test('confirmed and never delivered is lost, unless a queue holds it or it was returned', () => {
    const { producer, report } = audited((audit) => {
      for (let sequence = 1; sequence <= 4; sequence++) {
        audit.published('p', sequence, 0);
        audit.confirmed('p', sequence, 0);
      }
      audit.received('c', 'p', 1, false, 0);
      audit.held('p', 2);
      audit.returned('p', 3, 0);
    });
    expect(producer).toMatchObject({ lost: 1, lostSequences: [4], held: 1, returned: 1 });
    expect(report.lost).toBe(1);
  });

  test('a message without a word about it is unresolved, not lost; a late confirm settles it', () => {
    const { producer } = audited((audit) => {
      audit.published('p', 1, 0);
      audit.published('p', 2, 0);
      audit.published('p', 2, 5);
      audit.confirmed('p', 2, 6);
      audit.received('c', 'p', 2, false, 7);
    });
    expect(producer).toMatchObject({ published: 2, sent: 3, confirmed: 1, unresolved: 1, lost: 0 });
  });

  test('refused counts only while no later attempt was confirmed', () => {
    const { producer } = audited((audit) => {
      audit.published('p', 1, 0);
      audit.refused('p', 1, 0);
      audit.published('p', 2, 0);
      audit.refused('p', 2, 0);
      audit.confirmed('p', 2, 1);
    });
    expect(producer).toMatchObject({ refused: 1, confirmed: 1, unresolved: 0 });
  });

  test('a second delivery is a duplicate, and a revival when it had been acknowledged', () => {
    const { consumer, producer } = audited((audit) => {
      audit.published('p', 1, 0);
      audit.published('p', 2, 0);
      audit.received('c', 'p', 1, false, 0);
      audit.received('c', 'p', 1, true, 1);
      audit.received('c', 'p', 2, false, 2);
      audit.acked('c', 'p', 2, 3);
      audit.received('c', 'p', 2, true, 4);
    });
    expect(producer.duplicated).toBe(2);
    expect(consumer).toMatchObject({ received: 4, duplicated: 2, redelivered: 2, revived: 1, reordered: 0 });
  });

  test('out of order is a first delivery behind a later one that is not marked redelivered', () => {
    const { consumer } = audited((audit) => {
      for (const [sequence, redelivered] of [
        [1, false],
        [3, false],
        [2, false],
        [4, false],
        [5, true],
        [4, true],
      ] as const)
        audit.received('c', 'p', sequence, redelivered, 0);
    });
    expect(consumer.reordered).toBe(1);
  });
});

describe('R33f: the unavailability window', () => {
  test('goes from the last confirm before to the first after, the longest silence around the fault', () => {
    const { producer, report } = audited((audit) => {
      for (const at of [100, 110, 120]) audit.confirmed('p', at, at);
      audit.fault('kill', 121);
      // One that was on its way when the node died, then silence.
      for (const at of [122, 300, 301, 305]) audit.confirmed('p', at, at);
    });
    const window = { fault: 'kill', faultAt: 121, from: 122, to: 300, durationMs: 178 };
    expect(producer.windows).toEqual([window]);
    expect(report.producerWindows).toEqual([window]);
  });

  test('over all clients it ends when the first of them is served', () => {
    const { report } = audited((audit) => {
      audit.confirmed('p', 1, 10);
      audit.confirmed('q', 1, 12);
      audit.fault('kill', 13);
      audit.confirmed('q', 2, 60);
      audit.confirmed('p', 2, 50);
    });
    expect(report.producerWindows[0]).toMatchObject({ from: 12, to: 50, durationMs: 38 });
    expect(report.producers[0]!.windows[0]).toMatchObject({ from: 10, to: 50, durationMs: 40 });
    expect(report.producers[1]!.windows[0]).toMatchObject({ from: 12, to: 60, durationMs: 48 });
  });

  test('each fault has its own, and one without an end says so', () => {
    const { report } = audited((audit) => {
      audit.received('c', 'p', 1, false, 10);
      audit.fault('first', 11);
      audit.received('c', 'p', 2, false, 41);
      audit.fault('second', 50);
    });
    expect(report.consumerWindows).toEqual([
      { fault: 'first', faultAt: 11, from: 10, to: 41, durationMs: 31 },
      { fault: 'second', faultAt: 50, from: 41, to: null, durationMs: null },
    ]);
  });

  test('reconnecting is timed from the loss, not from each try; the longest counts', () => {
    const { producer } = audited((audit) => {
      audit.connected('p', 0);
      audit.published('p', 1, 1);
      audit.disconnected('p', 10);
      audit.disconnected('p', 15);
      audit.connected('p', 42);
      audit.disconnected('p', 100);
      audit.connected('p', 105);
    });
    expect(producer.reconnectMs).toBe(32);
  });

  test('a silence that runs into the next fault belongs to the one near which it began', () => {
    const windowsFor = (silence: [number, number]) => {
      const audit = new Audit();
      audit.fault('first', 1000);
      audit.fault('second', 2000);
      for (let at = 900; at < 2600; at += 10)
        if (at <= silence[0] || at >= silence[1]) audit.confirmed('p', at, at);
      return audit.report().producerWindows.map(({ durationMs }) => durationMs);
    };
    expect(windowsFor([1990, 2500])).toEqual([10, 510]);
    expect(windowsFor([1010, 2500])).toEqual([1490, 1490]);
  });
});

describe('R33f: several queues, and the load’s end', () => {
  test('a message of several queues has to arrive by each of them; twice by one is a duplicate, by two is not', () => {
    const audit = new Audit({
      queuesOf: (_producer, sequence) => (sequence === 3 ? ['one'] : ['one', 'two']),
    });
    for (const sequence of [1, 2, 3, 4]) {
      audit.published('p', sequence, 0);
      audit.confirmed('p', sequence, 0);
    }
    audit.received('c', 'p', 1, false, 1, 'one');
    audit.received('d', 'p', 1, false, 1, 'two');
    audit.received('c', 'p', 2, false, 1, 'one');
    audit.received('c', 'p', 3, false, 1, 'one');
    audit.received('c', 'p', 3, true, 2, 'one');
    audit.received('c', 'p', 4, false, 3, 'one');
    audit.held('p', 4, 'two');
    const [producer] = audit.report().producers;
    expect(producer).toMatchObject({ lost: 1, lostSequences: [2], held: 1, duplicated: 1, delivered: 4 });
    expect(audit.figures).toMatchObject({ delivered: 4, duplicated: 1, onTheWay: 0, unresolved: 0 });
  });

  test('the figures say at any time what the report says at the end', () => {
    const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 5 })));
    fc.assert(
      fc.property(events, (steps) => {
        const audit = new Audit();
        for (let sequence = 1; sequence <= 5; sequence++) audit.published('p', sequence, 0);
        for (const [what, sequence] of steps)
          [
            () => audit.published('p', sequence, 1),
            () => audit.confirmed('p', sequence, 1),
            () => audit.refused('p', sequence, 1),
            () => audit.returned('p', sequence, 1),
            () => audit.received('c', 'p', sequence, false, 1),
            () => audit.acked('c', 'p', sequence, 1),
          ][what]!();
        const { producers, consumers } = audit.report();
        const { published, sent, confirmed, refused, returned, unresolved, delivered } = producers[0]!;
        expect(audit.figures).toMatchObject({ published, sent, confirmed, refused, returned, unresolved });
        expect(audit.figures).toMatchObject({ delivered, acked: consumers[0]?.acked ?? 0 });
        expect(audit.figures).toMatchObject({
          duplicated: consumers[0]?.duplicated ?? 0,
          reordered: consumers[0]?.reordered ?? 0,
          revived: consumers[0]?.revived ?? 0,
        });
      }),
    );
  });

  test('without confirms nothing is unresolved; what was never seen is told', () => {
    const audit = new Audit({ asksConfirms: () => false });
    audit.published('p', 1, 10);
    audit.published('p', 2, 20);
    audit.received('c', 'p', 1, false, 21);
    expect(audit.report().producers[0]).toMatchObject({ unresolved: 0, unseen: 1, lost: 0 });
    expect(audit.publishWindows().longestMs).toBe(10);
  });

  test('what is silent after the load is no outage; what was down when it ended is one without an end', () => {
    const { audit, report } = audited((audit) => {
      for (const at of [100, 110, 150, 160]) audit.confirmed('p', at, at);
      audit.fault('kill', 115);
      audit.loadEnded(170);
      audit.confirmed('p', 9, 4000);
    });
    expect(report.producerWindows[0]).toMatchObject({ from: 110, to: 150, durationMs: 40 });
    expect(report.longestMs.producers).toBe(40);
    const down = audited((audit) => {
      for (const at of [100, 110, 112]) audit.confirmed('p', at, at);
      audit.fault('kill', 111);
      audit.loadEnded(5000);
    });
    expect(down.report.producerWindows[0]).toMatchObject({ from: 112, to: null, durationMs: null });
    expect(audit.lastSequence('p')).toBe(160);
  });
});

describe('the label', () => {
  test('comes back from any body that begins with it, and from no other', () => {
    const name = fc.stringMatching(/^[\w.-]{1,64}$/);
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 1e12 }), fc.nat(300), (producer, sequence, size) => {
        const body = labelledBody({ producer, sequence }, size);
        expect(body.length).toBeGreaterThanOrEqual(size);
        expect(labelOf(body)).toEqual({ producer, sequence });
      }),
    );
    for (const other of ['', 'hello', 'p', 'p x', 'p 1x', ' 1'])
      expect(labelOf(Buffer.from(other))).toBeNull();
  });
});
