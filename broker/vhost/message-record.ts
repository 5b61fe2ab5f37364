// A message as the journal keeps it: a head of our own, then properties and body as they came.
//
//   u8 version | u8 flags | u32 properties size | f64 received at | u8 n, exchange | u8 n, routing key |
//   properties | body
//
// The flags tell whether a queue needs to see the message itself to take it back after a restart.
import { Message, noExpiration } from './message.ts';

const version = 2;
const fixedSize = 14;
const flag = { expires: 1, priority: 2, redelivered: 4 } as const;
const head = Buffer.allocUnsafe(fixedSize + 2 * 256);
let headSize = 0;
/** What the names in `head` are of: they repeat from message to message. */
let headExchange: string | null = null;
let headKey = '';

/** The head of a message's record, in a buffer that the next call uses again. */
export function recordHead(message: Message): Buffer {
  if (message.exchange !== headExchange || message.routingKey !== headKey) writeNames(message);
  head[0] = version;
  head[1] =
    (message.expirationMs === noExpiration ? 0 : flag.expires) | (message.priority > 0 ? flag.priority : 0);
  head.writeUInt32BE(message.propertiesSize, 2);
  head.writeDoubleBE(message.receivedAt, 6);
  return headSize === head.length ? head : head.subarray(0, headSize);
}

function writeNames(message: Message): void {
  headExchange = message.exchange;
  headKey = message.routingKey;
  const exchangeSize = head.write(message.exchange, fixedSize + 1, 255, 'utf8');
  head[fixedSize] = exchangeSize;
  const keyAt = fixedSize + 1 + exchangeSize;
  const keySize = head.write(message.routingKey, keyAt + 1, 255, 'utf8');
  head[keyAt] = keySize;
  headSize = keyAt + 1 + keySize;
}

/** The same for a message that had been handed out where it comes from: a restart does not forget it. */
export function recordHeadOfRedelivered(message: Message): Buffer {
  const bytes = recordHead(message);
  bytes[1] = bytes[1]! | flag.redelivered;
  return bytes;
}

export function wasRedelivered(bytes: Buffer, start: number): boolean {
  return (bytes[start + 1]! & flag.redelivered) !== 0;
}

/** Throws when the bytes are no record of ours: the journal's checksum was right, so that is a bug. */
export function messageOfRecord(recordId: number, bytes: Buffer, start: number, end: number): Message {
  checkVersion(recordId, bytes, start);
  const propertiesSize = bytes.readUInt32BE(start + 2);
  const exchangeAt = start + fixedSize;
  const keyAt = exchangeAt + 1 + bytes[exchangeAt]!;
  const propertiesAt = keyAt + 1 + bytes[keyAt]!;
  const message = new Message(
    bytes.toString('utf8', exchangeAt + 1, keyAt),
    bytes.toString('utf8', keyAt + 1, propertiesAt),
    bytes,
    propertiesAt,
    propertiesSize,
    end - propertiesAt - propertiesSize,
    bytes.readDoubleBE(start + 6),
  );
  message.recordId = recordId;
  return message;
}

/** The body's size of a message that a queue can take back unseen; -1 when it must be looked at. */
export function plainBodySize(recordId: number, bytes: Buffer, start: number, end: number): number {
  checkVersion(recordId, bytes, start);
  if (bytes[start + 1] !== 0) return -1;
  const keyAt = start + fixedSize + 1 + bytes[start + fixedSize]!;
  return end - (keyAt + 1 + bytes[keyAt]!) - bytes.readUInt32BE(start + 2);
}

function checkVersion(recordId: number, bytes: Buffer, start: number): void {
  if (bytes[start] !== version)
    throw new Error(`message record ${recordId} has version ${bytes[start]}, this release reads ${version}`);
}
