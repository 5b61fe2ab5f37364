// Faults on a node's doors (R33f): the disk hangs, is slow, full or broken, the cable to the other node is cut, slow or
// thin, the clock jumps; and all is as it was when the fault is taken away.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../broker/base/network.ts';
import { osDoors } from '../../broker/node/doors.ts';
import { FaultDoor } from '../../broker/node/faults/fault-door.ts';

let folder: string;
let door: FaultDoor;
const closing: (() => void)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-faults-'));
  door = new FaultDoor(osDoors);
});

afterEach(() => {
  door.set([]);
  for (const close of closing.splice(0)) close();
  rmSync(folder, { recursive: true, force: true });
});

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Whether it has come to an end yet. */
function watched(operation: Promise<unknown>) {
  const state = { done: false, error: null as NodeJS.ErrnoException | null };
  operation.then(
    () => (state.done = true),
    (error: NodeJS.ErrnoException) => (state.error = error),
  );
  return state;
}

describe('R33f: the disk', () => {
  test('a stall hangs every operation and nothing else; what hung is done in its order afterwards', async () => {
    const { storage } = door.doors;
    const path = join(folder, 'file');
    const file = await storage.open(path);
    await file.write([Buffer.from('before ')], 0);
    door.set([{ kind: 'disk-stall' }]);
    const written = file.writeSynced([Buffer.from('during')], 7);
    const all = [written, file.sync(), storage.read(path), storage.list(folder), storage.open(`${path}2`)];
    const states = all.map(watched);
    await turns(50);
    expect(states.map(({ done }) => done)).toEqual([false, false, false, false, false]);
    expect(readFileSync(path, 'utf8')).toBe('before ');
    door.set([]);
    await Promise.all(all);
    expect(readFileSync(path, 'utf8')).toBe('before during');
    await file.close();
  });

  test('what hangs when the stall turns into errors fails', async () => {
    const file = await door.doors.storage.open(join(folder, 'file'));
    door.set([{ kind: 'disk-stall' }]);
    const sync = file.sync();
    door.set([{ kind: 'disk-error' }]);
    await expect(sync).rejects.toMatchObject({ code: 'EIO' });
    await file.close();
  });

  test('a slow disk takes longer for syncs, not for writes', async () => {
    const file = await door.doors.storage.open(join(folder, 'file'));
    door.set([{ kind: 'slow-sync', delayMs: 150 }]);
    const startedAt = performance.now();
    await file.write([Buffer.from('x')], 0);
    const written = performance.now() - startedAt;
    await file.sync();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(149);
    expect(written).toBeLessThan(150);
    await file.close();
  });

  test('a full disk has no room and still syncs, reads and removes', async () => {
    const { storage } = door.doors;
    const path = join(folder, 'file');
    const file = await storage.open(path);
    door.set([{ kind: 'disk-full' }]);
    await expect(file.write([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(storage.open(`${path}2`)).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.sync();
    await file.close();
    await storage.remove(path);
    expect(await storage.list(folder)).toEqual([]);
  });

  test('definitions are kept by the same disk', async () => {
    const store = door.doors.definitionsStore(join(folder, 'definitions.db'));
    await store.load();
    const body = { name: 'v', description: '', tags: [], tracing: false };
    door.set([{ kind: 'disk-error' }]);
    await expect(store.put({ kind: 'vhost', body })).rejects.toThrow(/cannot be stored: EIO/);
    door.set([{ kind: 'disk-stall' }]);
    const put = store.put({ kind: 'vhost', body });
    const state = watched(put);
    await turns(20);
    expect(state).toEqual({ done: false, error: null });
    door.set([]);
    await put;
    expect(await store.entries()).toHaveLength(1);
    await store.close();
  });
});

describe('R20 R33f: the link to the other node', () => {
  /** Two ends, the first behind the door. */
  async function linked() {
    const { network } = door.doors;
    const ends: Connection[] = [];
    const accepting = await osDoors.network.accept('127.0.0.1', 0, (connection) => ends.push(connection));
    const near = network.connect({ host: '127.0.0.1', port: accepting.port });
    const heard = { near: '', far: '', events: [] as string[] };
    near.on('error', () => undefined);
    near.on('connect', () => heard.events.push('connect'));
    near.on('close', () => heard.events.push('close'));
    near.on('data', (chunk) => (heard.near += chunk.toString()));
    await expect.poll(() => ends.length).toBe(1);
    const far = ends[0]!;
    far.on('error', () => undefined);
    far.on('data', (chunk) => (heard.far += chunk.toString()));
    far.on('close', () => heard.events.push('far close'));
    closing.push(() => {
      near.destroy();
      far.destroy();
      accepting.close();
    });
    return { near, far, heard };
  }

  test('cut: nothing comes through either way, and all of it in order when it is whole again', async () => {
    const { near, far, heard } = await linked();
    near.write(Buffer.from('1'));
    await expect.poll(() => heard.far).toBe('1');
    door.set([{ kind: 'peer-link', state: 'cut' }]);
    for (const text of ['2', '3']) near.write(Buffer.from(text));
    far.write(Buffer.from('a'));
    // What another connection brings meanwhile shows that time enough has passed.
    await osDoorsRoundTrip();
    expect(heard).toMatchObject({ near: '', far: '1' });
    door.set([]);
    near.write(Buffer.from('4'));
    await expect.poll(() => heard.far).toBe('1234');
    await expect.poll(() => heard.near).toBe('a');
  });

  test('cut: a connection is made when the link is whole, and an end is heard of then', async () => {
    door.set([{ kind: 'peer-link', state: 'cut' }]);
    const { near, far, heard } = await linked();
    await osDoorsRoundTrip();
    expect(near.connecting).toBe(true);
    expect(heard.events).toEqual([]);
    door.set([]);
    expect(heard.events).toEqual(['connect']);
    door.set([{ kind: 'peer-link', state: 'cut' }]);
    far.destroy();
    await osDoorsRoundTrip();
    expect(heard.events).toEqual(['connect', 'far close']);
    door.set([]);
    await expect.poll(() => heard.events).toEqual(['connect', 'far close', 'close']);
  });

  test('cut: who gives up is told at once, the other end when the link is whole', async () => {
    const { near, heard } = await linked();
    await expect.poll(() => heard.events).toEqual(['connect']);
    door.set([{ kind: 'peer-link', state: 'cut' }]);
    near.destroy();
    await expect.poll(() => heard.events).toEqual(['connect', 'close']);
    await osDoorsRoundTrip();
    expect(heard.events).toEqual(['connect', 'close']);
    door.set([]);
    await expect.poll(() => heard.events).toEqual(['connect', 'close', 'far close']);
  });

  test('delayed and throttled: later, in order', async () => {
    const { near, heard } = await linked();
    await expect.poll(() => heard.events).toEqual(['connect']);
    door.set([{ kind: 'peer-link', state: 'delayed', delayMs: 120 }]);
    const startedAt = performance.now();
    near.write(Buffer.from('1'));
    near.write(Buffer.from('2'));
    await expect.poll(() => heard.far).toBe('12');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(119);
    door.set([{ kind: 'peer-link', state: 'throttled', bytesPerSecond: 1000 }]);
    const throttledAt = performance.now();
    for (let i = 0; i < 10; i++) near.write(Buffer.alloc(20, 0x2e));
    await expect.poll(() => heard.far.length).toBe(202);
    expect(performance.now() - throttledAt).toBeGreaterThanOrEqual(190);
  });

  async function osDoorsRoundTrip() {
    let answered = false;
    const accepting = await osDoors.network.accept('127.0.0.1', 0, (connection) => {
      connection.on('error', () => undefined);
      connection.on('data', (chunk) => void connection.write(chunk));
    });
    const connection = osDoors.network.connect({ host: '127.0.0.1', port: accepting.port });
    connection.on('error', () => undefined);
    connection.on('data', () => (answered = true));
    connection.write(Buffer.from('?'));
    await expect.poll(() => answered).toBe(true);
    connection.destroy();
    accepting.close();
  }
});

test('R33f: the clock jumps for who asks the time, not for who measures it', () => {
  const { clock } = door.doors;
  const [now, monotonic] = [clock.now(), clock.monotonic()];
  door.set([{ kind: 'clock-jump', byMs: -3_600_000 }, { kind: 'memory' }]);
  expect(clock.now() - now).toBeLessThan(-3_590_000);
  expect(clock.monotonic()).toBeGreaterThanOrEqual(monotonic);
  expect(door.doors.memoryUsedBytes()).toBe(Infinity);
  door.set([]);
  expect(Math.abs(clock.now() - now)).toBeLessThan(10_000);
  expect(door.doors.memoryUsedBytes()).toBeLessThan(Infinity);
});
