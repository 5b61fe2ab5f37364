// A publish as it arrives: the method, the header, the body's frames, put together into one message. The
// bytes are copied once, into pooled memory; a large body gets its room when the first part of it has come, if the
// node has that room, so that announcing much reserves little.
import { undecodable } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { nameIn } from '../amqp/short-string.ts';

/** What an announcement alone reserves. */
const reserveMax = 128 << 10;
const noBytes: Buffer = Buffer.alloc(0);
const shortStringMax = 255;
/** RabbitMQ's own bound on what a header may announce. */
const announcedMax = 512 << 20;

/** Short strings repeat from publish to publish: the last one is compared byte by byte before decoding. */
class RepeatedString {
  /** Made at the first publish: many channels only consume. */
  #bytes = noBytes;
  #size = 0;
  #text = '';

  read(bytes: Buffer, at: number, size: number): string {
    if (size === this.#size) {
      let i = 0;
      while (i < size && bytes[at + i] === this.#bytes[i]) i++;
      if (i === size) return this.#text;
    }
    const text = nameIn(bytes, at, at + size);
    if (this.#bytes === noBytes) this.#bytes = Buffer.alloc(shortStringMax);
    bytes.copy(this.#bytes, 0, at, at + size);
    this.#size = size;
    return (this.#text = text);
  }
}

/** Who has the room for large bodies. */
export interface BodySource {
  /** Grows with every frame of a body that has room. */
  bodyFrames: number;
  /** True when there is room; otherwise `given` is called when there is, and no frame comes before. */
  takeRoom(bytes: number, given: () => void): boolean;
  giveRoomBack(bytes: number): void;
}

export class Publishing {
  exchange = '';
  routingKey = '';
  mandatory = false;
  immediate = false;
  /** Properties and body, once complete. */
  bytes: Buffer = noBytes;
  propertiesSize = 0;
  bodySize = 0;
  #expects: 'nothing' | 'header' | 'body' = 'nothing';
  #received = 0;
  #tooLarge: ChannelError | null = null;
  readonly #exchanges = new RepeatedString();
  readonly #keys = new RepeatedString();
  readonly #messageBytesMax: number;

  readonly #source: BodySource;
  /** Bytes of room that are this body's. */
  #room = 0;

  constructor(messageBytesMax: number, source: BodySource) {
    this.#messageBytesMax = messageBytesMax;
    this.#source = source;
  }

  /** Whether content is under way: a method now is an error. */
  get pending(): boolean {
    return this.#expects !== 'nothing';
  }

  /** Throws ConnectionError 505 for a method while content is under way. */
  checkNotPending(): void {
    if (this.#expects === 'nothing') return;
    const what =
      this.#expects === 'header'
        ? 'content header for class 60, got non content header'
        : 'content body, got non content body';
    throw new ConnectionError(ReplyCode.UNEXPECTED_FRAME, `expected ${what} frame instead`, 60, 40);
  }

  /** basic.publish's arguments from `start`. Throws ConnectionError 501. */
  method(bytes: Buffer, start: number, end: number): void {
    const at = start + 2;
    const exchangeSize = bytes[at]!;
    const keyAt = at + 1 + exchangeSize;
    const keySize = keyAt < end ? bytes[keyAt]! : 0;
    const bitsAt = keyAt + 1 + keySize;
    if (bitsAt !== end - 1) throw undecodable(bytes, start - 4, end);
    this.exchange = this.#exchanges.read(bytes, at + 1, exchangeSize);
    this.routingKey = this.#keys.read(bytes, keyAt + 1, keySize);
    this.mandatory = (bytes[bitsAt]! & 1) !== 0;
    this.immediate = (bytes[bitsAt]! & 2) !== 0;
    this.#expects = 'header';
  }

  /** True when the message is complete. Throws ConnectionError 501 or 505. */
  header(bytes: Buffer, start: number, end: number): boolean {
    if (this.#expects !== 'header')
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        this.#expects === 'body'
          ? 'expected content body, got non content body frame instead'
          : 'expected method frame, got non method frame instead',
        this.pending ? 60 : 0,
        this.pending ? 40 : 0,
      );
    const classId = bytes.readUInt16BE(start);
    const weight = bytes.readUInt16BE(start + 2);
    if (weight !== 0)
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        'expected content header for class 60, got non content header frame instead',
        60,
        40,
      );
    if (classId !== 60)
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        `expected content header for class 60, got one for class ${classId} instead`,
        60,
        40,
      );
    const bodySize = bytes.readUInt32BE(start + 4) * 0x1_0000_0000 + bytes.readUInt32BE(start + 8);
    this.#checkSize(bodySize);
    this.bodySize = bodySize;
    this.propertiesSize = end - start - 12;
    this.#received = 0;
    this.bytes = Buffer.allocUnsafe(this.propertiesSize + Math.min(bodySize, reserveMax));
    if (this.propertiesSize <= 32)
      for (let i = 0; i < this.propertiesSize; i++) this.bytes[i] = bytes[start + 12 + i]!;
    else bytes.copy(this.bytes, 0, start + 12, end);
    return this.#advance();
  }

  /** True when the message is complete. Throws ConnectionError 501 or 505. */
  body(bytes: Buffer, start: number, end: number): boolean {
    if (this.#expects !== 'body')
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        this.#expects === 'header'
          ? 'expected content header for class 60, got non content header frame instead'
          : 'expected method frame, got non method frame instead',
        this.pending ? 60 : 0,
        this.pending ? 40 : 0,
      );
    const size = end - start;
    if (this.#received + size > this.bodySize)
      throw new ConnectionError(
        ReplyCode.FRAME_ERROR,
        'content body frame exceeds remaining content size',
        60,
        40,
      );
    // A message that is too large is not kept: the channel is told once the whole of it has passed.
    if (!this.#tooLarge) {
      const at = this.propertiesSize + this.#received;
      if (at + size > this.bytes.length) this.#makeRoom(at, at + size);
      else if (this.#room > 0) this.#source.bodyFrames++;
      bytes.copy(this.bytes, at, start, end);
    }
    this.#received += size;
    return this.#advance();
  }

  /** All of it, which takes memory only as it is filled; or, until there is room for that, what has come. */
  #makeRoom(used: number, needed: number): void {
    const whole = this.propertiesSize + this.bodySize;
    const given = () => {
      this.#room = whole;
      this.#grow(this.propertiesSize + this.#received, whole);
    };
    const taken = this.#source.takeRoom(whole, given);
    if (taken) this.#room = whole;
    this.#grow(used, taken ? whole : needed);
  }

  #grow(used: number, size: number): void {
    const grown = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(grown, 0, 0, used);
    this.bytes = grown;
  }

  /** The body has become a message, or was dropped. */
  giveRoomBack(): void {
    if (this.#room === 0) return;
    const room = this.#room;
    this.#room = 0;
    this.#source.giveRoomBack(room);
  }

  /** The complete message's bytes, which are its own from here on. */
  take(): Buffer {
    const { bytes } = this;
    this.bytes = noBytes;
    return bytes;
  }

  /** The content under way is dropped with its channel. */
  reset(): void {
    this.#expects = 'nothing';
    this.#tooLarge = null;
    this.bytes = noBytes;
    this.giveRoomBack();
  }

  /** Throws ChannelError 406 for a complete message that was over the limit. */
  checkAccepted(): void {
    const refused = this.#tooLarge;
    this.#tooLarge = null;
    if (refused) throw refused;
  }

  #checkSize(bodySize: number): void {
    if (bodySize > announcedMax)
      throw new ConnectionError(
        ReplyCode.FRAME_ERROR,
        `content body size ${bodySize} exceeds maximum allowed size ${announcedMax}`,
        60,
        40,
      );
    this.#tooLarge =
      bodySize > this.#messageBytesMax
        ? new ChannelError(
            ReplyCode.PRECONDITION_FAILED,
            `message size ${bodySize} is larger than configured max size ${this.#messageBytesMax}`,
          )
        : null;
  }

  #advance(): boolean {
    if (this.#received < this.bodySize) {
      this.#expects = 'body';
      return false;
    }
    this.#expects = 'nothing';
    return true;
  }
}
