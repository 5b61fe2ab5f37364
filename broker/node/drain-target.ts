// Takes what the pair's other node drains into this one. Each message is kept with a mark (vhost/drained.ts) in the
// same record, and given to its queue only when it is on the disk: so whatever ends either node, the source can be
// told how much of its last batch is here, and no client has had a message that this node would forget.
import { decodeTable } from '../amqp/field-table.ts';
import type { Log } from '../base/log.ts';
import type { Journal } from '../journal/journal.ts';
import type { DrainAnswer, DrainedRow, DrainRequest } from '../pair/drain-protocol.ts';
import { drainedMessage, drainMark } from '../vhost/drained.ts';
import { Message } from '../vhost/message.ts';
import { recordHead, recordHeadOfRedelivered } from '../vhost/message-record.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { VhostRegistry } from '../vhost/vhost-registry.ts';

type Batch = Extract<DrainRequest, { kind: 'drain-batch' }>;
type Answer = Omit<DrainAnswer, 'kind' | 'id'>;

/** The last batch of an outbox: how many of its messages are here, and the records that say so. */
interface Taken {
  batch: number;
  count: number;
  marks: number[];
  /** On their way to the disk: not counted, and in no queue yet. */
  pending: { queue: Queue; message: Message; redelivered: boolean }[];
}

export interface DrainTargetParts {
  vhosts: VhostRegistry;
  journal: Journal;
  log: Log;
  /** Whether this node may take messages now. */
  serves(): boolean;
  /** Why publishers are held back, null when they are not. */
  blocked(): string | null;
}

export class DrainTarget {
  readonly #parts: DrainTargetParts;
  readonly #taken = new Map<string, Taken>();
  #work: Promise<unknown> = Promise.resolve();

  /** Comes after the journal's recovery. */
  constructor(parts: DrainTargetParts) {
    this.#parts = parts;
    for (const { recordId, origin } of parts.vhosts.drainMarks.splice(0)) {
      if (!origin) parts.journal.release(drainMark, recordId);
      else {
        const taken = this.#batchOf(origin.outbox, origin.batch);
        if (!taken) parts.journal.release(drainMark, recordId);
        else {
          taken.marks.push(recordId);
          taken.count = Math.max(taken.count, origin.index + 1);
        }
      }
    }
  }

  /** One request after the other. */
  take(request: DrainRequest, answer: (answer: DrainAnswer) => void): void {
    const work = this.#work.then(() => this.#answerTo(request));
    this.#work = work.catch(() => undefined);
    work.then(
      (said) => {
        if (said && 'id' in request) answer({ kind: 'drain-answer', id: request.id, ...said });
      },
      (error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        if ('id' in request)
          answer({ kind: 'drain-answer', id: request.id, count: -1, problem, again: true });
      },
    );
  }

  /** No other node will ask: the marks go. */
  forget(): void {
    for (const taken of this.#taken.values()) this.#release(taken);
    this.#taken.clear();
  }

  async #answerTo(request: DrainRequest): Promise<Answer | null> {
    switch (request.kind) {
      case 'drain-ask': {
        const taken = this.#taken.get(request.outbox);
        if (taken) await this.#settle(taken);
        return { count: taken?.batch === request.batch ? taken.count : 0, problem: null, again: false };
      }
      case 'drain-settled': {
        const taken = this.#taken.get(request.outbox);
        if (!taken || taken.batch > request.batch) return null;
        this.#release(taken);
        this.#taken.delete(request.outbox);
        return null;
      }
      case 'drain-batch':
        return this.#takeBatch(request);
    }
  }

  async #takeBatch(request: Batch): Promise<Answer> {
    const { blocked, serves } = this.#parts;
    const taken = this.#batchOf(request.outbox, request.batch);
    if (!taken) throw new Error(`batch ${request.batch} comes after a later one`);
    await this.#settle(taken);
    const refuse = (problem: string, again: boolean): Answer => ({ count: taken.count, problem, again });
    if (!serves()) return refuse('the other node does not serve', true);
    const reason = blocked();
    if (reason !== null) return refuse(reason, true);
    const queue = await this.#queue(request);
    if (typeof queue === 'string') return refuse(queue, false);
    const { fits, full } = roomIn(queue, request.messages.slice(taken.count));
    for (const row of fits) {
      const index = taken.count + taken.pending.length;
      const message = this.#keep(request, row, index, queue, taken);
      taken.pending.push({ queue, message, redelivered: row.redelivered });
    }
    await this.#settle(taken);
    return full
      ? refuse(`${queue.resource} is full`, false)
      : { count: taken.count, problem: null, again: false };
  }

  /** Waits for the disk, then lets the queues have what is on it. Rejects while the disk fails. */
  async #settle(taken: Taken): Promise<void> {
    if (taken.pending.length === 0) return;
    await this.#parts.journal.flush();
    const pending = taken.pending.splice(0);
    taken.count += pending.length;
    for (const { queue, message, redelivered } of pending) this.#give(queue, message, redelivered);
  }

  /** The message as it is here, on its way to the disk. Throws JournalFault. */
  #keep(request: Batch, row: DrainedRow, index: number, queue: Queue, taken: Taken): Message {
    const { journal } = this.#parts;
    const bytes = Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength);
    const { exchange, routingKey, propertiesSize, receivedAt, redelivered } = row;
    const bodySize = bytes.length - propertiesSize;
    const { node, epoch, outbox, batch } = request;
    const message = drainedMessage(
      new Message(exchange, routingKey, bytes, 0, propertiesSize, bodySize, receivedAt),
      { node, epoch, outbox, batch, index },
      redelivered,
    );
    if (!message.persistent || !queue.durable) return message;
    const head = redelivered ? recordHeadOfRedelivered(message) : recordHead(message);
    const size = message.propertiesSize + message.bodySize;
    message.recordId = journal.append([queue.id, drainMark], 2, head, message.bytes, message.start, size);
    taken.marks.push(message.recordId);
    return message;
  }

  #give(queue: Queue, message: Message, redelivered: boolean): void {
    if (!queue.deleted) queue.enqueue(message, redelivered);
    else if (message.recordId > 0) this.#parts.journal.release(queue.id, message.recordId);
  }

  /** The queue, declared as it is on the other node where it is missing; or why it cannot be had. */
  async #queue({ queue: wanted }: Batch): Promise<Queue | string> {
    const vhost = this.#parts.vhosts.get(wanted.vhost);
    if (!vhost) return `no virtual host '${wanted.vhost}'`;
    const existing = vhost.queues.get(wanted.name);
    if (existing) return existing;
    const { name, durable, autoDelete } = wanted;
    try {
      const args = decodeTable(Buffer.from(wanted.arguments));
      const { queue, promised } = vhost.declareQueue(
        { name, durable, autoDelete, exclusive: false, arguments: args },
        null,
      );
      await promised;
      return queue;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The batch's account, a new one for a later batch than the last; null for an earlier one. */
  #batchOf(outbox: string, batch: number): Taken | null {
    const last = this.#taken.get(outbox);
    if (last && last.batch > batch) return null;
    if (last?.batch === batch) return last;
    // A later batch means that the source has let go of all before.
    if (last) this.#release(last);
    const taken: Taken = { batch, count: 0, marks: [], pending: [] };
    this.#taken.set(outbox, taken);
    return taken;
  }

  #release({ marks }: Taken): void {
    for (const recordId of marks) this.#parts.journal.release(drainMark, recordId);
  }
}

/** The messages that a queue with `reject-publish` has room for; others drop from their head and take all. */
function roomIn(queue: Queue, rows: DrainedRow[]): { fits: DrainedRow[]; full: boolean } {
  if (queue.settings.overflow === 'drop-head') return { fits: rows, full: false };
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    bytes += row.bytes.byteLength - row.propertiesSize;
    if (!queue.hasRoomFor(index + 1, bytes)) return { fits: rows.slice(0, index), full: true };
  }
  return { fits: rows, full: false };
}
