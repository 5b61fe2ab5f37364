// The active node's side of a replicated pair (R33b). It brings the standby's copy up to date while traffic goes on,
// then streams every operation; a confirm waits for the standby's disk (`sync`) or the lag is counted (`async`).
//
// Invariant: nobody is promised anything that only this node has unless the host has written down that the standby is
// behind: it would else be promoted without it.
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Network } from '../../base/network.ts';
import type { Storage } from '../../base/storage.ts';
import type { Definition, DefinitionChange } from '../../definitions/definitions-store.ts';
import { catchUp } from './catch-up.ts';
import { marksFile } from './inventory.ts';
import type { StorageTap } from './replicating-storage.ts';
import { ReplicationLink, type ReplicaAddress } from './replication-link.ts';
import { json, Kind } from './wire.ts';

export type ReplicationMode = 'sync' | 'async';
/** Without its standby a node confirms alone (`available`) or not at all (`strict`). */
export type AlonePolicy = 'available' | 'strict';
export type ReplicationState = 'alone' | 'catching-up' | 'in-sync';

export interface ReplicatorOptions {
  clock: Clock;
  network: Network;
  storage: Storage;
  /** Of the journal. */
  folder: string;
  log: Log;
  mode: ReplicationMode;
  policy: AlonePolicy;
  /** A standby that answers nothing for this long is lost. */
  timeoutMs: number;
  definitions(): Promise<Definition[]>;
  /** Ids of the journal's last record and of the last in its file, to count the lag in messages. */
  lastRecordId(): number;
  writtenId(): number;
  /** Resolves when the host has written down whether the standby may be promoted. */
  standbyState(inSync: boolean): Promise<void>;
  /** Publishers are to wait, since nothing is confirmed without the standby; or need not any more. */
  held?(held: boolean): void;
}

export interface ReplicationStatus {
  state: ReplicationState;
  mode: ReplicationMode;
  policy: AlonePolicy;
  /** Not known to be on the standby's disk. */
  lagMessages: number;
  lagBytes: number;
  /** Since the oldest unanswered operation was sent. */
  lagMs: number;
}

const reconnectMs = 100;
const pieceBytes = 4 << 20;
/** Until the host is asked again that could not write it down. */
const askAgainMs = 1000;
/** An `async` standby further behind holds the syncs up: the lag, and the memory for it, have a bound. */
const lagBytesMax = 32 << 20;

export class Replicator implements StorageTap {
  #options: ReplicatorOptions;
  /** The newest segment there was when this node's journal was opened. */
  baseSegment = 0;
  /** Of a pair; a node that is in none waits for nobody. */
  #paired = false;
  #address: ReplicaAddress | null = null;
  #epoch = 0;
  #link: ReplicationLink | null = null;
  /** Of a standby that was level and is lost: it may be promoted until the host knows that it is behind. */
  #lastLink: ReplicationLink | null = null;
  #state: ReplicationState = 'alone';
  /** Operations go to the standby at once, are kept until its copy is level, or are of no use to it yet. */
  #stream: 'on' | 'held' | 'off' = 'off';
  #held: (() => void)[] = [];
  /** The host knows that the standby is behind. */
  #mayGoAlone = false;
  #asking = false;
  /** How often the host was told that the standby is level: what it was asked before that says nothing any more. */
  #levels = 0;
  /** Syncs and definitions that are safe here and wait for the standby or for that. */
  #undecided: (() => void)[] = [];
  /** Marks of what is handed out that wait for the standby, or for the host to know that it is behind. */
  #unnoted: (() => void)[] = [];
  /** Of operations on the files here, those under way. */
  readonly #underWay = new Set<Promise<unknown>>();
  #publishersHeld = false;
  #closed = false;
  #timer: Timer | null = null;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
  }

  status(): ReplicationStatus {
    const { mode, policy } = this.#options;
    const link = this.#stream === 'on' ? this.#link : this.#mayGoAlone ? null : this.#lastLink;
    const { lagMessages = 0, lagBytes = 0, lagMs = 0 } = link ?? {};
    return { state: this.#state, mode, policy, lagMessages, lagBytes, lagMs };
  }

  /** Follows a standby, or none. `epoch` is the one this node serves with. */
  follow(address: ReplicaAddress | null, epoch: number): void {
    this.#paired = true;
    this.#tellHeld();
    this.#epoch = epoch;
    const same = address?.port === this.#address?.port && address?.token === this.#address?.token;
    this.#address = address;
    if (!same) this.#link?.end('the standby is another one');
    this.#connect();
    if (!this.#link) this.#goAlone();
  }

  /** Counts from now on; a link that is there keeps its time-out. */
  configure(settings: Pick<ReplicatorOptions, 'mode' | 'policy' | 'timeoutMs'>): void {
    this.#options = { ...this.#options, ...settings };
    if (this.#mayGoAlone && settings.policy === 'available') this.#letGo();
    this.#tellHeld();
  }

  #tellHeld(): void {
    const held = this.#paired && this.#options.policy === 'strict' && this.#state !== 'in-sync';
    if (held === this.#publishersHeld) return;
    this.#publishersHeld = held;
    this.#options.held?.(held);
  }

  /** There is no pair any more. */
  leave(): void {
    this.#paired = false;
    this.#tellHeld();
    this.#address = null;
    this.#link?.end('the pair has ended');
    this.#letGo();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#link?.end('this node stops');
  }

  /** Resolves when the standby has all that was done before. Rejects when it is not level. */
  async drain(): Promise<void> {
    if (this.#state !== 'in-sync') throw new Error('the standby does not have everything');
    await this.#link!.ask(Kind.PING);
  }

  // ---- The link ----

  #connect(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (!this.#address || this.#link || this.#closed) return;
    const { clock, network, timeoutMs, lastRecordId, writtenId } = this.#options;
    const link: ReplicationLink = new ReplicationLink({
      clock,
      network,
      address: this.#address,
      timeoutMs,
      lastRecordId,
      writtenId,
      connected: () => void this.#level(link),
      ended: (reason) => this.#lost(link, reason),
    });
    this.#link = link;
  }

  async #level(link: ReplicationLink): Promise<void> {
    const { storage, folder, clock, log, definitions, standbyState } = this.#options;
    const startedAt = clock.monotonic();
    this.#state = 'catching-up';
    try {
      const bytes = await catchUp({
        storage,
        folder,
        baseSegment: this.baseSegment,
        files: await link.hello(this.#epoch),
        ask: (kind, name, position, parts) => link.ask(kind, name, position, parts),
        hold: () => this.#hold(link),
      });
      await link.ask(Kind.DEFINITIONS, '', 0, json(await definitions()));
      if (this.#link !== link) return;
      this.#release();
      await link.ask(Kind.PING);
      if (this.#link !== link) return;
      // From here on nothing is promised alone, for the host is about to count on the standby.
      this.#mayGoAlone = false;
      this.#levels++;
      await standbyState(true);
      if (this.#link !== link) return;
      this.#state = 'in-sync';
      this.#tellHeld();
      this.#lastLink = null;
      this.#letGo();
      log.info(
        `the standby is level after ${Math.round(clock.monotonic() - startedAt)} ms and ${bytes} bytes`,
      );
    } catch (error) {
      link.end(error instanceof Error ? error.message : String(error));
    }
  }

  /** Operations from now on are kept; those under way are waited for, since the copy is to have them. */
  async #hold(link: ReplicationLink): Promise<void> {
    if (this.#link === link) this.#stream = 'held';
    await Promise.allSettled(this.#underWay);
  }

  #release(): void {
    this.#stream = 'on';
    const held = this.#held;
    this.#held = [];
    for (const operation of held) operation();
  }

  #lost(link: ReplicationLink, reason: string): void {
    if (this.#link !== link) return;
    if (this.#state === 'in-sync') this.#options.log.warn(`the standby is lost: ${reason}`);
    else this.#options.log.debug(`the standby cannot follow: ${reason}`);
    if (this.#state === 'in-sync') this.#lastLink = link;
    this.#link = null;
    this.#state = 'alone';
    this.#tellHeld();
    this.#stream = 'off';
    const held = this.#held;
    this.#held = [];
    for (const operation of held) operation();
    this.#goAlone();
    if (!this.#closed && this.#address)
      this.#timer = this.#options.clock.after(reconnectMs, () => this.#connect());
  }

  /** Asks the host to write down that the standby is behind; then what waits goes on, unless it must not alone. */
  #goAlone(): void {
    if (!this.#paired || this.#mayGoAlone || this.#asking || this.#closed) return;
    this.#asking = true;
    const levels = this.#levels;
    this.#options.standbyState(false).then(
      () => {
        this.#asking = false;
        if (levels !== this.#levels) {
          if (this.#state === 'alone') this.#goAlone();
          return;
        }
        if (this.#state !== 'alone' && this.#stream === 'on') return;
        this.#mayGoAlone = true;
        this.#letNote();
        if (this.#options.policy === 'available') this.#letGo();
      },
      (error: unknown) => {
        this.#asking = false;
        this.#options.log.error(`the host does not know that the standby is behind: ${String(error)}`);
        this.#options.clock.after(askAgainMs, () => {
          if (this.#state === 'alone') this.#goAlone();
        });
      },
    );
  }

  #letNote(): void {
    const unnoted = this.#unnoted;
    this.#unnoted = [];
    for (const goOn of unnoted) goOn();
  }

  #letGo(): void {
    this.#letNote();
    const undecided = this.#undecided;
    this.#undecided = [];
    for (const goOn of undecided) goOn();
  }

  /** Resolves when this node may promise alone, or when a standby is level again. */
  #decision(): Promise<void> {
    if (this.#state === 'in-sync' || !this.#paired) return Promise.resolve();
    if (this.#mayGoAlone && this.#options.policy === 'available') return Promise.resolve();
    return new Promise((resolve) => this.#undecided.push(resolve));
  }

  /** Resolves when a standby that may be promoted has all that was noted, or none may be. */
  #noted(): Promise<void> {
    if (this.#state === 'in-sync' || !this.#paired || this.#mayGoAlone) return Promise.resolve();
    return new Promise((resolve) => this.#unnoted.push(resolve));
  }

  // ---- What the journal does ----

  underWay(operation: Promise<unknown>): void {
    this.#underWay.add(operation);
    const gone = () => void this.#underWay.delete(operation);
    operation.then(gone, gone);
  }

  created(name: string): void {
    this.#pass(Kind.CREATE, name, 0, []);
  }

  /** A large part goes in pieces: the standby takes a frame as a whole. */
  written(name: string, position: number, parts: readonly Uint8Array[]): Promise<void> | undefined {
    if (marksFile.test(name)) return this.#note(Kind.WRITE, name, position, parts);
    if (parts.every(({ length }) => length <= pieceBytes)) {
      this.#pass(Kind.WRITE, name, position, parts);
      return undefined;
    }
    let at = position;
    for (const part of parts)
      for (let from = 0; from < part.length; from += pieceBytes) {
        const piece = part.subarray(from, from + pieceBytes);
        this.#pass(Kind.WRITE, name, at, [piece]);
        at += piece.length;
      }
    return undefined;
  }

  renamed(from: string, to: string): Promise<void> | undefined {
    const parts = [Buffer.from(to)];
    if (marksFile.test(to)) return this.#note(Kind.RENAME, from, 0, parts);
    this.#pass(Kind.RENAME, from, 0, parts);
    return undefined;
  }

  /** A delivery leaves when the standby knows of it too: promoted, it must mark what comes a second time (R30). */
  #note(kind: Kind, name: string, position: number, parts: readonly Uint8Array[]): Promise<void> | undefined {
    if (!this.#paired || this.#options.mode === 'async' || this.#stream !== 'on') {
      this.#pass(kind, name, position, parts);
      return this.#options.mode === 'async' ? undefined : this.#noted();
    }
    return this.#link!.ask(kind, name, position, parts).then(
      () => undefined,
      () => this.#noted(),
    );
  }

  removed(name: string): void {
    this.#pass(Kind.REMOVE, name, 0, []);
  }

  truncated(name: string, size: number): void {
    this.#pass(Kind.TRUNCATE, name, size, []);
  }

  folderSynced(): void {
    this.#pass(Kind.SYNC_FOLDER, '', 0, []);
  }

  #pass(kind: Kind, name: string, position: number, parts: readonly Uint8Array[]): void {
    if (this.#stream === 'on') return this.#link!.tell(kind, name, position, parts);
    if (this.#stream === 'off') return;
    // It outlives the call, and so the bytes' owner.
    const kept = parts.map((part) => Buffer.from(part));
    this.#held.push(() => this.#link?.tell(kind, name, position, kept));
  }

  synced(name: string): Promise<void> | undefined {
    if (!this.#paired) return undefined;
    if (this.#stream !== 'on') {
      this.#pass(Kind.SYNC, name, 0, []);
      return this.#decision();
    }
    const link = this.#link!;
    const onStandby = link.ask(Kind.SYNC, name).then(
      () => undefined,
      () => this.#decision(),
    );
    return this.#options.mode === 'sync' || link.lagBytes > lagBytesMax ? onStandby : undefined;
  }

  /**
   * A definition, in its place among the journal's operations: a queue is on the standby before its messages. Resolves
   * when the standby has it, or this node may promise alone (R16).
   */
  changed(change: DefinitionChange): Promise<void> {
    const ask = (): Promise<void> =>
      this.#link!.ask(Kind.CHANGE, '', 0, json(change)).then(
        () => undefined,
        () => this.#decision(),
      );
    if (this.#stream === 'on') return ask();
    if (this.#stream === 'off') return this.#decision();
    return new Promise((resolve) =>
      this.#held.push(() => void (this.#link ? ask() : this.#decision()).then(resolve)),
    );
  }
}
