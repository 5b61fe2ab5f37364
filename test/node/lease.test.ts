// By which right a node serves, and when it must stop by itself (R33f; DESIGN, promise 4), under a clock of the test's own.
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../broker/base/clock.ts';
import type { Fencing, LeaseTerms } from '../../broker/contract/rpc.ts';
import { DiskWatch } from '../../broker/node/disk-watch.ts';
import { Lease } from '../../broker/node/lease.ts';

/** Time that stands still until it is moved. */
class HandClock implements Clock {
  at = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now = () => this.at;
  monotonic = () => this.at;
  soon = (callback: () => void) => void this.after(0, callback);

  after(delayMs: number, callback: () => void) {
    const timer = { at: this.at + delayMs, callback };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((each) => each !== timer)) };
  }

  /** In steps, as timers come due. */
  pass(ms: number): void {
    const end = this.at + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.at = Math.max(this.at, next.at);
      next.callback();
    }
    this.at = end;
  }

  /** As for a process that was stopped: no timer ran meanwhile. */
  freeze(ms: number): void {
    this.at += ms;
  }
}

const terms: LeaseTerms = { leaseMs: 2000, leavesOnStallMs: 1000, leavesOnFault: true };

function leased({ serves = true } = {}) {
  const clock = new HandClock();
  const node = { serves, diskPendingMs: 0, diskFault: null as string | null };
  const fenced: Fencing[] = [];
  const lease = new Lease({
    clock,
    serves: () => node.serves,
    diskPendingMs: () => node.diskPendingMs,
    diskFault: () => node.diskFault,
    expired: (fencing) => fenced.push(fencing),
  });
  return { clock, node, lease, fenced };
}

describe('R33f: the lease', () => {
  test('renewed in time it goes on; without a word it ends once, and no heartbeat brings it back', () => {
    const { clock, lease, fenced } = leased();
    for (let i = 0; i < 20; i++) {
      lease.renew(terms);
      clock.pass(1900);
    }
    expect(fenced).toEqual([]);
    clock.pass(300);
    expect(fenced).toEqual([{ cause: 'lease', reason: 'its host did not answer for 2000 ms' }]);
    lease.renew(terms);
    clock.pass(10_000);
    expect(fenced).toHaveLength(1);
  });

  test('a process that was stopped past its lease fences itself at the first heartbeat it hears', () => {
    const { clock, lease, fenced } = leased();
    lease.renew(terms);
    clock.freeze(60_000);
    lease.renew(terms);
    expect(fenced).toMatchObject([{ cause: 'lease' }]);
  });

  test('a node in no pair, or one that stands by, needs none', () => {
    const alone = leased();
    alone.lease.renew(null);
    alone.node.diskFault = 'broken';
    alone.clock.pass(100_000);
    expect(alone.fenced).toEqual([]);
    const standby = leased({ serves: false });
    standby.lease.renew(terms);
    standby.clock.pass(100_000);
    expect(standby.fenced).toEqual([]);
  });

  test.each([
    ['a disk that hangs, when the other could serve', terms, { diskPendingMs: 1001 }, 'disk'],
    ['a disk that is only slow', terms, { diskPendingMs: 999 }, null],
    [
      'a disk that hangs, when nobody else could',
      { ...terms, leavesOnStallMs: null },
      { diskPendingMs: 9999 },
      null,
    ],
    ['a journal that failed, when the other could serve', terms, { diskFault: 'EIO' }, 'disk'],
    [
      'a journal that failed, when nobody else could',
      { ...terms, leavesOnFault: false },
      { diskFault: 'EIO' },
      null,
    ],
  ])('%s', (_what, given, happens, cause) => {
    const { clock, lease, node, fenced } = leased();
    lease.renew(given);
    Object.assign(node, happens);
    clock.pass(200);
    expect(fenced[0]?.cause ?? null).toBe(cause);
  });
});

describe('R33f: the watch of the disk', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  test('tells how long the oldest operation has been under way', async () => {
    const clock = new HandClock();
    const watch = new DiskWatch(clock);
    let end = () => {};
    void watch.follow(new Promise<void>((resolve) => (end = resolve)), true);
    clock.pass(400);
    const younger = watch.follow(Promise.reject(new Error('EIO')), true);
    await expect(younger).rejects.toThrow('EIO');
    expect(watch.pendingMs).toBe(400);
    expect(watch.idleMs).toBe(0);
    end();
    await settled();
    expect(watch.pendingMs).toBe(0);
    clock.pass(70);
    expect(watch.idleMs).toBe(70);
  });

  test('a disk is slow as long as there are slow syncs only, and nothing is known of an idle one', async () => {
    const clock = new HandClock();
    const watch = new DiskWatch(clock);
    watch.slowSyncMs = 100;
    const sync = async (ms: number) => {
      let end = () => {};
      void watch.follow(new Promise<void>((resolve) => (end = resolve)), true);
      clock.pass(ms);
      end();
      await settled();
    };
    for (let i = 0; i < 4; i++) await sync(250);
    expect(watch.slowForMs).toBe(1000);
    await sync(100);
    expect(watch.slowForMs).toBe(0);
    await sync(300);
    expect(watch.slowForMs).toBe(300);
    clock.pass(5001);
    expect(watch.slowForMs).toBe(0);
    await sync(200);
    expect(watch.slowForMs).toBe(200);
  });
});
