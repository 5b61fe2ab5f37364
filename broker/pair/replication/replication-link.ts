// One connection to the standby: operations go out in order, answers come back by id. It ends for good when the
// standby says nothing for too long, fails an operation, or the socket breaks; whoever uses it makes another.
import type { Clock, Timer } from '../../base/clock.ts';
import type { Connection, Network } from '../../base/network.ts';
import { json, Kind, readFrames, sendFrame, type FileState, type Frame, type Hello } from './wire.ts';

export interface ReplicaAddress {
  host: string;
  port: number;
  token: string;
}

interface Waiting {
  answered: (frame: Frame) => void;
  failed: (error: Error) => void;
  sentAt: number;
  /** Sent up to and with this one. */
  bytes: number;
  /** Records up to this one were sent before it. */
  recordId: number;
}

export interface LinkOptions {
  clock: Clock;
  network: Network;
  address: ReplicaAddress;
  /** A standby that answers nothing for this long is lost. */
  timeoutMs: number;
  /** Ids of the journal's last record, and of the last that is in its file. */
  lastRecordId(): number;
  writtenId(): number;
  connected(): void;
  /** Called once, with the reason. */
  ended(reason: string): void;
}

const pingsPerTimeout = 4;

export class ReplicationLink {
  readonly #options: LinkOptions;
  readonly #socket: Connection;
  readonly #waiting = new Map<number, Waiting>();
  #watch: Timer;
  #ended = false;
  #lastId = 0;
  #sentBytes = 0;
  #ackedBytes = 0;
  #ackedRecordId = 0;
  #heardAt: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    this.#socket = options.network.connect(options.address);
    this.#socket.on('connect', () => options.connected());
    this.#socket.on('error', (error) => this.end(error.message));
    this.#socket.on('close', () => this.end('the connection ended'));
    readFrames(this.#socket, (frame) => this.#answered(frame));
    this.#watch = this.#checkLater();
  }

  get lagBytes(): number {
    return this.#sentBytes - this.#ackedBytes;
  }

  /** Records appended and not known to be on the standby: as many may be missing there, not more. */
  get lagMessages(): number {
    if (!this.#ended && this.#waiting.size === 0) return 0;
    return Math.max(0, this.#options.lastRecordId() - this.#ackedRecordId);
  }

  /** Since the oldest unanswered operation was sent, in milliseconds. */
  get lagMs(): number {
    const [oldest] = this.#waiting.values();
    return oldest ? this.#options.clock.monotonic() - oldest.sentAt : 0;
  }

  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.cancel();
    this.#socket.destroy();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { failed } of waiting) failed(new Error(reason));
    this.#options.ended(reason);
  }

  /** The standby's files. */
  async hello(epoch: number): Promise<FileState[]> {
    const hello: Hello = { token: this.#options.address.token, epoch };
    const { bytes } = await this.#request(Kind.HELLO, '', 0, json(hello));
    return JSON.parse(bytes.toString()) as FileState[];
  }

  /** Resolves with the answer's number when the standby has done it, and all before it. */
  async ask(kind: Kind, name = '', position = 0, parts: readonly Uint8Array[] = []): Promise<number> {
    return (await this.#request(kind, name, position, parts)).position;
  }

  tell(kind: Kind, name = '', position = 0, parts: readonly Uint8Array[] = []): void {
    if (!this.#ended) this.#send(0, kind, name, position, parts);
  }

  #request(kind: Kind, name: string, position: number, parts: readonly Uint8Array[]): Promise<Frame> {
    if (this.#ended) return Promise.reject(new Error('there is no link'));
    const id = (this.#lastId = (this.#lastId % 0xffff_ffff) + 1);
    return new Promise((answered, failed) => {
      this.#send(id, kind, name, position, parts);
      const recordId = this.#options.writtenId();
      this.#waiting.set(id, {
        answered,
        failed,
        sentAt: this.#options.clock.monotonic(),
        bytes: this.#sentBytes,
        recordId,
      });
    });
  }

  #send(id: number, kind: Kind, name: string, position: number, parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#sentBytes += part.length;
    sendFrame(this.#socket, kind, id, name, position, parts);
  }

  #answered(frame: Frame): void {
    this.#heardAt = this.#options.clock.monotonic();
    const waiting = this.#waiting.get(frame.id);
    if (!waiting) return;
    this.#waiting.delete(frame.id);
    this.#ackedBytes = Math.max(this.#ackedBytes, waiting.bytes);
    const upTo = this.#waiting.size === 0 ? this.#options.writtenId() : waiting.recordId;
    this.#ackedRecordId = Math.max(this.#ackedRecordId, upTo);
    if (frame.kind === Kind.FAILED) {
      waiting.failed(new Error(frame.bytes.toString()));
      this.end(frame.bytes.toString());
    } else waiting.answered(frame);
  }

  #checkLater(): Timer {
    const { clock, timeoutMs } = this.#options;
    return clock.after(timeoutMs / pingsPerTimeout, () => {
      this.#watch = this.#checkLater();
      this.#check();
    });
  }

  #check(): void {
    const { clock, timeoutMs } = this.#options;
    if (clock.monotonic() - this.#heardAt > timeoutMs) this.end(`it has not answered for ${timeoutMs} ms`);
    else if (!this.#socket.connecting && this.#waiting.size === 0)
      this.#request(Kind.PING, '', 0, []).catch(() => undefined);
  }
}
