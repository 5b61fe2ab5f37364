// Drains this node's messages into the pair's other node while that one serves (R33c). A batch at a time: held back
// here, written down (DrainOutbox), sent, and let go of when the other node has it on its disk. What a break leaves in
// doubt stays held, over restarts too, until the other node has said what it has: nobody gets it meanwhile.
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Network } from '../base/network.ts';
import type { SkippedQueue } from '../contract/pair-rows.ts';
import type { DrainStatus, PeerAddress } from '../contract/rpc.ts';
import { encodeTable } from '../amqp/field-table.ts';
import type { Journal } from '../journal/journal.ts';
import type { DrainedRow } from '../pair/drain-protocol.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { VhostRegistry } from '../vhost/vhost-registry.ts';
import { DrainLink, LinkLost, type Answer } from './drain-link.ts';
import type { DrainOutbox, OutboxRecord } from './drain-outbox.ts';

const batchMessagesMax = 1000;
const batchBytesMax = 4 << 20;
const skippedMax = 100;
/** What clients hold that have just been sent away comes back within this. */
const returningMs = 3000;
const returningLookMs = 50;
const stallsMax = 100;

export interface DrainSourceParts {
  vhosts: VhostRegistry;
  journal: Journal;
  outbox: DrainOutbox;
  network: Network;
  clock: Clock;
  log: Log;
  nodeName: string;
  /** The last under which this node served. */
  epoch(): Promise<number>;
  serves(): boolean;
}

/** A message that is held back, at its place in the batch. */
interface Held {
  queue: Queue;
  entry: QueueEntry;
}

export class DrainSource {
  readonly #parts: DrainSourceParts;
  /** The batch under way, by place; what a restart did not bring back is missing. */
  #held = new Map<number, Held>();
  #link: DrainLink | null = null;
  #running: Promise<void> | null = null;
  #stopAsked = false;
  #state: DrainStatus['state'] = 'idle';
  #problem: string | null = null;
  #queue: DrainStatus['queue'] = null;
  #skipped: SkippedQueue[] = [];

  /** Comes after the journal's recovery, before anyone can connect: takes back into hold what was in doubt. */
  constructor(parts: DrainSourceParts) {
    this.#parts = parts;
    const { batch } = parts.outbox.record;
    const queue = batch && parts.vhosts.get(batch.vhost)?.queues.get(batch.queue);
    if (!batch || !queue) return;
    const places = new Map(batch.records.map((recordId, place) => [recordId, place]));
    places.delete(0);
    if (places.size === 0) return;
    for (const entry of queue.holdRecords(new Set(places.keys())))
      this.#held.set(places.get(entry.message.recordId)!, { queue, entry });
    if (this.#held.size > 0)
      parts.log.info(`${this.#held.size} messages wait for the other node's word whether they were drained`);
  }

  status(): DrainStatus {
    const { job, drained } = this.#parts.outbox.record;
    return {
      state: this.#state,
      job,
      drained,
      remaining: remainingIn(this.#parts.vhosts),
      queue: this.#queue,
      inDoubt: this.#running ? 0 : this.#held.size,
      problem: this.#problem,
      skipped: this.#skipped,
    };
  }

  /**
   * Goes on with a drain, or only clears up what is in doubt. Its progress is in the status; a link that breaks ends it
   * as `interrupted`.
   */
  start(job: string | null, address: PeerAddress): void {
    if (this.#running) return;
    this.#stopAsked = false;
    this.#problem = null;
    this.#skipped = [];
    this.#state = 'draining';
    this.#running = this.#run(job, address).finally(() => {
      this.#running = null;
      this.#link = null;
      this.#queue = null;
    });
  }

  /** Resolves when the batch under way is done. */
  async stop(): Promise<void> {
    this.#stopAsked = true;
    await this.#running;
  }

  /** At once: what is under way stays in doubt. Resolves when nothing more is written. */
  async abandon(): Promise<void> {
    this.#stopAsked = true;
    this.#link?.close();
    await this.#running;
  }

  /** Gives back what is in doubt without knowing: the other node will not say any more. */
  async forget(): Promise<void> {
    await this.abandon();
    if (!this.#parts.outbox.record.batch) return;
    for (const { queue, entry } of this.#inOrder()) {
      entry.redelivered = true;
      queue.unhold(entry);
    }
    this.#held.clear();
    await this.#parts.outbox.write({ batch: null });
  }

  async #run(job: string | null, address: PeerAddress): Promise<void> {
    const { network, clock, log } = this.#parts;
    try {
      this.#link = await DrainLink.open({ network, clock }, address);
      await this.#clearUp(this.#link);
      if (job !== null) await this.#drain(this.#link, job);
      this.#state =
        this.#stopAsked || job === null ? 'idle' : this.#state === 'draining' ? 'done' : this.#state;
    } catch (error) {
      this.#state = 'interrupted';
      this.#problem = error instanceof Error ? error.message : String(error);
      if (!(error instanceof LinkLost)) log.error(`drain: ${this.#problem}`);
    } finally {
      this.#link?.close();
    }
  }

  /** What the last batch's fate is, if that is not known. */
  async #clearUp(link: DrainLink): Promise<void> {
    const { id, batch } = this.#parts.outbox.record;
    if (!batch) return;
    const { count } = await link.ask({ kind: 'drain-ask', outbox: id, batch: batch.number });
    await this.#settle(link, count);
  }

  async #drain(link: DrainLink, job: string): Promise<void> {
    const { outbox, vhosts, clock } = this.#parts;
    if (outbox.record.job !== job) await outbox.write({ job, drained: 0 });
    const passed = new Set<Queue>();
    const deadline = clock.monotonic() + returningMs;
    do {
      await this.#drainQueues(link, passed);
      if (this.#stopAsked || !someAreOut(vhosts)) return;
      await new Promise<void>((resolve) => clock.after(returningLookMs, resolve));
    } while (clock.monotonic() < deadline);
  }

  async #drainQueues(link: DrainLink, passed: Set<Queue>): Promise<void> {
    const { vhosts } = this.#parts;
    for (let queue = nextQueue(vhosts, passed); queue; queue = nextQueue(vhosts, passed)) {
      this.#queue = { vhost: queue.host.name, name: queue.name };
      const problem = await this.#drainQueue(link, queue);
      if (this.#stopAsked) return;
      if (problem === null) continue;
      passed.add(queue);
      this.#skip(queue, problem);
    }
  }

  /** Until it is empty (null), or why it cannot be: it is left as it is then. */
  async #drainQueue(link: DrainLink, queue: Queue): Promise<string | null> {
    const { outbox, serves, clock } = this.#parts;
    let stalls = 0;
    while (queue.readyCount > 0 && !this.#stopAsked) {
      if (serves()) throw new LinkLost('this node serves now');
      const batch = this.#fill(queue);
      if (batch.length === 0) {
        // It trims itself, or its disk takes its time.
        if (++stalls === stallsMax) return 'its messages cannot be read now';
        await new Promise<void>((resolve) => clock.after(returningLookMs, resolve));
        continue;
      }
      stalls = 0;
      const number = outbox.record.lastBatch + 1;
      const records = batch.map((entry) => (queue.durable ? Math.max(0, entry.message.recordId) : 0));
      await this.#writeDown({ number, vhost: queue.host.name, queue: queue.name, records });
      const { count, problem, again } = await this.#send(link, queue, number, batch);
      await this.#settle(link, count);
      if (problem === null) continue;
      if (again) throw new LinkLost(problem);
      return problem;
    }
    return null;
  }

  #fill(queue: Queue): QueueEntry[] {
    const batch: QueueEntry[] = [];
    let bytes = 0;
    while (batch.length < batchMessagesMax && bytes < batchBytesMax) {
      const entry = queue.hold();
      if (!entry) break;
      this.#held.set(batch.length, { queue, entry });
      batch.push(entry);
      bytes += entry.message.bodySize + entry.message.propertiesSize;
    }
    return batch;
  }

  /** What cannot be written down does not go out. */
  async #writeDown(batch: NonNullable<OutboxRecord['batch']>): Promise<void> {
    try {
      await this.#parts.outbox.write({ lastBatch: batch.number, batch });
    } catch (error) {
      for (const { queue, entry } of this.#inOrder()) queue.unhold(entry);
      this.#held.clear();
      throw error;
    }
  }

  async #send(link: DrainLink, queue: Queue, batch: number, entries: QueueEntry[]): Promise<Answer> {
    const { outbox, nodeName, epoch } = this.#parts;
    return link.ask({
      kind: 'drain-batch',
      outbox: outbox.record.id,
      batch,
      node: nodeName,
      epoch: await epoch(),
      queue: {
        vhost: queue.host.name,
        name: queue.name,
        durable: queue.durable,
        autoDelete: queue.autoDelete,
        arguments: encodeTable(queue.arguments),
      },
      messages: entries.map(rowOf),
    });
  }

  /** The other node has the first `count` of the batch for good: those go, for good too, and the rest comes back. */
  async #settle(link: DrainLink, count: number): Promise<void> {
    const { journal, outbox } = this.#parts;
    const { batch, drained, id } = outbox.record;
    for (const [place, { queue, entry }] of this.#held) {
      if (place >= count) continue;
      // Should the disk fail now, the rest is done by the next try.
      this.#held.delete(place);
      queue.discard(entry);
    }
    await journal.flushReleases();
    await outbox.write({ batch: null, drained: drained + count });
    for (const { queue, entry } of this.#inOrder(count)) queue.unhold(entry);
    this.#held.clear();
    if (batch) link.tell({ kind: 'drain-settled', outbox: id, batch: batch.number });
  }

  #inOrder(from = 0): Held[] {
    return [...this.#held]
      .filter(([place]) => place >= from)
      .sort(([a], [b]) => a - b)
      .map(([, held]) => held);
  }

  #skip(queue: Queue, reason: string): void {
    this.#parts.log.warn(`drain: ${queue.resource} stays here: ${reason}`);
    const row = { vhost: queue.host.name, queue: queue.name, messages: queue.messageCount, reason };
    if (this.#skipped.length < skippedMax) this.#skipped.push(row);
  }
}

function remainingIn(vhosts: VhostRegistry): number {
  let messages = 0;
  for (const vhost of vhosts.all())
    for (const queue of vhost.queues.values()) if (!queue.exclusive) messages += queue.messageCount;
  return messages;
}

function someAreOut(vhosts: VhostRegistry): boolean {
  for (const vhost of vhosts.all())
    for (const queue of vhost.queues.values()) if (!queue.exclusive && queue.unacked.count > 0) return true;
  return false;
}

function nextQueue(vhosts: VhostRegistry, passed: ReadonlySet<Queue>): Queue | null {
  for (const vhost of vhosts.all())
    for (const queue of vhost.queues.values())
      if (queue.readyCount > 0 && !queue.exclusive && !passed.has(queue)) return queue;
  return null;
}

function rowOf({ message, redelivered }: QueueEntry): DrainedRow {
  const { exchange, routingKey, bytes, start, propertiesSize, bodySize, receivedAt } = message;
  const end = start + propertiesSize + bodySize;
  return { exchange, routingKey, bytes: bytes.subarray(start, end), propertiesSize, receivedAt, redelivered };
}
