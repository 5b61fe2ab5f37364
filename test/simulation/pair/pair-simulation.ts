// One seed, one run of a pair.
import { Random } from '../random.ts';
import { drawPairConditions } from './conditions.ts';
import { PairRun } from './pair-run.ts';

export interface PairSimulationOptions {
  trace?: (line: string) => void;
}

/** Throws a Violation, or whatever the code under simulation throws where it must not. */
export async function simulatePair(seed: number, options: PairSimulationOptions = {}): Promise<void> {
  const random = new Random(seed);
  const conditions = drawPairConditions(random);
  const trace = options.trace ?? null;
  trace?.(JSON.stringify(conditions));
  const run = new PairRun(random, conditions, trace);
  run.start();
  await run.strikeFor(conditions.durationMs);
  await run.finish();
}
