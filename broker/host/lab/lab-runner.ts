// The lab as the host offers it: a series of runs, one after the other, on the host's own nodes or on pairs made for
// them; what is going on at the moment; and the reports that are kept.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ContractError } from '../../contract/errors.ts';
import {
  type LabEvent,
  type LabPair,
  type LabReport,
  type LabReportRow,
  type LabSettings,
  type LabStatus,
} from '../../contract/lab.ts';
import { parseAction, parseScript, ScriptError } from '../../contract/lab-script.ts';
import type { HostProcedures } from '../../contract/host-procedures.ts';
import type { Handlers } from '../../contract/procedure.ts';
import type { NodeSpawner } from '../node-spawner.ts';
import { LabAborted, LabJob } from './lab-job.ts';
import { LabTarget, type LabHostLike, type MakeHost } from './lab-target.ts';
import { ReportFiles, rowOf } from './report-files.ts';
import { reportHtml } from './report-html.ts';

type LabHandlers = Pick<Handlers<HostProcedures, undefined>, Extract<keyof HostProcedures, `lab.${string}`>>;

export interface LabRunnerOptions {
  /** Below it the reports, and the folders of pairs made for a run. */
  folder: string;
  /** Null where there are none. */
  own: LabHostLike | null;
  makeHost: MakeHost;
  spawner: NodeSpawner;
  product: string;
}

interface Credentials {
  user: string;
  password: string;
}

interface Series {
  id: string;
  settings: LabSettings;
  /** Every run of it, in order. */
  pairs: LabPair[];
  number: number;
  job: LabJob | null;
  target: LabTarget | null;
  done: LabReportRow[];
  aborted: boolean;
}

const idle: Pick<LabStatus, 'link' | 'throughput'> = {
  link: { state: 'plain', amount: 0 },
  throughput: { stepMs: 250, sent: [], confirmed: [], delivered: [] },
};

export class LabRunner {
  /** Called with each as it is kept. */
  onReport: (report: LabReport) => void = () => undefined;
  readonly handlers: LabHandlers;
  readonly #options: LabRunnerOptions;
  readonly #reports: ReportFiles;
  #series: Series | null = null;
  /** The last run's, after it. */
  #events: LabEvent[] = [];
  #lastDone: LabReportRow[] = [];
  #problem: string | null = null;
  #running: Promise<void> | null = null;

  constructor(options: LabRunnerOptions) {
    this.#options = options;
    this.#reports = new ReportFiles(join(options.folder, 'reports'));
    this.handlers = {
      'lab.status': () => this.#status(),
      'lab.events': ({ after }) =>
        (this.#series?.job?.events ?? this.#events).filter(({ sequence }) => sequence > after),
      'lab.start': ({ settings, user, password }) => this.start(settings, { user, password }),
      'lab.act': ({ action }) => this.#act(action),
      'lab.finish': () => this.#job().finish(),
      'lab.abort': () => this.#abort(),
      'lab.reports': () => this.#reports.list(),
      'lab.report': ({ id }) => this.#reports.read(id),
      'lab.remove': ({ id }) => this.#reports.remove(id),
      'lab.html': async ({ ids }) => reportHtml(await Promise.all(ids.map((id) => this.#reports.read(id)))),
    };
  }

  /** Rejects when one is on, or with what is wrong with the script. */
  start(settings: LabSettings, credentials: Credentials): { seriesId: string } {
    if (this.#series) throw new ContractError('conflict', 'the lab is at work already');
    checkScript(settings);
    const id = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 5)}`;
    const series: Series = {
      id,
      settings,
      // Turn by turn, so that what the machine does besides falls on all alike.
      pairs: Array.from({ length: settings.repeat }, () => settings.pairs).flat(),
      number: 0,
      job: null,
      target: null,
      done: [],
      aborted: false,
    };
    this.#series = series;
    this.#events = [];
    this.#problem = null;
    this.#running = this.#run(series, credentials)
      .catch((error: unknown) => {
        if (!(error instanceof LabAborted))
          this.#problem = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        this.#events = series.job?.events ?? [];
        this.#lastDone = series.done;
        this.#series = null;
      });
    return { seriesId: id };
  }

  /** Resolves when no series is on, with the reports of the last one; rejects with why it ended early. */
  async ended(): Promise<LabReport[]> {
    await this.#running;
    if (this.#problem !== null) throw new ContractError('unavailable', this.#problem);
    return Promise.all(this.#lastDone.map(({ id }) => this.#reports.read(id)));
  }

  get status(): LabStatus {
    return this.#status();
  }

  /** The host ends: what was made for a run goes too. */
  async stop(): Promise<void> {
    if (!this.#series) return;
    this.#abort();
    await this.#running;
  }

  abandon(): void {
    this.#series?.target?.abandon();
  }

  async #run(series: Series, credentials: Credentials): Promise<void> {
    // What a host that was killed left behind.
    await rm(this.#pairsFolder, { recursive: true, force: true, maxRetries: 5 });
    for (const [index, pair] of series.pairs.entries()) {
      series.number = index + 1;
      series.job = null;
      const target = await this.#targetOf(pair);
      series.target = target;
      try {
        if (series.aborted) throw new LabAborted();
        series.job = this.#jobOf(series, pair, target, credentials);
        const report = await series.job.run();
        await this.#reports.keep(report);
        this.onReport(report);
        series.done.push(rowOf(report));
      } finally {
        await target.dispose();
        series.target = null;
      }
    }
  }

  async #targetOf(pair: LabPair): Promise<LabTarget> {
    const { own } = this.#options;
    if (pair === 'this' && own === null)
      throw new ContractError('conflict', 'this lab has no nodes of its own');
    if (pair === 'this') return new LabTarget(own!);
    return LabTarget.throwAway(pair, this.#pairsFolder, this.#options.makeHost);
  }

  #jobOf(series: Series, pair: LabPair, target: LabTarget, credentials: Credentials): LabJob {
    const { spawner, product } = this.#options;
    const { id, number, settings, pairs } = series;
    // A pair of its own has the users of a new broker.
    const login = pair === 'this' ? credentials : { user: 'guest', password: 'guest' };
    return new LabJob({
      id: `${id}-${number}`,
      seriesId: id,
      number,
      of: pairs.length,
      pair,
      settings: { ...settings, pairs: [pair], repeat: 1 },
      ...login,
      target,
      spawner,
      product,
    });
  }

  get #pairsFolder(): string {
    return join(this.#options.folder, 'pairs');
  }

  #job(): LabJob {
    const job = this.#series?.job;
    if (!job || job.phase === 'preparing') throw new ContractError('conflict', 'no load runs at the moment');
    return job;
  }

  async #act(text: string): Promise<void> {
    const job = this.#job();
    if (job.phase !== 'running') throw new ContractError('conflict', 'the load is over');
    await job.act(readAction(text));
  }

  #abort(): void {
    if (!this.#series) throw new ContractError('conflict', 'the lab is not at work');
    this.#series.aborted = true;
    this.#series.job?.abort();
  }

  #status(): LabStatus {
    const series = this.#series;
    const job = series?.job ?? null;
    const pair = series?.pairs[Math.max(0, series.number - 1)];
    const nodes = job?.pairStatus?.nodes ?? [];
    return {
      ...idle,
      phase: series ? (job?.phase ?? 'preparing') : 'idle',
      doing: job?.doing ?? (series ? 'Starting a pair for the run' : ''),
      seriesId: series?.id ?? null,
      settings: series?.settings ?? null,
      run:
        series && pair
          ? {
              number: series.number,
              of: series.pairs.length,
              pair,
              model: pair === 'this' ? (job?.pairStatus?.model ?? null) : pair,
            }
          : null,
      startedAt: job?.startedAt ?? null,
      elapsedMs: job?.startedAt ? Date.now() - job.startedAt : 0,
      activeId: job?.pairStatus?.activeId ?? null,
      nodes: nodes.map(({ id, role, state }) => ({ id, role, state })),
      figures: job?.figures ?? null,
      clients: job?.clients ?? [],
      faults: job?.faults.map(({ label, at }) => ({ label, at })) ?? [],
      done: series?.done ?? this.#lastDone,
      problem: this.#problem,
      ...(job ? { link: job.link, throughput: job.throughput } : {}),
    };
  }
}

function checkScript(settings: LabSettings): void {
  try {
    parseScript(settings.script, settings.seconds);
  } catch (error) {
    throw error instanceof ScriptError ? new ContractError('invalid', `script, ${error.message}`) : error;
  }
}

function readAction(text: string) {
  try {
    return parseAction(text);
  } catch (error) {
    throw error instanceof ScriptError ? new ContractError('invalid', error.message) : error;
  }
}
