// A life with queues over their memory budget, on a journal and a scratch log: what goes in comes out in order and
// byte for byte, whether it waited in memory, in the journal or in the scratch log.
import { JournalFault } from '../../broker/journal/journal.ts';
import { SegmentLog } from '../../broker/journal/segment-log.ts';
import { messageOfRecord, recordHead } from '../../broker/vhost/message-record.ts';
import { composeMessage, type Message } from '../../broker/vhost/message.ts';
import { Pager } from '../../broker/vhost/paging/pager.ts';
import { QueueEntry } from '../../broker/vhost/queue/queue-entry.ts';
import type { Lost } from '../../broker/vhost/paging/page.ts';
import { ReadyList, type ReadyListener } from '../../broker/vhost/queue/ready-list.ts';
import type { ExpectedRecord, FoundRecord } from './expectations.ts';
import { Life, scratchFolder, type LifeParts } from './life.ts';
import { promised } from './violation.ts';

const propertiesSize = 2;
const budgetBytes = 8_000;
const pageBytesMax = 6_000;
const readAgainMs = 20;

/** What waits in a queue, or is out of it, as it must look. */
interface Waiting {
  readonly position: number;
  readonly routingKey: string;
  readonly bytes: Buffer;
  readonly expiresAt: number;
  readonly record: ExpectedRecord | null;
}

class ModelledQueue {
  readonly ready: ReadyList;
  readonly waiting: Waiting[] = [];
  readonly out: { entry: QueueEntry; expected: Waiting }[] = [];
  /** Among the waiting, those that the list has told it has lost, and their bodies. */
  lostCount = 0;
  lostBodyBytes = 0;
  nextPosition = 1;
  /** As a holder in the journal; 0 for a queue that is not durable. */
  readonly holder: number;

  constructor(pager: Pager, holder: number, listener: (queue: ModelledQueue) => ReadyListener) {
    this.holder = holder;
    this.ready = new ReadyList(pager, holder > 0, listener(this));
  }
}

export class PagingLife extends Life {
  readonly #journal: SegmentLog;
  readonly #scratch: SegmentLog;
  readonly #pager: Pager;
  readonly #queues: ModelledQueue[];
  #serial = 0;

  constructor(parts: LifeParts) {
    super(parts);
    const { loop, random, conditions } = parts;
    const shared = {
      storage: this.storage,
      clock: loop,
      log: this.log,
      segmentBytesMax: conditions.segmentBytesMax,
      blockBytesMax: conditions.blockBytesMax,
      cacheBytesMax: conditions.cacheBytesMax,
      pendingBytesMax: conditions.pendingBytesMax,
      newBlockMagic: () => 1 + random.below(2 ** 32 - 1),
    };
    const { confirmMode } = conditions;
    this.#journal = new SegmentLog({ ...shared, folder: '/data/journal', confirmMode });
    this.#scratch = new SegmentLog({
      ...shared,
      folder: scratchFolder,
      confirmMode: 'written',
      scratch: true,
    });
    this.#journal.onSafe((position) => parts.expectations.safeUpTo(position));
    const logs = { journal: this.#journal, scratch: this.#scratch, log: this.log };
    this.#pager = new Pager({ budgetBytes, pageBytesMax, ...logs });
    const listener = (queue: ModelledQueue): ReadyListener => ({
      lost: (lost) => this.#lost(queue, lost),
      stalled: () => loop.after(readAgainMs, () => this.#readAgain(queue)),
    });
    this.#queues = [1, 2, 0].map((holder) => new ModelledQueue(this.#pager, holder, listener));
  }

  /** Who looks may miss entries, though never see wrong ones: something could not be read. */
  get #lenient(): boolean {
    return this.parts.rotted.yes || this.storage.failed.some(({ call }) => call === 'read');
  }

  // ---- What the disk does not give back ----

  /** As a queue does it. */
  #lost(queue: ModelledQueue, { messages, bodyBytes, records }: Lost): void {
    const { rotted, expectations, trace } = this.parts;
    trace(`queue ${queue.holder} has lost ${messages} entries`);
    promised(rotted.yes, () => `queue ${queue.holder} has lost ${messages} entries, and nothing is damaged`);
    queue.lostCount += messages;
    queue.lostBodyBytes += bodyBytes;
    const { holder } = queue;
    for (const id of records) {
      const held = expectations.held.find((each) => each.record.id === id && each.holder === holder);
      promised(held !== undefined, () => `record ${id} is lost for ${holder}, who does not hold it`);
      promised(expectations.isRotten(held.record), () => `record ${id} is lost, and is not damaged`);
      this.#journal.release(holder, id);
      expectations.released(held, null);
    }
  }

  #readAgain(queue: ModelledQueue): void {
    if (this.state === 'working' || this.state === 'settling') queue.ready.readAgain(false);
  }

  /** Takes what is lost out of the model: entries that should have come before one that came. */
  #forgetLost(queue: ModelledQueue, count: number): void {
    const gone = queue.waiting.splice(0, count);
    promised(gone.length <= queue.lostCount, () => `${gone.length} entries are gone without a word`);
    queue.lostCount -= gone.length;
    for (const { bytes, record } of gone) {
      queue.lostBodyBytes -= bytes.length - propertiesSize;
      const rotten = record && queue.holder > 0 ? this.parts.expectations.isRotten(record) : null;
      promised(
        rotten ?? this.parts.rotted.scratch,
        () => `an entry of queue ${queue.holder} is lost, and sound`,
      );
    }
    const { lostCount, lostBodyBytes } = queue;
    promised(
      lostCount > 0 || lostBodyBytes === 0,
      () => `${lostBodyBytes} bytes more are lost than there were`,
    );
  }

  protected async recover(): Promise<void> {
    await this.#scratch.recover(() => undefined);
    const found: FoundRecord[] = [];
    const report = await this.#journal.recover((id, holders, delivered, bytes, start, end) => {
      found.push({
        id,
        holders: [...holders],
        delivered: [...delivered],
        bytes: Buffer.from(bytes.subarray(start, end)),
      });
    });
    this.parts.trace(`recovered ${found.length} records: ${JSON.stringify(report)}`);
    this.parts.expectations.recovered(found, report);
    const records = new Map(this.parts.expectations.held.map(({ record }) => [record.id, record]));
    for (const each of found)
      for (const queue of this.#queues)
        if (each.holders.includes(queue.holder)) this.#restore(queue, each, records.get(each.id)!);
  }

  /** As the registry of virtual hosts does it. */
  #restore(queue: ModelledQueue, { id, bytes }: FoundRecord, record: ExpectedRecord): void {
    const message = messageOfRecord(id, bytes, 0, bytes.length);
    const position = queue.nextPosition++;
    if (queue.ready.pages) queue.ready.pushRecord(id, position, message.bodySize, false);
    else queue.ready.push(new QueueEntry(message, position));
    queue.waiting.push(waitingOf(message, position, 0, record));
  }

  // ---- Checks ----

  protected afterEvent(): void {
    if (this.state !== 'working') return;
    for (const { ready, waiting, lostCount } of this.#queues) {
      const expected = waiting.length - lostCount;
      promised(ready.size === expected, () => `${ready.size} entries, not ${expected}`);
    }
  }

  protected settled(): void {
    const { expectations } = this.parts;
    if (this.#journal.fault !== null || this.#scratch.fault !== null) return;
    promised(this.#journal.safePosition === this.#journal.appendedPosition, () => 'not all is safe');
    expectations.allWritten();
    const { liveRecords } = this.#journal.statistics();
    promised(liveRecords === expectations.liveRecords, () => `${liveRecords} live in the journal`);
    if (this.#queues.some(({ waiting }) => waiting.length > 0)) return;
    const { liveRecords: left } = this.#scratch.statistics();
    promised(left === 0, () => `${left} live in the scratch log of empty queues`);
    const { residentBytes } = this.#pager;
    promised(residentBytes === 0, () => `${residentBytes} bytes resident in empty queues`);
  }

  #check(queue: ModelledQueue, entry: QueueEntry | null, expected: Waiting | undefined): void {
    if (!entry || !expected)
      return promised(!entry && !expected, () => 'an entry is missing, or one too many');
    const { message, position, expiresAt } = entry;
    const name = `entry ${expected.position} of queue ${queue.holder}`;
    promised(position === expected.position, () => `entry ${position} stands where ${name} should`);
    promised(message.routingKey === expected.routingKey, () => `${name} has the key ${message.routingKey}`);
    const bytes = message.bytes.subarray(
      message.start,
      message.start + message.propertiesSize + message.bodySize,
    );
    promised(bytes.equals(expected.bytes), () => `${name} has other bytes`);
    promised(expiresAt === expected.expiresAt, () => `${name} expires at ${expiresAt}`);
    const recordId = expected.record?.id ?? 0;
    const known = message.recordId === recordId || (queue.holder === 0 && message.recordId === 0);
    promised(known, () => `${name} has record ${message.recordId}, not ${recordId}`);
  }

  // ---- Work ----

  protected act(): void {
    const { random, conditions } = this.parts;
    const queue = random.pick(this.#queues);
    const what = random.weighted({
      publish: 6,
      shift: 4,
      acknowledge: 4,
      restore: 1,
      remove: 1,
      browse: 1,
      purge: 0.1,
      purgeAll: 0.1,
      ...{ settle: conditions.actions.settle, close: conditions.actions.close },
      ...{ fill: conditions.actions.fill, rot: conditions.actions.rot },
    });
    if (what === 'publish') for (let i = random.pick([1, 5, 40]); i > 0; i--) this.#publish();
    else if (what === 'shift') for (let i = random.pick([1, 5, 60]); i > 0; i--) this.#shift(queue);
    else if (what === 'acknowledge')
      for (let i = random.pick([1, 5, 60]); i > 0 && queue.out.length > 0; i--) this.#acknowledge(queue);
    else if (what === 'restore') this.#requeue(queue);
    else if (what === 'remove') this.#remove(queue);
    else if (what === 'browse') this.#browse(queue);
    else if (what === 'purge') this.#purge(queue);
    else if (what === 'purgeAll') this.#purgeAll();
    else if (what === 'settle') this.state = 'settling';
    else if (what === 'fill') this.fillDisk();
    else if (what === 'rot') this.rot();
    else this.#close();
  }

  #publish(): void {
    const { random, conditions, expectations } = this.parts;
    const targets = this.#queues.filter(() => random.chance(0.5));
    const body = random.bytes(random.below(conditions.bodyBytesMax));
    const message = composeMessage('x', `key.${this.#serial++}`, Buffer.alloc(propertiesSize), body, 0);
    const holders = targets.flatMap(({ holder }) => (holder > 0 ? [holder] : []));
    let record: ExpectedRecord | null = null;
    if (holders.length > 0 && random.chance(0.6)) {
      const head = recordHead(message);
      const { bytes } = message;
      try {
        message.recordId = this.#journal.append(holders, holders.length, head, bytes, 0, bytes.length);
      } catch (error) {
        if (error instanceof JournalFault) return;
        throw error;
      }
      const whole = Buffer.concat([head, bytes]);
      record = expectations.appended(message.recordId, holders, whole, this.#journal.appendedPosition);
    }
    for (const queue of targets) {
      const entry = new QueueEntry(message, queue.nextPosition++);
      if (random.chance(0.2)) entry.expiresAt = 1000 + entry.position;
      queue.waiting.push(waitingOf(message, entry.position, entry.expiresAt, record));
      queue.ready.push(entry);
    }
  }

  #shift(queue: ModelledQueue): void {
    const entry = queue.ready.shift();
    if (!entry && queue.ready.stalled) return;
    const index = queue.waiting.findIndex(({ position }) => position === entry?.position);
    promised(!entry || index >= 0, () => `entry ${entry?.position} comes, and is not expected`);
    this.#forgetLost(queue, entry ? index : queue.waiting.length);
    const expected = queue.waiting.shift();
    this.#check(queue, entry, expected);
    if (entry && expected) queue.out.push({ entry, expected });
  }

  #acknowledge(queue: ModelledQueue): void {
    const [gone] = queue.out.splice(this.parts.random.below(queue.out.length), 1);
    this.#release(queue, gone!.expected);
  }

  #release({ holder }: ModelledQueue, { record }: Waiting): void {
    if (!record || holder === 0) return;
    this.#journal.release(holder, record.id);
    this.parts.expectations.released({ record, holder }, null);
  }

  #requeue(queue: ModelledQueue): void {
    if (queue.out.length === 0) return;
    const [back] = queue.out.splice(this.parts.random.below(queue.out.length), 1);
    queue.ready.restore(back!.entry);
    queue.waiting.push(back!.expected);
    queue.waiting.sort((a, b) => a.position - b.position);
  }

  #remove(queue: ModelledQueue): void {
    if (queue.waiting.length === 0 || this.#lenient) return;
    const index = this.parts.random.below(queue.waiting.length);
    const expected = queue.waiting[index]!;
    const found = queue.ready.find(expected.position);
    // A read fault may have come just now.
    if (this.#lenient) return;
    this.#check(queue, found, expected);
    queue.waiting.splice(index, 1);
    promised(queue.ready.remove(found!), () => `entry ${expected.position} cannot be removed`);
    this.#release(queue, expected);
  }

  #browse(queue: ModelledQueue): void {
    const from = this.parts.random.below(queue.waiting.length + 1);
    let index = from;
    for (const entry of queue.ready.from(from)) {
      if (this.#lenient) {
        const expected = queue.waiting.find(({ position }) => position === entry.position);
        this.#check(queue, entry, expected);
      } else this.#check(queue, entry, queue.waiting[index]);
      if (++index === from + 30) break;
    }
    if (!this.#lenient)
      promised(index === Math.min(from + 30, queue.waiting.length), () => `browsing ends at ${index}`);
  }

  #purge(queue: ModelledQueue): void {
    this.parts.trace(`purge ${queue.holder}`);
    const released: number[] = [];
    const rest = queue.ready.clear((recordId) => released.push(recordId));
    while (!rest.next().done);
    const records = new Map(queue.waiting.map((each) => [each.record?.id, each]));
    for (const id of released) {
      const expected = records.get(id);
      promised(expected !== undefined, () => `record ${id} is released by a purge of ${queue.holder}`);
      this.#release(queue, expected!);
    }
    const held = queue.waiting.filter(({ record }) => record && queue.holder > 0).length;
    promised(this.#lenient || held === released.length, () => `${released.length} released, not ${held}`);
    queue.waiting.length = queue.lostCount = queue.lostBodyBytes = 0;
  }

  /** Nothing may stay behind. */
  #purgeAll(): void {
    for (const queue of this.#queues) this.#purge(queue);
    this.state = 'settling';
  }

  #close(): void {
    this.close(
      async () => {
        await this.#journal.close();
        await this.#scratch.close();
      },
      () => this.#journal.fault === null,
    );
  }
}

function waitingOf(
  message: Message,
  position: number,
  expiresAt: number,
  record: ExpectedRecord | null,
): Waiting {
  const { routingKey, start, propertiesSize, bodySize } = message;
  const bytes = Buffer.from(message.bytes.subarray(start, start + propertiesSize + bodySize));
  return { position, routingKey, bytes, expiresAt, record };
}
