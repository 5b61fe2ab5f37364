// A queue: what waits (ready), what is out for acknowledgement (unacked), and who takes. It owns both lists
// and its consumers. A message is in exactly one of the two lists until it is acknowledged, dropped or
// dead-lettered; the journal's record is released at that moment and no other.
import { emptyTable, integerOf, type FieldTable } from '../../amqp/field-table.ts';
import { ChannelError, ReplyCode } from '../../amqp/reply-codes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { LongWork, Turns } from '../../base/turns.ts';
import type { Arguments, QueueType } from '../../contract/rows.ts';
import { JournalFault, type Journal } from '../../journal/journal.ts';
import type { Consumer } from '../consumer.ts';
import type { Message } from '../message.ts';
import type { Lost } from '../paging/page.ts';
import type { Pager } from '../paging/pager.ts';
import { ConsumerSet } from './consumer-set.ts';
import { PriorityList } from './priority-list.ts';
import { QueueEntry, UnackedList } from './queue-entry.ts';
import { settingsOf, type QueueSettings } from './queue-settings.ts';
import { ReadyList, type ReadyListener } from './ready-list.ts';

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** What a queue asks of its virtual host. */
export interface QueueHost {
  readonly name: string;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly pager: Pager;
  readonly turns: Turns;
  /** Publishes a dead letter. Answers the log position behind its record, 0 when it has none. */
  deadLetter(queue: Queue, entry: QueueEntry, reason: DeathReason): number;
  /** False on a node that stands by: its clients use the queues of the active one, which decides. */
  readonly expiresQueues: boolean;
  /** The queue has had its last consumer (auto-delete) or its time (x-expires). */
  queueUnused(queue: Queue): void;
}

export interface QueueDeclaration {
  name: string;
  /** The journal's holder number. */
  id: number;
  type: QueueType;
  durable: boolean;
  exclusive: boolean;
  autoDelete: boolean;
  arguments: FieldTable;
  /** The connection an exclusive queue belongs to. */
  owner: QueueOwner | null;
}

export interface QueueOwner {
  readonly name: string;
}

/** Counted since the queue was made; read by the rates sampler. */
export class QueueCounters {
  publish = 0;
  deliver = 0;
  deliverNoAck = 0;
  get = 0;
  getNoAck = 0;
  getEmpty = 0;
  ack = 0;
  redeliver = 0;
}

/** Queues longer than this wake up in slices, so that one long queue leaves others their turn. */
const deliveriesPerTurn = 512;
/** Dropped from the head where they are found to have to go; more go in turns. */
const dropsAtOnce = 64;
/** Let go of between two turns' looks at the time; dead letters take their time each. */
const dropsPerStep = 16;
const releasesPerStep = 256;
/** Requeued at once; more come back in turns. */
const requeuesAtOnce = 256;
const requeuesPerStep = 64;
/** What the disk does not give is asked for again: after this, then after twice that, and so on; half a minute in all. */
const readAgainMs = 50;
const readAgainMsMax = 5000;
const readAgainMax = 12;

export class Queue implements ReadyListener {
  readonly kind = 'queue';
  readonly name: string;
  readonly id: number;
  readonly type: QueueType;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  readonly owner: QueueOwner | null;
  readonly host: QueueHost;
  readonly counters = new QueueCounters();
  readonly consumers: ConsumerSet;
  readonly unacked = new UnackedList();
  policyName: string | null = null;
  operatorPolicyName: string | null = null;
  /** What the two policies say together. */
  policyDefinition: Arguments = {};
  settings: Readonly<QueueSettings>;
  deleted = false;
  /** Of the ready messages' bodies. */
  readyBytes = 0;
  persistentCount = 0;
  /** Set by routing to see a queue once per message. */
  routeStamp = 0;
  /** Unix milliseconds of the last declare, get, consume or cancel: what x-expires counts from. */
  lastUsedAt: number;
  /** Unix milliseconds since when nothing was published or taken; null while busy. */
  lastActiveAt: number;
  readonly #ready: ReadyList | PriorityList;
  #nextPosition = 1;
  #expiryTimer: Timer | null = null;
  #expiryTimerAt = 0;
  #unusedTimer: Timer | null = null;
  /** Whether an entry with an expiry was ever queued: others skip the checks. */
  #hasExpiry = false;
  #turnPending = false;
  /** While it is not known what is at the head: by how many, and what settles then. */
  #holds = 0;
  #settling: PromiseWithResolvers<void> | null = null;
  #readTimer: Timer | null = null;
  #readAgainCount = 0;

  constructor(host: QueueHost, declaration: QueueDeclaration) {
    this.host = host;
    this.name = declaration.name;
    this.id = declaration.id;
    this.type = declaration.type;
    this.durable = declaration.durable;
    this.exclusive = declaration.exclusive;
    this.autoDelete = declaration.autoDelete;
    this.arguments = declaration.arguments.size > 0 ? declaration.arguments : emptyTable;
    this.owner = declaration.owner;
    const singleActive = this.arguments.get('x-single-active-consumer');
    this.consumers = new ConsumerSet(singleActive?.type === 't' && singleActive.value);
    const maxPriority = this.arguments.get('x-max-priority');
    const levels = maxPriority ? integerOf(maxPriority)! : 0;
    this.#ready =
      levels > 0
        ? new PriorityList(levels, host.pager, this.durable, this)
        : new ReadyList(host.pager, this.durable, this);
    this.settings = settingsOf(this.arguments);
    this.lastUsedAt = this.lastActiveAt = host.clock.now();
    this.#armUnused();
  }

  get resource(): string {
    return `queue '${this.name}' in vhost '${this.host.name}'`;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  get messageCount(): number {
    return this.#ready.size + this.unacked.count;
  }

  /** New limits from policies take effect at once, as in RabbitMQ. */
  applyPolicies(name: string | null, policy?: Arguments, operatorPolicy?: Arguments): void {
    this.policyName = name;
    this.settings = settingsOf(this.arguments, policy, operatorPolicy);
    this.#armUnused();
    this.#tidy();
  }

  // ---- Publishing ----

  /** True when the overflow setting refuses this message: it is nacked, and perhaps dead-lettered. */
  refuses(message: Message): boolean {
    const { settings } = this;
    if (settings.overflow === 'drop-head') return false;
    const over = !this.hasRoomFor(1, message.bodySize);
    if (over && settings.overflow === 'reject-publish-dlx')
      this.host.deadLetter(this, new QueueEntry(message, 0), 'maxlen');
    return over;
  }

  /** Whether so much more would be within the limits. */
  hasRoomFor(messages: number, bodyBytes: number): boolean {
    const { lengthMax, bytesMax } = this.settings;
    return this.#ready.size + messages <= lengthMax && this.readyBytes + bodyBytes <= bytesMax;
  }

  /** Takes a message that is not refused. It goes to a waiting consumer or to the tail. */
  enqueue(message: Message, redelivered = false): void {
    const entry = new QueueEntry(message, this.#nextPosition++);
    entry.redelivered = redelivered;
    this.counters.publish++;
    if (message.persistent) this.persistentCount++;
    const { settings } = this;
    if (settings.messageTtlMs >= 0 || message.expirationMs >= 0) this.#stampExpiry(entry);
    if (this.#ready.size === 0) {
      const consumer = this.consumers.count > 0 ? this.consumers.take() : null;
      if (consumer) {
        this.#handOut(entry, consumer);
        return;
      }
    }
    this.#ready.push(entry);
    this.readyBytes += message.bodySize;
    if (this.#hasExpiry || this.#ready.size > settings.lengthMax || this.readyBytes > settings.bytesMax)
      this.#tidy();
  }

  /** Puts back what recovery found; consumers and limits come later. */
  restoreFromJournal(message: Message, delivered: boolean): void {
    const entry = new QueueEntry(message, this.#nextPosition++);
    entry.redelivered = delivered;
    if (message.persistent) this.persistentCount++;
    if (this.settings.messageTtlMs >= 0 || message.expirationMs >= 0)
      this.#stampExpiry(entry, message.receivedAt);
    this.#ready.push(entry);
    this.readyBytes += message.bodySize;
  }

  /** The same without looking at the message, where that is not needed: it has no priority and no expiry of its own. */
  restoreUnseen(recordId: number, bodyBytes: number, delivered: boolean): boolean {
    if (!(this.#ready instanceof ReadyList) || !this.#ready.pages || this.settings.messageTtlMs >= 0)
      return false;
    this.#ready.pushRecord(recordId, this.#nextPosition++, bodyBytes, delivered);
    this.persistentCount++;
    this.readyBytes += bodyBytes;
    return true;
  }

  /** After recovery: what expired or is over a limit meanwhile goes its way. */
  recovered(): void {
    this.#tidy();
  }

  // ---- Taking ----

  /** Settles when it is known again what is at the head: until then nothing can be had. */
  get settling(): Promise<void> | undefined {
    return this.#settling?.promise;
  }

  /** basic.get: the head, or null where there is none, or none yet (`settling`). Counts as unacknowledged unless `noAck`. */
  get(noAck: boolean): QueueEntry | null {
    this.lastUsedAt = this.host.clock.now();
    const entry = this.#takeHead();
    if (!entry) {
      if (this.#holds === 0) this.counters.getEmpty++;
      return null;
    }
    if (noAck) this.counters.getNoAck++;
    else this.counters.get++;
    if (entry.redelivered) this.counters.redeliver++;
    this.#markOut(entry, null, noAck);
    return entry;
  }

  /** Throws ChannelError 403 when the consumer or the queue is exclusive and not alone. */
  addConsumer(consumer: Consumer): void {
    const clash = this.consumers.exclusive || (consumer.exclusive && this.consumers.count > 0);
    if (clash || (consumer.exclusive && this.consumers.singleActive))
      throw new ChannelError(ReplyCode.ACCESS_REFUSED, `${this.resource} in exclusive use`);
    this.consumers.add(consumer);
    this.lastUsedAt = this.host.clock.now();
  }

  /** Stops deliveries to it; what it holds stays unacknowledged. */
  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.remove(consumer) || this.deleted) return;
    this.lastUsedAt = this.host.clock.now();
    if (this.consumers.count === 0) {
      if (this.autoDelete) return this.host.queueUnused(this);
      this.#armUnused();
    }
    this.#deliver();
  }

  /** The consumer can take again: credit came back or its connection drained. */
  wake(consumer: Consumer): void {
    this.consumers.mayTakeAgain(consumer);
    this.deliver();
  }

  /** Gives what is ready to those who can take. */
  deliver(): void {
    if (this.#ready.size > 0 && this.consumers.count > 0) this.#deliver();
  }

  acknowledge(entry: QueueEntry): void {
    this.counters.ack++;
    this.#settle(entry);
  }

  /** Back to their places for the next consumer (R31), or past the delivery limit to the dead letters. */
  requeue(entries: QueueEntry[]): void {
    if (entries.length > requeuesAtOnce) {
      this.#hold();
      void this.host.turns.run(this.#requeueInTurns(entries));
      return;
    }
    this.#putBack(entries.filter((entry) => this.#comesBack(entry)));
    if (this.deleted) return;
    this.#tidy();
    this.#deliver();
  }

  /** Nobody gets anything before all are back: the order is kept. */
  *#requeueInTurns(entries: QueueEntry[]): LongWork {
    const back: QueueEntry[] = [];
    for (const [index, entry] of entries.entries()) {
      if (this.#comesBack(entry)) back.push(entry);
      if (index % requeuesPerStep === requeuesPerStep - 1) yield;
    }
    // When it was deleted meanwhile it did not find these among the unacknowledged any more.
    if (this.deleted) for (const { message } of back) this.#release(message);
    else this.#putBack(back);
    this.#letGoOn();
  }

  #comesBack(entry: QueueEntry): boolean {
    this.#takeBack(entry);
    entry.redelivered = true;
    entry.returns++;
    if (this.deleted) return false;
    if (this.type !== 'quorum' || entry.returns <= this.settings.deliveryLimit) return true;
    // Where its dead letter cannot be kept now, it dies when it comes back once more.
    return !this.#diesNow(entry, 'delivery_limit');
  }

  #putBack(entries: QueueEntry[]): void {
    if (entries.length === 0) return;
    if (entries.length > 1) entries.sort((a, b) => a.position - b.position);
    this.#ready.restoreAll(entries);
    for (const { message } of entries) this.readyBytes += message.bodySize;
  }

  /** Rejected without requeue: dead-lettered or discarded. */
  reject(entries: QueueEntry[]): void {
    if (entries.length > dropsAtOnce) {
      void this.host.turns.run(this.#rejectInTurns(entries));
      return;
    }
    for (const entry of entries) {
      this.#takeBack(entry);
      if (!this.deleted) this.#die(entry, 'rejected');
    }
  }

  /** Each stays unacknowledged until its dead letter is made, also when the queue is deleted meanwhile. */
  *#rejectInTurns(entries: QueueEntry[]): LongWork {
    for (const [index, entry] of entries.entries()) {
      while (!this.deleted && !this.#diesNow(entry, 'rejected')) yield this.host.pager.nextWrite();
      this.#takeBack(entry);
      if (this.settings.deadLetterExchange !== null || index % dropsPerStep === 0) yield;
    }
  }

  /** Drops all ready messages and tells how many; `released` settles when the journal has let go of each. */
  purge(): { messages: number; released: Promise<void> | undefined } {
    const messages = this.#ready.size;
    const letGo = this.#letGo();
    this.persistentCount = 0;
    for (let entry = this.unacked.first; entry; entry = entry.next)
      if (entry.message.persistent) this.persistentCount++;
    return { messages, released: this.host.turns.run(letGo) };
  }

  /** Nothing is ready from here on; the rest of the work is in what it answers. */
  #letGo(): LongWork {
    const { journal } = this.host;
    this.readyBytes = 0;
    return this.#ready.clear((recordId) => journal.release(this.id, recordId));
  }

  /** The end: consumers are told. What it held is released by the work that it answers. */
  close(): LongWork {
    this.deleted = true;
    this.#expiryTimer?.cancel();
    this.#unusedTimer?.cancel();
    this.#readTimer?.cancel();
    const unacked: QueueEntry[] = [];
    for (let entry = this.unacked.first; entry; entry = entry.next) unacked.push(entry);
    for (const consumer of this.consumers.removeAll()) consumer.cancelled();
    return this.#letGoOfAll(this.#letGo(), unacked);
  }

  *#letGoOfAll(ready: LongWork, unacked: QueueEntry[]): LongWork {
    yield* ready;
    for (const [index, entry] of unacked.entries()) {
      this.host.pager.removed(entry.message);
      this.#release(entry.message);
      if (index % releasesPerStep === releasesPerStep - 1) yield;
    }
  }

  // ---- Looking, without any effect ----

  /** Ready entries from the head; a negative offset counts from the tail. */
  *browseReady(offset: number, limit: number): Generator<{ entry: QueueEntry; index: number }> {
    const start = offset < 0 ? Math.max(0, this.#ready.size + offset) : offset;
    let index = start;
    for (const entry of this.#ready.from(start)) {
      if (index - start >= limit) return;
      yield { entry, index: index++ };
    }
  }

  *browseUnacked(offset: number, limit: number): Generator<{ entry: QueueEntry; index: number }> {
    let index = 0;
    for (let entry = this.unacked.first; entry; entry = entry.next, index++) {
      if (index < offset) continue;
      if (index - offset >= limit) return;
      yield { entry, index };
    }
  }

  /** A ready entry by its position, or null. */
  readyAt(position: number): QueueEntry | null {
    return this.#ready.find(position);
  }

  /** Takes one ready entry out, wherever it is; its record is released. False when it has gone meanwhile. */
  removeReady(entry: QueueEntry): boolean {
    if (!this.#ready.remove(entry)) return false;
    this.readyBytes -= entry.message.bodySize;
    this.#release(entry.message);
    return true;
  }

  // ---- What the disk does not give back ----

  /** Damage has taken messages out of the ready list; it is reported, and its bytes are set aside, by the journal. */
  lost({ messages, bodyBytes, persistent, records }: Lost): void {
    this.readyBytes -= bodyBytes;
    this.persistentCount -= persistent;
    for (const recordId of records) this.host.journal.release(this.id, recordId);
    this.host.pager.lost(messages, this.resource);
  }

  stalled(): void {
    const again = this.#readAgainCount++;
    if (again === 0) this.host.pager.log.warn(`${this.resource}: its head cannot be read now; trying again`);
    const delayMs = Math.min(readAgainMs * 2 ** again, readAgainMsMax);
    this.#readTimer ??= this.host.clock.after(delayMs, () => this.#readAgain());
  }

  #readAgain(): void {
    this.#readTimer = null;
    const last = this.#readAgainCount >= readAgainMax;
    if (last) this.#readAgainCount = 0;
    this.#ready.readAgain(last);
    if (!this.#ready.stalled) this.#readAgainCount = 0;
    this.#tidy();
    this.#deliver();
  }

  // ---- Held back, for a drain to the pair's other node (R33c) ----

  /** Takes the head out, or null: nobody gets it, and its record stays, until `discard` or `unhold`. */
  hold(): QueueEntry | null {
    const entry = this.#takeHead();
    if (entry) this.#addHeld(entry);
    return entry;
  }

  /** The same for messages by their records, after a restart: what was held before is in order at the head. */
  holdRecords(recordIds: ReadonlySet<number>): QueueEntry[] {
    const found: QueueEntry[] = [];
    const last = Math.max(...recordIds);
    for (const entry of this.#ready.from(0)) {
      if (recordIds.has(entry.message.recordId)) found.push(entry);
      const passed = entry.message.recordId > last && this.#ready instanceof ReadyList;
      if (passed || found.length === recordIds.size) break;
    }
    for (const entry of found) {
      this.#ready.remove(entry);
      this.readyBytes -= entry.message.bodySize;
      this.#addHeld(entry);
    }
    return found;
  }

  #addHeld(entry: QueueEntry): void {
    this.unacked.add(entry);
    this.host.pager.added(entry.message);
  }

  /** Back to its place, as if it had never been out. */
  unhold(entry: QueueEntry): void {
    this.#takeBack(entry);
    if (this.deleted) return;
    this.#ready.restore(entry);
    this.readyBytes += entry.message.bodySize;
    this.#tidy();
    this.#deliver();
  }

  /** It is elsewhere now. */
  discard(entry: QueueEntry): void {
    this.#settle(entry);
  }

  // ---- Inside ----

  #deliver(): void {
    let budget = deliveriesPerTurn;
    while (this.#ready.size > 0 && this.consumers.count > 0 && this.#holds === 0) {
      if (budget-- === 0) return this.#deliverNextTurn();
      const consumer = this.consumers.take();
      if (!consumer) return;
      const entry = this.#takeHead();
      if (entry) this.#handOut(entry, consumer);
      else if (this.#ready.stalled) return;
    }
  }

  #deliverNextTurn(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    setImmediate(() => {
      this.#turnPending = false;
      if (!this.deleted) this.#deliver();
    });
  }

  #takeHead(): QueueEntry | null {
    if (this.#hasExpiry) this.#tidy();
    if (this.#holds > 0) return null;
    const entry = this.#ready.shift();
    if (entry) this.readyBytes -= entry.message.bodySize;
    // What was behind it is the head now, and its time may have come.
    if (this.#hasExpiry) this.#tidy();
    return entry;
  }

  #handOut(entry: QueueEntry, consumer: Consumer): void {
    if (consumer.noAck) this.counters.deliverNoAck++;
    else this.counters.deliver++;
    if (entry.redelivered) this.counters.redeliver++;
    this.#markOut(entry, consumer, consumer.noAck);
    consumer.deliver(this, entry);
  }

  #markOut(entry: QueueEntry, holder: Consumer | null, noAck: boolean): void {
    if (noAck) {
      this.#release(entry.message);
      return;
    }
    entry.holder = holder;
    this.unacked.add(entry);
    this.host.pager.added(entry.message);
    if (this.durable && entry.message.recordId !== 0)
      this.host.journal.markDelivered(this.id, entry.message.recordId);
  }

  /** From unacknowledged; what was left when the queue was deleted is accounted for already. */
  #takeBack(entry: QueueEntry): void {
    this.unacked.remove(entry);
    entry.holder = null;
    if (!this.deleted) this.host.pager.removed(entry.message);
  }

  #settle(entry: QueueEntry): void {
    this.#takeBack(entry);
    if (!this.deleted) this.#release(entry.message);
  }

  #release(message: Message, after = 0): void {
    if (message.persistent) this.persistentCount--;
    if (this.durable && message.recordId !== 0) this.host.journal.release(this.id, message.recordId, after);
  }

  #die(entry: QueueEntry, reason: DeathReason): void {
    const after = this.host.deadLetter(this, entry, reason);
    this.#release(entry.message, after);
  }

  /** What is over a limit or has expired leaves the head. A few go at once; while many go, nobody gets any. */
  #tidy(): void {
    if (this.#holds > 0) return;
    for (let left = dropsAtOnce; ; left--) {
      const reason = this.#headMustGo();
      if (reason === null) return this.#armExpiry();
      if (left === 0 || !this.#drop(reason)) return this.#tidyInTurns();
    }
  }

  #tidyInTurns(): void {
    this.#hold();
    void this.host.turns.run(this.#dropAll());
  }

  /** From here on nobody gets anything. */
  #hold(): void {
    this.#holds++;
    this.#settling ??= Promise.withResolvers<void>();
  }

  #letGoOn(): void {
    if (--this.#holds > 0) return;
    this.#settling?.resolve();
    this.#settling = null;
    if (this.deleted) return;
    this.#tidy();
    this.#deliver();
  }

  *#dropAll(): LongWork {
    let dropped = 0;
    for (let reason = this.#headMustGo(); reason !== null; reason = this.#headMustGo()) {
      if (this.deleted) break;
      if (!this.#drop(reason)) yield this.host.pager.nextWrite();
      else if (this.settings.deadLetterExchange !== null || ++dropped % dropsPerStep === 0) yield;
    }
    this.#letGoOn();
  }

  /** Expires at the head only, as classic queues do: a message behind a longer-lived one waits (RABBITMQ.md). */
  #headMustGo(): DeathReason | null {
    if (this.#ready.stalled) return null;
    const { lengthMax, bytesMax } = this.settings;
    if (this.#ready.size > 0 && (this.#ready.size > lengthMax || this.readyBytes > bytesMax)) return 'maxlen';
    const head = this.#hasExpiry ? this.#ready.peek() : null;
    return head && head.expiresAt !== 0 && head.expiresAt <= this.host.clock.now() ? 'expired' : null;
  }

  /** False when its dead letter cannot be kept now: it stays. */
  #drop(reason: DeathReason): boolean {
    // With priorities the head is the highest: RabbitMQ's rule, also for what is over the limit.
    const entry = this.#ready.shift();
    if (!entry) return true;
    this.readyBytes -= entry.message.bodySize;
    if (this.#diesNow(entry, reason)) return true;
    this.#ready.restore(entry);
    this.readyBytes += entry.message.bodySize;
    return false;
  }

  /** False when its dead letter cannot be kept now. */
  #diesNow(entry: QueueEntry, reason: DeathReason): boolean {
    if (this.settings.deadLetterExchange !== null && this.host.pager.behind) return false;
    try {
      this.#die(entry, reason);
      return true;
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      return false;
    }
  }

  #stampExpiry(entry: QueueEntry, from = this.host.clock.now()): void {
    const queueTtl = this.settings.messageTtlMs;
    const own = entry.message.expirationMs;
    const ttl = own >= 0 ? (queueTtl >= 0 ? Math.min(own, queueTtl) : own) : queueTtl;
    entry.expiresAt = from + ttl;
    this.#hasExpiry = true;
  }

  #armExpiry(): void {
    const head = this.#hasExpiry ? this.#ready.peek() : null;
    if (!head || head.expiresAt === 0) return;
    if (this.#expiryTimer && this.#expiryTimerAt <= head.expiresAt) return;
    this.#expiryTimer?.cancel();
    this.#expiryTimerAt = head.expiresAt;
    this.#expiryTimer = this.host.clock.after(head.expiresAt - this.host.clock.now(), () => {
      this.#expiryTimer = null;
      if (!this.deleted) this.#tidy();
    });
  }

  #armUnused(): void {
    this.#unusedTimer?.cancel();
    this.#unusedTimer = null;
    const { expiresMs } = this.settings;
    if (expiresMs < 0 || this.consumers.count > 0) return;
    const { clock } = this.host;
    const left = Math.max(1, this.lastUsedAt + expiresMs - clock.now());
    this.#unusedTimer = clock.after(left, () => {
      if (this.deleted || this.consumers.count > 0) return;
      if (!this.host.expiresQueues) this.lastUsedAt = clock.now();
      if (this.lastUsedAt + this.settings.expiresMs <= clock.now()) this.host.queueUnused(this);
      else this.#armUnused();
    });
  }
}
