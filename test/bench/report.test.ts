import { describe, expect, it } from 'vitest';
import { BenchUsageError, parseBenchOptions } from './bench-options.ts';
import type { JobResult } from './load/scenario.ts';
import { tableOf, type Measured } from './report.ts';
import { rows, type FigureSpec } from './rows.ts';

function measuredWith(figure: Partial<FigureSpec>, warren: number[], rabbitmq: number[], bare: number[]) {
  const spec: FigureSpec = { name: 'x', label: 'x', better: 'more', digits: 0, ...figure };
  const runs = (values: number[]): JobResult[] => values.map((x) => ({ figures: { x }, faults: [] }));
  return {
    row: { ...rows[0]!, figures: [spec] },
    runs: { warren: runs(warren), rabbitmq: runs(rabbitmq), bare: runs(bare) },
  } satisfies Measured;
}

const lineOf = (...args: Parameters<typeof measuredWith>) => tableOf([measuredWith(...args)]).split('\n')[1]!;

describe('the table', () => {
  it('gives median, range, ratio and verdict', () => {
    const line = lineOf({ target: { ratio: 3 } }, [4000, 3000, 9000], [1000, 1000, 2000], []);
    expect(line).toContain('4,000 (3,000-9,000)');
    expect(line).toContain('4.00 x');
    expect(line).toMatch(/>= 3 x\s+pass/);
  });

  it('misses when any part of a target is missed', () => {
    expect(lineOf({ target: { ratio: 3, value: 5000 } }, [4000], [1000], [])).toMatch(/miss/);
    expect(lineOf({ target: { ratio: 5 } }, [4000], [1000], [])).toMatch(/miss/);
    expect(lineOf({ target: { ofLimit: 0.6 } }, [500], [], [1000])).toMatch(/50 %.*miss/);
  });

  it('does not judge what was not measured', () => {
    expect(lineOf({ target: { ratio: 3 } }, [4000], [], [])).toMatch(/\?$/);
  });

  it('reads targets of costs the other way round', () => {
    expect(lineOf({ better: 'less', target: { value: 2 } }, [1], [], [])).toMatch(/<= 2\s+pass/);
    expect(lineOf({ better: 'less', target: { ratio: 0.5 } }, [8], [10], [])).toMatch(/miss/);
    expect(lineOf({ better: 'less' }, [4], [], [1])).toContain('25 %');
  });
});

describe('the options', () => {
  it('run every row but the optional ones unless some are named', () => {
    const { rows: chosen } = parseBenchOptions([], rows);
    expect(chosen.map(({ name }) => name)).not.toContain('backlog-10m');
    expect(parseBenchOptions(['--rows', 'backlog-10m,latency'], rows).rows).toHaveLength(2);
  });

  it('refuse what is not there', () => {
    for (const args of [['--rows', 'nothing'], ['--only', 'kafka'], ['--repeats', '0'], ['--fast']])
      expect(() => parseBenchOptions(args, rows)).toThrow(BenchUsageError);
  });
});
