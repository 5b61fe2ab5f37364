// A consumer as its queue sees it. The channel implements it: credit, encoding and unacked are the channel's.
import type { FieldTable } from '../amqp/field-table.ts';
import type { QueueEntry } from './queue/queue-entry.ts';
import type { Queue } from './queue/queue.ts';

export interface Consumer {
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly arguments: FieldTable;
  /** What a person would call it: the connection, the channel and the tag. */
  readonly description: string;
  /** Whether credit, channel flow and the connection's output allow one more now; if not, its queue is told when (`wake`). */
  canTake(): boolean;
  /** Called with an entry that already counts as unacknowledged, unless `noAck`. Must not throw. */
  deliver(queue: Queue, entry: QueueEntry): void;
  /** The queue is gone or the consumer was removed by the server (R19). */
  cancelled(): void;
}
