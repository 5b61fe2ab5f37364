// The lab's results in words, the same on screen and in a report.
import { scenarioWords, type AckMode, type LabReportRow, type LabVerdict } from './lab.ts';

const grouped = new Intl.NumberFormat('en');

export interface VerdictRow {
  label: string;
  note: string;
  text: (verdict: LabVerdict) => string;
  /** Not as it should be. */
  bad?: (verdict: LabVerdict) => boolean;
}

const counted = (label: string, of: keyof LabVerdict, note = ''): VerdictRow => ({
  label,
  note,
  text: (verdict) => grouped.format(verdict[of] as number),
});

/** What became of every message; the one that must be zero comes first. */
export const verdictRows: readonly VerdictRow[] = [
  {
    ...counted('Confirmed but lost', 'lost', 'confirmed, never delivered, held nowhere'),
    bad: ({ promise }) => promise === 'broken',
  },
  counted('Published', 'published'),
  counted('Sent', 'sent', 'with those sent again'),
  counted('Confirmed', 'confirmed'),
  counted('Refused', 'refused', 'basic.nack'),
  counted('Returned', 'returned', 'no queue'),
  counted('Unresolved', 'unresolved', 'sent, no word came back'),
  counted('Never seen again', 'unseen', 'of those without a confirm'),
  counted('Delivered', 'delivered'),
  counted('Acknowledged', 'acked'),
  { label: 'Still held', note: 'on a queue after the run, not delivered', text: heldText },
  counted('Duplicated', 'duplicated', 'deliveries beyond the first, also of what was sent again'),
  counted('Marked redelivered', 'redelivered'),
  counted('Revived', 'revived', 'sent once, and again after its acknowledgement'),
  counted('Reordered', 'reordered', 'behind a later one, unmarked'),
  {
    label: 'Unavailable for producers',
    note: '',
    text: ({ producersMs }) => gapText(producersMs),
    bad: ({ producersMs }) => producersMs === null,
  },
  {
    label: 'Unavailable for consumers',
    note: '',
    text: ({ consumersMs }) => gapText(consumersMs),
    bad: ({ consumersMs }) => consumersMs === null,
  },
];

function heldText({ held, heldBy }: LabVerdict): string {
  if (held === 0) return '0';
  const where = heldBy.map(({ node, messages }) => `${grouped.format(messages)} on ${node}`).join(', ');
  return where === '' ? grouped.format(held) : `${grouped.format(held)} (${where})`;
}

export const gapText = (ms: number | null) =>
  ms === null ? 'not back' : `${grouped.format(Math.round(ms))} ms`;

export function runName({
  pair,
  model,
  run,
  of,
}: Pick<LabReportRow, 'pair' | 'model' | 'run' | 'of'>): string {
  const what = pair === 'this' ? `own nodes, ${model ?? 'one node alone'}` : `${pair} pair`;
  return of > 1 ? `${what}, run ${run} of ${of}` : what;
}

export function closesText(closes: Record<string, number>): string {
  const parts = Object.entries(closes).map(([code, times]) => (times === 1 ? code : `${code} × ${times}`));
  return parts.length === 0 ? '–' : parts.join(', ');
}

export const ackWords: Record<AckMode, string> = {
  each: 'each message',
  batch: 'every tenth',
  none: 'nothing',
};

/** Several runs of the same on the same kind of nodes, taken together. */
export interface RunSummary {
  name: string;
  runs: number;
  confirmed: number;
  lost: number;
  held: number;
  duplicated: number;
  broken: number;
  producers: OutageSummary;
  consumers: OutageSummary;
}

/** Over the runs of which the end was seen. Milliseconds. */
export interface OutageSummary {
  median: number | null;
  longest: number | null;
  /** Runs in which service did not come back while the load ran. */
  notBack: number;
}

/** By nodes, scenario and script, in the order they come. */
export function summariesOf(reports: readonly LabReportRow[]): RunSummary[] {
  const groups = new Map<string, LabReportRow[]>();
  for (const report of reports) {
    const key = JSON.stringify([report.pair, report.model, report.scenario, report.script]);
    groups.set(key, [...(groups.get(key) ?? []), report]);
  }
  const different = new Set(reports.map(({ scenario, script }) => `${scenario}\n${script}`)).size > 1;
  return [...groups.values()].map((group) => summaryOf(group, different));
}

function summaryOf(group: LabReportRow[], named: boolean): RunSummary {
  const [first] = group;
  const sum = (of: (verdict: LabVerdict) => number) =>
    group.reduce((total, { verdict }) => total + of(verdict), 0);
  const script = first!.script.trim() === '' ? 'no fault' : first!.script.trim().replaceAll('\n', ', ');
  const name = runName({ ...first!, of: 1 });
  return {
    name: named ? `${name}, ${scenarioWords[first!.scenario].name}: ${script}` : name,
    runs: group.length,
    confirmed: sum(({ confirmed }) => confirmed),
    lost: sum(({ lost }) => lost),
    held: sum(({ held }) => held),
    duplicated: sum(({ duplicated }) => duplicated),
    broken: group.filter(({ verdict }) => verdict.promise === 'broken').length,
    producers: outageOf(group.map(({ verdict }) => verdict.producersMs)),
    consumers: outageOf(group.map(({ verdict }) => verdict.consumersMs)),
  };
}

function outageOf(all: (number | null)[]): OutageSummary {
  const seen = all.filter((ms) => ms !== null).sort((a, b) => a - b);
  const middle = (seen.length - 1) / 2;
  const median = seen.length === 0 ? null : (seen[Math.floor(middle)]! + seen[Math.ceil(middle)]!) / 2;
  return { median, longest: seen.at(-1) ?? null, notBack: all.length - seen.length };
}

export function outageText({ median, longest, notBack }: OutageSummary): string {
  const part = median === null ? [] : [`${gapText(median)}, at most ${gapText(longest)}`];
  return [...part, ...(notBack > 0 ? [`${notBack} not back`] : [])].join('; ');
}
