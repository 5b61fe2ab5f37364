// Counts per step of time, for charts: of a bounded number of steps, which get longer with the run.
import type { LabThroughput } from '../contract/lab.ts';

const firstStepMs = 250;
const stepsMax = 240;

type Series = 'sent' | 'confirmed' | 'delivered';

export class Throughput {
  #stepMs = firstStepMs;
  #from: number | null = null;
  readonly #counts: Record<Series, number[]> = { sent: [], confirmed: [], delivered: [] };

  /** Steps count from here on; what was before is left out. */
  start(at: number): void {
    this.#from = at;
  }

  sent(at: number): void {
    this.#count('sent', at);
  }

  confirmed(at: number): void {
    this.#count('confirmed', at);
  }

  delivered(at: number): void {
    this.#count('delivered', at);
  }

  /** Every series up to `at`, of one length. The step that is under way is left out. */
  read(at: number): LabThroughput {
    const steps = Math.max(0, this.#stepOf(at));
    const series = (counts: number[]) => Array.from({ length: steps }, (_, index) => counts[index] ?? 0);
    const { sent, confirmed, delivered } = this.#counts;
    return {
      stepMs: this.#stepMs,
      sent: series(sent),
      confirmed: series(confirmed),
      delivered: series(delivered),
    };
  }

  #count(name: Series, at: number): void {
    const step = this.#stepOf(at);
    if (step < 0) return;
    const counts = this.#counts[name];
    while (counts.length <= step) counts.push(0);
    counts[step]!++;
  }

  /** -1 before the start. Steps get twice as long until the time fits. */
  #stepOf(at: number): number {
    if (this.#from === null || at < this.#from) return -1;
    const elapsedMs = at - this.#from;
    while (elapsedMs / this.#stepMs >= stepsMax) {
      this.#stepMs *= 2;
      for (const counts of Object.values(this.#counts)) halve(counts);
    }
    return Math.floor(elapsedMs / this.#stepMs);
  }
}

function halve(counts: number[]): void {
  const halves = Math.ceil(counts.length / 2);
  for (let step = 0; step < halves; step++) counts[step] = counts[2 * step]! + (counts[2 * step + 1] ?? 0);
  counts.length = halves;
}
