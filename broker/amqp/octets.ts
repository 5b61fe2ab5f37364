// Bytes as RabbitMQ shows them in its error texts: Erlang's own form, cut short.

/** A reply text has room for no more than this. */
const shownMax = 80;

/** As numbers: `<<1,2>>`. */
export function octetsOf(bytes: Buffer, start: number, end: number): string {
  return `<<${[...bytes.subarray(start, Math.min(end, start + shownMax))].join(',')}${end - start > shownMax ? ',...' : ''}>>`;
}

/** The first of a frame's payload, with how many that is: as text where all of them are printable. */
export function payloadSnippet(bytes: Buffer, start: number, end: number): string {
  const [which, to] = end - start > 16 ? ['first 16', start + 16] : ['all', end];
  const snippet = bytes.toString('latin1', start, to);
  const printable = snippet !== '' && /^[\b\t\n\v\f\r\x1b\x20-\x7e\xa0-\xff]*$/.test(snippet);
  return `${which} octets = ${printable ? `<<${JSON.stringify(snippet)}>>` : octetsOf(bytes, start, to)}`;
}
