// Sender-selected distribution: the CC and BCC headers name further routing keys; BCC is taken out before
// anyone sees the message.
import { typeNameOf } from '../amqp/field-table.ts';
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import { encodeProperties } from '../amqp/properties.ts';
import { composeMessage, type Message } from './message.ts';

const letterC = 0x43;

/** The further keys, or null where there are none. Throws ChannelError 406 for a header that is no array. */
export function copyKeys(message: Message): string[] | null {
  if (!message.hasHeaders || !mentionsCopies(message)) return null;
  const keys: string[] = [];
  for (const name of ['CC', 'BCC']) {
    const header = message.headers().get(name);
    if (header === undefined) continue;
    if (header.type !== 'A')
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `invalid message: {unacceptable_type_in_header,"${name}",${typeNameOf(header)}}`,
      );
    for (const item of header.value) if (item.type === 'S') keys.push(item.value.toString());
  }
  return keys.length > 0 ? keys : null;
}

/** The message without its BCC header; itself where it has none. */
export function withoutBcc(message: Message): Message {
  if (!message.headers().has('BCC')) return message;
  const properties = message.decodedProperties();
  const headers = new Map(properties.headers);
  headers.delete('BCC');
  return composeMessage(
    message.exchange,
    message.routingKey,
    encodeProperties({ ...properties, headers }),
    message.body,
    message.receivedAt,
  );
}

/** A look at the raw bytes, so that other headers are not decoded on the way; `BCC` has it too. */
function mentionsCopies({ bytes, headersOffset, headersEnd }: Message): boolean {
  for (let i = headersOffset + 1; i < headersEnd; i++)
    if (bytes[i] === letterC && bytes[i - 1] === letterC) return true;
  return false;
}
