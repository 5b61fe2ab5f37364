// tx: publishes and acknowledgements of a channel held back until commit [AMQP 1.9]. A publish is routed when it
// comes and goes into its queues at the commit; a delivery that is settled leaves the outstanding ones at once and
// is put back by a rollback. Commit-ok comes when the journal has what was published.
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { methods } from '../amqp/methods.ts';
import type { RoutedMessage } from '../vhost/vhost.ts';
import type { BasicClass, Settling } from './basic-class.ts';
import type { Channel } from './channel.ts';
import type { Unacked } from './unacked-ring.ts';

/** A transaction holds messages in memory, so its size is bounded. */
const operationsMax = 1_000_000;

export interface HeldPublish {
  routed: RoutedMessage;
  mandatory: boolean;
}

interface HeldSettlement {
  how: Settling;
  tag: number;
  unacked: Unacked;
}

export class Transaction {
  readonly #channel: Channel;
  readonly #basic: BasicClass;
  #publishes: HeldPublish[] = [];
  #settlements: HeldSettlement[] = [];

  constructor(channel: Channel, basic: BasicClass) {
    this.#channel = channel;
    this.#basic = basic;
  }

  get uncommittedPublishes(): number {
    return this.#publishes.length;
  }

  get uncommittedAcks(): number {
    return this.#settlements.filter(({ how }) => how === 'ack').length;
  }

  publish(publish: HeldPublish): void {
    this.#bound();
    this.#publishes.push(publish);
  }

  /** Of an outstanding tag, or of all up to it. */
  settle(how: Settling, tag: number, multiple: boolean): void {
    this.#bound();
    const { unacked } = this.#channel;
    const hold = (each: Unacked, its: number) => this.#settlements.push({ how, tag: its, unacked: each });
    if (multiple) unacked.takeUpTo(tag, hold);
    else hold(unacked.take(tag)!, tag);
  }

  /** Throws ChannelError 406 when a queue refused one of the messages; the rest is done nevertheless. */
  commit(): void {
    const [publishes, settlements] = [this.#publishes, this.#settlements];
    this.#publishes = [];
    this.#settlements = [];
    const { host, number } = this.#channel;
    let refused = false;
    for (const { routed, mandatory } of publishes) {
      const outcome = host.vhost.publishRouted(routed);
      refused ||= outcome.refused;
      this.#basic.published(outcome, mandatory);
    }
    for (const { how, unacked } of settlements) this.#basic.settled(how, unacked);
    if (refused)
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        'partial tx completion',
        ...methods['tx.commit'].id,
      );
    const pending = publishes.length > 0 ? host.services.journal.flush() : undefined;
    host.waitFor(pending, () => {
      host.writer.method(number, 'tx.commit-ok', {});
      this.#channel.wakeStarved();
    });
  }

  rollback(): void {
    this.discard();
    this.#channel.host.writer.method(this.#channel.number, 'tx.rollback-ok', {});
  }

  /** Forgets the publishes; what was settled is outstanding again. */
  discard(): void {
    this.#publishes = [];
    this.#channel.unacked.putBack(this.#settlements);
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
