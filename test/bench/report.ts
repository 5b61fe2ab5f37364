// Runs into a table: medians with their ranges, ratios, and whether each target is met.
import type { BrokerName } from './brokers.ts';
import type { JobResult } from './load/scenario.ts';
import type { FigureSpec, Row, Target } from './rows.ts';

/** A generator busier than this may be what limited the run. */
const saturatedShare = 0.93;
/** Of one core: when others use more, the run was not alone. */
const otherShareMax = 0.15;

export interface Measured {
  row: Row;
  runs: Record<BrokerName, JobResult[]>;
}

export interface Report {
  machine: { cores: number; processor: string; node: string };
  command: string;
  seconds: number;
  repeats: number;
  measured: Measured[];
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const columns = [
  'row',
  'figure',
  'Warren',
  'RabbitMQ',
  'ratio',
  'bare Node',
  'of it',
  'target',
  'verdict',
  'generator CPU',
  'others',
] as const;

/** Columns as wide as their widest cell; those in which nothing stands are left out. */
export function tableOf(measured: Measured[]): string {
  const lines = measured.flatMap(linesOf);
  const used = columns.map((_, index) => lines.some((cells) => cells[index] !== ''));
  const shown = [[...columns], ...lines].map((cells) => cells.filter((_, index) => used[index]));
  const widths = shown[0]!.map((_, index) => Math.max(...shown.map((cells) => cells[index]!.length)));
  return shown
    .map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A line of cells for each figure. */
export function linesOf({ row, runs }: Measured): string[][] {
  return row.figures.map((spec, index) => {
    const [ours, theirs, limit] = (['warren', 'rabbitmq', 'bare'] as const).map((name) =>
      valuesOf(runs[name], spec.name),
    ) as [number[], number[], number[]];
    const ratio = quotient(ours, theirs);
    // For costs the other way round: the limit is what cannot be undercut.
    const ofLimit = spec.better === 'more' ? quotient(ours, limit) : quotient(limit, ours);
    return [
      index === 0 ? row.name : '',
      spec.label,
      withRange(ours, spec.digits),
      withRange(theirs, spec.digits),
      ratio === null ? '' : `${ratio.toFixed(2)} x`,
      withRange(limit, spec.digits),
      ofLimit === null ? '' : `${(ofLimit * 100).toFixed(0)} %`,
      spec.target ? targetText(spec, spec.target) : '',
      verdict(spec, ours, ratio, ofLimit),
      index === 0 ? generatorText(runs) : '',
      index === 0 ? othersText(runs) : '',
    ];
  });
}

function quotient(ours: number[], theirs: number[]): number | null {
  return ours.length > 0 && theirs.length > 0 ? median(ours) / median(theirs) : null;
}

function valuesOf(runs: JobResult[], name: string): number[] {
  return runs.map(({ figures }) => figures[name]).filter((value) => Number.isFinite(value)) as number[];
}

function withRange(values: number[], digits: number): string {
  if (values.length === 0) return '';
  const text = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(values[0]!);
  return `${text(median(values))} (${text(Math.min(...values))}-${text(Math.max(...values))})`;
}

function targetText({ better }: FigureSpec, { ratio, value, ofLimit }: Target): string {
  const sign = better === 'more' ? '>=' : '<=';
  return [
    ...(ratio === undefined ? [] : [`${sign} ${ratio} x`]),
    ...(value === undefined ? [] : [`${sign} ${value.toLocaleString('en-US')}`]),
    ...(ofLimit === undefined ? [] : [`>= ${ofLimit * 100} % of bare`]),
  ].join(', ');
}

/** `?` where what it takes to tell was not measured. */
function verdict(
  { better, target }: FigureSpec,
  ours: number[],
  ratio: number | null,
  ofLimit: number | null,
): string {
  if (!target || ours.length === 0) return '';
  const reaches = (figure: number, limit: number) => (better === 'more' ? figure >= limit : figure <= limit);
  const parts = [
    target.value === undefined || reaches(median(ours), target.value),
    target.ratio === undefined || (ratio === null ? null : reaches(ratio, target.ratio)),
    target.ofLimit === undefined || (ofLimit === null ? null : ofLimit >= target.ofLimit),
  ];
  if (parts.includes(false)) return 'miss';
  return parts.includes(null) ? '?' : 'pass';
}

function generatorText(runs: Record<BrokerName, JobResult[]>): string {
  return (['warren', 'rabbitmq', 'bare'] as const)
    .flatMap((name) => {
      const shares = valuesOf(runs[name], 'generatorCpuShare');
      if (shares.length === 0) return [];
      const share = median(shares);
      return [`${(share * 100).toFixed(0)} %${share >= saturatedShare ? ' SATURATED' : ''}`];
    })
    .join(' / ');
}

/** Said where it was enough to disturb. */
function othersText(runs: Record<BrokerName, JobResult[]>): string {
  const shares = Object.values(runs).flatMap((each) => valuesOf(each, 'otherCpuShare'));
  const most = Math.max(0, ...shares);
  return most > otherShareMax ? `up to ${(most * 100).toFixed(0)} % of a core` : '';
}
