// The drain of an independent pair (R33c): stranded messages of the node that stands by go into the one that serves.
// The nodes do it and know how far they are; this asks them, starts them again after whatever broke off, and keeps
// what was asked for over the host's own end. One drain at a time.
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../base/clock.ts';
import { ContractError } from '../contract/errors.ts';
import type { DrainResult, DrainRow, InDoubtRow } from '../contract/pair-rows.ts';
import type { DrainStatus, NodeControl } from '../contract/rpc.ts';
import { otherThan, type NodeId } from '../pair/pair-machine.ts';
import type { ManagedNode, PairManager } from './pair-manager.ts';
import type { DrainJob, PairStateFile } from './pair-state-file.ts';

const lookEveryMs = 250;
/** One that hangs holds nothing up for longer. */
const answerWithinMs = 3000;
/** For a batch to be done. */
const stopWithinMs = 15_000;
const resultsMax = 20;
/** The rate is taken over so long. */
const rateOverMs = 2000;
const ids = ['a', 'b'] as const;

export interface DrainKeeperParts {
  pair: PairManager;
  nodes: ReadonlyMap<NodeId, ManagedNode>;
  stateFile: PairStateFile;
  clock: Clock;
}

export class DrainKeeper {
  readonly #parts: DrainKeeperParts;
  /** What each node said last; none while it is away. */
  readonly #statuses = new Map<NodeId, DrainStatus>();
  #samples: { at: number; drained: number }[] = [];
  #waiting: ((result: DrainResult) => void)[] = [];
  /** Under this epoch one has ended: what it left is not tried again by itself. */
  #endedUnder = -1;
  #complaint = '';
  #timer: Timer;
  #stopped = false;

  constructor(parts: DrainKeeperParts) {
    this.#parts = parts;
    this.#timer = this.#lookLater();
  }

  row(): DrainRow | null {
    const job = this.#job;
    if (!job) return null;
    const { pair } = this.#parts;
    const status = this.#statuses.get(job.fromId);
    const waits = this.#waitsFor(job, status);
    return {
      fromId: job.fromId,
      toId: pair.activeId,
      state: job.state === 'paused' ? 'paused' : waits === null ? 'draining' : 'waiting',
      problem: waits,
      startedAt: job.startedAt,
      drained: status?.job === job.id ? status.drained : job.drained,
      remaining: status?.remaining ?? null,
      ratePerSecond: this.#rate(),
      queue: status?.queue ?? null,
    };
  }

  get results(): DrainResult[] {
    return this.#keeps.drainResults;
  }

  get drainsByItself(): boolean {
    return this.#keeps.drainsByItself;
  }

  inDoubt(): InDoubtRow[] {
    return [...this.#statuses]
      .filter(([, { inDoubt }]) => inDoubt > 0)
      .map(([nodeId, { inDoubt }]) => ({ nodeId, messages: inDoubt }));
  }

  /** Resolves when it is written down. Rejects when there is nothing to drain from. */
  async begin(): Promise<void> {
    const { pair, stateFile, clock } = this.#parts;
    if (pair.model !== 'independent')
      throw new ContractError('conflict', 'only an independent pair has messages to drain');
    if (this.#job) throw new ContractError('conflict', 'a drain is under way');
    const fromId = pair.standbyId ?? pair.stranded()[0]?.nodeId;
    if (fromId !== 'a' && fromId !== 'b')
      throw new ContractError('conflict', 'there is no node whose messages are stranded');
    const job: DrainJob = {
      id: randomBytes(8).toString('hex'),
      fromId,
      state: 'running',
      startedAt: clock.now(),
      drained: 0,
    };
    this.#samples = [];
    await stateFile.keep({ drain: job });
    pair.tell(fromId, 'drain-started', `Messages of node ${fromId} are drained into the node that serves`);
    void this.#look();
  }

  /** Resolves when the batch under way is done. */
  async pause(): Promise<void> {
    const job = this.#jobOrThrow();
    await this.#parts.stateFile.keep({ drain: { ...job, state: 'paused' } });
    await this.#stopNode(job.fromId);
  }

  async resume(): Promise<void> {
    const job = this.#jobOrThrow();
    await this.#parts.stateFile.keep({ drain: { ...job, state: 'running' } });
    void this.#look();
  }

  async cancel(): Promise<void> {
    const job = this.#jobOrThrow();
    await this.pause();
    await this.#hear(job.fromId);
    await this.#end(job, 'cancelled');
  }

  async setDrainsByItself(drainsByItself: boolean): Promise<void> {
    this.#endedUnder = -1;
    await this.#parts.stateFile.keep({ drainsByItself });
  }

  async giveBackInDoubt(id: NodeId): Promise<void> {
    const node = this.#parts.nodes.get(id);
    if (!node) throw new ContractError('not-found', `there is no node ${id}`);
    const messages = this.#statuses.get(id)?.inDoubt ?? 0;
    await node.control({ kind: 'drain-forget' });
    this.#parts.pair.tell(
      id,
      'drain-ended',
      `${messages} messages in doubt were given back on node ${id}: the other node may have them too`,
    );
    await this.#hear(id);
  }

  /** Resolves when the drain under way has ended; at once with null when there is none. */
  ended(): Promise<DrainResult | null> {
    if (!this.#job) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  // ---- Inside ----

  get #keeps() {
    return this.#parts.stateFile.keeps;
  }

  get #job(): DrainJob | null {
    return this.#keeps.drain;
  }

  #jobOrThrow(): DrainJob {
    const job = this.#job;
    if (!job) throw new ContractError('conflict', 'no drain is under way');
    return job;
  }

  #lookLater(): Timer {
    return this.#parts.clock.after(lookEveryMs, () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.#timer = this.#lookLater();
      });
    });
  }

  #looking: Promise<void> | null = null;

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((error: unknown) => this.#complain(String(error)))
      .finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** Once, though it is tried again and again. */
  #complain(problem: string): void {
    if (problem !== this.#complaint) this.#parts.pair.tell(null, 'drain-ended', `Drain: ${problem}`);
    this.#complaint = problem;
  }

  async #lookOnce(): Promise<void> {
    const { pair } = this.#parts;
    if (this.#stopped) return;
    if (pair.model !== 'independent') {
      this.#statuses.clear();
      if (this.#job) await this.#end(this.#job, 'cancelled');
      return;
    }
    await Promise.all(ids.map((id) => this.#hear(id)));
    if (this.#job) await this.#goOn(this.#job);
    else await this.#beginByItself();
    await this.#clearUp();
  }

  async #hear(id: NodeId): Promise<void> {
    const node = this.#parts.nodes.get(id);
    const status = node?.report
      ? ((await this.#ask(node, { kind: 'drain-status' })) as DrainStatus | null)
      : null;
    if (status) this.#statuses.set(id, status);
    else this.#statuses.delete(id);
  }

  async #goOn(job: DrainJob): Promise<void> {
    const { pair, nodes, clock } = this.#parts;
    if (pair.activeId === job.fromId) return this.#end(job, 'overtaken');
    const status = this.#statuses.get(job.fromId);
    if (job.state === 'paused' || !status) return;
    if (status.job === job.id) {
      this.#samples.push({ at: clock.now(), drained: status.drained });
      if (status.state === 'done') return this.#end(job, 'completed');
    }
    const to = pair.activeId === null ? null : nodes.get(pair.activeId)?.report;
    if (status.state === 'draining' || !to || pair.standbyId !== job.fromId) return;
    await this.#ask(nodes.get(job.fromId)!, { kind: 'drain', job: job.id, address: to.peer });
  }

  /** What a broken drain left in doubt is cleared up as soon as both nodes are there, whoever serves. */
  async #clearUp(): Promise<void> {
    const { nodes } = this.#parts;
    for (const id of ids) {
      const status = this.#statuses.get(id);
      const other = nodes.get(otherThan(id))?.report;
      if (!status || status.inDoubt === 0 || status.state === 'draining' || !other) continue;
      if (this.#job?.fromId === id && this.#job.state === 'running' && this.#parts.pair.standbyId === id)
        continue;
      await this.#ask(nodes.get(id)!, { kind: 'drain', job: null, address: other.peer });
    }
  }

  async #beginByItself(): Promise<void> {
    const { pair } = this.#parts;
    const { standbyId } = pair;
    if (!this.drainsByItself || standbyId === null || !pair.definitionsInSync) return;
    if (this.#endedUnder === pair.epoch) return;
    const holds = pair.stranded().some(({ nodeId, counted }) => nodeId === standbyId && counted === 'exact');
    if (holds) await this.begin();
  }

  async #end(job: DrainJob, outcome: DrainResult['outcome']): Promise<void> {
    const { pair, stateFile, clock } = this.#parts;
    const status = this.#statuses.get(job.fromId);
    const mine = status?.job === job.id ? status : null;
    const result: DrainResult = {
      fromId: job.fromId,
      toId: pair.activeId === job.fromId ? null : pair.activeId,
      startedAt: job.startedAt,
      endedAt: clock.now(),
      outcome,
      drained: mine?.drained ?? job.drained,
      left: status?.remaining ?? 0,
      skipped: mine?.skipped ?? [],
    };
    await stateFile.keep({
      drain: null,
      drainResults: [result, ...this.#keeps.drainResults].slice(0, resultsMax),
    });
    this.#endedUnder = pair.epoch;
    pair.tell(job.fromId, 'drain-ended', inWords(result));
    for (const resolve of this.#waiting.splice(0)) resolve(result);
  }

  async #stopNode(id: NodeId): Promise<void> {
    // A node that is away has nothing under way.
    const node = this.#parts.nodes.get(id);
    if (node) await this.#ask(node, { kind: 'drain-stop' }, stopWithinMs);
  }

  /** Null of a node that is away, or hangs. */
  #ask(node: ManagedNode, request: NodeControl, withinMs = answerWithinMs): Promise<unknown> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(withinMs, () => resolve(null));
      node
        .control(request)
        .then(resolve, () => resolve(null))
        .finally(() => timer.cancel());
    });
  }

  #waitsFor(job: DrainJob, status: DrainStatus | undefined): string | null {
    const { pair } = this.#parts;
    if (!status) return `node ${job.fromId} is away`;
    if (pair.activeId === null) return 'nobody serves';
    return status.state === 'interrupted' ? status.problem : null;
  }

  #rate(): number {
    const now = this.#parts.clock.now();
    this.#samples = this.#samples.filter(({ at }) => now - at <= rateOverMs);
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.at === first.at) return 0;
    return ((last.drained - first.drained) * 1000) / (last.at - first.at);
  }
}

function inWords({ fromId, toId, outcome, drained, left, skipped, startedAt, endedAt }: DrainResult): string {
  const where = toId === null ? '' : ` into node ${toId}`;
  const moved = `${drained} messages of node ${fromId} were drained${where} in ${endedAt - startedAt} ms`;
  const ended =
    outcome === 'completed'
      ? ''
      : outcome === 'cancelled'
        ? ', then it was called off'
        : ', then it serves itself';
  const [first] = skipped;
  const why = first ? `: ${first.queue}: ${first.reason}` : '';
  return `${moved}${ended}${left > 0 ? `; ${left} are left on it${why}` : ''}`;
}
