// Bytes as RabbitMQ's error texts show them: Erlang's printed form, and at most the first 16 of a frame.

const shownMax = 16;
const escapes: Record<number, string> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  27: '\\e',
  34: '\\"',
  92: '\\\\',
};

/** `<<"text">>` where every byte is printable, else `<<1,2,3>>`. */
export function binaryText(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<<>>';
  if (bytes.every(isPrintable))
    return `<<"${[...bytes].map((byte) => escapes[byte] ?? String.fromCharCode(byte)).join('')}">>`;
  return byteList(bytes);
}

/** Always the numbers. */
export function byteList(bytes: Uint8Array): string {
  return `<<${bytes.join(',')}>>`;
}

/** What a frame error says of the payload. */
export function octetsText(payload: Uint8Array): string {
  return payload.length > shownMax
    ? `first ${shownMax} octets = ${binaryText(payload.subarray(0, shownMax))}`
    : `all octets = ${binaryText(payload)}`;
}

function isPrintable(byte: number): boolean {
  return (byte >= 32 && byte <= 126) || byte >= 160 || byte in escapes;
}
