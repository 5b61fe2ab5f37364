// The audit of a lab run: every message is known by its producer and sequence number, every client says what it did
// and saw, and the report says what became of each message. No clock and no network: times come with the events.
// A message that goes to several queues has to arrive by each of them.
//
// Invariant: "lost" is only what was confirmed, not returned, and by some queue neither delivered nor still held.
import type { LabFigures } from '../contract/lab.ts';
import { GrowingBytes, Moments } from './audit-records.ts';

const flag = {
  published: 1,
  confirmed: 2,
  refused: 4,
  returned: 8,
  delivered: 16,
  resent: 32,
} as const;

/** Of one message on one queue. */
const copyFlag = { delivered: 1, acked: 2, held: 4 } as const;
/** What a delivery may be besides. */
const counted = ['redelivered', 'duplicated', 'revived', 'reordered'] as const;

/** Where only one queue is meant, it needs no name. */
const onlyQueue = [''];

/** A silence at the load's end that is longer than this, and than all others, is an outage without an end. */
const silenceLeastMs = 500;

/** How many of a kind of sequence number a report names; the rest is only counted. */
const namedMax = 20;

/** From the last sign of service before a fault to the first after it; null where there was none. Unix milliseconds. */
export interface UnavailabilityWindow {
  fault: string;
  faultAt: number;
  from: number | null;
  to: number | null;
  /** Null while service has not come back, or was never seen before. */
  durationMs: number | null;
}

export interface ProducerReport {
  client: string;
  /** Distinct messages, and how often they were sent: higher when unconfirmed ones were sent again. */
  published: number;
  sent: number;
  confirmed: number;
  /** Refused with basic.nack, and not confirmed later. */
  refused: number;
  returned: number;
  /** Sent, and no word came back: it may or may not have arrived. */
  unresolved: number;
  /** Without a word, or without asking for one: what was never seen again either. */
  unseen: number;
  /** Distinct messages that some consumer got. */
  delivered: number;
  /** Deliveries beyond the first of a message to a queue. */
  duplicated: number;
  /** Found on a queue when the run was over, not delivered by it. */
  held: number;
  lost: number;
  lostSequences: number[];
  /** From noticing that the connection was gone to publishing again, the longest; null when it never was. */
  reconnectMs: number | null;
  windows: UnavailabilityWindow[];
}

export interface ConsumerReport {
  client: string;
  received: number;
  acked: number;
  duplicated: number;
  /** Deliveries with the flag `redelivered`. */
  redelivered: number;
  /** First deliveries, not marked redelivered, that came after a later message of the same producer. */
  reordered: number;
  /** Got again after its acknowledgement was sent, though it was sent once. */
  revived: number;
  reconnectMs: number | null;
  windows: UnavailabilityWindow[];
}

export interface AuditReport {
  producers: ProducerReport[];
  consumers: ConsumerReport[];
  /** Over all producers' confirms, and over all consumers' deliveries. */
  producerWindows: UnavailabilityWindow[];
  consumerWindows: UnavailabilityWindow[];
  /** The longest silence of the whole run; null where there were not two signs of service. */
  longestMs: { producers: number | null; consumers: number | null };
  /** Confirmed but never delivered and held nowhere, over all producers: the one that must be zero. */
  lost: number;
}

/** What clients tell the audit. `at`: Unix milliseconds. */
export interface AuditSink {
  published(producer: string, sequence: number, at: number): void;
  confirmed(producer: string, sequence: number, at: number): void;
  refused(producer: string, sequence: number, at: number): void;
  returned(producer: string, sequence: number, at: number): void;
  received(
    consumer: string,
    producer: string,
    sequence: number,
    redelivered: boolean,
    at: number,
    queue?: string,
  ): void;
  acked(consumer: string, producer: string, sequence: number, at: number, queue?: string): void;
  disconnected(client: string, at: number): void;
  connected(client: string, at: number): void;
}

interface Producer {
  asksConfirms: boolean;
  flags: GrowingBytes;
  /** By the queue that brought it. */
  copies: Map<string, Copies>;
  sent: number;
  confirms: Moments;
  publishes: Moments;
}

interface Copies {
  flags: GrowingBytes;
  deliveries: GrowingBytes;
}

export interface AuditOptions {
  /** Which queues a producer's message has to arrive by; one, without a name, where it is not given. */
  queuesOf?: (producer: string, sequence: number) => readonly string[];
  /** Whether it waits for confirms: without, nothing of its messages is unresolved. */
  asksConfirms?: (producer: string) => boolean;
}

interface Consumer {
  received: number;
  acked: number;
  duplicated: number;
  redelivered: number;
  reordered: number;
  revived: number;
  /** Highest sequence number seen, by producer. */
  highest: Map<string, number>;
  deliveries: Moments;
}

interface Link {
  lostAt: number | null;
  longestMs: number | null;
}

export class Audit implements AuditSink {
  readonly #producers = new Map<string, Producer>();
  readonly #consumers = new Map<string, Consumer>();
  readonly #links = new Map<string, Link>();
  readonly #faults: { label: string; at: number }[] = [];
  readonly #queuesOf: NonNullable<AuditOptions['queuesOf']>;
  readonly #asksConfirms: (producer: string) => boolean;
  readonly #figures: LabFigures = {
    published: 0,
    sent: 0,
    confirmed: 0,
    refused: 0,
    returned: 0,
    unresolved: 0,
    delivered: 0,
    acked: 0,
    duplicated: 0,
    redelivered: 0,
    reordered: 0,
    revived: 0,
    onTheWay: 0,
  };
  #loadEndedAt = Infinity;

  constructor({ queuesOf = () => onlyQueue, asksConfirms = () => true }: AuditOptions = {}) {
    this.#queuesOf = queuesOf;
    this.#asksConfirms = asksConfirms;
  }

  /** Sums so far, kept up to date with every event. */
  get figures(): Readonly<LabFigures> {
    return this.#figures;
  }

  /** Producers make no more: what is silent from now on is so because there is nothing to say. */
  loadEnded(at: number): void {
    this.#loadEndedAt = Math.min(this.#loadEndedAt, at);
  }

  /** Something was done to the broker on purpose: windows are measured around it. */
  fault(label: string, at: number): void {
    this.#faults.push({ label, at });
  }

  published(producer: string, sequence: number, at: number): void {
    const record = this.#producer(producer);
    const figures = this.#figures;
    record.sent++;
    figures.sent++;
    record.publishes.add(at);
    if (record.flags.at(sequence) & flag.published) return record.flags.or(sequence, flag.resent);
    record.flags.or(sequence, flag.published);
    figures.published++;
    if (record.asksConfirms) figures.unresolved++;
  }

  confirmed(producer: string, sequence: number, at: number): void {
    const record = this.#producer(producer);
    const before = record.flags.at(sequence);
    record.flags.or(sequence, flag.confirmed);
    record.confirms.add(at);
    if (before & flag.confirmed) return;
    this.#settled(record, before);
    this.#figures.confirmed++;
    if (before & flag.refused) this.#figures.refused--;
    if (!(before & (flag.returned | flag.delivered))) this.#figures.onTheWay++;
  }

  refused(producer: string, sequence: number, _at: number): void {
    const record = this.#producer(producer);
    const before = record.flags.at(sequence);
    record.flags.or(sequence, flag.refused);
    if (before & (flag.refused | flag.confirmed)) return;
    this.#settled(record, before);
    this.#figures.refused++;
  }

  returned(producer: string, sequence: number, _at: number): void {
    const record = this.#producer(producer);
    const before = record.flags.at(sequence);
    record.flags.or(sequence, flag.returned);
    if (before & flag.returned) return;
    this.#settled(record, before);
    this.#figures.returned++;
  }

  received(
    consumer: string,
    producer: string,
    sequence: number,
    redelivered: boolean,
    at: number,
    queue = '',
  ): void {
    const record = this.#consumer(consumer);
    const origin = this.#producer(producer);
    const copies = copiesOf(origin, queue);
    const figures = this.#figures;
    const before = copies.flags.at(sequence);
    record.received++;
    record.deliveries.add(at);
    const highest = record.highest.get(producer) ?? 0;
    const again = (before & copyFlag.delivered) !== 0;
    const counts = {
      redelivered,
      duplicated: again,
      // Sent twice, there may well be two of it.
      revived: (before & copyFlag.acked) !== 0 && !(origin.flags.at(sequence) & flag.resent),
      reordered: sequence < highest && !redelivered && !again,
    };
    for (const kind of counted) {
      if (!counts[kind]) continue;
      record[kind]++;
      figures[kind]++;
    }
    if (sequence > highest) record.highest.set(producer, sequence);
    copies.flags.or(sequence, copyFlag.delivered);
    copies.deliveries.increment(sequence);
    const known = origin.flags.at(sequence);
    if (known & flag.delivered) return;
    origin.flags.or(sequence, flag.delivered);
    figures.delivered++;
    if (known & flag.confirmed && !(known & flag.returned)) figures.onTheWay--;
  }

  acked(consumer: string, producer: string, sequence: number, _at: number, queue = ''): void {
    this.#consumer(consumer).acked++;
    this.#figures.acked++;
    copiesOf(this.#producer(producer), queue).flags.or(sequence, copyFlag.acked);
  }

  /** Found on a queue once the run was over. */
  held(producer: string, sequence: number, queue = ''): void {
    copiesOf(this.#producer(producer), queue).flags.or(sequence, copyFlag.held);
  }

  #settled({ asksConfirms }: Producer, before: number): void {
    if (
      asksConfirms &&
      before & flag.published &&
      !(before & (flag.confirmed | flag.refused | flag.returned))
    )
      this.#figures.unresolved--;
  }

  disconnected(client: string, at: number): void {
    const link = this.#link(client);
    link.lostAt ??= at;
  }

  connected(client: string, at: number): void {
    const link = this.#link(client);
    if (link.lostAt === null) return;
    link.longestMs = Math.max(link.longestMs ?? 0, at - link.lostAt);
    link.lostAt = null;
  }

  /** Highest sequence number that was published, 0 for a producer nobody has heard of. */
  lastSequence(producer: string): number {
    return this.#producers.get(producer)?.flags.highest ?? 0;
  }

  report(): AuditReport {
    const producers = [...this.#producers].map(([client, record]) => this.#producerReport(client, record));
    const consumers = [...this.#consumers].map(([client, record]) => this.#consumerReport(client, record));
    const served = [...this.#producers.values()].map(({ confirms }) => confirms);
    const delivered = [...this.#consumers.values()].map(({ deliveries }) => deliveries);
    return {
      producers,
      consumers,
      producerWindows: this.#windows(served),
      consumerWindows: this.#windows(delivered),
      longestMs: { producers: this.#longest(served), consumers: this.#longest(delivered) },
      lost: producers.reduce((sum, { lost }) => sum + lost, 0),
    };
  }

  /** As `report` has them for confirms, by what was published: for producers that ask for no confirms. */
  publishWindows(): { windows: UnavailabilityWindow[]; longestMs: number | null } {
    const published = [...this.#producers.values()].map(({ publishes }) => publishes);
    return { windows: this.#windows(published), longestMs: this.#longest(published) };
  }

  #producerReport(client: string, record: Producer): ProducerReport {
    const report: ProducerReport = {
      client,
      published: 0,
      sent: record.sent,
      confirmed: 0,
      refused: 0,
      returned: 0,
      unresolved: 0,
      unseen: 0,
      delivered: 0,
      duplicated: 0,
      held: 0,
      lost: 0,
      lostSequences: [],
      reconnectMs: this.#links.get(client)?.longestMs ?? null,
      windows: this.#windows([record.confirms]),
    };
    for (let sequence = 1; sequence <= record.flags.highest; sequence++) {
      const { held, missing } = this.#copies(client, record, sequence);
      count(report, sequence, record, held, missing);
    }
    for (const { deliveries } of record.copies.values())
      for (let sequence = 1; sequence <= deliveries.highest; sequence++)
        if (deliveries.at(sequence) > 1) report.duplicated += deliveries.at(sequence) - 1;
    return report;
  }

  /** `held`: some queue has it and has not delivered it; `missing`: some queue has done neither. */
  #copies(client: string, record: Producer, sequence: number): { held: boolean; missing: boolean } {
    let held = false;
    let missing = false;
    for (const queue of this.#queuesOf(client, sequence)) {
      const flags = record.copies.get(queue)?.flags.at(sequence) ?? 0;
      if (flags & copyFlag.delivered) continue;
      if (flags & copyFlag.held) held = true;
      else missing = true;
    }
    return { held, missing };
  }

  #consumerReport(client: string, record: Consumer): ConsumerReport {
    const { received, acked, duplicated, redelivered, reordered, revived } = record;
    return {
      client,
      received,
      acked,
      duplicated,
      redelivered,
      reordered,
      revived,
      reconnectMs: this.#links.get(client)?.longestMs ?? null,
      windows: this.#windows([record.deliveries]),
    };
  }

  #windows(moments: Moments[]): UnavailabilityWindow[] {
    const times = this.#times(moments);
    return this.#faults.map(({ label, at }, index) => {
      const until = Math.min(this.#faults[index + 1]?.at ?? Infinity, this.#loadEndedAt);
      const { from, to } = longestGap(times, at, until);
      const durationMs = from !== null && to !== null ? to - from : null;
      return { fault: label, faultAt: at, from, to, durationMs };
    });
  }

  #longest(moments: Moments[]): number | null {
    const { from, to } = longestGap(this.#times(moments), -Infinity, this.#loadEndedAt);
    return from !== null && to !== null ? to - from : null;
  }

  /** Signs of service within the load. */
  #times(moments: Moments[]): Float64Array {
    const times = Moments.merged(moments);
    const after = times.findIndex((at) => at > this.#loadEndedAt);
    return after < 0 ? times : times.subarray(0, after);
  }

  #producer(name: string): Producer {
    let record = this.#producers.get(name);
    if (!record) {
      record = {
        asksConfirms: this.#asksConfirms(name),
        flags: new GrowingBytes(),
        copies: new Map(),
        sent: 0,
        confirms: new Moments(),
        publishes: new Moments(),
      };
      this.#producers.set(name, record);
    }
    return record;
  }

  #consumer(name: string): Consumer {
    let record = this.#consumers.get(name);
    if (!record) {
      record = {
        received: 0,
        acked: 0,
        duplicated: 0,
        redelivered: 0,
        reordered: 0,
        revived: 0,
        highest: new Map(),
        deliveries: new Moments(),
      };
      this.#consumers.set(name, record);
    }
    return record;
  }

  #link(client: string): Link {
    let link = this.#links.get(client);
    if (!link) this.#links.set(client, (link = { lostAt: null, longestMs: null }));
    return link;
  }
}

function copiesOf(producer: Producer, queue: string): Copies {
  let copies = producer.copies.get(queue);
  if (!copies) {
    copies = { flags: new GrowingBytes(), deliveries: new GrowingBytes() };
    producer.copies.set(queue, copies);
  }
  return copies;
}

function count(
  report: ProducerReport,
  sequence: number,
  { flags: all, asksConfirms }: Producer,
  held: boolean,
  missing: boolean,
): void {
  const flags = all.at(sequence);
  const has = (bit: number) => (flags & bit) !== 0;
  if (has(flag.published)) report.published++;
  if (has(flag.delivered)) report.delivered++;
  if (has(flag.returned)) report.returned++;
  if (held) report.held++;
  if (has(flag.confirmed)) report.confirmed++;
  else if (has(flag.refused)) report.refused++;
  else if (has(flag.published) && !has(flag.returned)) {
    if (asksConfirms) report.unresolved++;
    if (missing) report.unseen++;
  }
  if (!has(flag.confirmed) || has(flag.returned) || !missing) return;
  report.lost++;
  if (report.lostSequences.length < namedMax) report.lostSequences.push(sequence);
}

/**
 * The longest silence that ends after `from` and begins before `until`, where the load may end. One that lasts beyond
 * `until` is the next fault's, unless it began nearer to this one.
 */
function longestGap(
  times: Float64Array,
  from: number,
  until: number,
): { from: number | null; to: number | null } {
  let longest: { from: number | null; to: number | null } | null = null;
  for (const [index, to] of times.entries()) {
    if (to <= from) continue;
    const since = index > 0 ? times[index - 1]! : null;
    if (since !== null && (since >= until || (to > until && since - from > until - since))) break;
    if (longest === null || (since !== null && to - since > longest.to! - (longest.from ?? longest.to!)))
      longest = { from: since, to };
  }
  const last = times.at(-1) ?? null;
  if (longest === null) return { from: last, to: null };
  const silence = last === null || until === Infinity ? 0 : until - last;
  const longestMs = longest.to! - (longest.from ?? longest.to!);
  return silence > silenceLeastMs && silence > longestMs ? { from: last, to: null } : longest;
}
