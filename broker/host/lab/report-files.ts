// The lab's reports: one JSON file each in the data folder, of a bounded number. Losing the newest in a crash is
// harmless, so nothing is synced.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContractError } from '../../contract/errors.ts';
import { labLimits, type LabReport, type LabReportRow } from '../../contract/lab.ts';

export class ReportFiles {
  readonly #folder: string;
  /** Read once; files that make no sense are left alone and not listed. */
  #rows: Promise<Map<string, LabReportRow>> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Newest first. */
  async list(): Promise<LabReportRow[]> {
    return [...(await this.#known()).values()].sort((a, b) => b.startedAt - a.startedAt);
  }

  /** Rejects with `not-found`. */
  async read(id: string): Promise<LabReport> {
    if (!(await this.#known()).has(id)) throw new ContractError('not-found', `there is no report ${id}`);
    return JSON.parse(await readFile(this.#path(id), 'utf8')) as LabReport;
  }

  async keep(report: LabReport): Promise<void> {
    const known = await this.#known();
    await mkdir(this.#folder, { recursive: true });
    const path = this.#path(report.id);
    await writeFile(`${path}.new`, `${JSON.stringify(report, null, 1)}\n`);
    await rename(`${path}.new`, path);
    known.set(report.id, rowOf(report));
    for (const { id } of (await this.list()).slice(labLimits.reportsMax)) await this.remove(id);
  }

  async remove(id: string): Promise<void> {
    const known = await this.#known();
    if (!known.delete(id)) throw new ContractError('not-found', `there is no report ${id}`);
    await rm(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }

  #known(): Promise<Map<string, LabReportRow>> {
    this.#rows ??= this.#readAll();
    return this.#rows;
  }

  async #readAll(): Promise<Map<string, LabReportRow>> {
    const names = await readdir(this.#folder).catch(() => []);
    const rows = new Map<string, LabReportRow>();
    for (const name of names) {
      const id = /^([a-z0-9-]{1,40})\.json$/.exec(name)?.[1];
      const report = id && (await this.#parsed(id));
      if (report) rows.set(id, rowOf(report));
    }
    return rows;
  }

  async #parsed(id: string): Promise<LabReport | null> {
    try {
      const report = JSON.parse(await readFile(this.#path(id), 'utf8')) as Partial<LabReport>;
      return report.version === 1 && report.id === id && report.verdict ? (report as LabReport) : null;
    } catch {
      return null;
    }
  }
}

export function rowOf(report: LabReport): LabReportRow {
  const { id, seriesId, startedAt, pair, model, scenario, script, run, of, verdict } = report;
  return { id, seriesId, startedAt, pair, model, scenario, script, run, of, verdict };
}
