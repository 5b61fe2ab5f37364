// A published message: one object however many queues hold it. Properties and body stay the bytes they came
// as, one after the other in `bytes`; what routing and queues ask of them is read once, at publish.
import { decodeTable, emptyTable, type FieldTable } from '../amqp/field-table.ts';
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import { decodeProperties, newScan, scanProperties, type BasicProperties } from '../amqp/properties.ts';

const scan = newScan();

/** No expiration property. */
export const noExpiration = -1;

export class Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly bytes: Buffer;
  /** Where the properties begin; the body follows them. */
  readonly start: number;
  readonly propertiesSize: number;
  readonly bodySize: number;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  readonly persistent: boolean;
  readonly priority: number;
  /** Milliseconds, `noExpiration`, or NaN when the property is not a number. */
  readonly expirationMs: number;
  readonly expiration: string | null;
  readonly userId: string | null;
  readonly replyTo: string | null;
  readonly headersOffset: number;
  readonly headersEnd: number;
  /** The journal's record of it, 0 while there is none. */
  recordId = 0;
  #headers: FieldTable | null = null;

  /** Throws ConnectionError 502 when the properties are damaged. */
  constructor(
    exchange: string,
    routingKey: string,
    bytes: Buffer,
    start: number,
    propertiesSize: number,
    bodySize: number,
    receivedAt: number,
  ) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.bytes = bytes;
    this.start = start;
    this.propertiesSize = propertiesSize;
    this.bodySize = bodySize;
    this.receivedAt = receivedAt;
    scanProperties(bytes, start, start + propertiesSize, scan);
    if (scan.deliveryMode > 2 || scan.deliveryMode === 0)
      throw new ChannelError(
        ReplyCode.PRECONDITION_FAILED,
        `invalid message: {delivery_mode_unknown,${scan.deliveryMode}}`,
      );
    this.persistent = scan.deliveryMode === 2;
    this.priority = scan.priority;
    this.expiration = scan.expiration;
    this.expirationMs = scan.expiration === null ? noExpiration : parseExpiration(scan.expiration);
    this.userId = scan.userId;
    this.replyTo = scan.replyTo;
    this.headersOffset = scan.headersOffset;
    this.headersEnd = scan.headersEnd;
  }

  get properties(): Buffer {
    return this.bytes.subarray(this.start, this.start + this.propertiesSize);
  }

  get body(): Buffer {
    const start = this.start + this.propertiesSize;
    return this.bytes.subarray(start, start + this.bodySize);
  }

  get hasHeaders(): boolean {
    return this.headersOffset >= 0;
  }

  /** Decoded on the first call. Throws ConnectionError 502 when the table is damaged. */
  headers(): FieldTable {
    if (this.headersOffset < 0) return emptyTable;
    return (this.#headers ??= decodeTable(this.bytes, this.headersOffset, this.headersEnd));
  }

  decodedProperties(): BasicProperties {
    return decodeProperties(this.bytes, this.start, this.start + this.propertiesSize);
  }
}

/** A message from separate properties and body, as management and dead-lettering make them. */
export function composeMessage(
  exchange: string,
  routingKey: string,
  properties: Buffer,
  body: Uint8Array,
  receivedAt: number,
): Message {
  const bytes = Buffer.allocUnsafe(properties.length + body.length);
  properties.copy(bytes);
  bytes.set(body, properties.length);
  return new Message(exchange, routingKey, bytes, 0, properties.length, body.length, receivedAt);
}

/** Ten years, as for queues. */
const expirationMaxMs = 315_360_000_000;

function parseExpiration(text: string): number {
  if (!/^[+-]?[0-9]+$/.test(text)) return NaN;
  const milliseconds = Number(text);
  return milliseconds >= 0 && milliseconds <= expirationMaxMs ? milliseconds : NaN;
}
