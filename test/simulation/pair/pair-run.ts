// One run of a simulated pair: faults for a while, then none, and at last everything promised must be there: it comes
// to rest, what was confirmed is consumed, both nodes agree, and a takeover brings nothing back.
import { definitionKey } from '../../../broker/definitions/definition-key.ts';
import type { Definition } from '../../../broker/definitions/definitions-store.ts';
import { shapeOf } from '../../../broker/definitions/reconcile.ts';
import { definitionsFile } from '../../../broker/node/standby.ts';
import type { NodeId } from '../../../broker/pair/pair-machine.ts';
import type { Random } from '../random.ts';
import { promised } from '../violation.ts';
import { Consumer, Declarer, Publisher, queueName, type Client } from './clients.ts';
import type { PairConditions } from './conditions.ts';
import { Faults } from './faults.ts';
import { dataFolderOf, journalOf, otherThan, pairFile, SimulatedHost } from './host.ts';
import type { SimulatedNode } from './node.ts';
import { World } from './world.ts';

const restMsMax = 180_000;

export class PairRun {
  readonly world: World;
  readonly faults: Faults;
  readonly clients: Client[] = [];
  host!: SimulatedHost;
  readonly #publishers: Publisher[] = [];
  readonly #consumers: Consumer[] = [];
  #declarer!: Declarer;

  constructor(random: Random, conditions: PairConditions, trace: ((line: string) => void) | null) {
    this.world = new World(random, conditions, trace);
    this.faults = new Faults(this);
  }

  get #queues(): string[] {
    return Array.from({ length: this.world.conditions.queues }, (_, index) => queueName(index));
  }

  /** Both nodes new, with their queues declared, and clients that begin at once. */
  start(): void {
    const { world } = this;
    const { conditions, disks, stored } = world;
    const text = JSON.stringify({
      model: conditions.model,
      active: 'a',
      epoch: 0,
      store: 'a',
      level: conditions.model !== 'replicated',
      settings: { replication: conditions.mode, whenAlone: conditions.policy },
    });
    const file = disks.host.create(pairFile);
    file.write(Buffer.from(text), 0);
    file.sync(file.changeCount);
    disks.host.syncFolder('/host', disks.host.changeCount);
    const vhost: Definition = {
      kind: 'vhost',
      body: { name: '/', description: '', tags: [], tracing: false },
    };
    const queues = this.#queues.map((name, index): Definition => {
      const body = { vhost: '/', name, id: index + 1, autoDelete: false, arguments: '' };
      return { kind: 'queue', body };
    });
    const definitions = [vhost, ...queues];
    for (const id of ['a', 'b'] as const)
      stored.set(
        definitionsFile(dataFolderOf(id)),
        new Map(definitions.map((each) => [definitionKey(each), { definition: each, alone: null }])),
      );
    this.host = new SimulatedHost(world);
    for (let number = 0; number < conditions.publishers; number++)
      this.#publishers.push(new Publisher(world, number));
    for (let number = 0; number < conditions.consumers; number++)
      this.#consumers.push(new Consumer(world, [queueName(number % conditions.queues)]));
    this.#declarer = new Declarer(world);
    this.clients.push(...this.#publishers, ...this.#consumers, this.#declarer);
  }

  // ---- Time ----

  async for(lengthMs: number): Promise<void> {
    const { loop } = this.world;
    const until = loop.monotonic() + lengthMs;
    await this.until(() => loop.monotonic() >= until, lengthMs + 1, 'time passes');
  }

  async until(condition: () => boolean, msMax: number, what: string): Promise<void> {
    const { loop } = this.world;
    const latest = loop.monotonic() + msMax;
    let over = false;
    loop.after(msMax, () => (over = true));
    while (!condition()) {
      promised(!over && loop.monotonic() <= latest, () => `it does not come to this: ${what}`);
      await loop.step();
      this.#traceHost();
      const { misuse, ledger } = this.world;
      promised(misuse === null, () => misuse!);
      if (ledger.violation) throw ledger.violation;
    }
  }

  #told = 0;
  #teller: SimulatedHost | null = null;

  #traceHost(): void {
    const { manager } = this.host;
    if (!this.world.traced || !manager) return;
    if (this.#teller !== this.host) this.#told = 0;
    this.#teller = this.host;
    for (const { sequence, message } of manager.events(this.#told)) {
      this.#told = sequence;
      this.world.trace(`host: ${message}`);
    }
  }

  async strikeFor(durationMs: number): Promise<void> {
    const { loop, random, conditions } = this.world;
    const until = loop.monotonic() + durationMs;
    while (loop.monotonic() < until) {
      await this.for(conditions.faultEveryMs * 2 * random.fraction());
      this.faults.strike();
    }
  }

  // ---- The end ----

  async finish(): Promise<void> {
    const { world } = this;
    this.faults.end();
    for (const publisher of this.#publishers) publisher.stopped = true;
    this.#declarer.stopped = true;
    const last = new Consumer(world, this.#queues);
    for (const consumer of [...this.#consumers, last]) consumer.eager = true;
    await this.#drained();
    if (world.conditions.model === 'independent') {
      await this.#switchOver();
      await this.#drained();
    }
    world.ledger.checkLosses();
    await this.for(3000);
    this.#checkDefinitions();
    if (world.conditions.model === 'replicated') this.#checkCopies();
    world.ledger.allSettled = true;
    for (let takeovers = 0; takeovers < 2; takeovers++) {
      world.trace('---- takeover');
      this.faults.kill(this.faults.active);
      await this.for(1000);
      await this.#atRest();
      await this.for(500);
    }
  }

  get #serving(): SimulatedNode | null {
    const nodes = [...this.world.open.values()];
    return nodes.find(({ hasFront }) => hasFront) ?? null;
  }

  #atRest(): Promise<void> {
    return this.until(
      () => {
        const { manager } = this.host;
        return manager?.phase === 'ready' && manager.standbyLevel && this.#serving !== null;
      },
      restMsMax,
      'both nodes are up, and one serves',
    );
  }

  async #drained(): Promise<void> {
    await this.#atRest();
    // For what is on its way to the node.
    await this.for(2000);
    await this.until(
      () => {
        const node = this.#serving;
        return node !== null && node.holdings().length === 0 && node.journal.pendingBytes === 0;
      },
      restMsMax,
      'every message is consumed',
    );
    await this.#atRest();
  }

  /** Once the definitions are the same on both, so that clients find what they want. */
  async #switchOver(): Promise<void> {
    await this.until(() => this.host.manager!.definitionsInSync, restMsMax, 'the definitions are in sync');
    const { activeId } = this.host.manager!;
    void this.host.manager!.switchOver().catch(() => undefined);
    await this.until(
      () => this.host.manager!.activeId === otherThan(activeId!),
      restMsMax,
      'the other serves',
    );
  }

  #checkDefinitions(): void {
    const { stored, conditions } = this.world;
    const shapes = (id: NodeId) =>
      [...stored.get(definitionsFile(dataFolderOf(id)))!.values()]
        .map(({ definition }) => shapeOf(definition))
        .sort();
    const here = shapes('a');
    const there = conditions.model === 'shared-store' ? here : shapes('b');
    promised(
      here.join('\n') === there.join('\n'),
      () => `definitions differ: ${JSON.stringify(here)} on a, ${JSON.stringify(there)} on b`,
    );
    const keys = stored.get(definitionsFile(dataFolderOf('a')))!;
    for (const [key, state] of this.#declarer.promised) {
      if (state === 'there') promised(keys.has(key), () => `${key} was declared and is not there`);
      // In an independent pair what only one node had comes back with it.
      const sure = state === 'gone' && conditions.model !== 'independent';
      if (sure) promised(!keys.has(key), () => `${key} was deleted and is there`);
    }
  }

  /** Byte for byte the same files: nothing was merged in. */
  #checkCopies(): void {
    const { disks } = this.world;
    const filesOf = (id: NodeId) => {
      const folder = `${journalOf(id)}/`;
      const paths = disks[id].paths().filter((path) => path.startsWith(folder));
      const names = paths.map((path) => path.slice(folder.length));
      return new Map(
        names
          .filter((name) => !name.startsWith('quarantine/') && !name.endsWith('.damaged'))
          .map((name) => [name, disks[id].file(`${folder}${name}`)!.view] as const),
      );
    };
    const [here, there] = [filesOf('a'), filesOf('b')];
    const names = (files: Map<string, Buffer>) => [...files.keys()].join(', ');
    promised(names(here) === names(there), () => `a has ${names(here)}, and its copy ${names(there)}`);
    for (const [name, bytes] of here)
      promised(bytes.equals(there.get(name)!), () => `${name} of a and of its copy differ`);
  }
}
