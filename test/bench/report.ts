// Runs into a table: medians with their ranges, ratios, and whether each target is met.
import type { BrokerName } from './brokers.ts';
import type { JobResult } from './load/scenario.ts';
import type { FigureSpec, Row, Target } from './rows.ts';

/** A generator busier than this may be what limited the run. */
const saturatedShare = 0.93;

export interface Measured {
  row: Row;
  runs: Record<BrokerName, JobResult[]>;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const columns = ['row', 'figure', 'Warren', 'RabbitMQ', 'ratio', 'target', '', 'generator'];

/** Lines of a table whose columns are as wide as their widest cell. */
export function tableOf(measured: Measured[]): string {
  const lines = [columns, ...measured.flatMap(linesOf)];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => cells[index]!.length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function linesOf({ row, runs }: Measured): string[][] {
  return row.figures.map((spec, index) => {
    const [ours, theirs] = [valuesOf(runs.warren, spec.name), valuesOf(runs.rabbitmq, spec.name)];
    const ratio = ours.length > 0 && theirs.length > 0 ? median(ours) / median(theirs) : null;
    return [
      index === 0 ? row.name : '',
      spec.label,
      withRange(ours, spec.digits),
      withRange(theirs, spec.digits),
      ratio === null ? '' : `${ratio.toFixed(2)} x`,
      spec.target ? targetText(spec, spec.target) : '',
      verdict(spec, ours, ratio),
      index === 0 ? generatorText(runs) : '',
    ];
  });
}

function valuesOf(runs: JobResult[], name: string): number[] {
  return runs.flatMap(({ figures }) => (figures[name] === undefined ? [] : [figures[name]]));
}

function withRange(values: number[], digits: number): string {
  if (values.length === 0) return '';
  const text = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (values.length === 1) return text(values[0]!);
  return `${text(median(values))} (${text(Math.min(...values))}-${text(Math.max(...values))})`;
}

function targetText({ better }: FigureSpec, { ratio, value }: Target): string {
  const sign = better === 'more' ? '>=' : '<=';
  return [
    ...(ratio === undefined ? [] : [`${sign} ${ratio} x`]),
    ...(value === undefined ? [] : [`${sign} ${value.toLocaleString('en-US')}`]),
  ].join(', ');
}

function verdict({ better, target }: FigureSpec, ours: number[], ratio: number | null): string {
  if (!target || ours.length === 0) return '';
  const reaches = (figure: number, limit: number) => (better === 'more' ? figure >= limit : figure <= limit);
  if (target.value !== undefined && !reaches(median(ours), target.value)) return 'miss';
  if (target.ratio === undefined) return 'pass';
  if (ratio === null) return '';
  return reaches(ratio, target.ratio) ? 'pass' : 'miss';
}

function generatorText(runs: Record<BrokerName, JobResult[]>): string {
  return (['warren', 'rabbitmq'] as const)
    .flatMap((name) => {
      const shares = valuesOf(runs[name], 'generatorCpuShare');
      if (shares.length === 0) return [];
      const share = median(shares);
      return [`${(share * 100).toFixed(0)} %${share >= saturatedShare ? ' SATURATED' : ''}`];
    })
    .join(' / ');
}
