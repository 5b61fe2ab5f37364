// Running seeds one after the other and keeping what fails.
import { simulate, type SimulationOptions } from './simulation.ts';

/** Throws what it finds. */
export type Simulate = (seed: number, options: SimulationOptions) => Promise<void>;

export interface Failure {
  seed: number;
  error: string;
}

/** Null when all promises hold. */
export async function failureOf(
  seed: number,
  options: SimulationOptions = {},
  run: Simulate = simulate,
): Promise<Failure | null> {
  let error: unknown = null;
  const unhandled = (reason: unknown) => (error ??= reason);
  process.on('unhandledRejection', unhandled);
  try {
    await run(seed, options);
  } catch (reason) {
    error ??= reason;
  }
  // Node tells of rejections that nobody handled once per turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  if (error === null) return null;
  return { seed, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Seeds from `first` on; stops early after so many failures. */
export async function runSeeds(
  first: number,
  count: number,
  failuresMax: number,
  options: SimulationOptions = {},
  run: Simulate = simulate,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (let seed = first; seed < first + count && failures.length < failuresMax; seed++) {
    const failure = await failureOf(seed, options, run);
    if (failure) failures.push(failure);
  }
  return failures;
}
