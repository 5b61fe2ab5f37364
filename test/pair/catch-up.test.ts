// A standby is brought level while a segment of the active node is compacted: at whatever moment that comes, the copy
// is one file's bytes and never two files' (R33b).
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import { catchUp } from '../../broker/pair/replication/catch-up.ts';
import { inventory } from '../../broker/pair/replication/inventory.ts';
import { Kind } from '../../broker/pair/replication/wire.ts';
import { recordsAt } from '../simulation/rot.ts';
import { eventually } from '../eventually.ts';

const holder = 1;
const bodyBytes = 100_000;
/** More than one piece of the stream. */
const recordCount = 30;
/** Of those in the first segment, fewer than what makes it worth compacting. */
const keptCount = 6;
/** What the standby has of it is shorter than what compaction leaves. */
const theirCount = 3;

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren-catch-up-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Setting {
  here: string;
  there: string;
  /** Resolves when the first segment is compacted. */
  compact(): Promise<void>;
}

async function set(): Promise<Setting> {
  const [here, there] = [newFolder(), newFolder()];
  const journal = new SegmentLog({
    folder: here,
    storage: osStorage,
    clock: osClock,
    log: silentLog,
    confirmMode: 'written',
    segmentBytesMax: recordCount * bodyBytes + 100_000,
  });
  closing.push(() => journal.close());
  await journal.recover(() => undefined);
  for (const folder of [here, there]) writeFileSync(join(folder, 'lineage'), 'one');
  const ids: number[] = [];
  for (let i = 0; i < recordCount + 5; i++) {
    ids.push(journal.append([holder], 1, Buffer.alloc(0), Buffer.alloc(bodyBytes, i), 0, bodyBytes));
    await journal.flush();
  }
  const first = join(here, segmentsIn(here)[0]!);
  const inFirst = recordsAt(readFileSync(first), 0)!;
  expect(inFirst.length).toBeGreaterThanOrEqual(recordCount);
  const theirSize = theirPart(readFileSync(first));
  writeFileSync(join(there, segmentsIn(here)[0]!), readFileSync(first).subarray(0, theirSize));
  // Something to say between the comparison of the segments and the first piece of them.
  writeFileSync(join(there, '00000099.released'), 'of a segment that is no more');
  const compact = async () => {
    const { size } = statSync(first);
    for (const id of inFirst.slice(0, inFirst.length - keptCount)) journal.release(holder, id);
    await eventually('it is compacted', () => statSync(first).size < size);
    expect(statSync(first).size).toBeGreaterThan(theirSize);
  };
  return { here, there, compact };
}

const segmentsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();

/** The size of its first blocks. */
function theirPart(segment: Buffer): number {
  for (let offset = 0; ; offset++) if (recordsAt(segment, offset)![0]! > theirCount) return offset;
}

/** The standby, as far as a catch-up sees it. */
function standbyIn(folder: string) {
  return (kind: Kind, name = '', position = 0, parts: readonly Uint8Array[] = []): number => {
    const path = join(folder, name);
    if (kind === Kind.CREATE) writeFileSync(path, '');
    else if (kind === Kind.REMOVE) rmSync(path);
    else if (kind === Kind.CHECKSUM) return crc32(readFileSync(path).subarray(0, position));
    else if (kind === Kind.QUARANTINE) {
      appendFileSync(`${path}.aside`, readFileSync(path).subarray(position));
      if (position === 0) rmSync(path);
      else truncateSync(path, position);
    } else if (kind === Kind.WRITE) {
      const file = openSync(path, 'r+');
      for (const part of parts) writeSync(file, part, 0, part.length, position);
      closeSync(file);
    }
    return 0;
  };
}

/** Compacts at the asking of that number, or when operations are about to be held. Answers how often was asked. */
async function run(at: number): Promise<number> {
  const { here, there, compact } = await set();
  const standby = standbyIn(there);
  let asked = 0;
  let held = false;
  await catchUp({
    storage: osStorage,
    folder: here,
    baseSegment: 0,
    files: await inventory(osStorage, there),
    ask: async (...question) => {
      if (asked++ === at) await compact();
      return standby(...question);
    },
    hold: async () => {
      held = true;
      if (asked <= at) {
        asked = Infinity;
        await compact();
      }
    },
  });
  expect(held).toBe(true);
  for (const name of segmentsIn(here))
    expect(readFileSync(join(there, name)).equals(readFileSync(join(here, name)))).toBe(true);
  return asked;
}

test(
  'R33b: a segment compacted during a catch-up is copied from one file',
  { timeout: 120_000 },
  async () => {
    const count = 14;
    for (let at = 0; at < count; at++) await run(at);
    expect(await run(count)).toBe(Infinity);
  },
);
