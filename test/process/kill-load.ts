// The traffic under which a node is killed: publishers with confirms, consumers that acknowledge, reject and keep
// back, a queue that is purged, queues that come and go. Ends when the node does.
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import type { ClientChannel, Delivery } from '../../broker/lab/client-channel.ts';
import type { Random } from '../fuzz/random.ts';
import type { Ledger, LedgerMessage } from './kill-ledger.ts';
import { bodyOf, bodySize, damageIn, nameIn, nameText } from './kill-message.ts';
import { purgedQueue, rejectingQueue, routes } from './kill-topology.ts';

/** Queues made during a run: `ready` once declare-ok and bind-ok came; between the states either may be true. */
export interface ChurnedQueue {
  name: string;
  state: 'declaring' | 'ready' | 'deleting' | 'deleted';
}

const publishers = 4;
const outstandingMax = 48;
const burstMax = 10;
const churnsMax = 6;

export class KillLoad {
  readonly failures: string[] = [];
  readonly churned: ChurnedQueue[];
  readonly #port: number;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #run: number;
  readonly #connections: ClientConnection[] = [];
  #working: Promise<unknown> = Promise.resolve();

  /** `run` tells the names of this run's messages from those of others. */
  constructor(port: number, ledger: Ledger, random: Random, run: number, churned: ChurnedQueue[]) {
    this.#port = port;
    this.#ledger = ledger;
    this.#random = random;
    this.#run = run;
    this.churned = churned;
  }

  /** Resolves when everybody is at work. */
  async start(): Promise<void> {
    const tasks: Promise<void>[] = [];
    for (let each = 0; each < publishers; each++) {
      const channel = await this.#channel();
      await channel.selectConfirms();
      tasks.push(this.#publish(channel, `${this.#run}.${each}`));
    }
    await this.#consume('k.work', 64, (channel, delivery, message) =>
      this.#acknowledgeSome(channel, delivery, message, 'k.work'),
    );
    await this.#consume('k.fan.2', 20, (channel, delivery, message) =>
      this.#acknowledge(channel, delivery, message, 'k.fan.2'),
    );
    await this.#consume(rejectingQueue, 16, (channel, delivery, message) =>
      this.#rejectSome(channel, delivery, message),
    );
    // Keeps what it gets until it is cut off.
    await this.#consume('k.direct.a', 10, () => undefined);
    tasks.push(this.#getSome(await this.#channel(), 'k.topic.x'));
    tasks.push(this.#purge(await this.#channel()));
    tasks.push(this.#churn(await this.#channel()));
    // What a killed node does not answer is no failure.
    this.#working = Promise.allSettled(tasks);
  }

  /** Resolves when all clients have noticed that the node is gone. */
  async ended(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#working;
  }

  async #channel(): Promise<ClientChannel> {
    const connection = await ClientConnection.open({
      host: '127.0.0.1',
      port: this.#port,
      heartbeatSeconds: 0,
    });
    this.#connections.push(connection);
    return connection.openChannel();
  }

  // ---- Publishing ----

  async #publish(channel: ClientChannel, publisher: string): Promise<void> {
    const byNumber = new Map<number, LedgerMessage>();
    let wake = () => undefined as void;
    channel.onConfirmed = (from, to, ok) => {
      for (let number = from; number <= to; number++) {
        const message = byNumber.get(number)!;
        byNumber.delete(number);
        if (ok) this.#ledger.confirm(message);
        else this.failures.push(`${nameText(message)} was refused`);
      }
      wake();
    };
    channel.onClosed = () => wake();
    for (let sequence = 0; !channel.isClosed;) {
      for (let burst = this.#random.between(1, burstMax); burst > 0; burst--) {
        const { exchange, key, to } = this.#route();
        const size = bodySize(this.#random);
        const name = { publisher, sequence };
        const message = this.#ledger.sent(name, size, to);
        const deliveryMode = to.length > 0 ? 2 : 1;
        const body = bodyOf(sequence, size);
        const number = channel.publish(exchange, key, body, { messageId: nameText(name), deliveryMode });
        byNumber.set(number, message);
        sequence++;
      }
      while (channel.unconfirmed > outstandingMax && !channel.isClosed)
        await new Promise<void>((resolve) => (wake = resolve));
      await pause(this.#random.below(8));
    }
  }

  #route(): { exchange: string; key: string; to: string[] } {
    const ready = this.churned.filter(({ state }) => state === 'ready');
    if (ready.length === 0 || !this.#random.oneIn(10)) return this.#random.pick(routes);
    const { name } = this.#random.pick(ready);
    return { exchange: 'k.direct', key: name, to: [name] };
  }

  // ---- Taking ----

  async #consume(
    queue: string,
    prefetch: number,
    take: (channel: ClientChannel, delivery: Delivery, message: LedgerMessage) => void,
  ): Promise<void> {
    const channel = await this.#channel();
    await channel.prefetch(prefetch);
    await channel.consume(queue, (delivery) => {
      const message = this.#seen(queue, delivery);
      if (message) take(channel, delivery, message);
    });
  }

  #seen(queue: string, delivery: Delivery): LedgerMessage | null {
    const name = nameIn(delivery.properties().messageId);
    const message = this.#ledger.get(name);
    if (!name || !message) {
      this.failures.push(`${queue} delivered what nobody sent`);
      return null;
    }
    const damage = damageIn(delivery.body, name.sequence, message.size);
    if (damage) this.failures.push(`${queue} delivered ${nameText(name)} damaged: ${damage}`);
    if (message.holdings.get(queue) === 'gone')
      this.failures.push(`${queue} delivered ${nameText(name)}, which was gone`);
    if (message.seenFrom.has(queue) && !delivery.redelivered)
      this.failures.push(`${queue} delivered ${nameText(name)} again without saying so`);
    message.seenFrom.add(queue);
    return message;
  }

  #acknowledge(channel: ClientChannel, delivery: Delivery, message: LedgerMessage, queue: string): void {
    this.#ledger.acknowledging(message, queue);
    channel.ack(delivery.deliveryTag);
  }

  readonly #keptBack: { delivery: Delivery; message: LedgerMessage }[] = [];

  /** At once, later and out of order, or many together. */
  #acknowledgeSome(channel: ClientChannel, delivery: Delivery, message: LedgerMessage, queue: string): void {
    this.#keptBack.push({ delivery, message });
    const kept = this.#keptBack;
    if (this.#random.oneIn(12)) {
      for (const each of kept) this.#ledger.acknowledging(each.message, queue);
      kept.length = 0;
      channel.ack(delivery.deliveryTag, true);
    } else if (this.#random.oneIn(2)) {
      const [each] = kept.splice(this.#random.below(kept.length), 1);
      this.#acknowledge(channel, each!.delivery, each!.message, queue);
    }
  }

  #rejectSome(channel: ClientChannel, delivery: Delivery, message: LedgerMessage): void {
    const choice = this.#random.below(10);
    if (choice < 3) this.#acknowledge(channel, delivery, message, rejectingQueue);
    else channel.nack(delivery.deliveryTag, { requeue: choice < 5 });
  }

  async #getSome(channel: ClientChannel, queue: string): Promise<void> {
    while (!channel.isClosed) {
      const delivery = await channel.get(queue);
      const message = delivery && this.#seen(queue, delivery);
      if (message && this.#random.oneIn(2)) this.#acknowledge(channel, delivery, message, queue);
      await pause(this.#random.below(20));
    }
  }

  // ---- Queues that are emptied, made and deleted ----

  async #purge(channel: ClientChannel): Promise<void> {
    while (!channel.isClosed) {
      await pause(this.#random.between(20, 120));
      const args = { reserved1: 0, queue: purgedQueue, noWait: false };
      await this.#emptying(purgedQueue, channel.call('queue.purge', args, 'queue.purge-ok'));
    }
  }

  /** What was sent while the command was under way may have come before it or after. */
  async #emptying(queue: string, command: Promise<unknown>): Promise<void> {
    this.#ledger.purging(queue);
    try {
      await command;
    } finally {
      this.#ledger.purging(queue);
    }
  }

  async #churn(channel: ClientChannel): Promise<void> {
    for (let made = 0; !channel.isClosed; made++) {
      const queue: ChurnedQueue = { name: `k.churn.${this.#run}.${made}`, state: 'declaring' };
      this.churned.push(queue);
      await channel.declareQueue(queue.name, { durable: true });
      await channel.bindQueue(queue.name, 'k.direct', queue.name);
      queue.state = 'ready';
      await pause(this.#random.between(5, 60));
      const ready = this.churned.filter(({ state }) => state === 'ready');
      if (ready.length < churnsMax) continue;
      const victim = this.#random.pick(ready);
      victim.state = 'deleting';
      await this.#emptying(victim.name, channel.deleteQueue(victim.name));
      victim.state = 'deleted';
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
