// Who a connection is, as far as its client says.
import type { ConnectionRow } from '../../broker/contract/rows.ts';

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** The name the client gave, else where it comes from. */
export function titleOf(row: ConnectionRow): string {
  return text(row.clientProperties['connection_name']) || peerOf(row);
}

export const peerOf = ({ peerHost, peerPort }: ConnectionRow) => `${peerHost}:${peerPort}`;

/** The library and its version. */
export function libraryOf({ clientProperties }: ConnectionRow): string {
  const { product, version } = clientProperties;
  return [text(product), text(version)].filter((each) => each !== '').join(' ') || 'unknown';
}
