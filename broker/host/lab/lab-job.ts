// One run, from whole nodes to its report: begins the load, carries out the script, keeps the time line of nodes,
// host and clients, makes everything whole again, and asks for the verdict.
import {
  labLimits,
  type LabClient,
  type LabEvent,
  type LabFault,
  type LabFigures,
  type LabLink,
  type LabPair,
  type LabReport,
  type LabSettings,
  type LabStatus,
  type LabThroughput,
} from '../../contract/lab.ts';
import { parseScript, type LabAction } from '../../contract/lab-script.ts';
import type { LogLine, PairEvent, PairStatus } from '../../contract/host-procedures.ts';
import type { LabOutcome, LabPlace, LabProgress } from '../../lab/lab-protocol.ts';
import type { NodeSpawner } from '../node-spawner.ts';
import { headlineOf, promiseOf } from './headline.ts';
import { LabActions } from './lab-actions.ts';
import { LabProcess } from './lab-process.ts';
import type { LabTarget } from './lab-target.ts';

const wholeTimeoutMs = 60_000;
const watchEveryMs = 250;
/** Clocks that differ by less are one. */
const clockToleranceMs = 1000;
const goodEvents = new Set<PairEvent['kind']>(['front-taken', 'standby-level', 'definitions-synced']);
const badEvents = new Set<PairEvent['kind']>(['node-killed', 'node-exited', 'unreachable', 'standby-behind']);

export interface LabJobOptions {
  id: string;
  seriesId: string;
  number: number;
  of: number;
  pair: LabPair;
  settings: LabSettings;
  user: string;
  password: string;
  target: LabTarget;
  spawner: NodeSpawner;
  product: string;
}

export class LabAborted extends Error {
  override name = 'LabAborted';
}

export class LabJob {
  readonly events: LabEvent[] = [];
  readonly faults: Pick<LabFault, 'label' | 'at' | 'problem'>[] = [];
  phase: LabStatus['phase'] = 'preparing';
  doing = 'Waiting for the nodes to be whole';
  startedAt: number | null = null;
  link: LabLink = { state: 'plain', amount: 0 };
  figures: LabFigures | null = null;
  clients: LabClient[] = [];
  throughput: LabThroughput = { stepMs: watchEveryMs, sent: [], confirmed: [], delivered: [] };
  pairStatus: PairStatus | null = null;
  readonly #options: LabJobOptions;
  readonly #actions: LabActions;
  readonly #begun = Date.now();
  readonly #problems: string[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #lastLog = new Map<string, number>();
  readonly #loadEnd = Promise.withResolvers<void>();
  readonly #aborted = Promise.withResolvers<never>();
  #process: LabProcess | null = null;
  #dropped = 0;
  #clientsDropped = 0;
  #sequence = 0;
  #lastPairEvent = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: LabJobOptions) {
    this.#options = options;
    this.#aborted.promise.catch(() => undefined);
    this.#actions = new LabActions(options.target, {
      begins: (label) => this.#mark(label),
      failed: (label, reason) => this.#actionFailed(label, reason),
      said: (message) => this.#say({ source: 'lab', kind: 'phase', message }),
      link: async (link) => {
        await this.#process?.rpc.link(link);
        this.link = link;
      },
    });
  }

  /** Resolves with what became of every message. Rejects with LabAborted, or when the load could not be run. */
  async run(): Promise<LabReport> {
    const { target, settings, spawner } = this.#options;
    const script = parseScript(settings.script, settings.seconds);
    await this.#passOver();
    this.pairStatus = await Promise.race([target.whole(wholeTimeoutMs), this.#aborted.promise]);
    this.#process = new LabProcess(spawner, (progress) => this.#progress(progress));
    const failed = this.#process.ended;
    try {
      this.doing = 'Connecting the clients';
      this.startedAt = await Promise.race([this.#begin(), failed, this.#aborted.promise]);
      this.phase = 'running';
      this.doing = 'The load runs';
      this.#tellBeginning(this.startedAt);
      this.#watch();
      for (const { atMs, action } of script) this.#at(atMs, () => void this.act(action));
      this.#at(settings.seconds * 1000, () => this.finish());
      await Promise.race([this.#loadEnd.promise, failed, this.#aborted.promise]);
      const outcome = await Promise.race([this.#settle(), failed, this.#aborted.promise]);
      return this.#report(outcome);
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
      await this.#watching;
      // After an abort as well: nothing stays paused.
      await this.#actions.heal().catch(() => undefined);
      this.#process.close();
    }
  }

  act(action: LabAction): Promise<void> {
    const done = this.#actions.do(action);
    this.#underWay.add(done);
    void done.finally(() => this.#underWay.delete(done));
    return done;
  }

  /** Ends the load before its time; nothing when it has ended. */
  finish(): void {
    this.#loadEnd.resolve();
  }

  abort(): void {
    this.#aborted.reject(new LabAborted('the run was ended without a verdict'));
  }

  #begin(): Promise<number> {
    const { id, target, settings, user, password } = this.#options;
    return this.#process!.rpc.begin({ runId: id, front: target.front, user, password, settings });
  }

  #at(atMs: number, then: () => void): void {
    const timer = setTimeout(then, Math.max(0, this.startedAt! + atMs - Date.now()));
    this.#timers.push(timer);
  }

  async #settle(): Promise<LabOutcome> {
    const { rpc } = this.#process!;
    const { target } = this.#options;
    for (const timer of this.#timers) clearTimeout(timer);
    await rpc.endLoad();
    this.phase = 'settling';
    this.#say({ source: 'lab', kind: 'phase', message: 'the load is over' });
    this.doing = 'Making the nodes whole again';
    await Promise.allSettled(this.#underWay);
    await this.#actions.heal();
    try {
      this.pairStatus = await target.whole(wholeTimeoutMs);
    } catch (error) {
      this.#problems.push((error as Error).message);
      this.pairStatus = await target.call('pair.status', {});
    }
    this.doing = 'Waiting for what still arrives, then looking at what is left';
    return rpc.verdict(placesOf(this.pairStatus, target));
  }

  #report(outcome: LabOutcome): LabReport {
    const { id, seriesId, number, of, pair, settings, product } = this.#options;
    this.#progress(outcome.progress);
    const { faults } = this;
    const { verdict } = outcome;
    return {
      version: 1,
      id,
      seriesId,
      run: number,
      of,
      pair,
      model: this.pairStatus?.model ?? null,
      scenario: settings.scenario,
      script: settings.script,
      product,
      platform: process.platform,
      startedAt: this.#begun,
      endedAt: Date.now(),
      settings,
      loadFrom: this.startedAt!,
      loadTo: outcome.loadTo,
      verdict: {
        ...verdict,
        promise: promiseOf(settings, verdict.lost),
        headline: headlineOf(settings, verdict, faults.filter(({ problem }) => problem === null).length),
      },
      faults: outcome.faults.map((fault, index) => ({ ...fault, problem: faults[index]?.problem ?? null })),
      clients: outcome.progress.clients,
      throughput: outcome.progress.throughput,
      events: this.events.toSorted((a, b) => a.at - b.at),
      eventsDropped: this.#dropped + this.#clientsDropped,
      problems: [...this.#problems, ...outcome.problems],
    };
  }

  // ---- The time line ----

  #tellBeginning(at: number): void {
    this.#say({ source: 'lab', kind: 'phase', message: 'the load begins', at });
    for (const { id, role, state } of this.pairStatus?.nodes ?? []) {
      const turn = role === 'active' ? 'serves' : state === 'running' ? 'up' : 'gone';
      const message = role === 'active' ? 'serves the front address' : `is ${role === 'none' ? state : role}`;
      this.#say({ source: `node ${id}`, kind: 'pair', message, at, turn });
    }
  }

  async #mark(label: string): Promise<void> {
    const at = Date.now();
    this.faults.push({ label, at, problem: null });
    this.#say({ source: 'lab', kind: 'fault', level: 'bad', message: label, at });
    await this.#process?.rpc.mark(label, at);
  }

  #actionFailed(label: string, reason: string): void {
    const fault = this.faults.findLast((each) => each.problem === null && each.label === label);
    if (fault) fault.problem = reason;
    this.#problems.push(`${label}: ${reason}`);
    const message = `${label} came to nothing: ${reason}`;
    this.#say({ source: 'lab', kind: 'fault', level: 'bad', message });
  }

  #progress({ figures, clients, throughput, events, eventsDropped }: LabProgress): void {
    this.figures = figures;
    this.clients = clients;
    this.throughput = throughput;
    this.#clientsDropped = eventsDropped;
    for (const event of events) this.#say({ ...event, kind: 'client' });
  }

  #say(said: Pick<LabEvent, 'source' | 'kind' | 'message'> & Partial<LabEvent>): void {
    if (this.events.length >= labLimits.eventsMax) return void this.#dropped++;
    const event = { at: Date.now(), nodeAt: null, level: 'info', turn: null, ...said } as const;
    this.events.push({ ...event, sequence: ++this.#sequence });
  }

  /** What was before the run is no part of it. */
  async #passOver(): Promise<void> {
    const { target } = this.#options;
    const entries = await target.call('pair.events', { after: 0 });
    this.#lastPairEvent = entries.at(-1)?.sequence ?? 0;
    for (const { id } of await target.call('nodes.list', {})) {
      const { lastSequence } = await target.call('nodes.log', { nodeId: id as 'a' | 'b', limit: 1 });
      this.#lastLog.set(id, lastSequence);
    }
  }

  #watch(): void {
    this.#timers.push(
      setInterval(() => {
        this.#watching = this.#watching.then(() => this.#look()).catch(() => undefined);
      }, watchEveryMs),
    );
  }

  async #look(): Promise<void> {
    const { target } = this.#options;
    this.pairStatus = await target.call('pair.status', {});
    for (const entry of await target.call('pair.events', { after: this.#lastPairEvent })) {
      this.#lastPairEvent = entry.sequence;
      this.#say({
        source: entry.nodeId ? `node ${entry.nodeId}` : 'host',
        kind: 'pair',
        level: levelOf(entry),
        turn: turns[entry.kind] ?? null,
        message: entry.message,
        at: entry.at,
      });
    }
    for (const { id } of this.pairStatus.nodes) {
      const query = { nodeId: id as 'a' | 'b', after: this.#lastLog.get(id) ?? 0, level: 'warn', limit: 50 };
      const { lines, lastSequence } = await target.call(
        'nodes.log',
        query as typeof query & { level: 'warn' },
      );
      this.#lastLog.set(id, lastSequence);
      for (const line of lines) this.#sayLine(id, line);
    }
  }

  /** By the host's clock where the node's own is far off it. */
  #sayLine(id: string, { at, message }: LogLine): void {
    const now = Date.now();
    const differs = Math.abs(now - at) > clockToleranceMs + watchEveryMs;
    this.#say({
      source: `node ${id}`,
      kind: 'log',
      level: 'bad',
      message,
      at: differs ? now : at,
      nodeAt: differs ? at : null,
    });
  }
}

/** What begins or ends with an event of the pair. */
const turns: Partial<Record<PairEvent['kind'], LabEvent['turn']>> = {
  'front-taken': 'serves',
  'front-released': 'up',
  'node-started': 'up',
  'node-resumed': 'up',
  'node-paused': 'gone',
  'node-exited': 'gone',
  'node-killed': 'gone',
  'node-stopped': 'gone',
};

function levelOf({ kind }: PairEvent): LabEvent['level'] {
  return badEvents.has(kind) ? 'bad' : goodEvents.has(kind) ? 'good' : 'info';
}

/** Each node by its own address; the one that serves by the front where it has none. */
function placesOf(status: PairStatus, target: LabTarget): LabPlace[] {
  return status.nodes.flatMap(({ id, role, amqpPort }) => {
    if (role === 'active') return [{ node: id, ...target.front }];
    return amqpPort === null ? [] : [{ node: id, host: '127.0.0.1', port: amqpPort }];
  });
}
