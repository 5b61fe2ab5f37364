// What the next run is to be: kept in this browser, so that the lab is found as it was left.
import {
  defaultLabSettings,
  labLimits,
  labPairs,
  type LabPair,
  type LabSettings,
} from '../../broker/contract/lab.ts';
import { parseScript } from '../../broker/contract/lab-script.ts';

const key = 'warren.lab';

/** Numbers are text while they are typed. */
export const numberFields = [
  { name: 'producers', label: 'Producers', least: 1, most: labLimits.producersMax },
  { name: 'consumers', label: 'Consumers', least: 1, most: labLimits.consumersMax },
  {
    name: 'messagesPerSecond',
    label: 'Messages/s in all',
    least: 1,
    most: labLimits.messagesPerSecondMax,
  },
  { name: 'bodyBytes', label: 'Body (bytes)', least: 0, most: labLimits.bodyBytesMax },
  { name: 'seconds', label: 'Load (seconds)', least: 1, most: labLimits.secondsMax },
  { name: 'prefetch', label: 'Prefetch', least: 1, most: labLimits.prefetchMax },
  { name: 'repeat', label: 'Runs of each', least: 1, most: labLimits.repeatMax },
] as const;
type NumberName = (typeof numberFields)[number]['name'];

class LabForm {
  settings = $state<LabSettings>(kept());
  numbers = $state<Record<NumberName, string>>(textsOf(this.settings));

  /** What is wrong with a field, or null. */
  problemOf(name: NumberName): string | null {
    const { least, most } = numberFields.find((each) => each.name === name)!;
    const value = Number(this.numbers[name]);
    const fits = /^\d+$/.test(this.numbers[name].trim()) && value >= least && value <= most;
    return fits ? null : `A whole number from ${least} to ${most.toLocaleString('en')}`;
  }

  get scriptProblem(): string | null {
    try {
      const seconds = Number(this.numbers.seconds);
      parseScript(this.settings.script, Number.isFinite(seconds) ? seconds : labLimits.secondsMax);
      return null;
    } catch (error) {
      const text = (error as Error).message;
      return text[0]!.toUpperCase() + text.slice(1);
    }
  }

  get isGood(): boolean {
    return (
      this.settings.pairs.length > 0 &&
      this.scriptProblem === null &&
      numberFields.every(({ name }) => this.problemOf(name) === null)
    );
  }

  choosePair(pair: LabPair, chosen: boolean): void {
    const others = this.settings.pairs.filter((each) => each !== pair);
    const now = chosen ? [...others, pair] : others;
    this.settings.pairs = labPairs.filter((each) => now.includes(each));
  }

  /** Taken over from a run that was. */
  take(settings: LabSettings): void {
    this.settings = { ...$state.snapshot(settings) };
    this.numbers = textsOf(settings);
    this.keep();
  }

  /** As the host wants them; call when all is good. */
  read(): LabSettings {
    const numbers = Object.fromEntries(
      Object.entries(this.numbers).map(([name, text]) => [name, Number(text)]),
    );
    return { ...$state.snapshot(this.settings), ...numbers };
  }

  keep(): void {
    localStorage.setItem(key, JSON.stringify(this.read()));
  }
}

function textsOf(settings: LabSettings): Record<NumberName, string> {
  return Object.fromEntries(numberFields.map(({ name }) => [name, String(settings[name])])) as Record<
    NumberName,
    string
  >;
}

function kept(): LabSettings {
  try {
    const read = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<LabSettings>;
    return { ...defaultLabSettings, ...read };
  } catch {
    return { ...defaultLabSettings };
  }
}

export const labForm = new LabForm();
