// What a kill in the wrong moment would find: a record is let go on disk only when what it went on as is there, and
// a delivery leaves only when it is noted. The disk here holds its writes until it is told to go on.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../broker/base/clock.ts';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import type { Storage } from '../../broker/base/storage.ts';
import { EndOfTick } from '../../broker/channel/end-of-tick.ts';
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

/** A disk that can be told to hold what goes to or comes from files of a kind. */
class HoldingDisk {
  held = 0;
  #holds: RegExp | null = null;
  #goOn: (() => void)[] = [];

  /** `write` or `read` and the path are matched. */
  hold(operations: RegExp): void {
    this.#holds = operations;
  }

  goOn(): void {
    this.#holds = null;
    for (const each of this.#goOn.splice(0)) each();
  }

  storage(): Storage {
    const wait = async (operation: string) => {
      if (!this.#holds?.test(operation)) return;
      this.held++;
      await new Promise<void>((resolve) => this.#goOn.push(resolve));
    };
    return {
      ...osStorage,
      read: async (path, sizeMax) => {
        await wait(`read ${path}`);
        return osStorage.read(path, sizeMax);
      },
      open: async (path) => {
        const file = await osStorage.open(path);
        return {
          write: async (parts, position) => {
            await wait(`write ${path}`);
            await file.write(parts, position);
          },
          writeSynced: async (parts, position) => {
            await wait(`write ${path}`);
            await file.writeSynced(parts, position);
          },
          sync: () => file.sync(),
          close: () => file.close(),
        };
      },
    };
  }
}

/** Releases are due at once. */
const hasty: Clock = {
  ...osClock,
  after: (delayMs, callback) => osClock.after(Math.min(delayMs, 1), callback),
};

async function open(folder: string, storage: Storage, segmentBytesMax?: number) {
  const journal = new SegmentLog({
    folder,
    storage,
    clock: hasty,
    log: silentLog,
    confirmMode: 'synced',
    ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
  });
  const found = new Map<string, { holders: number[]; delivered: boolean[] }>();
  await journal.recover((_id, holders, delivered, bytes, start, end) =>
    found.set(bytes.toString('utf8', start, start + 6).trimEnd(), {
      holders: [...holders].slice(0, end),
      delivered: [...delivered],
    }),
  );
  return { journal, found };
}

function append(journal: SegmentLog, holder: number, text: string, size = 6): number {
  const body = Buffer.alloc(Math.max(size, 6), ' ');
  body.write(text);
  return journal.append([holder], 1, Buffer.alloc(0), body, 0, body.length);
}

/** What a restart would find if the node were killed now. */
async function afterKill(folder: string): Promise<Map<string, { holders: number[]; delivered: boolean[] }>> {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  const { journal, found } = await open(copy, osStorage);
  await journal.close();
  return found;
}

/** Long enough for what is not held. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));
const names = (folder: string, end: string) => readdirSync(folder).filter((name) => name.endsWith(end));

describe('R25 R26: letting go', () => {
  test('a message that dies while a commit is under way is there, as itself or as its dead letter', async () => {
    const folder = newFolder();
    const disk = new HoldingDisk();
    const { journal } = await open(folder, disk.storage());
    const message = append(journal, 1, 'first');
    await journal.flush();
    disk.hold(/write .*\.log$/);
    append(journal, 1, 'second');
    await eventually('the commit waits for the disk', () => disk.held === 1);
    append(journal, 2, 'letter');
    journal.release(1, message, journal.appendedPosition);
    await settle();
    disk.goOn();
    // Before the next commit, which would write the letter.
    disk.hold(/write .*\.log$/);
    await eventually('the next commit waits for the disk', () => disk.held === 2);
    const found = await afterKill(folder);
    expect(found.has('first') || found.has('letter')).toBe(true);
    disk.goOn();
    await journal.close();
    expect([...(await afterKill(folder)).keys()].sort()).toEqual(['letter', 'second']);
  });

  test('a segment goes only when what its last message went on as is there', async () => {
    const folder = newFolder();
    const disk = new HoldingDisk();
    const { journal } = await open(folder, disk.storage(), 1000);
    const message = append(journal, 1, 'first', 900);
    await journal.flush();
    append(journal, 1, 'second', 900);
    await journal.flush();
    expect(names(folder, '.log')).toHaveLength(2);
    disk.hold(/write .*\.log$/);
    append(journal, 1, 'third', 900);
    await eventually('the commit waits for the disk', () => disk.held === 1);
    append(journal, 2, 'letter', 900);
    journal.release(1, message, journal.appendedPosition);
    disk.goOn();
    disk.hold(/write .*\.log$/);
    await eventually('the next commit waits for the disk', () => disk.held === 2);
    const found = await afterKill(folder);
    expect(found.has('first') || found.has('letter')).toBe(true);
    disk.goOn();
    await journal.flush();
    await eventually('the segment is gone', () => names(folder, '.log').length === 3);
    await journal.close();
  });

  test('compaction drops a record only when what it went on as is there', async () => {
    const folder = newFolder();
    const disk = new HoldingDisk();
    const { journal } = await open(folder, disk.storage(), 100_000);
    const ids = Array.from({ length: 10 }, (_, index) => append(journal, 1, `m${index}`, 9000));
    append(journal, 1, 'next', 90_000);
    await journal.flush();
    disk.hold(/read .*\.log$/);
    for (const id of ids.slice(0, 8)) journal.release(1, id);
    await eventually('the compaction reads', () => disk.held === 1);
    // Dead before the compaction has seen it, and its letter does not get to the disk.
    append(journal, 2, 'letter');
    journal.release(1, ids[8]!, journal.appendedPosition);
    disk.goOn();
    disk.hold(/write .*\.log$/);
    await eventually('the commit waits for the disk', () => disk.held === 2);
    await settle();
    const found = await afterKill(folder);
    expect(found.has('m8') || found.has('letter')).toBe(true);
    disk.goOn();
    await journal.flush();
    await journal.close();
    expect([...(await afterKill(folder)).keys()].sort()).toEqual(['letter', 'm9', 'next']);
  });
});

describe('R30: handing out', () => {
  test('output waits until the journal has noted what leaves with it', async () => {
    const folder = newFolder();
    const disk = new HoldingDisk();
    const { journal } = await open(folder, disk.storage());
    const message = append(journal, 1, 'first');
    await journal.flush();
    const endOfTick = new EndOfTick(() => journal.marksPending);
    let sent = 0;
    disk.hold(/write .*delivered\.marks/);
    journal.markDelivered(1, message);
    endOfTick.output({ endOfTick: () => sent++ });
    await eventually('the mark waits for the disk', () => disk.held === 1);
    await settle();
    expect(sent).toBe(0);
    disk.goOn();
    await eventually('the output has left', () => sent === 1);
    expect((await afterKill(folder)).get('first')?.delivered).toEqual([true]);
    endOfTick.output({ endOfTick: () => sent++ });
    await eventually('others do not wait', () => sent === 2);
    await journal.close();
  });
});
