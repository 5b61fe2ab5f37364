// A node's process as the host supervises it: what broker/host/supervised-node.ts does over a channel and signals, on
// simulated ones. The process itself runs the real NodeProcess.
import { DataFolderInUse } from '../../../broker/base/data-folder-lock.ts';
import { logTo } from '../../../broker/base/log.ts';
import { ContractError } from '../../../broker/contract/errors.ts';
import type {
  Heartbeat,
  NodeClient,
  NodeControl,
  NodeHealth,
  NodeReady,
  Result,
} from '../../../broker/contract/rpc.ts';
import type { NodeEvents } from '../../../broker/host/supervised-node.ts';
import type { ManagedNode } from '../../../broker/host/pair-manager.ts';
import { NodeProcess, type HostCaller, type ProcessConfig } from '../../../broker/node/node-process.ts';
import type { NodeId } from '../../../broker/pair/pair-machine.ts';
import type { Path } from './network.ts';
import { SimulatedNode } from './node.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

const firstDelayMs = 100;
const delayMaxMs = 30_000;
const callTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;
/** Of a new process, until its code runs. */
const spawnMs = 30;

interface Child {
  process: SimulatedProcess;
  toNode: Path;
  toHost: Path;
}

const starting: Result<unknown> = {
  ok: false,
  error: { code: 'unavailable', message: 'the node is starting' },
};

export class SimulatedSupervisor implements ManagedNode {
  readonly id: NodeId;
  report: NodeReady | null = null;
  readonly #world: World;
  readonly #host: SimulatedProcess;
  readonly #config: () => ProcessConfig;
  readonly #events: NodeEvents;
  #child: Child | null = null;
  #wanted = false;
  #stopping = false;
  #killedAt: number | null = null;
  #delayMs = firstDelayMs;
  readonly #calls = new Set<(error: Error) => void>();
  #whenGone: (() => void)[] = [];

  constructor(
    world: World,
    host: SimulatedProcess,
    id: NodeId,
    config: () => ProcessConfig,
    events: NodeEvents,
  ) {
    this.#world = world;
    this.#host = host;
    this.id = id;
    this.#config = config;
    this.#events = events;
  }

  /** Null while there is none. */
  get process(): SimulatedProcess | null {
    return this.#child?.process ?? null;
  }

  start(): void {
    this.#wanted = true;
    if (!this.#child) this.#spawn();
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (!child) return;
    this.#stopping = true;
    const gone = this.#gone();
    child.process.resume();
    const impatient = this.#host.clock.after(stopTimeoutMs, () => child.process.kill());
    void this.#request(child, { kind: 'stop' }).catch(() => undefined);
    await gone;
    impatient.cancel();
  }

  async ping(heartbeat: Heartbeat): Promise<NodeHealth | null> {
    if (!this.#child) throw new ContractError('unavailable', `node ${this.id} is not there`);
    const result = await this.#request(this.#child, { kind: 'ping', ...heartbeat });
    return result.ok ? (result.value as NodeHealth) : null;
  }

  async kill(): Promise<void> {
    if (!this.#child) throw new ContractError('conflict', `node ${this.id} is not running`);
    const gone = this.#gone();
    this.#killedAt = this.#host.clock.now();
    this.#child.process.kill();
    await gone;
  }

  pause(): void {
    if (!this.#child || !this.report || this.#child.process.paused) return;
    this.#child.process.pause();
    this.#events.paused();
  }

  resume(): void {
    if (!this.#child?.process.paused) return;
    this.#child.process.resume();
    this.#events.resumed();
  }

  async control(request: NodeControl): Promise<unknown> {
    if (!this.#child || !this.report) throw new ContractError('unavailable', `node ${this.id} is not ready`);
    const result = await this.#request(this.#child, request);
    if (!result.ok) throw new ContractError(result.error.code, result.error.message);
    return result.value;
  }

  #request({ process, toNode, toHost }: Child, request: NodeControl): Promise<Result<unknown>> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        timer.cancel();
        this.#calls.delete(reject);
        act();
      };
      const timer = this.#host.clock.after(callTimeoutMs, () => settle(() => reject(new Error('no answer'))));
      this.#calls.add(reject);
      const answer = (result: Result<unknown>) =>
        toHost.send(() => this.#host.take(() => settle(() => resolve(result))));
      toNode.send(() =>
        process.take(() => {
          const running = this.#running.get(process);
          if (running) void running.control(request).then(answer);
          else {
            if (request.kind === 'stop') process.clock.after(20, () => process.kill());
            answer(starting);
          }
        }),
      );
    });
  }

  /** Processes whose node has got ready. */
  readonly #running = new Map<SimulatedProcess, NodeProcess>();

  #spawn(): void {
    this.report = null;
    this.#killedAt = null;
    const { network } = this.#world;
    const process = this.#world.spawn(`${this.id}${++this.#world.spawned}`, this.id);
    const child: Child = {
      process,
      toNode: network.path('host', this.id),
      toHost: network.path(this.id, 'host'),
    };
    this.#child = child;
    let exitCode: number | null = null;
    process.onDeath(() => {
      const code = exitCode;
      child.toHost.lose();
      child.toHost.send(() => this.#host.take(() => this.#exited(child, code)));
    });
    // Without its parent it stops, once it hears of it.
    this.#host.onDeath(() =>
      child.toNode.send(() =>
        process.take(() => {
          const running = this.#running.get(process);
          if (running) void running.stop();
          else process.kill();
        }),
      ),
    );
    process.clock.after(spawnMs * this.#world.random.fraction() * 2, () => {
      void this.#run(child, (code) => {
        exitCode = code;
        process.kill();
      });
    });
    this.#events.starting();
  }

  async #run(child: Child, end: (code: number) => void): Promise<void> {
    const { process } = child;
    const world = this.#world;
    const log = logTo((level, message) => world.trace(`${process.name} ${level}: ${message}`));
    const doors = world.doorsOf(process, this.id);
    const node = new NodeProcess({
      config: this.#config(),
      host: this.#callerOf(child),
      log,
      doors,
      startNode: async (config) => {
        const open = await SimulatedNode.start(config, log, {
          process,
          doors,
          conditions: world.conditions,
          front: world.front,
          ledger: world.ledger,
          blockMagic: () => 1 + world.random.below(2 ** 32 - 1),
        });
        world.open.set(process, open);
        return open;
      },
      end,
    });
    try {
      await node.open();
      this.#running.set(process, node);
      await node.ready();
    } catch (error) {
      world.trace(`${process.name} did not start: ${String(error)}`);
      process.clock.after(50, () => end(error instanceof DataFolderInUse ? 4 : 1));
    }
  }

  /** The host, as the node's process calls it. */
  #callerOf(child: Child): HostCaller {
    const { process, toNode, toHost } = child;
    const calling =
      <Input>(answer: (input: Input) => Promise<void>) =>
      (input: Input): Promise<void> =>
        new Promise((resolve, reject) =>
          toHost.send(() =>
            this.#host.take(() => {
              if (this.#child !== child) return;
              const back = (settle: () => void) => toNode.send(() => process.take(settle));
              answer(input).then(
                () => back(resolve),
                (error: Error) => back(() => reject(error)),
              );
            }),
          ),
        );
    const client: Omit<NodeClient, 'log'> = {
      ready: calling(async (report) => {
        this.report = report;
        this.#events.ready(report);
      }),
      changed: calling(async (report) => void (this.report = report)),
      peerInSync: calling(async ({ link, inSync }) => this.#events.peerInSync(link, inSync)),
      fenced: calling(async (fencing) => this.#events.fenced(fencing)),
      standbyState: calling(({ link, inSync }) => this.#events.standbyState(link, inSync)),
    };
    const withEvents = Object.entries(client).map(([name, call]) => [
      name,
      Object.assign(call, { asEvent: call }),
    ]);
    return Object.fromEntries(withEvents) as HostCaller;
  }

  #exited(child: Child, code: number | null): void {
    if (this.#child !== child) return;
    const asked = this.#stopping || !this.#wanted;
    this.#running.delete(child.process);
    this.#child = null;
    const killed = this.report !== null && code === null;
    if (killed || this.#killedAt !== null) this.#delayMs = firstDelayMs;
    this.#stopping = false;
    this.report = null;
    if (code === 4) this.#delayMs = delayMaxMs;
    for (const reject of [...this.#calls])
      reject(new ContractError('unavailable', `node ${this.id} is gone`));
    this.#calls.clear();
    this.#events.exited(`ended with ${code}`, asked, this.#killedAt);
    for (const resolve of this.#whenGone.splice(0)) resolve();
    if (!this.#wanted || this.#child) return;
    if (asked) return this.#spawn();
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(this.#delayMs * 2, delayMaxMs);
    this.#host.clock.after(delayMs, () => {
      if (this.#wanted && !this.#child) this.#spawn();
    });
  }

  #gone(): Promise<void> {
    return new Promise((resolve) => this.#whenGone.push(resolve));
  }
}
