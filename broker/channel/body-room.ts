// Room in memory for large bodies: while they come in, and until the disk has those that are to go there. A body asks
// for as much as was announced once it is larger than every channel's own buffer; who gets none is not read until
// others have finished, in the order of asking. Who has room can always go on, and one who leaves it idle while others
// wait is cut off, so that somebody always finishes (R13, R24).
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { Journal } from '../journal/journal.ts';

/** A connection whose channels take large bodies. */
export interface BodyHolder {
  /** Grows with every frame of a body that has room. */
  readonly bodyFrames: number;
  /** Whether it is read at all: if not, that it does not go on is no fault of its own. */
  readonly listening: boolean;
  /** It waited for room and has it now. */
  roomGiven(): void;
  /** It has room, did not use it for long, and others wait. */
  roomOverdue(): void;
}

interface Share {
  bytes: number;
  frames: number;
  /** By the clock's monotonic time, when a frame of it was last seen to have come. */
  seenAt: number;
}

interface Waiting {
  holder: BodyHolder;
  bytes: number;
}

const lookEveryMs = 1000;
/** Small messages on their way to the disk are no reason to wait for good. */
const pendingLow = 8 << 20;

export class BodyRoom {
  readonly bytesMax: number;
  readonly #idleMsMax: number;
  readonly #clock: Clock;
  readonly #logs: readonly Journal[];
  readonly #shares = new Map<BodyHolder, Share>();
  #taken = 0;
  #waiting: Waiting[] = [];
  #timer: Timer | null = null;

  constructor(parts: { bytesMax: number; idleMsMax: number; clock: Clock; logs: readonly Journal[] }) {
    this.bytesMax = parts.bytesMax;
    this.#idleMsMax = parts.idleMsMax;
    this.#clock = parts.clock;
    this.#logs = parts.logs;
    for (const log of parts.logs) log.onWritten(() => this.#give());
  }

  /**
   * True when there is room; false when the holder will be told. Throws ChannelError 311 when the holder is itself in
   * the way: it would wait for frames that come behind the ones it does not read.
   */
  take(holder: BodyHolder, bytes: number): boolean {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) {
      this.#grant(holder, bytes);
      return true;
    }
    if (this.#shares.has(holder))
      throw new ChannelError(
        ReplyCode.CONTENT_TOO_LARGE,
        `no room for a body of ${bytes} bytes beside those under way on other channels of this connection`,
      );
    this.#waiting.push({ holder, bytes });
    if (!this.#timer) this.#lookLater();
    return false;
  }

  giveBack(holder: BodyHolder, bytes: number): void {
    const share = this.#shares.get(holder);
    if (!share) return;
    this.#taken -= bytes;
    share.bytes -= bytes;
    if (share.bytes <= 0) this.#shares.delete(holder);
    this.#give();
  }

  /** It does not wait any more. */
  withdraw(holder: BodyHolder): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => each.holder !== holder);
    this.#give();
  }

  #hasRoom(bytes: number): boolean {
    let pending = 0;
    for (const log of this.#logs) pending += log.pendingBytes;
    if (this.#taken + pending + bytes <= this.bytesMax) return true;
    // One that is as large as all the room goes alone.
    return this.#taken === 0 && pending <= pendingLow;
  }

  #grant(holder: BodyHolder, bytes: number): void {
    this.#taken += bytes;
    const share = this.#shares.get(holder);
    if (share) share.bytes += bytes;
    else this.#shares.set(holder, { bytes, frames: holder.bodyFrames, seenAt: this.#clock.monotonic() });
  }

  #give(): void {
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0]!.bytes)) {
      const { holder, bytes } = this.#waiting.shift()!;
      this.#grant(holder, bytes);
      holder.roomGiven();
    }
  }

  #lookLater(): void {
    this.#timer = this.#clock.after(lookEveryMs, () => this.#look());
  }

  #look(): void {
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    this.#lookLater();
    const now = this.#clock.monotonic();
    for (const [holder, share] of [...this.#shares]) {
      if (holder.bodyFrames !== share.frames || !holder.listening) {
        share.frames = holder.bodyFrames;
        share.seenAt = now;
      } else if (now - share.seenAt >= this.#idleMsMax) holder.roomOverdue();
    }
  }
}
