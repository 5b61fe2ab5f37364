// The audit of a lab run: every message is known by its producer and sequence number, every client says what it did
// and saw, and the report says what became of each message. No clock and no network: times come with the events.
//
// Invariant: "lost" is only what was confirmed, not returned, never delivered, and is held on no queue either.
import { GrowingBytes, Moments } from './audit-records.ts';

const flag = {
  published: 1,
  confirmed: 2,
  refused: 4,
  returned: 8,
  delivered: 16,
  acked: 32,
  held: 64,
} as const;

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
  /** Distinct messages that some consumer got. */
  delivered: number;
  /** Deliveries beyond the first of a message. */
  duplicated: number;
  /** Found on a queue when the run was over, not delivered. */
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
  /** Got again after its acknowledgement was sent. */
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
  /** Confirmed but never delivered and held nowhere, over all producers: the one that must be zero. */
  lost: number;
}

/** What clients tell the audit. `at`: Unix milliseconds. */
export interface AuditSink {
  published(producer: string, sequence: number, at: number): void;
  confirmed(producer: string, sequence: number, at: number): void;
  refused(producer: string, sequence: number, at: number): void;
  returned(producer: string, sequence: number, at: number): void;
  received(consumer: string, producer: string, sequence: number, redelivered: boolean, at: number): void;
  acked(consumer: string, producer: string, sequence: number, at: number): void;
  disconnected(client: string, at: number): void;
  connected(client: string, at: number): void;
}

interface Producer {
  flags: GrowingBytes;
  deliveries: GrowingBytes;
  sent: number;
  confirms: Moments;
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

  /** Something was done to the broker on purpose: windows are measured around it. */
  fault(label: string, at: number): void {
    this.#faults.push({ label, at });
  }

  published(producer: string, sequence: number, _at: number): void {
    const record = this.#producer(producer);
    record.sent++;
    record.flags.or(sequence, flag.published);
  }

  confirmed(producer: string, sequence: number, at: number): void {
    const record = this.#producer(producer);
    record.flags.or(sequence, flag.confirmed);
    record.confirms.add(at);
  }

  refused(producer: string, sequence: number, _at: number): void {
    this.#producer(producer).flags.or(sequence, flag.refused);
  }

  returned(producer: string, sequence: number, _at: number): void {
    this.#producer(producer).flags.or(sequence, flag.returned);
  }

  received(consumer: string, producer: string, sequence: number, redelivered: boolean, at: number): void {
    const record = this.#consumer(consumer);
    const origin = this.#producer(producer);
    const before = origin.flags.at(sequence);
    record.received++;
    record.deliveries.add(at);
    if (redelivered) record.redelivered++;
    if (before & flag.delivered) record.duplicated++;
    if (before & flag.acked) record.revived++;
    const highest = record.highest.get(producer) ?? 0;
    if (sequence < highest && !redelivered && !(before & flag.delivered)) record.reordered++;
    if (sequence > highest) record.highest.set(producer, sequence);
    origin.flags.or(sequence, flag.delivered);
    origin.deliveries.increment(sequence);
  }

  acked(consumer: string, producer: string, sequence: number, _at: number): void {
    this.#consumer(consumer).acked++;
    this.#producer(producer).flags.or(sequence, flag.acked);
  }

  /** Found on a queue once the run was over. */
  held(producer: string, sequence: number): void {
    this.#producer(producer).flags.or(sequence, flag.held);
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
    return {
      producers,
      consumers,
      producerWindows: this.#windows([...this.#producers.values()].map(({ confirms }) => confirms)),
      consumerWindows: this.#windows([...this.#consumers.values()].map(({ deliveries }) => deliveries)),
      lost: producers.reduce((sum, { lost }) => sum + lost, 0),
    };
  }

  #producerReport(client: string, { flags, deliveries, sent, confirms }: Producer): ProducerReport {
    const report: ProducerReport = {
      client,
      published: 0,
      sent,
      confirmed: 0,
      refused: 0,
      returned: 0,
      unresolved: 0,
      delivered: 0,
      duplicated: 0,
      held: 0,
      lost: 0,
      lostSequences: [],
      reconnectMs: this.#links.get(client)?.longestMs ?? null,
      windows: this.#windows([confirms]),
    };
    for (let sequence = 1; sequence <= flags.highest; sequence++) {
      count(report, sequence, flags.at(sequence));
      if (deliveries.at(sequence) > 1) report.duplicated += deliveries.at(sequence) - 1;
    }
    return report;
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
    const times = Moments.merged(moments);
    return this.#faults.map(({ label, at }, index) => {
      const until = this.#faults[index + 1]?.at ?? Infinity;
      const { from, to } = longestGap(times, at, until);
      const durationMs = from !== null && to !== null ? to - from : null;
      return { fault: label, faultAt: at, from, to, durationMs };
    });
  }

  #producer(name: string): Producer {
    let record = this.#producers.get(name);
    if (!record) {
      record = {
        flags: new GrowingBytes(),
        deliveries: new GrowingBytes(),
        sent: 0,
        confirms: new Moments(),
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

function count(report: ProducerReport, sequence: number, flags: number): void {
  const has = (bit: number) => (flags & bit) !== 0;
  if (has(flag.published)) report.published++;
  if (has(flag.delivered)) report.delivered++;
  if (has(flag.returned)) report.returned++;
  if (has(flag.held) && !has(flag.delivered)) report.held++;
  if (has(flag.confirmed)) report.confirmed++;
  else if (has(flag.refused)) report.refused++;
  else if (has(flag.published) && !has(flag.returned)) report.unresolved++;
  if (!has(flag.confirmed) || has(flag.returned) || has(flag.delivered) || has(flag.held)) return;
  report.lost++;
  if (report.lostSequences.length < namedMax) report.lostSequences.push(sequence);
}

/** The longest silence that ends after `from` and begins before `until`. */
function longestGap(
  times: Float64Array,
  from: number,
  until: number,
): { from: number | null; to: number | null } {
  let longest: { from: number | null; to: number | null } | null = null;
  for (const [index, to] of times.entries()) {
    if (to <= from) continue;
    const since = index > 0 ? times[index - 1]! : null;
    if (since !== null && since >= until) break;
    if (longest === null || (since !== null && to - since > longest.to! - (longest.from ?? longest.to!)))
      longest = { from: since, to };
  }
  return longest ?? { from: times.at(-1) ?? null, to: null };
}
