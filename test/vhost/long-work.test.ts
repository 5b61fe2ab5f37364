// What is done to very many messages at once is done a little in each turn of the event loop; nobody sees it half
// done, and a kill in the middle loses nothing that was to stay.
import { afterEach, describe, expect, test } from 'vitest';
import type { FieldTable } from '../../broker/amqp/field-table.ts';
import type { Consumer } from '../../broker/vhost/consumer.ts';
import type { QueueEntry } from '../../broker/vhost/queue/queue-entry.ts';
import { eventually } from '../eventually.ts';
import { VhostUnderTest, type VhostOptions } from './vhost-under-test.ts';

/** The steps of a turn, with the most messages that a step may have: the end of one list and the beginning of another. */
const releasesPerTurnMax = 32 * 2 * 256;
/** Pages are let go of whole. */
const pagedPerTurnMax = 32 * 1024;
/** Some go at once, where they are found. */
const dropsPerTurnMax = 32 * 16 + 64;
const requeuesPerTurnMax = 32 * 64;

const opened: VhostUnderTest[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.dispose();
});

async function open(options: VhostOptions): Promise<VhostUnderTest> {
  const vhost = await VhostUnderTest.open(options);
  opened.push(vhost);
  return vhost;
}

async function killed(vhost: VhostUnderTest): Promise<VhostUnderTest> {
  const after = await vhost.afterKill();
  opened.push(after);
  return after;
}

const text = (value: string) => ({ type: 'S', value: Buffer.from(value) }) as const;
const deadLettersTo = (queue: string): FieldTable =>
  new Map([
    ['x-dead-letter-exchange', text('')],
    ['x-dead-letter-routing-key', text(queue)],
  ]);
const none: FieldTable = new Map();

/** The most that `count` grows by from one turn to the next, and how many turns it takes. */
async function growth(vhost: VhostUnderTest, count: () => number): Promise<{ most: number; turns: number }> {
  let before = 0;
  const grown = { most: count(), turns: 1 };
  before = count();
  await vhost.turns(() => {
    grown.most = Math.max(grown.most, count() - before);
    if (count() > before) grown.turns++;
    before = count();
  });
  return grown;
}

/** Takes all there is; the numbers of what it got. */
function greedy(): { consumer: Consumer; got: number[] } {
  const got: number[] = [];
  const consumer: Consumer = {
    tag: 'greedy',
    noAck: true,
    exclusive: false,
    priority: 0,
    arguments: none,
    description: 'greedy',
    canTake: () => true,
    deliver: (_queue, entry: QueueEntry) => void got.push(entry.message.body.readUInt32BE(0)),
    cancelled: () => undefined,
  };
  return { consumer, got };
}

describe('a purge of very many messages', () => {
  test.for([
    { where: 'in memory', budgetBytes: Infinity, perTurnMax: releasesPerTurnMax },
    { where: 'paged out', budgetBytes: 1 << 20, perTurnMax: pagedPerTurnMax },
  ])('$where is done in slices, and over for everybody at once', async ({ budgetBytes, perTurnMax }) => {
    const count = 100_000;
    const vhost = await open({ queues: { q: none }, budgetBytes });
    await vhost.fill('q', count);
    const { journal } = vhost;
    const live = () => count - journal.statistics().liveRecords;
    const queue = vhost.queue('q');
    const { messages, released } = queue.purge();
    expect(messages).toBe(count);
    expect([queue.readyCount, queue.readyBytes, queue.persistentCount]).toEqual([0, 0, 0]);
    expect(queue.get(false)).toBeNull();
    expect(released).toBeInstanceOf(Promise);
    const { most, turns } = await growth(vhost, live);
    await released;
    expect(most).toBeLessThanOrEqual(perTurnMax);
    expect(turns).toBeGreaterThanOrEqual(count / perTurnMax);
    expect(journal.statistics().liveRecords).toBe(0);
    expect(vhost.vhost.pager.residentBytes).toBe(0);
  });

  test('leaves what comes meanwhile alone, and counts only that when it is asked again', async () => {
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', 60_000);
    const queue = vhost.queue('q');
    const first = queue.purge();
    await vhost.fill('q', 3);
    expect(vhost.numbersIn('q')).toEqual([0, 1, 2]);
    const second = queue.purge();
    expect(second.messages).toBe(3);
    await vhost.fill('q', 2);
    await vhost.turns();
    await Promise.all([first.released, second.released]);
    expect(vhost.numbersIn('q')).toEqual([0, 1]);
    expect(vhost.journal.statistics().liveRecords).toBe(2);
  });

  test('that a kill cuts short brings back a run of its end, and all that came after it', async () => {
    const count = 60_000;
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', count);
    vhost.queue('q').purge();
    vhost.clock.turn();
    // The journal notes what it let go of within some milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await vhost.fill('q', 5);
    const after = await killed(vhost);
    const numbers = after.numbersIn('q');
    const back = numbers.slice(0, -5);
    expect(numbers.slice(-5)).toEqual([0, 1, 2, 3, 4]);
    expect(back.length).toBeGreaterThan(0);
    expect(back.length).toBeLessThan(count);
    expect(back).toEqual(Array.from({ length: back.length }, (_, i) => count - back.length + i));
  });

  test('goes on when the queue is deleted and declared again', async () => {
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', 60_000);
    vhost.queue('q').purge();
    const { messages, promised } = vhost.vhost.deleteQueue(vhost.queue('q'), false, false);
    expect(messages).toBe(0);
    const request = { name: 'q', durable: true, exclusive: false, autoDelete: false, arguments: none };
    vhost.vhost.declareQueue(request, null);
    await vhost.fill('q', 4);
    await vhost.turns();
    await promised;
    expect(vhost.numbersIn('q')).toEqual([0, 1, 2, 3]);
    expect(vhost.journal.statistics().liveRecords).toBe(4);
  });
});

describe('deleting what holds very many messages', () => {
  test('a queue tells their number at once and lets go of them in slices, those out for acknowledgement too', async () => {
    const count = 60_000;
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', count);
    const queue = vhost.queue('q');
    const out = Array.from({ length: 20_000 }, () => queue.get(false)!);
    const { messages, promised } = vhost.vhost.deleteQueue(queue, false, false);
    expect(messages).toBe(count - out.length);
    expect(vhost.vhost.queues.has('q')).toBe(false);
    // They are settled by a channel that does not know yet, while the rest is under way.
    for (const entry of out.slice(0, 10_000)) queue.acknowledge(entry);
    queue.requeue(out.slice(10_000));
    const { most, turns } = await growth(vhost, () => count - vhost.journal.statistics().liveRecords);
    await promised;
    expect(most).toBeLessThanOrEqual(releasesPerTurnMax);
    expect(turns).toBeGreaterThanOrEqual(count / releasesPerTurnMax);
    expect(vhost.journal.statistics().liveRecords).toBe(0);
    expect(vhost.vhost.pager.residentBytes).toBe(0);
  });

  test('a virtual host is closed at once and lets go of them in slices', async () => {
    const vhost = await open({ queues: { a: none, b: none } });
    for (const name of ['a', 'b']) await vhost.fill(name, 30_000);
    const closed = vhost.vhost.close();
    expect(vhost.vhost.queues.size).toBe(0);
    const { most } = await growth(vhost, () => 60_000 - vhost.journal.statistics().liveRecords);
    await closed;
    expect(most).toBeLessThanOrEqual(releasesPerTurnMax);
    expect(vhost.journal.statistics().liveRecords).toBe(0);
  });
});

describe('R31: very many messages that come back', () => {
  const count = 20_000;

  /** All out, as to two consumers in turn. */
  async function out(): Promise<{ vhost: VhostUnderTest; odd: QueueEntry[]; even: QueueEntry[] }> {
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', count);
    const all = Array.from({ length: count }, () => vhost.queue('q').get(false)!);
    return {
      vhost,
      odd: all.filter((_, index) => index % 2 === 1),
      even: all.filter((_, index) => index % 2 === 0),
    };
  }

  test('from two consumers at once come back in slices, in order, and nobody gets one before all are there', async () => {
    const { vhost, odd, even } = await out();
    const queue = vhost.queue('q');
    await vhost.fill('q', 1);
    queue.requeue(odd);
    const { consumer, got } = greedy();
    queue.addConsumer(consumer);
    queue.requeue(even);
    queue.deliver();
    expect([got, queue.get(false)]).toEqual([[], null]);
    const { most } = await growth(vhost, () => count - queue.unacked.count);
    expect(most).toBeLessThanOrEqual(2 * requeuesPerTurnMax);
    await eventually('all are delivered', () => got.length === count + 1);
    expect(got).toEqual([...Array(count).keys(), 0]);
    expect(queue.counters.redeliver).toBe(count);
  });

  test('are let go of when their queue is deleted meanwhile, each once', async () => {
    const { vhost, odd } = await out();
    vhost.queue('q').requeue(odd);
    vhost.clock.turn();
    const { promised } = vhost.vhost.deleteQueue(vhost.queue('q'), false, false);
    await vhost.turns();
    await promised;
    expect(vhost.journal.statistics().liveRecords).toBe(0);
    expect(vhost.vhost.pager.residentBytes).toBe(0);
  });

  test('survive a purge in the middle of it: they were not ready', async () => {
    const { vhost, odd, even } = await out();
    const queue = vhost.queue('q');
    queue.requeue(even);
    await vhost.turns();
    queue.requeue(odd);
    expect(queue.purge().messages).toBe(count / 2);
    await vhost.turns();
    expect(vhost.numbersIn('q')).toEqual(Array.from({ length: count / 2 }, (_, i) => 2 * i + 1));
  });
});

describe('R26: very many messages that are rejected', () => {
  const count = 5000;

  async function rejecting(): Promise<{ vhost: VhostUnderTest; turns: () => Promise<number> }> {
    const vhost = await open({
      queues: { q: deadLettersTo('dead'), dead: none },
      journal: { pendingBytesMax: 1 << 20 },
    });
    await vhost.fill('q', count, 1024);
    const queue = vhost.queue('q');
    queue.reject(Array.from({ length: count }, () => queue.get(false)!));
    const turns = async () => (await growth(vhost, () => count - queue.unacked.count)).most;
    return { vhost, turns };
  }

  test('become dead letters in slices and in order, and wait where the journal has no room', async () => {
    const { vhost, turns } = await rejecting();
    expect(await turns()).toBeLessThanOrEqual(dropsPerTurnMax);
    expect(vhost.numbersIn('dead')).toEqual([...Array(count).keys()]);
    expect(vhost.queue('q').messageCount).toBe(0);
    expect(vhost.journal.statistics().liveRecords).toBe(count);
  });

  test('are let go of when their queue is deleted meanwhile, each once', async () => {
    const { vhost } = await rejecting();
    vhost.clock.turn();
    const { promised } = vhost.vhost.deleteQueue(vhost.queue('q'), false, false);
    await vhost.turns();
    await promised;
    const dead = vhost.numbersIn('dead');
    expect(dead.length).toBeLessThan(count);
    expect(dead).toEqual([...Array(dead.length).keys()]);
    expect(vhost.journal.statistics().liveRecords).toBe(dead.length);
    vhost.queue('dead').purge();
    await vhost.turns();
    expect(vhost.vhost.pager.residentBytes).toBe(0);
  });
});

describe('very many messages that must go from the head', () => {
  const expired = 20_000;

  /** The first keeps the others waiting until its own time; the last one lives on. */
  async function aboutToExpire(
    args: FieldTable,
    options: Partial<VhostOptions> = {},
  ): Promise<VhostUnderTest> {
    const vhost = await open({ queues: { q: args, dead: none }, ...options });
    await vhost.fill('q', expired + 1, options.journal ? 1024 : 4, (number) =>
      number === expired ? {} : { expiration: number === 0 ? '60000' : '1' },
    );
    expect(vhost.queue('q').readyCount).toBe(expired + 1);
    vhost.clock.milliseconds += 60_001;
    return vhost;
  }

  test('expire in slices, and nobody gets one of them meanwhile', async () => {
    const vhost = await aboutToExpire(none);
    const queue = vhost.queue('q');
    const { consumer, got } = greedy();
    expect(queue.get(false)).toBeNull();
    expect(queue.settling).toBeInstanceOf(Promise);
    queue.addConsumer(consumer);
    queue.deliver();
    const { settling } = queue;
    const { most, turns } = await growth(vhost, () => expired + 1 - queue.readyCount);
    await settling;
    expect(queue.settling).toBeUndefined();
    expect(most).toBeLessThanOrEqual(dropsPerTurnMax);
    expect(turns).toBeGreaterThanOrEqual(expired / dropsPerTurnMax);
    expect(got).toEqual([expired]);
    expect(vhost.journal.statistics().liveRecords).toBe(0);
  });

  test('a limit that is lowered trims in slices, and what is left is the tail', async () => {
    const vhost = await open({ queues: { q: none } });
    await vhost.fill('q', expired);
    const queue = vhost.queue('q');
    const policy = { vhost: '/', name: 'short', pattern: '^q$', applyTo: 'queues' as const, priority: 0 };
    void vhost.vhost.putPolicy({ ...policy, operator: false, definition: { 'max-length': 3 } });
    expect(queue.get(true)).toBeNull();
    const { most } = await growth(vhost, () => expired - queue.readyCount);
    expect(most).toBeLessThanOrEqual(dropsPerTurnMax);
    expect(vhost.numbersIn('q')).toEqual([expired - 3, expired - 2, expired - 1]);
  });

  test('R26: all of them become dead letters in order, and the journal is waited for where it has no room', async () => {
    const pendingBytesMax = 1 << 20;
    const vhost = await aboutToExpire(deadLettersTo('dead'), { journal: { pendingBytesMax } });
    expect(vhost.queue('q').get(false)).toBeNull();
    await vhost.turns();
    expect(vhost.numbersIn('dead')).toEqual(Array.from({ length: expired }, (_, i) => i));
    expect(vhost.numbersIn('q')).toEqual([expired]);
    expect(vhost.journal.statistics().liveRecords).toBe(expired + 1);
    const after = await killed(vhost);
    expect(new Set(after.numbersIn('dead'))).toEqual(new Set(Array(expired).keys()));
  });

  test('so many dead letters never have more waiting for the disk than a publisher may', async () => {
    const vhost = await open({ queues: { q: deadLettersTo('dead'), dead: none } });
    const bodySize = 64 * 1024;
    await vhost.fill('q', 600, bodySize, (number) => ({ expiration: number === 0 ? '60000' : '1' }));
    vhost.clock.milliseconds += 60_001;
    let most = 0;
    vhost.queue('q').get(false);
    await vhost.turns(() => (most = Math.max(most, vhost.journal.pendingBytes)));
    expect(vhost.queue('dead').readyCount).toBe(600);
    expect(most).toBeGreaterThan(8 << 20);
    expect(most).toBeLessThan((16 << 20) + 2 * bodySize);
  });
});
