// Short strings [AMQP 4.2.5.3]: a length octet and at most 255 bytes of UTF-8. In methods they are names, and
// names are UTF-8 or refused, as in RabbitMQ. Within content (properties, names of header fields) they are the
// publisher's own and pass unchanged: where they are no UTF-8, each byte above 127 is carried as a lone
// surrogate (U+DC00 + byte), which nothing decoded from UTF-8 ever holds.
import { isUtf8 } from 'node:buffer';
import { ConnectionError, ReplyCode } from './reply-codes.ts';

/** What a decoder puts in the place of bytes that are no UTF-8. */
const replacement = '\uFFFD';
const surrogateBase = 0xdc00;

/** A name in a method. Throws ConnectionError 501 when it is no UTF-8. */
export function nameIn(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('utf8', from, to);
  if (text.includes(replacement) && !isUtf8(bytes.subarray(from, to)))
    throw new ConnectionError(ReplyCode.FRAME_ERROR, 'Malformed UTF-8 in shortstr');
  return text;
}

/** A string within content, whatever its bytes; `carriedBytes` gives them back. */
export function carriedText(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('utf8', from, to);
  if (!text.includes(replacement) || isUtf8(bytes.subarray(from, to))) return text;
  let carried = '';
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    carried += String.fromCharCode(byte < 0x80 ? byte : surrogateBase + byte);
  }
  return carried;
}

/** The bytes of a string within content. */
export function carriedBytes(text: string): Buffer {
  if (text.isWellFormed() || !/^[\0-\x7f\uDC80-\uDCFF]*$/.test(text)) return Buffer.from(text);
  // The low byte of a code unit is the byte that it stands for.
  return Buffer.from(text, 'latin1');
}
