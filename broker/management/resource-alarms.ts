// Memory, disk and journal watched; while one is short, publishers are held back (connection.blocked) and
// consumers go on. RabbitMQ's reasons.
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { Clock, Timer } from '../base/clock.ts';
import type { Alarm } from '../contract/rows.ts';
import type { Journal } from '../journal/journal.ts';

export interface AlarmOptions {
  clock: Clock;
  journal: Journal;
  dataFolder: string;
  memoryUsedBytes: () => number;
  memoryLimitBytes?: number | undefined;
  diskFreeLimitBytes?: number | undefined;
  /** Called with the reason that clients are told, null when all is well. */
  changed: (reason: string | null) => void;
}

const checkIntervalMs = 1000;
/** RabbitMQ's own defaults: 0.4 of the memory, 50 MB of disk. */
const memoryFraction = 0.4;
const diskFreeDefault = 50_000_000;

export class ResourceAlarms {
  memoryLimitBytes: number;
  diskFreeLimitBytes: number;
  diskFreeBytes = 0;
  readonly #options: AlarmOptions;
  readonly #alarms = new Map<Alarm['kind'], Alarm>();
  #timer: Timer;
  #stopped = false;
  #told: string | null = null;

  constructor(options: AlarmOptions) {
    this.#options = options;
    this.memoryLimitBytes = options.memoryLimitBytes ?? Math.floor(totalmem() * memoryFraction);
    this.diskFreeLimitBytes = options.diskFreeLimitBytes ?? diskFreeDefault;
    options.journal.onFault((reason) => this.#set('journal', reason));
    this.#timer = options.clock.after(0, () => void this.#check());
  }

  get all(): Alarm[] {
    return [...this.#alarms.values()];
  }

  /** Other limits from now on; resolves when the alarms follow from them. */
  async setLimits(limits: { memoryLimitBytes?: number; diskFreeLimitBytes?: number }): Promise<void> {
    this.memoryLimitBytes = limits.memoryLimitBytes ?? this.memoryLimitBytes;
    this.diskFreeLimitBytes = limits.diskFreeLimitBytes ?? this.diskFreeLimitBytes;
    await this.#look();
  }

  /** In a pair that confirms nothing without its standby. */
  standbyMissing(missing: boolean): void {
    this.#set('standby', missing ? 'the standby is away, and nothing is confirmed without it' : null);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  async #check(): Promise<void> {
    await this.#look();
    if (!this.#stopped) this.#timer = this.#options.clock.after(checkIntervalMs, () => void this.#check());
  }

  async #look(): Promise<void> {
    const used = this.#options.memoryUsedBytes();
    this.#set(
      'memory',
      used > this.memoryLimitBytes
        ? `${used} bytes of memory used, more than ${this.memoryLimitBytes}`
        : null,
    );
    try {
      const { bavail, bsize } = await statfs(this.#options.dataFolder);
      this.diskFreeBytes = bavail * bsize;
      const low = this.diskFreeBytes < this.diskFreeLimitBytes;
      this.#set(
        'disk',
        low ? `${this.diskFreeBytes} bytes of disk free, less than ${this.diskFreeLimitBytes}` : null,
      );
    } catch (error) {
      this.#set('disk', `the data folder cannot be read: ${(error as Error).message}`);
    }
  }

  #set(kind: Alarm['kind'], message: string | null): void {
    if (message === null) this.#alarms.delete(kind);
    else
      this.#alarms.set(kind, {
        kind,
        message,
        since: this.#alarms.get(kind)?.since ?? this.#options.clock.now(),
      });
    const low = [
      ...(this.#alarms.has('disk') || this.#alarms.has('journal') ? ['disk'] : []),
      ...(this.#alarms.has('memory') ? ['memory'] : []),
    ];
    const short = low.length > 0 ? `low on ${low.join(' & ')}` : null;
    const reason = short ?? (this.#alarms.has('standby') ? 'the standby is away' : null);
    if (reason === this.#told) return;
    this.#told = reason;
    this.#options.changed(reason);
  }
}
