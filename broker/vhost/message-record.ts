// A message as the journal keeps it: a head of our own, then properties and body as they came.
//
//   u8 version | f64 received at | u8 n, exchange | u8 n, routing key | u32 properties size | properties | body
import { Message } from './message.ts';

const version = 1;
const head = Buffer.allocUnsafe(1 + 8 + 1 + 255 + 1 + 255 + 4);

/** The head of a message's record, in a buffer that the next call uses again. */
export function recordHead(message: Message): Buffer {
  head[0] = version;
  head.writeDoubleBE(message.receivedAt, 1);
  let at = 9;
  const exchangeSize = head.write(message.exchange, at + 1, 255, 'utf8');
  head[at] = exchangeSize;
  at += 1 + exchangeSize;
  const keySize = head.write(message.routingKey, at + 1, 255, 'utf8');
  head[at] = keySize;
  at += 1 + keySize;
  head.writeUInt32BE(message.propertiesSize, at);
  return head.subarray(0, at + 4);
}

/** The message in a record. Throws when the record is none of ours: the journal's checksum was right, so it is a bug. */
export function messageOfRecord(recordId: number, bytes: Buffer): Message {
  if (bytes[0] !== version) throw new Error(`message record ${recordId} has unknown version ${bytes[0]}`);
  const receivedAt = bytes.readDoubleBE(1);
  let at = 9;
  const exchange = bytes.toString('utf8', at + 1, at + 1 + bytes[at]!);
  at += 1 + bytes[at]!;
  const routingKey = bytes.toString('utf8', at + 1, at + 1 + bytes[at]!);
  at += 1 + bytes[at]!;
  const propertiesSize = bytes.readUInt32BE(at);
  at += 4;
  const bodySize = bytes.length - at - propertiesSize;
  const message = new Message(exchange, routingKey, bytes, at, propertiesSize, bodySize, receivedAt);
  message.recordId = recordId;
  return message;
}
