// One node's process, kept running: started, asked, stopped, killed, and started again with a growing delay when
// it ends by itself. Whoever owns it hears of every change.
import { createBirpc, type BirpcReturn } from 'birpc';
import { ContractError } from '../contract/errors.ts';
import type { NodeState } from '../contract/host-procedures.ts';
import type { NodeProcedureName } from '../contract/node-procedures.ts';
import type {
  Fencing,
  Heartbeat,
  NodeClient,
  NodeControl,
  NodeHealth,
  NodeReady,
  NodeServer,
  Result,
} from '../contract/rpc.ts';
import type { NodeId } from '../pair/pair-machine.ts';
import { NodeLog } from './node-log.ts';
import { exitReason, type NodeChild, type NodeSpawner } from './node-spawner.ts';

const firstDelayMs = 100;
const delayMaxMs = 30_000;
/** A node that ran this long begins again with the first delay. */
const steadyAfterMs = 60_000;
const callTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

/** Handed to the node's process as JSON; its other fields are the node's own matter. */
export interface NodeStart extends Record<string, unknown> {
  dataFolder: string;
}

export interface NodeEvents {
  starting(): void;
  ready(report: NodeReady): void;
  /** `asked`: somebody ended it on purpose; `killedAt`: when the host itself sent SIGKILL. */
  exited(reason: string, asked: boolean, killedAt: number | null): void;
  paused(): void;
  resumed(): void;
  /** The authoritative node's word about its link to the other. */
  peerInSync(link: number, inSync: boolean): void;
  /** It serves nobody any more, and ends. */
  fenced(fencing: Fencing): void;
  /** Resolves when it is written down. */
  standbyState(link: number, inSync: boolean): Promise<void>;
}

export class SupervisedNode {
  readonly id: NodeId;
  readonly log: NodeLog;
  state: NodeState = 'stopped';
  startedAt: number | null = null;
  restarts = 0;
  lastExit: string | null = null;
  report: NodeReady | null = null;
  readonly #spawner: NodeSpawner;
  readonly #config: () => NodeStart;
  readonly #events: NodeEvents;
  readonly #restartDelayMs: () => number;
  #rpc: BirpcReturn<NodeServer, NodeClient> | null = null;
  #child: NodeChild | null = null;
  #wanted = false;
  /** A stop was asked for and its process is not gone yet. */
  #stopping = false;
  #killedAt: number | null = null;
  #delayMs = firstDelayMs;
  #timer: NodeJS.Timeout | null = null;
  #whenGone: (() => void)[] = [];

  constructor(options: {
    id: NodeId;
    logFile: string;
    /** What its next process is started with. */
    config: () => NodeStart;
    spawner: NodeSpawner;
    events: NodeEvents;
    /** How much longer it waits before it starts again, asked when it would; default: not at all. */
    restartDelayMs?: () => number;
  }) {
    this.id = options.id;
    this.log = new NodeLog(options.logFile);
    this.#config = options.config;
    this.#spawner = options.spawner;
    this.#events = options.events;
    this.#restartDelayMs = options.restartDelayMs ?? (() => 0);
  }

  get dataFolder(): string {
    return this.#config().dataFolder;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** One that is stopping starts again when it is gone. */
  start(): void {
    this.#wanted = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#child) this.#spawn();
  }

  /** Graceful; resolves when the process is gone. One that does not end in ten seconds is killed. */
  async stop(): Promise<void> {
    this.#wanted = false;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#child) {
      this.state = 'stopped';
      return;
    }
    this.state = 'stopping';
    this.#stopping = true;
    const gone = this.#gone();
    this.#signal('SIGCONT');
    const impatient = setTimeout(() => this.#signal('SIGKILL'), stopTimeoutMs);
    void this.#rpc?.control({ kind: 'stop' }).catch(() => undefined);
    await gone;
    clearTimeout(impatient);
  }

  /** Ends the process at once and for good, without waiting: the host itself ends. */
  abandon(): void {
    this.#wanted = false;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#signal('SIGKILL');
  }

  /** Resolves when the process answers, with null while it starts; rejects when it is gone. */
  async ping(heartbeat: Heartbeat): Promise<NodeHealth | null> {
    if (!this.#rpc) throw new ContractError('unavailable', `node ${this.id} is ${this.state}`);
    const result = await this.#rpc.control({ kind: 'ping', ...heartbeat });
    return result.ok ? (result.value as NodeHealth) : null;
  }

  /** SIGKILL, at once; it is started again unless it was stopped. Resolves when the process is gone. */
  async kill(): Promise<void> {
    if (!this.#child) throw new ContractError('conflict', `node ${this.id} is not running`);
    const gone = this.#gone();
    this.#killedAt = Date.now();
    this.#signal('SIGKILL');
    await gone;
  }

  pause(): void {
    if (this.state !== 'running') throw new ContractError('conflict', `node ${this.id} is not running`);
    if (process.platform === 'win32') throw new ContractError('refused', 'Windows cannot pause a process');
    this.#signal('SIGSTOP');
    this.state = 'paused';
    this.#events.paused();
  }

  resume(): void {
    if (this.state !== 'paused') throw new ContractError('conflict', `node ${this.id} is not paused`);
    this.#signal('SIGCONT');
    this.state = 'running';
    this.#events.resumed();
  }

  async call(name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    try {
      return await this.#answering().call(name, input);
    } catch (error) {
      if (error instanceof ContractError)
        return { ok: false, error: { code: error.code, message: error.message } };
      return { ok: false, error: { code: 'unavailable', message: `node ${this.id} does not answer` } };
    }
  }

  /** Rejects with the node's own error text. */
  async control(request: NodeControl): Promise<unknown> {
    // One that a fault keeps from starting has to hear that it is over.
    const rpc = request.kind === 'faults' && this.#rpc ? this.#rpc : this.#answering();
    const result = await rpc.control(request);
    if (!result.ok) throw new ContractError(result.error.code, result.error.message);
    return result.value;
  }

  #answering(): BirpcReturn<NodeServer, NodeClient> {
    if (!this.#rpc || this.report === null)
      throw new ContractError('unavailable', `node ${this.id} is ${this.state}`);
    return this.#rpc;
  }

  #spawn(): void {
    this.state = 'starting';
    this.report = null;
    this.#killedAt = null;
    const child = this.#spawner.spawn(JSON.stringify(this.#config()));
    this.#child = child;
    this.startedAt = Date.now();
    const rpc = this.#connect(child);
    this.#rpc = rpc;
    child.onOutput((text) => this.#output(text));
    child.onExit((reason, code) => {
      rpc.$close(new ContractError('unavailable', `node ${this.id} ${reason}`));
      if (this.#child === child) this.#exited(reason, code);
    });
    this.#events.starting();
  }

  #connect(child: NodeChild): BirpcReturn<NodeServer, NodeClient> {
    const answers: NodeClient = {
      ready: (report) => {
        this.report = report;
        if (this.state === 'starting') this.state = 'running';
        this.#events.ready(report);
        return Promise.resolve();
      },
      log: (lines) => {
        for (const { at, level, message } of lines) this.log.add(at, level, message);
        return Promise.resolve();
      },
      peerInSync: ({ link, inSync }) => {
        this.#events.peerInSync(link, inSync);
        return Promise.resolve();
      },
      changed: (report) => {
        this.report = report;
        return Promise.resolve();
      },
      fenced: (fencing) => {
        this.#events.fenced(fencing);
        return Promise.resolve();
      },
      standbyState: ({ link, inSync }) => this.#events.standbyState(link, inSync),
    };
    return createBirpc<NodeServer, NodeClient>(answers, {
      post: (message) => child.post(message),
      on: (handler) => child.onMessage(handler),
      timeout: callTimeoutMs,
    });
  }

  #output(text: string): void {
    for (const line of text.split('\n')) if (line.trim() !== '') this.log.add(Date.now(), 'error', line);
  }

  #exited(said: string, code: number | null): void {
    // Not every way of running a process tells the signal it died of.
    const reason = this.#killedAt === null ? said : exitReason(null, 'SIGKILL');
    const asked = this.#stopping || !this.#wanted;
    // Killed from outside while it was ready, it did nothing that would happen again by itself.
    const killed = this.report !== null && reason === exitReason(null, 'SIGKILL');
    const steady = this.startedAt !== null && Date.now() - this.startedAt > steadyAfterMs;
    if (steady || killed || this.#killedAt !== null) this.#delayMs = firstDelayMs;
    this.#stopping = false;
    this.#child = null;
    this.#rpc = null;
    this.report = null;
    this.startedAt = null;
    this.lastExit = reason;
    this.state = asked ? 'stopped' : 'crashed';
    this.log.add(Date.now(), asked ? 'info' : 'error', `the node's process ${reason}`);
    const killedAt = this.#killedAt;
    // A folder that another process holds will not come free by asking often.
    if (code === 4) this.#delayMs = delayMaxMs;
    this.#events.exited(reason, asked, killedAt);
    for (const resolve of this.#whenGone.splice(0)) resolve();
    if (!this.#wanted || this.#child) return;
    if (asked) this.#spawn();
    else this.#startAgain();
  }

  #startAgain(): void {
    this.#startIn(this.#delayMs, () => this.#startIn(this.#restartDelayMs(), () => this.#restart()));
    this.#delayMs = Math.min(this.#delayMs * 2, delayMaxMs);
  }

  #startIn(delayMs: number, go: () => void): void {
    if (delayMs === 0) return go();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      go();
    }, delayMs);
  }

  #restart(): void {
    this.restarts++;
    this.#spawn();
  }

  #gone(): Promise<void> {
    return new Promise((resolve) => this.#whenGone.push(resolve));
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.pid;
    if (pid === null) return;
    try {
      process.kill(pid, signal);
    } catch {
      // Gone between the look and the signal; its exit is on the way.
    }
  }
}
