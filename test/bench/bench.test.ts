// The bench as a command: its processes, one short run, the JSON it leaves.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Report } from './report.ts';

const bench = fileURLToPath(new URL('./bench.ts', import.meta.url));

it('measures the ceiling and writes what it measured', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
  try {
    const json = join(folder, 'out.json');
    const args = ['--only', 'bare', '--rows', 'persistent,fanout,connections', '--repeats', '1'];
    const { stdout } = await promisify(execFile)(process.execPath, [
      bench,
      ...args,
      '--seconds',
      '0.2',
      '--json',
      json,
    ]);
    expect(stdout).toMatch(/^persistent +deliveries\/s/m);
    const { measured } = JSON.parse(readFileSync(json, 'utf8')) as Report;
    expect(measured.map(({ row }) => row.name)).toEqual(['persistent', 'fanout', 'connections']);
    for (const { row, runs } of measured) {
      expect(runs.bare.map(({ faults }) => faults)).toEqual([[]]);
      expect(runs.bare[0]!.figures[row.figures[0]!.name]).toBeGreaterThan(0);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
