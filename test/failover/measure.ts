// One kind of set-up under audited load, failed over again and again: how long producers and consumers were without
// service each time, and what became of every message.
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { labelOf } from '../../broker/lab/message-label.ts';
import { CountingAudit } from './counting-audit.ts';
import type { Address, Setup, SetupKind } from './setups.ts';

const queue = 'failover.q';
const outageMaxMs = 120_000;

export interface Measurement {
  kind: string;
  /** Milliseconds, failure by failure: from the last confirm before it to the first after it. */
  producerOutageMs: number[];
  /** The same for deliveries. */
  consumerOutageMs: number[];
  published: number;
  confirmed: number;
  /** Found on a server when all was over: out of reach since that server failed, or lost its clients. */
  stranded: number;
  /** Confirmed, and neither delivered nor on any queue when all servers were back. */
  lost: number;
  duplicated: number;
  reordered: number;
}

export interface Load {
  messagesPerSecond: number;
  failures: number;
}

/** `progress` hears of each failure. Rejects when a set-up does not serve again within two minutes. */
export async function measure(
  kind: SetupKind,
  load: Load,
  progress: (line: string) => void,
): Promise<Measurement> {
  const setup = await kind.start();
  try {
    return await new FailoverRun(kind, setup, load, progress).result();
  } finally {
    await setup.stop();
  }
}

class FailoverRun {
  readonly #kind: SetupKind;
  readonly #setup: Setup;
  readonly #load: Load;
  readonly #progress: (line: string) => void;
  readonly #audit = new CountingAudit();
  readonly #producer: LabProducer;
  readonly #consumer: LabConsumer;

  constructor(kind: SetupKind, setup: Setup, load: Load, progress: (line: string) => void) {
    this.#kind = kind;
    this.#setup = setup;
    this.#load = load;
    this.#progress = progress;
    const declare = async (channel: ClientChannel) => {
      await channel.declareQueue(queue, { durable: true });
    };
    const shared = { address: setup.address, declare, audit: this.#audit };
    this.#consumer = new LabConsumer({ ...shared, name: 'c', queue });
    this.#producer = new LabProducer({
      ...shared,
      name: 'p',
      exchange: '',
      routingKey: queue,
      messagesPerSecond: load.messagesPerSecond,
    });
  }

  async result(): Promise<Measurement> {
    this.#consumer.start();
    this.#producer.start();
    try {
      for (let number = 1; number <= this.#load.failures; number++) await this.#failure(number);
      await this.#producer.stop(20_000);
      await this.#quiet();
    } finally {
      await this.#producer.stop(0);
      await this.#consumer.stop();
    }
    for (const server of await this.#setup.servers()) await this.#look(server);
    return this.#measurement();
  }

  async #failure(number: number): Promise<void> {
    await this.#flowing(this.#load.messagesPerSecond);
    const at = await this.#setup.fail();
    this.#audit.fault(String(number), at);
    await this.#flowing(this.#load.messagesPerSecond / 2);
    await this.#setup.recover();
    const [producer, consumer] = this.#outages().map((all) => all.at(-1));
    this.#progress(`${this.#kind.name} ${number}: producers ${producer} ms, consumers ${consumer} ms`);
  }

  /** Resolves when so many more were confirmed and delivered. */
  async #flowing(more: number): Promise<void> {
    const [confirmed, received] = [this.#audit.confirms + more, this.#audit.deliveries + more];
    for (
      const deadline = Date.now() + outageMaxMs;
      this.#audit.confirms < confirmed || this.#audit.deliveries < received;
    ) {
      if (Date.now() > deadline) throw new Error(`${this.#kind.name} did not serve again in two minutes`);
      await pause(5);
    }
  }

  async #quiet(): Promise<void> {
    for (let before = -1; before !== this.#audit.deliveries;) {
      before = this.#audit.deliveries;
      await pause(1000);
    }
  }

  /** Takes what is left on a server: its messages are not lost, only out of reach for a while. */
  async #look(address: Address): Promise<void> {
    const connection = await ClientConnection.open(address);
    const channel = await connection.openChannel();
    await channel.declareQueue(queue, { durable: true });
    for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
      const label = labelOf(message.body);
      if (label) this.#audit.held(label.producer, label.sequence);
    }
    await connection.close();
  }

  #outages(): [number[], number[]] {
    const { producerWindows, consumerWindows } = this.#audit.report();
    const durations = (windows: typeof producerWindows) =>
      windows.map(({ durationMs }) => durationMs ?? outageMaxMs);
    return [durations(producerWindows), durations(consumerWindows)];
  }

  #measurement(): Measurement {
    const { producers, consumers, lost } = this.#audit.report();
    const [producerOutageMs, consumerOutageMs] = this.#outages();
    return {
      kind: this.#kind.name,
      producerOutageMs,
      consumerOutageMs,
      published: producers[0]!.published,
      confirmed: producers[0]!.confirmed,
      stranded: producers[0]!.held,
      lost,
      duplicated: producers[0]!.duplicated,
      reordered: consumers[0]!.reordered,
    };
  }
}
