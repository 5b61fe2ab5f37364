// An independent pair under load: its active node is killed, the stranded messages are counted and drained, and the
// drain is killed at random: the node it leaves, the node it goes to, or the host. Over and over (R18, R33c).
import { setTimeout as pause } from 'node:timers/promises';
import { labelOf } from '../../broker/lab/message-label.ts';
import { Random } from '../fuzz/random.ts';
import { backlogQueue, DrainLoad, liveQueue } from './drain-load.ts';
import { isRunning } from './process-state.ts';
import { WarrenProcess } from './warren-process.ts';

type Id = 'a' | 'b';
const other = (id: Id): Id => (id === 'a' ? 'b' : 'a');

export interface DrainCampaignOptions {
  seed: number;
  rounds: number;
  progress?: (line: string) => void;
}

export interface DrainCampaignReport {
  rounds: number;
  stranded: number;
  drains: number;
  overtaken: number;
  /** Kills meant for a running drain: of the node it leaves, the node it goes to, the host; and those that met it. */
  kills: Record<'source' | 'target' | 'host', number>;
  killsInFlight: number;
  /** Drains of which a kill left messages in doubt, seen on the pair's status. */
  doubts: number;
  confirmed: number;
  drained: number;
  drainMs: number[];
  outagesMs: number[];
  failures: string[];
}

export async function drainCampaign(options: DrainCampaignOptions): Promise<DrainCampaignReport> {
  const campaign = new Campaign(options);
  try {
    return await campaign.run();
  } finally {
    await campaign.dispose();
  }
}

class Campaign {
  readonly #options: DrainCampaignOptions;
  readonly #random: Random;
  readonly #report: DrainCampaignReport = {
    rounds: 0,
    stranded: 0,
    drains: 0,
    overtaken: 0,
    kills: { source: 0, target: 0, host: 0 },
    killsInFlight: 0,
    doubts: 0,
    confirmed: 0,
    drained: 0,
    drainMs: [],
    outagesMs: [],
    failures: [],
  };
  #warren!: WarrenProcess;
  /** Owns the data folder. */
  #first!: WarrenProcess;
  #load!: DrainLoad;
  #round = 0;

  constructor(options: DrainCampaignOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<DrainCampaignReport> {
    this.#first = this.#warren = await WarrenProcess.startPair();
    this.#load = new DrainLoad(this.#warren.address);
    for (this.#round = 1; this.#round <= this.#options.rounds; this.#round++) {
      await this.#runRound();
      this.#report.rounds++;
    }
    return this.#report;
  }

  async dispose(): Promise<void> {
    await this.#load.stop();
    await this.#warren.dispose();
    await this.#first.dispose();
  }

  async #runRound(): Promise<void> {
    const startedAt = Date.now();
    const kills = { ...this.#report.kills };
    this.#load.start();
    await pause(this.#random.between(300, 1500));
    const { activeId } = await this.#warren.status();
    const killed = activeId as Id;
    process.kill(await this.#warren.pid(killed), 'SIGKILL');
    const { lastOutageMs } = await this.#warren.until(
      (status) => status.activeId === other(killed),
      'taken over',
    );
    this.#report.outagesMs.push(lastOutageMs ?? 0);
    await this.#warren.ready();
    await this.#drainUntilEmpty(killed);
    await this.#load.stop();
    await this.#load.takeAll(async () => (await this.#messagesOn('active')).all === 0);
    await this.#look();
    const met = (['source', 'target', 'host'] as const)
      .filter((kind) => this.#report.kills[kind] > kills[kind])
      .map((kind) => `${kind} ${this.#report.kills[kind] - kills[kind]}`);
    this.#options.progress?.(
      `${this.#round}: node ${killed} killed, outage ${lastOutageMs} ms; drain kills: ${met.join(', ') || 'none'}; ` +
        `${((Date.now() - startedAt) / 1000).toFixed(1)} s, ${this.#report.failures.length} failures`,
    );
  }

  /** Drains from whichever node stands by until nothing is left on it, with kills in between. */
  async #drainUntilEmpty(first: Id): Promise<void> {
    let from = first;
    for (let attempt = 0; attempt < 12; attempt++) {
      const listed = await this.#countAndList(from);
      const ended = await this.#drainOnce(attempt < 2 ? this.#random.below(4) : 0);
      const { standbyId, left } = await this.#settled();
      if (ended.outcome === 'completed' && ended.left === 0)
        this.#checkOrder(listed, await this.#labelsOn('active'));
      if (left === 0) return;
      from = standbyId;
    }
    this.#fail('the standby is not empty after 12 drains');
  }

  /** The count on the pair's status against what is there, looked at one by one. */
  async #countAndList(from: Id): Promise<number[]> {
    const listed = await this.#labelsOn(from);
    const { stranded } = await this.#warren.until(
      (status) =>
        status.stranded.filter((row) => row.nodeId === from).every((row) => row.counted === 'exact'),
      'counted by the node',
    );
    const said = (queue: string) =>
      stranded.find((row) => row.nodeId === from && row.queue === queue)?.messages ?? 0;
    const live = await this.#labelsOn(from, liveQueue);
    // The last word may be a second old; the node itself stands still.
    if (said(backlogQueue) !== listed.length || said(liveQueue) !== live.length) {
      await pause(1300);
      const again = (await this.#warren.status()).stranded.filter((row) => row.nodeId === from);
      for (const [queue, count] of [
        [backlogQueue, listed.length],
        [liveQueue, live.length],
      ] as const) {
        const messages = again.find((row) => row.queue === queue)?.messages ?? 0;
        if (messages !== count) this.#fail(`${messages} said to be stranded in ${queue}, ${count} are`);
      }
    }
    this.#report.stranded += listed.length + live.length;
    return listed;
  }

  async #drainOnce(kills: number) {
    const { drainResults } = await this.#warren.status();
    const before = drainResults[0]?.endedAt ?? 0;
    await this.#warren.console.host('pair.drain');
    this.#report.drains++;
    for (let left = kills; left > 0; left--) {
      await pause(this.#random.below(250));
      if ((await this.#warren.status()).drain === null) break;
      await this.#kill(this.#random.pick(['source', 'source', 'target', 'host'] as const));
    }
    let doubted = false;
    const status = await this.#warren.until(
      (now) => {
        if (now.inDoubt.length > 0) doubted = true;
        return now.drain === null && (now.drainResults[0]?.endedAt ?? 0) > before;
      },
      'the drain ended',
      30_000,
    );
    if (doubted) this.#report.doubts++;
    const result = status.drainResults[0]!;
    if (result.outcome === 'overtaken') this.#report.overtaken++;
    this.#report.drained += result.drained;
    this.#report.drainMs.push(result.endedAt - result.startedAt);
    if (result.skipped.length > 0) this.#fail(`skipped: ${JSON.stringify(result.skipped)}`);
    return result;
  }

  async #kill(what: 'source' | 'target' | 'host'): Promise<void> {
    const { drain, activeId } = await this.#warren.status();
    if (drain?.state === 'draining') this.#report.killsInFlight++;
    this.#report.kills[what]++;
    if (what === 'host') return this.#killHost();
    const id = what === 'target' ? (activeId as Id | null) : activeId && other(activeId as Id);
    const pid = id && (await this.#warren.row(id)).pid;
    if (pid && isRunning(pid)) process.kill(pid, 'SIGKILL');
  }

  async #killHost(): Promise<void> {
    const { dataFolder, amqpPort, child, ended } = this.#warren;
    child.kill('SIGKILL');
    await ended;
    this.#warren = await WarrenProcess.start({ dataFolder, amqpPort });
  }

  /** Both nodes up, and nothing in doubt or held on the one that stands by. */
  async #settled(): Promise<{ standbyId: Id; left: number }> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const { activeId } = await this.#warren.ready();
      const standbyId = other(activeId as Id);
      const { all, held } = await this.#messagesOn(standbyId);
      if (held === 0) return { standbyId, left: all };
      if (Date.now() > deadline) throw new Error(`${held} messages of node ${standbyId} stay in doubt`);
      await pause(50);
    }
  }

  async #messagesOn(target: 'active' | Id): Promise<{ all: number; held: number }> {
    const { items } = await this.#patiently(() => this.#warren.console.node(target, 'queues.list', {}));
    return {
      all: items.reduce((sum, { messages }) => sum + messages, 0),
      held: items.reduce((sum, { messagesUnacknowledged }) => sum + messagesUnacknowledged, 0),
    };
  }

  /** A kill may come to light only now: the node is asked again when it is back. */
  async #patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!String(error).includes('unavailable') || Date.now() > deadline) throw error;
        await pause(50);
      }
    }
  }

  async #labelsOn(target: 'active' | Id, queue = backlogQueue): Promise<number[]> {
    const labels: number[] = [];
    for (;;) {
      const page = { vhost: '/', queue, offset: labels.length, limit: 500, bodyStartBytesMax: 32 };
      const { items } = await this.#patiently(() => this.#warren.console.node(target, 'messages.peek', page));
      for (const { bodyStart } of items) labels.push(labelOf(bodyStart)!.sequence);
      if (items.length < 500) return labels;
    }
  }

  #checkOrder(before: number[], after: number[]): void {
    const wanted = new Set(before);
    const came = after.filter((label) => wanted.has(label));
    if (came.length !== before.length) {
      this.#fail(`${before.length} were stranded, ${came.length} of them are there after the drain`);
      return;
    }
    const misplaced = came.findIndex((label, index) => label !== before[index]);
    if (misplaced >= 0) this.#fail(`the order changed at place ${misplaced} of ${before.length}`);
  }

  async #look(): Promise<void> {
    for (const [queue, { confirmed }] of this.#load.accounts) {
      const lost = this.#load.lost(queue);
      const doubled = this.#load.doubled(queue);
      this.#report.confirmed += confirmed.size;
      if (lost.length > 0)
        this.#fail(`${lost.length} confirmed and lost in ${queue}: ${lost.slice(0, 5).join()}`);
      if (doubled.length > 0)
        this.#fail(`${doubled.length} doubled in ${queue}: ${doubled.slice(0, 5).join()}`);
    }
    // The backlog had no consumer to be killed under: not one message may come twice there, marked or not.
    const twice = [...this.#load.accounts.get(backlogQueue)!.arrived].filter(([, { times }]) => times > 1);
    if (twice.length > 0) this.#fail(`${twice.length} came twice in ${backlogQueue}`);
    this.#load.settle();
    const { left } = await this.#settled();
    if (left > 0) this.#fail(`${left} on the standby in the end`);
  }

  #fail(what: string): void {
    this.#report.failures.push(`round ${this.#round}: ${what}`);
    this.#options.progress?.(`FAILED ${what}`);
  }
}
