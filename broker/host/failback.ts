// Failback (R33e): whether, when and why the node that is preferred is to serve again, decided by a pure function, and
// carried out: in an independent pair its messages can be drained first.
import type { Clock, Timer } from '../base/clock.ts';
import { ContractError } from '../contract/errors.ts';
import type { PairModel } from '../contract/host-procedures.ts';
import type { FailbackRow, FailbackSettings } from '../contract/pair-rows.ts';
import type { NodeId } from '../pair/pair-machine.ts';
import type { DrainKeeper } from './drain.ts';
import type { PairManager } from './pair-manager.ts';
import type { PairStateFile } from './pair-state-file.ts';

const lookEveryMs = 250;
/** One that did not come about is tried again after this. */
const againAfterMs = 10_000;
/** A scheduled one that could not be done within this is missed. */
const scheduleWindowMs = 10 * 60_000;

export interface FailbackFacts {
  now: number;
  model: PairModel | null;
  activeId: NodeId | null;
  epoch: number;
  /** Since when the preferred node has stood by and could take over; null while it does not. */
  healthySince: number | null;
  /** Under this epoch it was called off. */
  cancelledEpoch: number;
  /** Not before, after one that failed. */
  notBefore: number;
}

export function nextFailback(settings: FailbackSettings, facts: FailbackFacts): FailbackRow {
  const toId = settings.preferredId;
  const row = (state: FailbackRow['state'], reason: string, dueAt: number | null = null): FailbackRow => ({
    settings,
    state,
    toId,
    dueAt,
    reason,
  });
  if (facts.activeId === toId) return row('none', `node ${toId} serves, as preferred`);
  if (settings.mode === 'manual') return row('none', 'by hand only');
  if (facts.activeId !== null && facts.cancelledEpoch === facts.epoch)
    return row('cancelled', 'called off until the next takeover');
  const missing = facts.healthySince === null ? `node ${toId} does not stand by` : null;
  if (settings.mode === 'scheduled') {
    if (settings.at === null) return row('none', 'no time is set');
    if (facts.now > settings.at + scheduleWindowMs) return row('none', 'the time has passed');
    const dueAt = Math.max(settings.at, facts.notBefore);
    return row('waiting', missing ?? 'at the time that was set', dueAt);
  }
  if (facts.healthySince === null) return row('waiting', missing!);
  const dueAt = Math.max(facts.healthySince + settings.healthySeconds * 1000, facts.notBefore);
  return row('waiting', `when node ${toId} has stood by for ${settings.healthySeconds} s`, dueAt);
}

export interface FailbackKeeperParts {
  pair: PairManager;
  drains: DrainKeeper;
  stateFile: PairStateFile;
  clock: Clock;
}

export class FailbackKeeper {
  readonly #parts: FailbackKeeperParts;
  #healthySince: number | null = null;
  #notBefore = 0;
  /** What it is at; null while it waits. */
  #step: 'draining' | 'switching' | null = null;
  #calledOff = false;
  #timer: Timer;
  #stopped = false;

  constructor(parts: FailbackKeeperParts) {
    this.#parts = parts;
    this.#timer = this.#lookLater();
  }

  row(): FailbackRow | null {
    if (this.#parts.pair.model === null) return null;
    const next = nextFailback(this.#settings, this.#facts());
    return this.#step === null ? next : { ...next, state: this.#step, dueAt: null };
  }

  async set(settings: FailbackSettings): Promise<void> {
    if (settings.mode === 'scheduled' && settings.at === null)
      throw new ContractError('invalid', 'at: a scheduled failback needs a time');
    this.#notBefore = 0;
    if (settings.preferredId !== this.#settings.preferredId) this.#healthySince = null;
    await this.#parts.stateFile.keep({ failback: settings, failbackCancelled: 0 });
  }

  /** Not before the next takeover; a scheduled one never. */
  async cancel(): Promise<void> {
    const { pair, stateFile, drains } = this.#parts;
    if (this.#step === 'switching') throw new ContractError('conflict', 'the nodes are switching over');
    const settings = this.#settings;
    pair.tell(null, 'failback', `The failback to node ${settings.preferredId} was called off`);
    await stateFile.keep(
      settings.mode === 'scheduled'
        ? { failback: { ...settings, mode: 'manual', at: null } }
        : { failbackCancelled: pair.epoch },
    );
    if (this.#step !== 'draining') return;
    this.#calledOff = true;
    await drains.cancel();
  }

  /** Resolves when the preferred node serves. Rejects with why it does not. */
  async run(): Promise<void> {
    const { pair } = this.#parts;
    const { preferredId, drainFirst } = this.#settings;
    if (this.#step !== null) throw new ContractError('conflict', 'a failback is under way');
    if (pair.activeId === preferredId) throw new ContractError('conflict', `node ${preferredId} serves`);
    if (pair.standbyId !== preferredId)
      throw new ContractError('conflict', `node ${preferredId} does not stand by`);
    this.#calledOff = false;
    pair.tell(preferredId, 'failback', `Failing back to node ${preferredId}`);
    try {
      if (pair.model === 'independent') {
        this.#step = 'draining';
        await this.#emptyFirst(preferredId, drainFirst);
        if (this.#calledOff) throw new ContractError('conflict', 'it was called off');
      }
      this.#step = 'switching';
      await pair.switchOver();
    } finally {
      this.#step = null;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  /** A drain that was not asked for first is held up by the failback, at a batch's end: nothing is left in doubt. */
  async #emptyFirst(preferredId: NodeId, drainFirst: boolean): Promise<void> {
    const { pair, drains } = this.#parts;
    const holds = pair.stranded().some(({ nodeId }) => nodeId === preferredId);
    if (!drainFirst) {
      if (drains.row()) await drains.cancel();
      return;
    }
    const row = drains.row();
    if (!row && !holds) return;
    if (!row) await drains.begin();
    else if (row.state === 'paused') await drains.resume();
    const result = await drains.ended();
    if (result && result.outcome !== 'completed' && !this.#calledOff)
      throw new ContractError('unavailable', `node ${preferredId} could not be drained first`);
  }

  get #settings(): FailbackSettings {
    return this.#parts.stateFile.keeps.failback;
  }

  #facts(): FailbackFacts {
    const { pair, stateFile, clock } = this.#parts;
    return {
      now: clock.now(),
      model: pair.model,
      activeId: pair.activeId,
      epoch: pair.epoch,
      healthySince: this.#healthySince,
      cancelledEpoch: stateFile.keeps.failbackCancelled,
      notBefore: this.#notBefore,
    };
  }

  #lookLater(): Timer {
    return this.#parts.clock.after(lookEveryMs, () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.#timer = this.#lookLater();
      });
    });
  }

  async #look(): Promise<void> {
    const { pair, clock, stateFile } = this.#parts;
    if (this.#stopped || pair.model === null || this.#step !== null) return;
    const { preferredId, mode } = this.#settings;
    const healthy = pair.standbyId === preferredId && pair.standbyLevel && pair.definitionsInSync;
    if (!healthy) this.#healthySince = null;
    else this.#healthySince ??= clock.now();
    const { state, dueAt } = nextFailback(this.#settings, this.#facts());
    if (state !== 'waiting' || dueAt === null || dueAt > clock.now() || !healthy) return;
    try {
      await this.run();
      if (mode === 'scheduled')
        await stateFile.keep({ failback: { ...this.#settings, mode: 'manual', at: null } });
    } catch (error) {
      this.#notBefore = clock.now() + againAfterMs;
      const why = error instanceof Error ? error.message : String(error);
      pair.tell(preferredId, 'failback', `Node ${preferredId} does not serve again yet: ${why}`);
    }
  }
}
