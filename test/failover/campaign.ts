// `npm run test:failover`: a pair under audited load, failed again and again. Exits 0 when nothing confirmed was lost,
// nothing came damaged or out of order, and no two nodes ever served at once (R33a to R33e).
import { setTimeout as pause } from 'node:timers/promises';
import { CountingAudit } from './counting-audit.ts';
import { campaignOptions, usage, UsageError, type CampaignOptions } from './campaign-options.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { labelOf } from '../../broker/lab/message-label.ts';
import { Random } from '../simulation/random.ts';
import { WarrenProcess } from '../process/warren-process.ts';
import { inject, type FaultName } from './faults.ts';

type Id = 'a' | 'b';

const queue = 'campaign.q';
const backlogQueue = 'campaign.backlog';
const serviceMaxMs = 60_000;

/** Failures come quicker here than anywhere: nothing is held off, and a disk that stalls is given up sooner. */
const hasty = {
  diskStallMs: 1500,
  leaseMs: 4000,
  holdOffMs: 1000,
  failoversMax: 100,
  failoverWindowMinutes: 1,
};

class Campaign {
  readonly #options: CampaignOptions;
  readonly #warren: WarrenProcess;
  readonly #random: Random;
  readonly #audit = new CountingAudit();
  readonly #producer: LabProducer;
  readonly #consumer: LabConsumer;
  readonly #held: number[] = [];
  readonly #complaints: string[] = [];
  #failures: { name: FaultName }[] = [];
  #lastEpoch = 0;

  constructor(options: CampaignOptions, warren: WarrenProcess) {
    this.#options = options;
    this.#warren = warren;
    this.#random = new Random(options.seed);
    const declare = async (channel: ClientChannel) => {
      await channel.declareQueue(queue, { durable: true });
    };
    const shared = { address: warren.address, declare, audit: this.#audit };
    this.#consumer = new LabConsumer({ ...shared, name: 'c', queue });
    this.#producer = new LabProducer({
      ...shared,
      name: 'p',
      exchange: '',
      routingKey: queue,
      messagesPerSecond: options.messagesPerSecond,
    });
  }

  async run(): Promise<boolean> {
    const { failures, backlog } = this.#options;
    await this.#warren.console.host('pair.settings.put', hasty);
    if (backlog > 0) await this.#fillBacklog(backlog);
    this.#consumer.start();
    this.#producer.start();
    for (let number = 1; number <= failures; number++) await this.#failure(number);
    await this.#producer.stop(30_000);
    await this.#quiet();
    await this.#consumer.stop();
    await this.#warren.ready();
    await this.#lookForRest();
    if (backlog > 0) await this.#countBacklog(backlog);
    return this.#verdict();
  }

  async #failure(number: number): Promise<void> {
    const { faults, messagesPerSecond } = this.#options;
    await this.#flowing(Math.max(20, messagesPerSecond / 5));
    await pause(this.#random.fraction() * 300);
    const { activeId } = await this.#warren.ready();
    const active = activeId as Id;
    const standby: Id = active === 'a' ? 'b' : 'a';
    const name = faults[this.#random.below(faults.length)]!;
    this.#failures.push({ name });
    const at = Date.now();
    this.#audit.fault(name, at);
    await inject(name, { warren: this.#warren, active, standby, random: () => this.#random.fraction() });
    if (name === 'switch-over') this.#held.push(Date.now() - at);
    await this.#flowing(Math.max(20, messagesPerSecond / 5));
    await this.#checkEpochs();
    const window = this.#audit.report().producerWindows.at(-1)!;
    console.log(`${number} ${name} of ${active}: ${window.durationMs} ms without a confirm`);
  }

  /** Whoever is to serve gets an epoch above all before it; the front has one holder at a time. */
  async #checkEpochs(): Promise<void> {
    const { epoch } = await this.#warren.status();
    if (epoch < this.#lastEpoch) this.#complaints.push(`epoch ${epoch} after ${this.#lastEpoch}`);
    this.#lastEpoch = epoch;
  }

  async #flowing(more: number): Promise<void> {
    const audit = this.#audit;
    const [confirms, deliveries] = [audit.confirms + more, audit.deliveries + more];
    for (
      const deadline = Date.now() + serviceMaxMs;
      audit.confirms < confirms || audit.deliveries < deliveries;
    ) {
      if (Date.now() > deadline) {
        const events = JSON.stringify((await this.#warren.events()).slice(-12), null, 1);
        throw new Error(`no service in ${serviceMaxMs} ms; the time line ends: ${events}`);
      }
      await pause(5);
    }
  }

  async #quiet(): Promise<void> {
    for (let before = -1; before !== this.#audit.deliveries;) {
      before = this.#audit.deliveries;
      await pause(1000);
    }
  }

  /** Messages that wait on a node which does not serve: out of reach, not lost. */
  async #lookForRest(): Promise<void> {
    for (const { amqpPort } of await this.#warren.console.host('nodes.list')) {
      if (amqpPort === null) continue;
      const connection = await ClientConnection.open({ host: '127.0.0.1', port: amqpPort });
      const channel = await connection.openChannel();
      await channel.declareQueue(queue, { durable: true });
      for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
        const label = labelOf(message.body);
        if (label) this.#audit.held(label.producer, label.sequence);
        else this.#complaints.push('a message came back damaged');
      }
      await connection.close();
    }
  }

  async #fillBacklog(count: number): Promise<void> {
    const connection = await ClientConnection.open(this.#warren.address);
    const channel = await connection.openChannel();
    await channel.declareQueue(backlogQueue, { durable: true });
    await channel.selectConfirms();
    const all = Promise.withResolvers<void>();
    let confirmed = 0;
    let published = 0;
    const body = Buffer.alloc(100, 'b');
    const more = () => {
      for (; published < count && published - confirmed < 2000; published++)
        channel.publish('', backlogQueue, body, { deliveryMode: 2 });
      if (confirmed === count) all.resolve();
    };
    channel.onConfirmed = (_from, to) => {
      confirmed = to;
      more();
    };
    more();
    await all.promise;
    await connection.close();
  }

  async #countBacklog(expected: number): Promise<void> {
    const connection = await ClientConnection.open(this.#warren.address);
    const channel = await connection.openChannel();
    const { messageCount } = await channel.declareQueue(backlogQueue, { passive: true });
    if (messageCount !== expected) this.#complaints.push(`${messageCount} of ${expected} in the backlog`);
    await connection.close();
  }

  #verdict(): boolean {
    const { lost, producers, consumers, producerWindows, consumerWindows } = this.#audit.report();
    const { confirmed, published, duplicated, held, unresolved } = producers[0]!;
    const { reordered, revived, redelivered } = consumers[0]!;
    console.log(
      `\n${this.#failures.length} failures of a ${this.#options.model} pair, seed ${this.#options.seed}`,
    );
    console.log(`published ${published}, confirmed ${confirmed}, unresolved ${unresolved}, lost ${lost}`);
    console.log(
      `delivered again ${duplicated}, of them marked redelivered ${redelivered}; reordered ${reordered}`,
    );
    console.log(`after their acknowledgement ${revived}; still waiting on a node ${held}`);
    const durations = (windows: typeof producerWindows) =>
      windows.map(({ durationMs }) => durationMs ?? Infinity);
    for (const name of this.#options.faults) {
      const of = (windows: typeof producerWindows) =>
        durations(windows.filter((_, index) => this.#failures[index]!.name === name));
      if (of(producerWindows).length > 0)
        console.log(`${name}: ${spread(of(producerWindows))}; consumers ${spread(of(consumerWindows))}`);
    }
    console.log(`all: without a confirm ${spread(durations(producerWindows))}`);
    if (this.#held.length > 0) console.log(`publishers held for a switch-over: ${spread(this.#held)}`);
    for (const complaint of this.#complaints) console.log(complaint);
    return lost === 0 && reordered === 0 && this.#complaints.length === 0;
  }
}

function spread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return `${sorted.length} times, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${sorted.at(-1)} ms`;
}

async function main(): Promise<boolean> {
  const options = campaignOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(usage);
    return true;
  }
  const warren = await WarrenProcess.startPair({}, options.model);
  try {
    return await new Campaign(options, warren).run();
  } finally {
    await warren.dispose();
  }
}

main().then(
  (good) => process.exit(good ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
