// The host's process: the real pair manager over simulated nodes, started from what its disk says, as
// broker/host/host.ts does it.
import { journalFolder } from '../../../broker/node/standby.ts';
import { PairManager, replicationOf } from '../../../broker/host/pair-manager.ts';
import { PairStateFile } from '../../../broker/host/pair-state-file.ts';
import type { ProcessConfig } from '../../../broker/node/node-process.ts';
import type { NodeId } from '../../../broker/pair/pair-machine.ts';
import type { SimulatedProcess } from './process.ts';
import { SimulatedSupervisor } from './supervised-node.ts';
import type { World } from './world.ts';

export const pairFile = '/host/pair.json';
export const dataFolderOf = (id: NodeId) => `/nodes/${id}`;
export const journalOf = (id: NodeId) => journalFolder(dataFolderOf(id));

export class SimulatedHost {
  readonly process: SimulatedProcess;
  readonly nodes = new Map<NodeId, SimulatedSupervisor>();
  manager: PairManager | null = null;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.process = world.spawn(`host${++world.spawned}`, 'host');
    void this.#start();
  }

  async #start(): Promise<void> {
    const { storage } = this.#world.doorsOf(this.process, 'host');
    const folders = (['a', 'b'] as const).map(dataFolderOf);
    await Promise.all(folders.map((folder) => this.#world.freeFolder(folder, this.process.clock)));
    const stateFile = await PairStateFile.open(pairFile, storage);
    const { clock } = this.process;
    const front = { host: '127.0.0.1', port: 5672 };
    this.manager = new PairManager({ nodes: this.nodes, front, stateFile, clock });
    const first = this.manager.preferredId;
    for (const id of [first, otherThan(first)]) this.#add(id).start();
  }

  #add(id: NodeId): SimulatedSupervisor {
    const manager = this.manager!;
    const config = () => this.#configOf(id);
    const node = new SimulatedSupervisor(this.#world, this.process, id, config, {
      starting: () => manager.starting(id),
      ready: (report) => manager.ready(id, report),
      exited: (reason, asked, killedAt) => manager.exited(id, reason, asked, killedAt),
      fenced: (fencing) => manager.fenced(id, fencing),
      paused: () => manager.paused(id),
      resumed: () => manager.resumed(id),
      peerInSync: (link, inSync) => manager.peerInSync(id, link, inSync),
      standbyState: (link, level) => manager.standbyState(id, link, level),
    });
    this.nodes.set(id, node);
    manager.add(id);
    return node;
  }

  #configOf(id: NodeId): ProcessConfig {
    const { model, storeOwner } = this.manager!;
    const self = model === 'shared-store' ? storeOwner : id;
    return {
      name: `warren-${self}`,
      dataFolder: dataFolderOf(self),
      identity: `warren-${self}`,
      host: '127.0.0.1',
      amqpPort: 0,
      managementPort: 0,
      kind: 'disc',
      model,
      replication: replicationOf(this.manager!.settings),
      followsFront: true,
      confirmMode: 'synced',
      productVersion: '1',
    };
  }

  /** The active of a pair hands over first. */
  async stopNode(id: NodeId): Promise<void> {
    if (this.manager?.activeId === id) await this.manager.switchOver().catch(() => undefined);
    await this.nodes.get(id)?.stop();
  }
}

export function otherThan(id: NodeId): NodeId {
  return id === 'a' ? 'b' : 'a';
}
