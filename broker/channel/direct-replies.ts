// Direct reply-to: a client consumes from the pseudo-queue amq.rabbitmq.reply-to without acknowledgements and
// gets an address of its own to put into reply-to; answers go straight to its channel, through no queue (R21).
import { randomBytes } from 'node:crypto';
import { encodeProperties } from '../amqp/properties.ts';
import { composeMessage, type Message } from '../vhost/message.ts';

export const replyQueue = 'amq.rabbitmq.reply-to';

export interface ReplyReceiver {
  reply(message: Message): void;
}

export class DirectReplies {
  readonly #receivers = new Map<string, ReplyReceiver>();

  /** The address for a new receiver. */
  open(receiver: ReplyReceiver): string {
    const address = `${replyQueue}.${randomBytes(18).toString('base64url')}`;
    this.#receivers.set(address, receiver);
    return address;
  }

  close(address: string): void {
    this.#receivers.delete(address);
  }

  has(address: string): boolean {
    return this.#receivers.has(address);
  }

  /** False when nobody is at that address any more. */
  deliver(message: Message): boolean {
    const receiver = this.#receivers.get(message.routingKey);
    receiver?.reply(message);
    return receiver !== undefined;
  }
}

/** The message with the reply-to address of its sender in the place of the pseudo-queue's name. */
export function withReplyTo(message: Message, address: string): Message {
  const properties = { ...message.decodedProperties(), replyTo: address };
  const { exchange, routingKey, body, receivedAt } = message;
  return composeMessage(exchange, routingKey, encodeProperties(properties), body, receivedAt);
}
