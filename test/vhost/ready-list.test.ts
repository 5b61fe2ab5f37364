// The ready list against an array: order by position and the same bytes, whatever comes, goes and is paged out
// (R13, R31).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import { RecordUnreadable } from '../../broker/journal/journal.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import { recordHead } from '../../broker/vhost/message-record.ts';
import { composeMessage } from '../../broker/vhost/message.ts';
import { Pager } from '../../broker/vhost/paging/pager.ts';
import { PriorityList } from '../../broker/vhost/queue/priority-list.ts';
import { QueueEntry } from '../../broker/vhost/queue/queue-entry.ts';
import { ReadyList, type ReadyListener } from '../../broker/vhost/queue/ready-list.ts';

const holder = 7;
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** For lists of which all can be read. */
const neverLost: ReadyListener = {
  lost: ({ messages }) => expect(messages).toBe(0),
  stalled: () => expect.fail('the list is stalled'),
};

interface Logs {
  journal: SegmentLog;
  scratch: SegmentLog;
  pager: Pager;
}

async function openLogs(budgetBytes: number): Promise<Logs> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-paging-'));
  folders.push(folder);
  const shared = { storage: osStorage, clock: osClock, log: silentLog, confirmMode: 'written' as const };
  const journal = new SegmentLog({ ...shared, folder: join(folder, 'journal'), segmentBytesMax: 100_000 });
  const scratch = new SegmentLog({ ...shared, folder: join(folder, 'paging'), scratch: true });
  await journal.recover(() => undefined);
  await scratch.recover(() => undefined);
  return { journal, scratch, pager: new Pager({ budgetBytes, journal, scratch, log: silentLog }) };
}

async function close({ journal, scratch }: Logs): Promise<void> {
  await journal.close();
  await scratch.close();
}

function newEntry({ journal }: Logs, position: number, bodySize: number, journalled: boolean): QueueEntry {
  const body = Buffer.alloc(bodySize, position);
  const message = composeMessage('x', `key.${position}`, Buffer.alloc(2), body, 0);
  if (journalled) {
    const head = recordHead(message);
    message.recordId = journal.append([holder], 1, head, message.bytes, 0, message.bytes.length);
  }
  const entry = new QueueEntry(message, position);
  if (position % 5 === 0) entry.expiresAt = 1000 + position;
  return entry;
}

const shown = (entry: QueueEntry | null) =>
  entry && [entry.position, entry.message.routingKey, entry.message.body.toString('hex'), entry.expiresAt];

type Step = {
  do: 'push' | 'many' | 'shift' | 'drain' | 'restore' | 'remove' | 'browse' | 'sync';
  pick: number;
};

const steps = fc.array(
  fc.record({
    do: fc.constantFrom<Step['do']>(
      'push',
      'many',
      'many',
      'shift',
      'drain',
      'restore',
      'remove',
      'browse',
      'sync',
    ),
    pick: fc.nat(),
  }),
  { maxLength: 40 },
);

async function live(life: Step[], budgetBytes: number): Promise<void> {
  const logs = await openLogs(budgetBytes);
  const list = new ReadyList(logs.pager, true, neverLost);
  const model: QueueEntry[] = [];
  const out: QueueEntry[] = [];
  let position = 1;
  const push = (pick: number) => {
    const entry = newEntry(logs, position++, pick % 300, pick % 2 === 0);
    list.push(entry);
    model.push(entry);
  };
  const shift = () => {
    const entry = list.shift();
    expect(shown(entry)).toEqual(shown(model.shift() ?? null));
    if (entry) out.push(entry);
  };
  for (const step of life) {
    if (step.do === 'push') push(step.pick);
    else if (step.do === 'many') for (let i = 0; i < 700; i++) push(step.pick + i);
    else if (step.do === 'shift') shift();
    else if (step.do === 'drain') for (let i = step.pick % 900; i > 0; i--) shift();
    else if (step.do === 'sync') await Promise.all([logs.journal.flush(), logs.scratch.flush()]);
    else if (step.do === 'restore' && out.length > 0) {
      const [entry] = out.splice(step.pick % out.length, 1);
      list.restore(entry!);
      model.push(entry!);
      model.sort((a, b) => a.position - b.position);
    } else if (step.do === 'remove' && model.length > 0) {
      const [entry] = model.splice(step.pick % model.length, 1);
      expect(shown(list.find(entry!.position))).toEqual(shown(entry!));
      expect(list.remove(entry!)).toBe(true);
      expect(list.remove(entry!)).toBe(false);
    } else if (step.do === 'browse') {
      const from = model.length === 0 ? 0 : step.pick % model.length;
      const seen = [];
      for (const entry of list.from(from)) if (seen.push(shown(entry)) === 50) break;
      expect(seen).toEqual(model.slice(from, from + 50).map(shown));
    }
    expect(list.size).toBe(model.length);
    expect(shown(list.peek())).toEqual(shown(model[0] ?? null));
  }
  const released: number[] = [];
  const rest = list.clear((recordId) => released.push(recordId));
  expect(list.size).toBe(0);
  while (!rest.next().done);
  expect(released.toSorted((a, b) => a - b)).toEqual(
    model.flatMap(({ message }) => message.recordId || []).toSorted((a, b) => a - b),
  );
  expect(logs.pager.residentBytes).toBe(0);
  await logs.scratch.flush();
  expect(logs.scratch.statistics().liveRecords).toBe(0);
  await close(logs);
}

describe('R31: requeue at the original place', () => {
  test('a random life in memory agrees with a sorted array', async () => {
    await fc.assert(
      fc.asyncProperty(steps, (life) => live(life, Infinity)),
      { numRuns: 40 },
    );
  });
});

describe('R13: messages over the memory budget', () => {
  test('a random life on pages agrees with a sorted array', async () => {
    await fc.assert(
      fc.asyncProperty(steps, (life) => live(life, 20_000)),
      { numRuns: 60 },
    );
  });

  test('memory stays within the budget, large bodies too, and all comes back in order', async () => {
    const logs = await openLogs(1 << 20);
    const list = new ReadyList(logs.pager, true, neverLost);
    for (let position = 1; position <= 40; position++) {
      list.push(newEntry(logs, position, 1 << 20, position % 2 === 0));
      await Promise.all([logs.journal.flush(), logs.scratch.flush()]);
      expect(logs.pager.residentBytes).toBeLessThan(4 << 20);
    }
    for (let position = 1; position <= 40; position++) expect(list.shift()!.position).toBe(position);
    expect(list.size).toBe(0);
    await close(logs);
  });
});

describe('R13: what the disk does not give back', () => {
  /** Reads fail while this says so: the disk's error, or a checksum. */
  let trouble: 'none' | 'passing' | 'damage' = 'none';

  function spoil(log: SegmentLog): void {
    const read = log.read.bind(log);
    log.read = (id) => {
      if (trouble !== 'none') throw new RecordUnreadable('it cannot be read', trouble === 'passing');
      return read(id);
    };
  }

  async function stalledList(newList: (logs: Logs, listener: ReadyListener) => ReadyList | PriorityList) {
    const logs = await openLogs(20_000);
    for (const log of [logs.journal, logs.scratch]) spoil(log);
    const told = { lost: { messages: 0, bodyBytes: 0, records: 0 }, stalled: 0 };
    const list = newList(logs, {
      lost: ({ messages, bodyBytes, records }) => {
        told.lost.messages += messages;
        told.lost.bodyBytes += bodyBytes;
        told.lost.records += records.length;
      },
      stalled: () => told.stalled++,
    });
    for (let position = 1; position <= 3000; position++)
      list.push(newEntry(logs, position, 100, position % 2 === 0));
    await Promise.all([logs.journal.flush(), logs.scratch.flush()]);
    let next = 1;
    const drain = () => {
      for (let entry = list.shift(); entry; entry = list.shift()) {
        expect(entry.position).toBeGreaterThanOrEqual(next);
        next = entry.position + 1;
      }
      return next - 1;
    };
    return { logs, list, told, drain };
  }

  const positions = Array.from({ length: 3000 }, (_, index) => index + 1);
  const kinds = {
    'a list': (logs: Logs, listener: ReadyListener) => new ReadyList(logs.pager, true, listener),
    'a list with priorities': (logs: Logs, listener: ReadyListener) =>
      new PriorityList(2, logs.pager, true, listener),
  };

  for (const [kind, newList] of Object.entries(kinds)) {
    test(`${kind} waits for a disk that gives errors, and loses nothing`, async () => {
      const { logs, list, told, drain } = await stalledList(newList);
      trouble = 'passing';
      const resident = drain();
      expect(resident).toBeLessThan(200);
      expect(list.size).toBe(3000 - resident);
      expect([list.stalled, told.stalled]).toEqual([true, 1]);
      // Asking again and again is no reading again.
      expect([list.shift(), list.peek(), told.stalled]).toEqual([null, null, 1]);
      list.readAgain(false);
      expect([list.stalled, told.stalled]).toEqual([true, 2]);
      trouble = 'none';
      list.readAgain(false);
      expect(drain()).toBe(3000);
      expect([list.size, told.lost.messages]).toEqual([0, 0]);
      expect(logs.pager.residentBytes).toBe(0);
      await close(logs);
    });

    test(`${kind} passes over one page that the disk does not give, and keeps its records`, async () => {
      const { logs, list, told, drain } = await stalledList(newList);
      trouble = 'passing';
      const resident = drain();
      list.readAgain(true);
      expect(list.stalled).toBe(true);
      const { messages } = told.lost;
      expect(messages).toBeGreaterThan(0);
      expect(told.lost).toEqual({ messages, bodyBytes: 100 * messages, records: 0 });
      expect(list.size).toBe(3000 - resident - messages);
      trouble = 'none';
      list.readAgain(false);
      expect(drain()).toBe(3000);
      expect(told.lost.messages).toBe(messages);
      await close(logs);
    });

    test(`${kind} goes on behind what is damaged`, async () => {
      const { logs, list, told } = await stalledList(newList);
      trouble = 'damage';
      const got: number[] = [];
      for (let entry = list.shift(); entry; entry = list.shift()) got.push(entry.position);
      // The head and the page that fills were in memory.
      const lost = positions.filter((position) => !got.includes(position));
      expect(lost.length).toBeGreaterThan(1000);
      expect(got).toEqual(positions.filter((position) => !lost.includes(position)));
      expect([list.size, list.stalled]).toEqual([0, false]);
      expect(told.lost).toEqual({
        messages: lost.length,
        bodyBytes: 100 * lost.length,
        records: lost.filter((position) => position % 2 === 0).length,
      });
      trouble = 'none';
      list.push(newEntry(logs, 3001, 100, false));
      expect(list.shift()!.position).toBe(3001);
      await close(logs);
    });
  }

  afterEach(() => {
    trouble = 'none';
  });
});
