// Publishers wait for a disk that is behind (R13, R32): nothing is refused and memory stays bounded.
import { describe, expect, test } from 'vitest';
import { DiskFlow } from '../../broker/connection/disk-flow.ts';
import type { Journal } from '../../broker/journal/journal.ts';

function fakeLog() {
  const listeners: (() => void)[] = [];
  const log = {
    pendingBytes: 0,
    onWritten: (listener: () => void) => {
      listeners.push(listener);
      return () => undefined;
    },
  };
  return {
    log: log as unknown as Journal,
    set pending(bytes: number) {
      log.pendingBytes = bytes;
    },
    written: () => {
      for (const listener of listeners) listener();
    },
  };
}

describe('R32: publishers and the disk', () => {
  test('a publisher is held while much waits for the disk, and told when little does', () => {
    const [journal, scratch] = [fakeLog(), fakeLog()];
    const flow = new DiskFlow([journal.log, scratch.log]);
    let told = 0;
    const publisher = { diskCaughtUp: () => told++ };
    expect(flow.holds(publisher)).toBe(false);
    scratch.pending = 17 << 20;
    expect(flow.holds(publisher)).toBe(true);
    journal.written();
    expect(told).toBe(0);
    scratch.pending = 7 << 20;
    scratch.written();
    expect(told).toBe(1);
    scratch.written();
    expect(told).toBe(1);
  });

  test('one that has gone is not told', () => {
    const journal = fakeLog();
    const flow = new DiskFlow([journal.log]);
    const publisher = { diskCaughtUp: () => expect.unreachable() };
    journal.pending = 1 << 30;
    expect(flow.holds(publisher)).toBe(true);
    flow.forget(publisher);
    journal.pending = 0;
    journal.written();
  });
});
