// The journal on real files: what was safe comes back, a torn tail is cut, damage is named, space comes back.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import type { RecoveryReport } from '../../broker/journal/journal.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import { eventually } from '../eventually.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren-journal-'));
  folders.push(folder);
  return folder;
}

interface Found {
  journal: SegmentLog;
  report: RecoveryReport;
  records: Map<number, { holders: number[]; delivered: boolean[]; text: string }>;
}

async function open(folder: string, segmentBytesMax?: number): Promise<Found> {
  const journal = new SegmentLog({
    folder,
    storage: osStorage,
    clock: osClock,
    log: silentLog,
    confirmMode: 'synced',
    ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
  });
  const records: Found['records'] = new Map();
  const report = await journal.recover((id, holders, delivered, bytes, start, end) => {
    records.set(id, {
      holders: [...holders],
      delivered: [...delivered],
      text: bytes.toString('utf8', start, end),
    });
  });
  return { journal, report, records };
}

function append(journal: SegmentLog, holders: number[], text: string): number {
  const body = Buffer.from(text);
  return journal.append(holders, holders.length, Buffer.alloc(0), body, 0, body.length);
}

const segments = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();

describe('R3 R25: the journal', () => {
  test('a segment whose records are all released before they are written is written and goes', async () => {
    const folder = newFolder();
    const { journal } = await open(folder, 1000);
    for (let i = 0; i < 300; i++) {
      journal.release(1, append(journal, [1], 'x'.repeat(100)));
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await journal.flush();
    expect(journal.fault).toBe(null);
    expect(journal.safePosition).toBe(journal.appendedPosition);
    await eventually('they are gone', () => segments(folder).length <= 1);
    await journal.close();
  });

  test('what was flushed comes back with its holders, released ones stay away', async () => {
    const folder = newFolder();
    const first = await open(folder);
    const kept = append(first.journal, [1, 2], 'kept');
    const gone = append(first.journal, [1], 'gone');
    first.journal.release(1, gone);
    first.journal.release(2, kept);
    first.journal.markDelivered(1, kept);
    await first.journal.flush();
    await first.journal.close();
    const second = await open(folder);
    expect([...second.records]).toEqual([[kept, { holders: [1], delivered: [true], text: 'kept' }]]);
    expect(append(second.journal, [1], 'later')).toBeGreaterThan(gone);
    await second.journal.close();
  });

  test('a random life comes back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            holders: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
            text: fc.string({ maxLength: 300 }),
            release: fc.nat(),
          }),
          { maxLength: 60 },
        ),
        async (life) => {
          const folder = newFolder();
          const model = new Map<number, { holders: Set<number>; text: string }>();
          let { journal } = await open(folder);
          for (const [index, step] of life.entries()) {
            model.set(append(journal, step.holders, step.text), {
              holders: new Set(step.holders),
              text: step.text,
            });
            const [id, record] = [...model][step.release % model.size]!;
            const [holder] = record.holders;
            if (step.release % 3 === 0 && holder !== undefined) {
              journal.release(holder, id);
              record.holders.delete(holder);
              if (record.holders.size === 0) model.delete(id);
            }
            if (index % 20 === 19) {
              await journal.close();
              ({ journal } = await open(folder));
            }
          }
          await journal.close();
          const last = await open(folder);
          await last.journal.close();
          expect(
            new Map(
              [...last.records].map(([id, { holders, text }]) => [id, { holders: new Set(holders), text }]),
            ),
          ).toEqual(model);
          expect(last.report.damaged).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a torn tail is cut and nothing before it is lost', async () => {
    const folder = newFolder();
    const first = await open(folder);
    const ids = Array.from({ length: 50 }, (_, i) => append(first.journal, [1], `record ${i}`));
    await first.journal.flush();
    await first.journal.close();
    const file = join(folder, segments(folder).at(-1)!);
    const whole = statSync(file).size;
    appendFileSync(file, Buffer.from('WBLK\0\0\x10\0garbage that never became a block', 'latin1'));
    const second = await open(folder);
    expect([...second.records.keys()]).toEqual(ids);
    expect(second.report.tornTailBytes).toBeGreaterThan(0);
    const more = append(second.journal, [1], 'after the tear');
    await second.journal.flush();
    await second.journal.close();
    const third = await open(folder);
    expect([...third.records.keys()]).toEqual([...ids, more]);
    await third.journal.close();
    expect(whole).toBeGreaterThan(0);
  });

  test('a segment cut in the middle of a block loses that block alone', async () => {
    const folder = newFolder();
    const first = await open(folder);
    const safe = append(first.journal, [1], 'first block');
    await first.journal.flush();
    append(first.journal, [1], 'x'.repeat(1000));
    await first.journal.flush();
    await first.journal.close();
    const file = join(folder, segments(folder).at(-1)!);
    truncateSync(file, statSync(file).size - 100);
    const second = await open(folder);
    expect([...second.records.keys()]).toEqual([safe]);
    await second.journal.close();
  });

  test('a changed byte is found, named and quarantined; what is whole is kept', async () => {
    const folder = newFolder();
    const first = await open(folder);
    append(first.journal, [1], 'this one will be damaged');
    await first.journal.flush();
    append(first.journal, [1], 'this one is whole');
    await first.journal.flush();
    await first.journal.close();
    const file = join(folder, segments(folder)[0]!);
    const bytes = readFileSync(file);
    bytes[bytes.indexOf('will be')]! ^= 0xff;
    writeFileSync(file, bytes);
    const second = await open(folder);
    expect([...second.records.values()].map(({ text }) => text)).toEqual(['this one is whole']);
    expect(second.report.damaged).toHaveLength(1);
    expect(second.report.damaged[0]!.file).toContain(segments(folder)[0]!);
    await second.journal.close();
  });

  /** The last segment's file of a journal with three blocks in it, and the ids of their records. */
  async function threeBlocks(
    stop: 'clean' | 'kill',
  ): Promise<{ folder: string; file: string; ids: number[] }> {
    const folder = newFolder();
    const { journal } = await open(folder);
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) {
      ids.push(append(journal, [1], `${'block '.repeat(100)}${i}`));
      await journal.flush();
    }
    const first = join(folder, segments(folder)[0]!);
    const notes = first.replace('.log', '.released');
    const noted = Buffer.alloc(4);
    noted.writeUInt32BE(statSync(first).size);
    if (stop === 'clean') await journal.close();
    else await eventually('all is noted', () => existsSync(notes) && readFileSync(notes).includes(noted));
    // A killed process leaves its files as they are.
    const left = stop === 'clean' ? folder : newFolder();
    if (stop === 'kill') {
      for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(left, name));
      await journal.close();
    }
    return { folder: left, file: join(left, segments(left)[0]!), ids };
  }

  for (const stop of ['clean', 'kill'] as const) {
    test(`rot in the very last block is no torn commit after a ${stop} end: told and set aside`, async () => {
      const { folder, file, ids } = await threeBlocks(stop);
      const bytes = readFileSync(file);
      bytes[bytes.length - 50]! ^= 1;
      writeFileSync(file, bytes);
      for (let start = 0; start < 2; start++) {
        const { journal, records, report } = await open(folder);
        expect([...records.keys()]).toEqual(ids.slice(0, 2));
        expect(report.tornTailBytes).toBe(0);
        expect(report.damaged).toHaveLength(1);
        expect(readdirSync(folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
        await journal.close();
      }
    });

    test(`a file that was cut at the end of a block is told after a ${stop} end`, async () => {
      const { folder, file, ids } = await threeBlocks(stop);
      const bytes = readFileSync(file);
      const blockMagic = bytes.subarray(16, 20);
      truncateSync(file, bytes.lastIndexOf(blockMagic));
      const { journal, records, report } = await open(folder);
      expect([...records.keys()]).toEqual(ids.slice(0, 2));
      expect(report.damaged.map(({ reason }) => reason)).toEqual(['ends before what was on the disk']);
      await journal.close();
    });

    test(`what is torn behind all that was on the disk is still cut after a ${stop} end`, async () => {
      const { folder, file, ids } = await threeBlocks(stop);
      const bytes = readFileSync(file);
      appendFileSync(file, bytes.subarray(bytes.lastIndexOf(bytes.subarray(16, 20)), -5));
      const { journal, records, report } = await open(folder);
      expect([...records.keys()]).toEqual(ids);
      expect(report.damaged).toEqual([]);
      expect(report.tornTailBytes).toBeGreaterThan(0);
      await journal.close();
    });
  }

  test('a segment of which nothing is left is set aside, not taken for one that was being made', async () => {
    const { folder, file } = await threeBlocks('clean');
    writeFileSync(file, Buffer.alloc(statSync(file).size));
    const { journal, records, report } = await open(folder);
    expect(records.size).toBe(0);
    expect(report.damaged).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
    await journal.close();
  });

  test('a compacted segment is not told to end early', async () => {
    const folder = newFolder();
    const { journal } = await open(folder, 20_000);
    const ids = Array.from({ length: 60 }, () => append(journal, [1], 'x'.repeat(1000)));
    await journal.flush();
    const first = join(folder, segments(folder)[0]!);
    const { size } = statSync(first);
    for (const id of ids.slice(1)) journal.release(1, id);
    await eventually('it is compacted', () => statSync(first).size < size);
    await journal.close();
    const second = await open(folder);
    expect([...second.records.keys()]).toEqual([ids[0]]);
    expect(second.report.damaged).toEqual([]);
    await second.journal.close();
  });

  test('the safe position follows the appended one only after a sync', async () => {
    const folder = newFolder();
    const { journal } = await open(folder);
    const before = journal.statistics().syncs;
    append(journal, [1], 'x');
    expect(journal.safePosition).toBeLessThan(journal.appendedPosition);
    await journal.flush();
    expect(journal.safePosition).toBe(journal.appendedPosition);
    expect(journal.statistics().syncs).toBeGreaterThan(before);
    await journal.close();
  });
});
