// What was said and answered before the kill, and so what must be there after it. The rule, for each message in
// each queue it was routed to:
//
//   confirmed, nothing further said          is there
//   sent, no word of it                      may be there
//   leaving (acknowledged, purged)           may be there: neither is confirmed by anybody
//   in a queue with dead letters             is there, or is a dead letter
//   a client has seen it                     if it is there, then with `redelivered`
//   was not there after a restart            never comes back
import { nameText, type MessageName } from './kill-message.ts';

export type Holding = 'sent' | 'held' | 'leaving' | 'gone';

export interface LedgerMessage extends MessageName {
  size: number;
  confirmed: boolean;
  /** By queue. */
  holdings: Map<string, Holding>;
  /** Queues from which a client got it. */
  seenFrom: Set<string>;
  /** It was a dead letter, and was taken from there. */
  buried: boolean;
}

export class Ledger {
  confirmed = 0;
  acknowledged = 0;
  readonly #messages = new Map<string, LedgerMessage>();
  readonly #byQueue = new Map<string, Map<string, LedgerMessage>>();

  sent(name: MessageName, size: number, queues: readonly string[]): LedgerMessage {
    const message: LedgerMessage = {
      ...name,
      size,
      confirmed: false,
      holdings: new Map(queues.map((queue) => [queue, 'sent'])),
      seenFrom: new Set(),
      buried: false,
    };
    const text = nameText(name);
    this.#messages.set(text, message);
    for (const queue of queues) this.#of(queue).set(text, message);
    return message;
  }

  confirm(message: LedgerMessage): void {
    message.confirmed = true;
    this.confirmed++;
    for (const [queue, holding] of message.holdings)
      if (holding === 'sent') message.holdings.set(queue, 'held');
  }

  get(name: MessageName | null): LedgerMessage | undefined {
    return name ? this.#messages.get(nameText(name)) : undefined;
  }

  /** An acknowledgement is about to be sent. */
  acknowledging(message: LedgerMessage, queue: string): void {
    message.holdings.set(queue, 'leaving');
    this.acknowledged++;
  }

  /** Everything the queue may hold is about to go. */
  purging(queue: string): void {
    for (const message of this.#of(queue).values()) message.holdings.set(queue, 'leaving');
  }

  /** What the queue may hold. */
  in(queue: string): LedgerMessage[] {
    return [...this.#of(queue).values()];
  }

  /** After a look at what the queue holds: what was open is decided. */
  decide(queue: string, present: ReadonlyMap<string, LedgerMessage>): void {
    const messages = this.#of(queue);
    for (const message of messages.values()) message.holdings.set(queue, 'gone');
    messages.clear();
    for (const [text, message] of present) {
      message.holdings.set(queue, 'held');
      messages.set(text, message);
    }
  }

  #of(queue: string): Map<string, LedgerMessage> {
    let messages = this.#byQueue.get(queue);
    if (!messages) this.#byQueue.set(queue, (messages = new Map()));
    return messages;
  }
}
