// The campaign: attacks on a node process, many at a time, a healthy client beside them, and the node's memory
// looked at when everything that was made has been taken away again.
import { NodeProcess, type Memory } from '../process/node-process.ts';
import { eventually } from '../eventually.ts';
import { Attack, type AttackSetting } from './attack.ts';
import { corpus, fuzzedVhost } from './corpus.ts';
import { HealthyClient } from './healthy-client.ts';

export interface FuzzOptions {
  seed: number;
  /** Mutated frames to send. */
  count: number;
  /** Runs this attack alone. */
  only?: number | undefined;
  progress?: (line: string) => void;
}

export interface FuzzReport {
  frames: number;
  connections: number;
  results: Map<string, number>;
  kinds: Map<string, number>;
  /** The first of them, with the number of the attack. */
  failures: string[];
  healthyRounds: number;
  healthySlowestMs: number;
  /** After the first third, and at the end. */
  memory: [Memory, Memory] | null;
  durationMs: number;
}

const lanes = 24;
/** Attacks that only wait for a time-out of the node. */
const waitingMax = 400;
const handshakeTimeoutMs = 3000;
const patienceMs = 8000;
/** What attacks made is taken away after so many. */
const resetAfter = 4000;
const failuresMax = 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const node = await NodeProcess.start({ limits: { handshakeTimeoutMs } });
  try {
    return await new Campaign(node, options).run();
  } finally {
    await node.dispose();
  }
}

class Campaign {
  readonly #node: NodeProcess;
  readonly #options: FuzzOptions;
  readonly #setting: AttackSetting;
  readonly #waiting = new Set<Promise<void>>();
  #next = 0;
  readonly #report: FuzzReport = {
    frames: 0,
    connections: 0,
    results: new Map(),
    kinds: new Map(),
    failures: [],
    healthyRounds: 0,
    healthySlowestMs: 0,
    memory: null,
    durationMs: 0,
  };

  constructor(node: NodeProcess, options: FuzzOptions) {
    this.#node = node;
    this.#options = options;
    const port = node.amqpPort;
    this.#setting = { port, seed: options.seed, corpus: corpus(), handshakeTimeoutMs, patienceMs };
  }

  async run(): Promise<FuzzReport> {
    const startedAt = performance.now();
    const { pid } = this.#node;
    await this.#makeVhost();
    const healthy = await HealthyClient.start(this.#node.amqpPort);
    if (this.#options.only !== undefined) await this.#attack(this.#options.only);
    else await this.#attackAll();
    await healthy.stop();
    const report = this.#report;
    report.healthyRounds = healthy.rounds;
    report.healthySlowestMs = healthy.slowestMs;
    if (healthy.failure !== null) this.#fail(`the healthy client: ${healthy.failure}`);
    await this.#checkEnd(pid);
    report.durationMs = performance.now() - startedAt;
    return report;
  }

  async #attackAll(): Promise<void> {
    const { count, progress } = this.#options;
    let first: Memory | null = null;
    for (let part = 1; this.#report.frames < count && this.#wellEnough; part++) {
      const third = first === null ? Math.ceil(count / 3) : count;
      const goal = Math.min(third, part * resetAfter);
      await this.#attackUntil(goal);
      await this.#reset();
      const { frames, connections, failures } = this.#report;
      progress?.(`${frames} frames on ${connections} connections, ${failures.length} failures`);
      if (first === null && frames >= third) first = await this.#settledMemory();
    }
    if (first) this.#report.memory = [first, await this.#settledMemory()];
  }

  get #wellEnough(): boolean {
    return this.#node.alive && this.#report.failures.length < failuresMax;
  }

  async #attackUntil(goal: number): Promise<void> {
    const lane = async () => {
      while (this.#report.frames < goal && this.#wellEnough) await this.#attack(this.#next++);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    await Promise.all(this.#waiting);
  }

  /** Resolves when it is done, or when it only waits and there is room for more that do. */
  async #attack(index: number): Promise<void> {
    let waits!: () => void;
    const waiting = new Promise<void>((resolve) => (waits = resolve));
    const attack = new Attack(index, this.#setting, waits);
    const done = attack.run().then(
      ({ rounds, kinds, result, failure }) => {
        this.#report.frames += rounds;
        this.#report.connections++;
        add(this.#report.results, result);
        for (const kind of kinds) add(this.#report.kinds, kind);
        if (failure !== null) this.#fail(`attack ${index}: ${failure}`);
      },
      (error: unknown) => this.#fail(`attack ${index}: ${String(error)}`),
    );
    await Promise.race([done, this.#waiting.size < waitingMax ? waiting : done]);
    this.#waiting.add(done);
    void done.then(() => this.#waiting.delete(done));
    if (this.#options.only !== undefined) await done;
  }

  #fail(failure: string): void {
    this.#report.failures.push(failure);
  }

  // ---- The node's own state ----

  async #makeVhost(): Promise<void> {
    await this.#node.call('vhosts.put', { name: fuzzedVhost });
    await this.#node.call('permissions.put', {
      user: 'guest',
      vhost: fuzzedVhost,
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  }

  /** Waits until the node has let every attacker go, and takes away what they made. */
  async #reset(): Promise<void> {
    if (!this.#node.alive) return;
    const gone = async () => (await this.#node.call('overview')).counts.connections <= 1;
    await eventually('the attackers are gone', gone, 20_000).catch((error: Error) =>
      this.#fail(error.message),
    );
    await this.#node.call('vhosts.delete', { name: fuzzedVhost });
    await this.#makeVhost();
  }

  /** What is left after the collector has been asked until it finds nothing more. */
  async #settledMemory(): Promise<Memory> {
    let memory = await this.#node.memory();
    for (let i = 0; i < 10; i++) {
      const again = await this.#node.memory();
      if (again.heapUsed + again.external >= memory.heapUsed + memory.external - 100_000) return again;
      memory = again;
    }
    return memory;
  }

  async #checkEnd(pid: number): Promise<void> {
    const node = this.#node;
    if (!node.alive || node.pid !== pid) return this.#fail(`the node died: ${node.output}`);
    for (const { level, message } of node.lines)
      if (level === 'error' || message.includes('INTERNAL_ERROR')) this.#fail(`log: ${message}`);
    if (node.output !== '') this.#fail(`output: ${node.output}`);
    await node.stop();
    const again = await NodeProcess.start({ dataFolder: node.dataFolder });
    for (const { message } of again.lines) this.#fail(`after a restart: ${message}`);
    await again.stop();
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
