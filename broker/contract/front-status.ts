// What a relay front says of itself: which backend its clients are on, and how each backend did when it was asked.

/** `told`: the host names the backend; `checked`: the front's own checks choose it. */
export type FrontRule = 'checked' | 'told';
export type BackendVerdict = 'unknown' | 'up' | 'down';

export interface FrontBackend {
  name: string;
  /** `HOST:PORT`; null while it is not known where the backend listens. */
  address: string | null;
  verdict: BackendVerdict;
  /** Unix milliseconds. */
  verdictSince: number | null;
  lastCheckAt: number | null;
  lastCheckMs: number | null;
  /** Why the last check failed; null after one that passed. */
  reason: string | null;
  checks: number;
  failedChecks: number;
  connections: number;
}

export interface FrontStatus {
  /** `HOST:PORT` for clients. */
  address: string;
  rule: FrontRule;
  failback: 'manual' | 'automatic';
  /** Name of the backend that clients are relayed to; null while there is none. */
  active: string | null;
  activeSince: number | null;
  /** How long there was no backend before the active one, in milliseconds; null when there was no failure. */
  lastOutageMs: number | null;
  /** How often clients were moved from one backend to another. */
  moves: number;
  connections: number;
  accepted: number;
  /** Closed at once: no backend, or too many connections. */
  refused: number;
  /** Closed because their backend failed or another became active. */
  cut: number;
  bytesFromClients: number;
  bytesToClients: number;
  backends: FrontBackend[];
}
