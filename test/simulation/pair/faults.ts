// The faults that hit a simulated pair, each for itself, so that scenarios and random runs use the same.
import type { NodeId } from '../../../broker/pair/pair-machine.ts';
import type { Fault } from './conditions.ts';
import { otherThan, SimulatedHost } from './host.ts';
import type { PairRun } from './pair-run.ts';
import type { Place } from './world.ts';

export class Faults {
  readonly #run: PairRun;

  constructor(run: PairRun) {
    this.#run = run;
  }

  /** One at random; what comes later of it is of random length as well. */
  strike(): void {
    const { random, conditions, trace } = this.#run.world;
    if (Object.values(conditions.weights).every((weight) => weight === 0)) return;
    const fault = random.weighted(conditions.weights);
    trace(`fault: ${fault}`);
    const lengthMs = random.pick([30, 400, 1000, 1600, 4000]) * (0.5 + random.fraction());
    switch (fault satisfies Fault) {
      case 'killActive':
        return this.kill(this.active);
      case 'killStandby':
        return this.kill(this.standby);
      case 'killBoth':
        this.kill('a');
        return this.kill('b');
      case 'losePower':
        return this.losePower(random.pick(['a', 'b'] as const));
      case 'losePowerOfAll':
        return this.losePowerOfAll(lengthMs);
      case 'pauseActive':
        return this.pause(this.active, lengthMs);
      case 'pauseStandby':
        return this.pause(this.standby, lengthMs);
      case 'pauseHost':
        return this.pauseHost(lengthMs);
      case 'killHost':
        return this.killHost(lengthMs);
      case 'cutLink':
        return this.cutLink('a', 'b', lengthMs);
      case 'breakConnections':
        return this.#run.world.network.breakConnections();
      case 'slowLink':
        return this.slowLink('a', 'b', lengthMs);
      case 'cutHost':
        return this.cutLink('host', random.pick(['a', 'b'] as const), lengthMs);
      case 'stallDisk':
        return this.stallDisk(random.pick(['a', 'b', 'host'] as const), lengthMs);
      case 'switchOver':
        return this.switchOver();
      case 'stopNode':
        return this.stopNode(random.pick(['a', 'b'] as const), lengthMs);
      case 'jumpClock':
        this.#run.host.process.skewMs += random.pick([-1, 1]) * random.pick([1000, 10_000, 3_600_000]);
        return;
      case 'dropClients':
        for (const client of this.#run.clients) if (random.chance(0.5)) client.drop();
    }
  }

  get active(): NodeId {
    return this.#run.host.manager?.preferredId ?? 'a';
  }

  get standby(): NodeId {
    return otherThan(this.active);
  }

  /** SIGKILL from outside. */
  kill(id: NodeId): void {
    this.#run.host.nodes.get(id)?.process?.kill();
  }

  /** Of a node's machine; over a shared store the other would lose its disk with it, so that it is the process alone. */
  losePower(id: NodeId): void {
    const { world } = this.#run;
    if (world.conditions.model === 'shared-store') this.kill(id);
    else world.losePower(id);
  }

  losePowerOfAll(darkMs: number): void {
    const { world } = this.#run;
    for (const place of ['host', 'a', 'b'] as const) world.losePower(place);
    world.loop.after(darkMs, () => this.newHost());
  }

  pause(id: NodeId, lengthMs: number): void {
    const node = this.#run.host.nodes.get(id);
    const process = node?.process;
    if (!node || !process) return;
    node.pause();
    this.#run.world.loop.after(lengthMs, () => {
      if (node.process === process && this.#run.host.nodes.get(id) === node) node.resume();
      else process.resume();
    });
  }

  pauseHost(lengthMs: number): void {
    const { process } = this.#run.host;
    process.pause();
    this.#run.world.loop.after(lengthMs, () => process.resume());
  }

  /** Its nodes stop when they hear of it, and a new one comes some time. */
  killHost(goneMs: number): void {
    this.#run.host.process.kill();
    this.#run.world.loop.after(goneMs, () => this.newHost());
  }

  newHost(): void {
    if (!this.#run.host.process.alive) this.#run.host = new SimulatedHost(this.#run.world);
  }

  cutLink(one: Place, other: Place, lengthMs: number): void {
    const { loop, network } = this.#run.world;
    const link = network.link(one, other);
    link.cut();
    loop.after(lengthMs, () => link.heal());
  }

  slowLink(one: Place, other: Place, lengthMs: number): void {
    const { loop, network } = this.#run.world;
    const link = network.link(one, other);
    link.slow = true;
    loop.after(lengthMs, () => (link.slow = false));
  }

  /** Its calls hang, while everything else goes on. */
  stallDisk(place: Place, lengthMs: number): void {
    const { loop, disks } = this.#run.world;
    disks[place].stalledUntil = loop.monotonic() + lengthMs;
  }

  switchOver(): void {
    this.#run.host.manager?.switchOver().catch(() => undefined);
  }

  stopNode(id: NodeId, awayMs: number): void {
    const { host } = this.#run;
    const startLater = () => void host.process.clock.after(awayMs, () => host.nodes.get(id)?.start());
    host.stopNode(id).then(startLater, startLater);
  }

  /** Nothing is wrong any more. */
  end(): void {
    const { world } = this.#run;
    world.trace('---- no more faults');
    world.network.healAll();
    for (const disk of Object.values(world.disks)) disk.stalledUntil = 0;
    for (const process of world.processes) process.resume();
    this.newHost();
    for (const node of this.#run.host.nodes.values()) {
      node.resume();
      node.start();
    }
  }
}
