// How stranded messages go from a node that stands by into the one that serves (R33c). They leave in batches, one at a
// time: the source writes down which messages a batch is of, sends it, and lets go of what the answer says the target
// has on its disk. After any break the source asks about its last batch first: the target has the messages of its
// first places, up to a number, and the source lets go of exactly those.

export interface DrainedRow {
  exchange: string;
  routingKey: string;
  /** Properties, then body. */
  bytes: Uint8Array;
  propertiesSize: number;
  /** Unix milliseconds. */
  receivedAt: number;
  redelivered: boolean;
}

/** What a queue is declared as where it is missing. */
export interface DrainedQueue {
  vhost: string;
  name: string;
  durable: boolean;
  autoDelete: boolean;
  /** An encoded table. */
  arguments: Uint8Array;
}

export type DrainRequest =
  /** How many messages of this batch are there? */
  | { kind: 'drain-ask'; id: number; outbox: string; batch: number }
  | {
      kind: 'drain-batch';
      id: number;
      outbox: string;
      batch: number;
      node: string;
      epoch: number;
      queue: DrainedQueue;
      messages: DrainedRow[];
    }
  /** The source has let go of all of this batch that the target has, for good: it will not ask about it again. */
  | { kind: 'drain-settled'; outbox: string; batch: number };

/** `count`: so many of the batch are on the target's disk. `again`: the same may go through later. */
export interface DrainAnswer {
  kind: 'drain-answer';
  id: number;
  count: number;
  problem: string | null;
  again: boolean;
}

export type DrainMessage = DrainRequest | DrainAnswer;
