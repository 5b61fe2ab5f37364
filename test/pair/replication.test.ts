// A replicated pair's copy (R33b): what is confirmed while the standby is level is on its disk, whatever is cut,
// rolled or compacted meanwhile; a returning standby is brought up to date; what only it had is set aside.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osNetwork } from '../../broker/base/os-network.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import type { Definition, DefinitionChange } from '../../broker/definitions/definitions-store.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import { Replica } from '../../broker/pair/replication/replica.ts';
import { replicatingStorage } from '../../broker/pair/replication/replicating-storage.ts';
import { Replicator, type ReplicatorOptions } from '../../broker/pair/replication/replicator.ts';

const folders: string[] = [];
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warren-replication-'));
  folders.push(folder);
  return folder;
}

interface Active {
  journal: SegmentLog;
  replicator: Replicator;
  /** What the host was told, in order. */
  told: boolean[];
  definitions: Definition[];
  append(holder: number, text: string): number;
}

async function startActive(folder: string, options: Partial<ReplicatorOptions> = {}): Promise<Active> {
  const told: boolean[] = [];
  const definitions: Definition[] = [];
  const replicator: Replicator = new Replicator({
    clock: osClock,
    network: osNetwork,
    storage: osStorage,
    folder,
    log: silentLog,
    mode: 'sync',
    policy: 'available',
    timeoutMs: 2000,
    definitions: () => Promise.resolve(definitions),
    lastRecordId: () => 0,
    writtenId: () => 0,
    standbyState: (inSync) => {
      told.push(inSync);
      return Promise.resolve();
    },
    ...options,
  });
  replicator.follow(null, 1);
  if (!readdirSync(folder).includes('lineage')) appendFileSync(join(folder, 'lineage'), folder);
  const journal = new SegmentLog({
    folder,
    storage: replicatingStorage(osStorage, folder, replicator),
    clock: osClock,
    log: silentLog,
    confirmMode: 'synced',
    segmentBytesMax: 20_000,
  });
  await journal.recover(() => undefined);
  closing.push(async () => {
    replicator.close();
    await journal.close();
  });
  const append = (holder: number, text: string) => {
    const body = Buffer.from(text);
    return journal.append([holder], 1, Buffer.alloc(0), body, 0, body.length);
  };
  return { journal, replicator, told, definitions, append };
}

interface Standby {
  replica: Replica;
  definitions: Definition[];
  changes: DefinitionChange[];
  address: { host: string; port: number; token: string };
}

async function startStandby(folder: string, epoch = 0): Promise<Standby> {
  const definitions: Definition[] = [];
  const changes: DefinitionChange[] = [];
  const replica = new Replica({
    clock: osClock,
    network: osNetwork,
    storage: osStorage,
    folder,
    log: silentLog,
    epoch,
    definitions: {
      becomeLike: (wanted) => {
        definitions.splice(0, definitions.length, ...wanted);
        return Promise.resolve();
      },
      apply: (change) => {
        changes.push(change);
        return Promise.resolve();
      },
    },
  });
  const port = await replica.listen();
  closing.push(() => replica.close());
  return { replica, definitions, changes, address: { host: '127.0.0.1', port, token: replica.token } };
}

const level = (active: Active) =>
  expect.poll(() => active.replicator.status().state, { timeout: 10_000, interval: 5 }).toBe('in-sync');

/** What a node that was promoted on this folder would have. */
async function recordsIn(folder: string): Promise<Map<number, string>> {
  const copy = newFolder();
  for (const name of readdirSync(folder).filter((each) => each !== 'quarantine'))
    appendFileSync(join(copy, name), readFileSync(join(folder, name)));
  const journal = new SegmentLog({
    folder: copy,
    storage: osStorage,
    clock: osClock,
    log: silentLog,
    confirmMode: 'written',
  });
  const records = new Map<number, string>();
  const report = await journal.recover((id, _holders, _delivered, bytes, start, end) => {
    records.set(id, bytes.toString('utf8', start, end));
  });
  expect(report.damaged).toEqual([]);
  await journal.close();
  return records;
}

/** Small and repeatable. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

describe('R33b: the standby has what was confirmed', () => {
  test('records, releases and rolls reach it before the confirm', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const active = await startActive(here);
    for (let i = 0; i < 50; i++) active.append(1, `before ${i}`);
    await active.journal.flush();
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await level(active);
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 20; i++) active.append(1, `live ${round}.${i} ${'x'.repeat(100)}`);
      await active.journal.flush();
      expect((await recordsIn(there)).size).toBe(50 + 20 * (round + 1));
    }
    expect(await recordsIn(there)).toEqual(await recordsIn(here));
    expect(active.told.at(-1)).toBe(true);
  });

  test('a body that is larger than a piece of the stream reaches it whole', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const active = await startActive(here);
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await level(active);
    active.append(1, 'before');
    active.append(1, `${'large '.repeat(1_500_000)}end`);
    active.append(1, 'after');
    await active.journal.flush();
    const copy = await recordsIn(there);
    expect([...copy.values()].map(({ length }) => length)).toEqual([6, 9_000_003, 5]);
    expect(copy).toEqual(await recordsIn(here));
  });

  for (const seed of [1, 2, 3, 4, 5, 6])
    test(`a random life with a link that comes and goes, seed ${seed}`, async () => {
      const next = random(seed);
      const [here, there] = [newFolder(), newFolder()];
      const active = await startActive(here);
      let standby = await startStandby(there);
      active.replicator.follow(standby.address, 1);
      const live = new Map<number, string>();
      for (let step = 0; step < 150; step++) {
        const what = next();
        if (what < 0.75)
          for (let i = Math.floor(next() * 30); i >= 0; i--) {
            const text = `${step}.${i}.${'y'.repeat(Math.floor(next() * 400))}`;
            live.set(active.append(1 + (i % 3), text), text);
          }
        else if (what < 0.9)
          for (const id of [...live.keys()].filter(() => next() < 0.5)) {
            active.journal.release(1, id);
            live.delete(id);
          }
        else if (what < 0.95) await active.journal.flush();
        else {
          await standby.replica.close();
          if (next() < 0.5) await active.journal.flush();
          standby = await startStandby(there);
          active.replicator.follow(standby.address, 1);
        }
        if (active.replicator.status().state === 'in-sync' && next() < 0.1) {
          await active.journal.flush();
          // Confirmed while level: the standby alone would have all of it.
          if (active.replicator.status().state !== 'in-sync') continue;
          const copy = await recordsIn(there);
          for (const [id, text] of live) expect(copy.get(id)).toBe(text);
        }
      }
      await level(active);
      await active.journal.flush();
      const copy = await recordsIn(there);
      for (const [id, text] of live) expect(copy.get(id)).toBe(text);
    });

  test('the host knows that the standby is behind before anything is confirmed alone', async () => {
    const [here, there] = [newFolder(), newFolder()];
    let release = () => undefined as void;
    const asked: boolean[] = [];
    const active = await startActive(here, {
      standbyState: (inSync) => {
        asked.push(inSync);
        if (inSync || asked.length < 3) return Promise.resolve();
        return new Promise<void>((resolve) => (release = resolve));
      },
    });
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await level(active);
    await standby.replica.close();
    await expect.poll(() => active.replicator.status().state).toBe('alone');
    active.append(1, 'alone');
    const flushed = active.journal.flush();
    const first = await Promise.race([
      flushed.then(() => 'confirmed'),
      new Promise((r) => setTimeout(r, 200, 'held')),
    ]);
    expect(first).toBe('held');
    expect(asked.at(-1)).toBe(false);
    release();
    await flushed;
  });

  test('strict: nothing is confirmed without a standby, and all of it once one is level', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const active = await startActive(here, { policy: 'strict' });
    active.append(1, 'waits');
    const flushed = active.journal.flush();
    const first = await Promise.race([
      flushed.then(() => 'confirmed'),
      new Promise((r) => setTimeout(r, 200, 'held')),
    ]);
    expect(first).toBe('held');
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await flushed;
    expect([...(await recordsIn(there)).values()]).toEqual(['waits']);
  });

  test('a tail that only the returning node has is set aside, never merged', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const active = await startActive(here);
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await level(active);
    active.append(1, 'both');
    await active.journal.flush();
    await standby.replica.close();
    await expect.poll(() => active.replicator.status().state).toBe('alone');
    const [log] = readdirSync(there).filter((name) => name.endsWith('.log'));
    appendFileSync(join(there, log!), 'written alone, never confirmed');
    appendFileSync(join(there, '00000099.log'), 'a segment of its own');
    const back = await startStandby(there);
    active.replicator.follow(back.address, 2);
    await level(active);
    expect(back.replica.quarantined).toBe(2);
    const aside = readdirSync(join(there, 'quarantine'));
    expect(aside.map((name) => readFileSync(join(there, 'quarantine', name), 'utf8')).sort()).toEqual([
      'a segment of its own',
      'written alone, never confirmed',
    ]);
    expect([...(await recordsIn(there)).values()]).toEqual(['both']);
  });

  test('a node of an older epoch is not followed, nor one without the token', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const standby = await startStandby(there, 5);
    const old = await startActive(here);
    old.replicator.follow(standby.address, 4);
    old.append(1, 'alone');
    await old.journal.flush();
    expect(old.told).not.toContain(true);
    old.replicator.follow({ ...standby.address, token: 'wrong' }, 6);
    old.append(1, 'still alone');
    await old.journal.flush();
    expect(old.told).not.toContain(true);
    old.replicator.follow(standby.address, 6);
    await level(old);
  });

  test('definitions arrive before the messages that need them', async () => {
    const [here, there] = [newFolder(), newFolder()];
    const active = await startActive(here);
    const vhost = (name: string): Definition => ({
      kind: 'vhost',
      body: { name, description: '', tags: [], tracing: false },
    });
    active.definitions.push(vhost('first'));
    const standby = await startStandby(there);
    active.replicator.follow(standby.address, 1);
    await level(active);
    expect(standby.definitions).toEqual([vhost('first')]);
    await active.replicator.changed({ op: 'put', definition: vhost('second') });
    expect(standby.changes).toEqual([{ op: 'put', definition: vhost('second') }]);
  });
});
