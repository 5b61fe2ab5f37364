// Which backend a relay front uses, from the results of its checks: pure, so that every row is a test. A backend is up
// or down only after several checks in a row; the active one stays until it is down or somebody, or the automatic
// failback, moves on. Invariant: at most one is active.
import type { BackendVerdict } from '../../contract/front-status.ts';
import type { FrontSettings } from './front-settings.ts';

export type ChoiceRules = Pick<FrontSettings, 'rise' | 'fall' | 'failback' | 'failbackAfterMs'>;

interface Health {
  verdict: BackendVerdict;
  verdictSince: number | null;
  /** Checks in a row that contradict the verdict. */
  against: number;
  /** Since when no check has failed. */
  wellSince: number | null;
}

export class BackendChoice {
  active: number | null = null;
  readonly #rules: ChoiceRules;
  readonly #health: Health[];
  /** The active one was named by somebody: it is not failed back from by itself. */
  #byHand = false;

  constructor(backends: number, rules: ChoiceRules) {
    this.#rules = rules;
    this.#health = Array.from({ length: backends }, () => ({
      verdict: 'unknown' as const,
      verdictSince: null,
      against: 0,
      wellSince: null,
    }));
  }

  verdictOf(index: number): { verdict: BackendVerdict; since: number | null } {
    const { verdict, verdictSince } = this.#health[index]!;
    return { verdict, since: verdictSince };
  }

  /** Whether the next check should come soon. */
  inDoubt(index: number): boolean {
    return this.#health[index]!.against > 0;
  }

  /** `at` in Unix milliseconds. */
  checked(index: number, passed: boolean, at: number): void {
    const health = this.#health[index]!;
    if (!passed) health.wellSince = null;
    else health.wellSince ??= at;
    const says: BackendVerdict = passed ? 'up' : 'down';
    if (health.verdict === says) health.against = 0;
    else {
      health.against++;
      // The first check of all is believed: there is nothing to contradict.
      const wanted = health.verdict === 'unknown' ? 1 : passed ? this.#rules.rise : this.#rules.fall;
      if (health.against >= wanted) {
        health.verdict = says;
        health.verdictSince = at;
        health.against = 0;
      }
    }
    this.#choose(at);
  }

  /** Moves to a backend that is up. False when it is not. */
  use(index: number): boolean {
    if (this.#health[index]?.verdict !== 'up') return false;
    this.active = index;
    this.#byHand = true;
    return true;
  }

  #choose(at: number): void {
    if (this.active !== null && this.#health[this.active]!.verdict === 'down') {
      this.active = null;
      this.#byHand = false;
    }
    if (this.active === null) {
      this.active = this.#firstUp();
      return;
    }
    const { failback, failbackAfterMs } = this.#rules;
    if (failback !== 'automatic' || this.#byHand) return;
    const better = this.#health.findIndex(
      ({ verdict, wellSince }, index) =>
        index < this.active! && verdict === 'up' && wellSince !== null && at - wellSince >= failbackAfterMs,
    );
    if (better >= 0) this.active = better;
  }

  /** The first in the order given; an earlier one that was not asked yet is waited for. */
  #firstUp(): number | null {
    for (const [index, { verdict }] of this.#health.entries()) {
      if (verdict === 'up') return index;
      if (verdict === 'unknown') return null;
    }
    return null;
  }
}
