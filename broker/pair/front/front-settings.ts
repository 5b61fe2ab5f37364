// How a relay front watches its backends and treats its clients. The defaults find a dead backend within a few tenths
// of a second and a hung one within five seconds, and ask a healthy one once a second.
export interface Address {
  host: string;
  port: number;
}

export interface FrontSettings {
  /** What must come within the time limit: a connection, the broker's `connection.start`, or a whole login. */
  check: 'tcp' | 'handshake' | 'login';
  /** Of the `login` check. */
  user: string;
  password: string;
  vhost: string;
  /** From the end of one check of a backend to the next. */
  intervalMs: number;
  /** The same while the checks contradict what is held of the backend. */
  fastIntervalMs: number;
  /** For a whole check. One that accepts and does not answer has failed by then. */
  timeoutMs: number;
  /** So many checks in a row bring a backend up. */
  rise: number;
  /** So many failed ones bring it down. */
  fall: number;
  /** Whether clients are moved back to an earlier backend that is well again, or stay until somebody says so. */
  failback: 'manual' | 'automatic';
  /** An automatic failback wants no failed check for so long. */
  failbackAfterMs: number;
  connectionsMax: number;
  /** What may wait for one side of a connection before the other is read no more. */
  bufferBytes: number;
  /** A connection that one side has ended is cut after so long. */
  lingerMs: number;
}

export const frontDefaults: FrontSettings = {
  check: 'handshake',
  user: 'guest',
  password: 'guest',
  vhost: '/',
  intervalMs: 1000,
  fastIntervalMs: 100,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  failback: 'manual',
  failbackAfterMs: 10_000,
  connectionsMax: 10_000,
  bufferBytes: 128 * 1024,
  lingerMs: 10_000,
};

/** IPv6 in brackets. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `HOST:PORT` or `[IPv6]:PORT`; null for anything else. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return null;
  return { host: (match[1] ?? match[2])!, port };
}
