// The lab's results in words, the same on screen and in a report.
import type { AckMode, LabReportRow, LabVerdict } from './lab.ts';

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
