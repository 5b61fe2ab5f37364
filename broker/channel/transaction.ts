// tx: publishes and acknowledgements of a channel held back until commit [AMQP 1.9]. Commit-ok comes when
// the journal has what was published. Until then deliveries stay outstanding, so a rollback has nothing to undo.
import { ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import type { BasicClass, PublishRequest, Settlement } from './basic-class.ts';
import type { Channel } from './channel.ts';

/** A transaction holds messages in memory, so its size is bounded. */
const operationsMax = 1_000_000;

export class Transaction {
  readonly #channel: Channel;
  readonly #basic: BasicClass;
  #publishes: PublishRequest[] = [];
  #settlements: Settlement[] = [];

  constructor(channel: Channel, basic: BasicClass) {
    this.#channel = channel;
    this.#basic = basic;
  }

  get uncommittedPublishes(): number {
    return this.#publishes.length;
  }

  get uncommittedAcks(): number {
    return this.#settlements.length;
  }

  publish(request: PublishRequest): void {
    this.#bound();
    this.#publishes.push(request);
  }

  settle(settlement: Settlement): void {
    this.#bound();
    this.#settlements.push(settlement);
  }

  commit(): void {
    const publishes = this.#publishes;
    const settlements = this.#settlements;
    this.discard();
    for (const request of publishes) this.#basic.route(request);
    for (const settlement of settlements) this.#basic.apply(settlement);
    const { host, number } = this.#channel;
    const pending = publishes.length > 0 ? host.services.journal.flush() : undefined;
    host.waitFor(pending, () => host.writer.method(number, 'tx.commit-ok', {}));
  }

  rollback(): void {
    this.discard();
    this.#channel.host.writer.method(this.#channel.number, 'tx.rollback-ok', {});
  }

  discard(): void {
    this.#publishes = [];
    this.#settlements = [];
  }

  #bound(): void {
    if (this.#publishes.length + this.#settlements.length >= operationsMax)
      throw new ConnectionError(
        ReplyCode.RESOURCE_ERROR,
        `a transaction of more than ${operationsMax} operations`,
      );
  }
}
