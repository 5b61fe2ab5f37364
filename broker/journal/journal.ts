// The journal as its users see it: an append-only store of opaque records. It knows no AMQP; a record is
// bytes, a holder is a number (a queue's id), and a record lives as long as one holder holds it.

/** What a confirm promises: `synced` on the disk (fdatasync), `written` in the page cache only. */
export type ConfirmMode = 'synced' | 'written';

export interface Journal {
  readonly state: 'ready' | 'faulted';
  readonly confirmMode: ConfirmMode;
  /** Why no confirm is given any more, null while all is well. */
  readonly fault: string | null;
  /** Appended, and not yet as safe as the confirm mode promises. */
  readonly pendingBytes: number;
  /** Log position behind the last record appended. Positions only grow. */
  readonly appendedPosition: number;
  /** Everything before this log position is as safe as the confirm mode promises. */
  readonly safePosition: number;

  /**
   * Appends one record held by the first `holderCount` of `holders`; its bytes are `head` followed by
   * `length` bytes of `body` from `start`, which must stay as they are: a large body is not copied. Returns the record's id: greater than 0,
   * greater than every id before it, and kept across restarts. Throws JournalFault when more waits for
   * the disk than may, as it comes to after a fault.
   */
  append(
    holders: ArrayLike<number>,
    holderCount: number,
    head: Uint8Array,
    body: Uint8Array,
    start: number,
    length: number,
  ): number;

  /** The id of the last record whose bytes are in its file, though perhaps not synced: from then on it can be read. */
  readonly writtenId: number;

  /** A record that is written and held. The view is valid until the next call. Throws RecordUnreadable. */
  read(recordId: number): RecordView;

  /** Makes reading these records cheap, off the data path. */
  prefetch(recordIds: Iterable<number>): Promise<void>;

  /**
   * The holder is done with the record (acknowledged, dropped, moved). `after` is the log position behind what took its
   * place, 0 when nothing did: the record does not leave the disk before that is safe.
   */
  release(holder: number, recordId: number, after?: number): void;

  /** The holder handed out records up to this id, so a recovery must mark them redelivered. Coalesced. */
  markDelivered(holder: number, recordId: number): void;
  /** Resolves when every mark made so far is written; null when there is none to wait for. */
  readonly marksPending: Promise<void> | null;

  /** Called after each write, when `writtenId` has grown. */
  onWritten(listener: () => void): () => void;
  /** Called after each group commit with the new safe position. One listener list, called in order. */
  onSafe(listener: (safePosition: number) => void): () => void;
  /** Called with the reason when the disk fails, and with null when it works again. */
  onFault(listener: (reason: string | null) => void): () => void;

  /** Resolves once everything appended so far is safe. */
  flush(): Promise<void>;
  /** Resolves once everything released so far is as safe: it does not come back. */
  flushReleases(): Promise<void>;
  close(): Promise<void>;
  statistics(): JournalStatistics;
  /** How long the syncs since the last call took, in milliseconds. */
  takeSyncDurationsMs(): number[];
}

export interface JournalStatistics {
  segments: number;
  bytes: number;
  liveRecords: number;
  /** Pieces found damaged since the start, by recovery or by reading. */
  damagedPieces: number;
  syncs: number;
  writtenBytes: number;
}

/** What recovery found; `damaged` names each quarantined piece with file, offset and reason. */
export interface RecoveryReport {
  records: number;
  segments: number;
  tornTailBytes: number;
  damaged: { file: string; offset: number; reason: string }[];
  durationMs: number;
}

/**
 * Called for each live record in the order of their ids. `delivered[i]`: holders[i] had handed it out. The record
 * is `bytes` from `start` to `end`; arrays and bytes are valid during the call only.
 */
export type RecoveryVisitor = (
  recordId: number,
  holders: readonly number[],
  delivered: readonly boolean[],
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** A record's bytes are `bytes` from `start` to `end`. */
export interface RecordView {
  bytes: Buffer;
  start: number;
  end: number;
  /** The bytes were read for the caller alone, who may keep them; others must be copied. */
  owned: boolean;
}

/** The file cannot be read or its checksum differs; the message names file, offset and reason. */
export class RecordUnreadable extends Error {
  override name = 'RecordUnreadable';
  /** The disk gave an error and may give the bytes yet; otherwise they are damaged or gone, and set aside. */
  readonly passing: boolean;

  constructor(reason: string, passing: boolean) {
    super(reason);
    this.passing = passing;
  }
}

export class JournalFault extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'JournalFault';
  }
}
