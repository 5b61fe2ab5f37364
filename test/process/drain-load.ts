// Publishers and a consumer at a pair's front address that never publish a message a second time, so that one that
// comes twice was doubled by the pair. What was confirmed, and what arrived how often, is kept per queue.
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { labelledBody, labelOf } from '../../broker/lab/message-label.ts';

/** Nobody consumes from the first while the load runs; somebody does from the second. */
export const backlogQueue = 'campaign.backlog';
export const liveQueue = 'campaign.live';
const queues = [backlogQueue, liveQueue] as const;

const windowMax = 400;
/** At most so many are published in a burst of this length. */
const burstMax = 60;
const burstMs = 8;
const bodyBytes = 1024;

interface Account {
  confirmed: Set<number>;
  /** Times it arrived, and how often of these without being marked redelivered. */
  arrived: Map<number, { times: number; fresh: number }>;
}

export class DrainLoad {
  readonly accounts = new Map<string, Account>(
    queues.map((queue) => [queue, { confirmed: new Set(), arrived: new Map() }]),
  );
  readonly #address: { host: string; port: number };
  #lastSequence = 0;
  #publishing = false;
  #consuming = false;
  #running: Promise<void>[] = [];

  constructor(address: { host: string; port: number }) {
    this.#address = address;
  }

  start(): void {
    this.#publishing = this.#consuming = true;
    this.#running = [this.#publish(), this.#consume(liveQueue, () => this.#consuming)];
  }

  /** Publishes no more; resolves when what is on its way has been answered, or was cut off. */
  async stopPublishing(): Promise<void> {
    this.#publishing = false;
    await this.#running[0];
  }

  async stop(): Promise<void> {
    this.#publishing = this.#consuming = false;
    await Promise.all(this.#running);
  }

  /** Consumes from both queues until `isEmpty` says that nothing is left. */
  async takeAll(isEmpty: () => Promise<boolean>): Promise<void> {
    let goOn = true;
    const taking = queues.map((queue) => this.#consume(queue, () => goOn));
    while (!(await isEmpty())) await pause(50);
    goOn = false;
    await Promise.all(taking);
  }

  arrived(queue: string, sequence: number, redelivered: boolean): void {
    const { arrived } = this.accounts.get(queue)!;
    const seen = arrived.get(sequence);
    if (!seen) arrived.set(sequence, { times: 1, fresh: redelivered ? 0 : 1 });
    else {
      seen.times++;
      if (!redelivered) seen.fresh++;
    }
  }

  /** Confirmed and never arrived. */
  lost(queue: string): number[] {
    const { confirmed, arrived } = this.accounts.get(queue)!;
    return [...confirmed].filter((sequence) => !arrived.has(sequence));
  }

  /** Arrived more than once without a word that it might. */
  doubled(queue: string): number[] {
    const { arrived } = this.accounts.get(queue)!;
    return [...arrived].filter(([, { fresh }]) => fresh > 1).map(([sequence]) => sequence);
  }

  /** What has arrived and was confirmed is done with: the next round begins with a clean account. */
  settle(): void {
    for (const account of this.accounts.values()) {
      account.confirmed = new Set();
      account.arrived = new Map();
    }
  }

  async #publish(): Promise<void> {
    while (this.#publishing) await this.#publishOnce().catch(() => pause(5));
  }

  async #publishOnce(): Promise<void> {
    const connection = await ClientConnection.open({ ...this.#address, openTimeoutMs: 3000 });
    try {
      const channel = await connection.openChannel();
      for (const queue of queues) await channel.declareQueue(queue, { durable: true });
      await channel.selectConfirms();
      await this.#publishOn(channel);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  async #publishOn(channel: ClientChannel): Promise<void> {
    const sent: { queue: string; sequence: number }[] = [];
    let settled = 0;
    channel.onConfirmed = (from, to, ok) => {
      settled += to - from + 1;
      for (let number = from; number <= to; number++) {
        const { queue, sequence } = sent[number - 1]!;
        if (ok) this.accounts.get(queue)!.confirmed.add(sequence);
      }
    };
    while ((this.#publishing || settled < sent.length) && !channel.isClosed) {
      for (
        let burst = 0;
        this.#publishing && burst < burstMax && sent.length - settled < windowMax;
        burst++
      ) {
        // Most of it to where it stays.
        const queue = sent.length % 8 === 0 ? liveQueue : backlogQueue;
        const sequence = ++this.#lastSequence;
        sent.push({ queue, sequence });
        channel.publish('', queue, labelledBody({ producer: 'p', sequence }, bodyBytes), { deliveryMode: 2 });
      }
      await pause(burstMs);
    }
  }

  async #consume(queue: string, goOn: () => boolean): Promise<void> {
    while (goOn()) await this.#consumeOnce(queue, goOn).catch(() => pause(5));
  }

  async #consumeOnce(queue: string, goOn: () => boolean): Promise<void> {
    const connection = await ClientConnection.open({ ...this.#address, openTimeoutMs: 3000 });
    try {
      const channel = await connection.openChannel();
      await channel.declareQueue(queue, { durable: true });
      await channel.prefetch(50);
      await channel.consume(queue, ({ body, redelivered, deliveryTag }) => {
        this.arrived(queue, labelOf(body)!.sequence, redelivered);
        channel.ack(deliveryTag);
      });
      while (goOn() && !channel.isClosed) await pause(5);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }
}
