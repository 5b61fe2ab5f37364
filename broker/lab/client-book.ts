// Each client's own view of a run: how it is connected, what it counted, and what happened to it, in words. It hears
// everything the audit hears and passes it on. Events are bounded; what is beyond is counted.
import type { LabClient } from '../contract/lab.ts';
import type { Audit, AuditReport, AuditSink } from './audit.ts';
import type { ClientClosed } from './client-closed.ts';
import type { ClientEvent } from './lab-protocol.ts';
import { Throughput } from './throughput.ts';

/** Waiting to be told to the host; it asks four times a second. */
const waitingMax = 200;
/** Deliveries marked redelivered are told of together. */
const redeliveredAfterMs = 500;

interface Entry {
  row: LabClient;
  redelivered: number;
  timer: NodeJS.Timeout | null;
}

export class ClientBook implements AuditSink {
  readonly throughput = new Throughput();
  dropped = 0;
  readonly #audit: Audit;
  readonly #entries = new Map<string, Entry>();
  #events: ClientEvent[] = [];

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  /** Names of clients that will speak up, in the order they are shown. */
  enter(name: string, role: LabClient['role']): void {
    const row: LabClient = {
      name,
      role,
      connected: false,
      lastReason: null,
      connects: 0,
      cancels: 0,
      closes: {},
      sent: 0,
      confirmed: 0,
      unresolved: 0,
      returned: 0,
      received: 0,
      acked: 0,
      redelivered: 0,
      duplicated: 0,
      reordered: 0,
      reconnectMs: null,
    };
    this.#entries.set(name, { row, redelivered: 0, timer: null });
  }

  rows(): LabClient[] {
    return [...this.#entries.values()].map(({ row }) => ({ ...row, closes: { ...row.closes } }));
  }

  /** With the audit's figures in, which know more than a client can. */
  finalRows(report: AuditReport): LabClient[] {
    const producers = new Map(report.producers.map((each) => [each.client, each]));
    const consumers = new Map(report.consumers.map((each) => [each.client, each]));
    return this.rows().map((row) => {
      const [made, got] = [producers.get(row.name), consumers.get(row.name)];
      const { sent = 0, confirmed = 0, unresolved = 0, returned = 0 } = made ?? {};
      const { received = 0, acked = 0, redelivered = 0, duplicated = 0, reordered = 0 } = got ?? {};
      const reconnectMs = made?.reconnectMs ?? got?.reconnectMs ?? null;
      const figures = { sent, confirmed, unresolved, returned, received, acked, redelivered, duplicated };
      return { ...row, ...figures, reordered, reconnectMs };
    });
  }

  takeEvents(): ClientEvent[] {
    return this.#events.splice(0);
  }

  say(
    source: string,
    level: ClientEvent['level'],
    message: string,
    at = Date.now(),
    turn: ClientEvent['turn'] = null,
  ): void {
    if (this.#events.length < waitingMax) this.#events.push({ at, source, level, turn, message });
    else this.dropped++;
  }

  close(): void {
    for (const { timer } of this.#entries.values()) if (timer) clearTimeout(timer);
  }

  // ---- What a session tells ----

  lost(name: string, reason: ClientClosed, at: number): void {
    const row = this.#row(name);
    if (row) row.lastReason = reason.message;
    if (row && reason.replyCode > 0) row.closes[reason.replyCode] = (row.closes[reason.replyCode] ?? 0) + 1;
    const code = reason.replyCode > 0 ? `${reason.replyCode} ` : '';
    this.say(name, 'bad', `lost its connection: ${code}${reason.message}`, at, 'away');
  }

  /** The same reason over and over is told once. */
  failed(name: string, reason: ClientClosed, at: number): void {
    const row = this.#row(name);
    if (!row) return;
    if (reason.replyCode > 0) row.closes[reason.replyCode] = (row.closes[reason.replyCode] ?? 0) + 1;
    if (row.lastReason === reason.message) return;
    row.lastReason = reason.message;
    this.say(name, 'bad', `cannot set itself up: ${reason.message}`, at);
  }

  cancelled(name: string, at: number): void {
    const row = this.#row(name);
    if (row) row.cancels++;
    this.say(name, 'bad', 'was told that its queue is gone (basic.cancel)', at);
  }

  // ---- What the audit hears ----

  published(producer: string, sequence: number, at: number): void {
    this.#audit.published(producer, sequence, at);
    this.throughput.sent(at);
    const row = this.#row(producer);
    if (row) row.sent++;
  }

  confirmed(producer: string, sequence: number, at: number): void {
    this.#audit.confirmed(producer, sequence, at);
    this.throughput.confirmed(at);
    const row = this.#row(producer);
    if (row) row.confirmed++;
  }

  refused(producer: string, sequence: number, at: number): void {
    this.#audit.refused(producer, sequence, at);
  }

  returned(producer: string, sequence: number, at: number): void {
    this.#audit.returned(producer, sequence, at);
    const row = this.#row(producer);
    if (row) row.returned++;
  }

  received(
    consumer: string,
    producer: string,
    sequence: number,
    redelivered: boolean,
    at: number,
    queue?: string,
  ): void {
    this.#audit.received(consumer, producer, sequence, redelivered, at, queue);
    this.throughput.delivered(at);
    const entry = this.#entries.get(consumer);
    if (!entry) return;
    entry.row.received++;
    if (!redelivered) return;
    entry.row.redelivered++;
    entry.redelivered++;
    entry.timer ??= setTimeout(() => this.#tellRedelivered(consumer, entry), redeliveredAfterMs);
  }

  acked(consumer: string, producer: string, sequence: number, at: number, queue?: string): void {
    this.#audit.acked(consumer, producer, sequence, at, queue);
    const row = this.#row(consumer);
    if (row) row.acked++;
  }

  connected(client: string, at: number): void {
    this.#audit.connected(client, at);
    const row = this.#row(client);
    if (!row) return;
    row.connected = true;
    row.connects++;
    if (row.connects > 1)
      this.say(client, 'good', 'is connected again, its queues and consumers set up', at, 'back');
  }

  disconnected(client: string, at: number): void {
    this.#audit.disconnected(client, at);
    const row = this.#row(client);
    if (row) row.connected = false;
  }

  #tellRedelivered(name: string, entry: Entry): void {
    this.say(name, 'info', `got ${entry.redelivered} messages marked redelivered`);
    entry.redelivered = 0;
    entry.timer = null;
  }

  #row(name: string): LabClient | undefined {
    return this.#entries.get(name)?.row;
  }
}
