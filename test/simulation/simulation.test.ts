// The journal's promises on a simulated disk (DESIGN section 4; R25, R27, R32): the short form of
// `npm run test:simulation`, seeds that once found a bug, and the proof that a broken journal is found out.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { segmentHeaderSize } from './rot.ts';
import { failureOf, runSeeds } from './seeds.ts';
import type { SimulationOptions } from './simulation.ts';

const shortRun = 200;

/** What each found in a journal that had the bug; they say most while the code makes the calls it made then. */
const found: [seed: number, bug: string][] = [
  [678, 'a release is on the disk before the dead letter that took the message’s place'],
  [23, 'a dead segment goes before what took the place of its last message is safe'],
  [1132, 'compaction leaves a message out before what took its place is safe'],
  [37, 'confirms go on after a sync that failed'],
  [64, 'a commit undoes the fault that another write has raised'],
  [22, 'two commits at once write over each other on a full disk'],
  [2463, 'releases are forgotten when their write fails'],
  [263, 'marks are forgotten when their write fails'],
  [5, 'a clean stop leaves releases behind'],
  [6, 'a delivery leaves before its mark is written'],
  [22, 'compaction goes on after the journal was closed'],
  [4336, 'compaction brings back a segment that was removed meanwhile'],
  [947, 'a compacted segment is read by the places of the old one'],
  [14022, 'compaction of the newest segment takes its last ids, which are handed out again'],
  [736, 'ids begin again at 1 once every segment is gone'],
  [124, 'what a recovery has shown is not synced and goes with the power'],
  [264, 'a damaged header takes the messages of its segment with it'],
  [396, 'a changed first id in a header gives the wrong messages for released'],
  [92, 'a piece of another journal in a message is taken for records'],
  [32, 'a piece of the same segment in a message is taken for records'],
  [293, 'a read error of the system is no RecordUnreadable'],
  [456, 'prefetching goes on after the journal was closed'],
  [320, 'a page that the scratch log refuses leaves records behind there'],
];

async function firstFailure(seedsMax: number, options: SimulationOptions = {}) {
  const [failure] = await runSeeds(1, seedsMax, 1, options);
  return failure;
}

describe('R25 R27: the journal on a simulated disk', () => {
  test(`${shortRun} seeds keep every promise`, { timeout: 120_000 }, async () => {
    expect(await runSeeds(1, shortRun, 3)).toEqual([]);
  });

  test.for(found)('seed %i: %s', { timeout: 60_000 }, async ([seed]) => {
    expect(await failureOf(seed)).toBeNull();
  });

  test('a seed is one run: twice the same trace', async () => {
    const traces: string[] = [];
    for (let run = 0; run < 2; run++) {
      const lines: string[] = [];
      await failureOf(15, { trace: (line) => lines.push(line) });
      traces.push(lines.join('\n'));
    }
    expect(traces[0]).toBe(traces[1]);
    expect(traces[0]!.length).toBeGreaterThan(1000);
  });
});

describe('a broken journal is found out', { timeout: 120_000 }, () => {
  afterEach(() => {
    vi.doUnmock('node:zlib');
    vi.doUnmock('../../broker/journal/segment-format.ts');
    vi.resetModules();
  });

  /** The simulation with modules mocked before. */
  async function firstFailureOfMocked(seedsMax: number) {
    vi.resetModules();
    const { runSeeds: runMocked } = await import('./seeds.ts');
    const [failure] = await runMocked(1, seedsMax, 1);
    return failure;
  }

  test('one that confirms without a sync', async () => {
    const failure = await firstFailure(100, { lies: ['sync'] });
    expect(failure?.error).toContain('confirmed records are lost');
  });

  test('one that does not sync its folder', async () => {
    const failure = await firstFailure(100, { lies: ['syncFolder'] });
    expect(failure?.error).toContain('Violation');
  });

  test('one that looks at no checksum', async () => {
    vi.doMock('node:zlib', async (original) => ({ ...(await original<object>()), crc32: () => 0 }));
    expect((await firstFailureOfMocked(300))?.error).toContain('Violation');
  });

  test('one that takes a torn tail for whole', async () => {
    vi.doMock('../../broker/journal/segment-format.ts', async (original) => {
      const format = await original<typeof import('../../broker/journal/segment-format.ts')>();
      return {
        ...format,
        piecesOf: (...args: Parameters<typeof format.piecesOf>) => tornTaken(format, ...args),
      };
    });
    expect((await firstFailureOfMocked(3000))?.error).toContain('Violation');
  });
});

/** The pieces of a file, where what ends within a block is given as a block of the records that are whole. */
function* tornTaken(
  format: typeof import('../../broker/journal/segment-format.ts'),
  bytes: Buffer,
  start: number,
  magic: number,
): ReturnType<typeof format.piecesOf> {
  for (const piece of format.piecesOf(bytes, start, magic)) {
    const from = piece.offset + format.blockHeaderSize;
    if (piece.kind === 'block' || piece.reason !== 'ends within a block' || start < segmentHeaderSize)
      yield piece;
    else {
      let end = from;
      for (let size = sizeAt(bytes, end); size > minimum && end + 4 + size <= bytes.length;) {
        end += 4 + size;
        size = sizeAt(bytes, end);
      }
      if (end > from) yield { kind: 'block', offset: piece.offset, records: bytes.subarray(from, end) };
    }
  }
}

/** Of a record less its size, id and number of holders. */
const minimum = 10;

function sizeAt(bytes: Buffer, offset: number): number {
  return offset + 4 <= bytes.length ? bytes.readUInt32BE(offset) : 0;
}
