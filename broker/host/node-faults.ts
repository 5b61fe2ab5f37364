// The faults that are on, and who is told: a node's process now and at each start, both nodes for a shared store.
import { join } from 'node:path';
import { ContractError } from '../contract/errors.ts';
import type { NodeState, PairModel } from '../contract/host-procedures.ts';
import {
  placeOf,
  type FaultPlace,
  type LastingFault,
  type NodeFault,
  type NodeFaultRow,
  type StoreDamage,
} from '../contract/node-faults.ts';
import type { NodeControl } from '../contract/rpc.ts';
import type { NodeId } from '../pair/pair-machine.ts';
import { damageJournal } from '../pair/segment-damage.ts';

/** A node, as far as faults have to do with it. */
export interface FaultedNode {
  readonly id: NodeId;
  readonly state: NodeState;
  readonly dataFolder: string;
  control(request: NodeControl): Promise<unknown>;
}

export interface NodeFaultsParts {
  nodes: ReadonlyMap<NodeId, FaultedNode>;
  model(): PairModel | null;
  activeId(): NodeId | null;
  /** For the time line. */
  noted(nodeId: NodeId | null, on: boolean, message: string): void;
}

export class NodeFaults {
  readonly #parts: NodeFaultsParts;
  #rows: NodeFaultRow[] = [];

  constructor(parts: NodeFaultsParts) {
    this.#parts = parts;
  }

  get rows(): NodeFaultRow[] {
    return this.#rows;
  }

  /** What a node's process is to start with. */
  of(id: NodeId): LastingFault[] {
    return this.#rows.filter(({ nodeId }) => nodeId === id || nodeId === 'store').map(({ fault }) => fault);
  }

  /** Resolves when it is on, or done. Rejects for damage to a journal in use. */
  async put(id: NodeId, fault: NodeFault): Promise<void> {
    const node = this.#parts.nodes.get(id);
    if (!node) throw new ContractError('not-found', `there is no node ${id}`);
    if (fault.kind === 'corrupt-last-segment' || fault.kind === 'torn-tail') return this.#damage(node, fault);
    const place = placeOf(fault);
    const nodeId = place === 'disk' && this.#parts.model() === 'shared-store' ? 'store' : id;
    const kept = this.#rows.filter((row) => row.nodeId !== nodeId || row.place !== place);
    this.#rows = [...kept, { nodeId, place, fault, since: Date.now() }];
    const where = nodeId === 'store' ? 'The store of both nodes' : `Node ${id}`;
    this.#parts.noted(nodeId === 'store' ? null : id, true, `${where}: ${wordsOf(fault)}`);
    await this.#tell(nodeId);
  }

  /** Takes away what is on at a place, or everywhere. */
  async clear(id: NodeId, place: FaultPlace | undefined): Promise<void> {
    const isGone = (row: NodeFaultRow) =>
      (row.nodeId === id || row.nodeId === 'store') && (place === undefined || row.place === place);
    const gone = this.#rows.filter(isGone);
    if (gone.length === 0) return;
    this.#rows = this.#rows.filter((row) => !isGone(row));
    for (const { nodeId, fault } of gone) {
      const where = nodeId === 'store' ? 'The store of both nodes' : `Node ${nodeId}`;
      this.#parts.noted(nodeId === 'store' ? null : nodeId, false, `${where}: no more ${wordsOf(fault)}`);
    }
    await this.#tell(gone.some(({ nodeId }) => nodeId === 'store') ? 'store' : id);
  }

  /** The pair's model has changed: what was the store's is one node's, or nobody's. */
  forgetStore(): void {
    if (this.#rows.some(({ nodeId }) => nodeId === 'store')) {
      this.#rows = this.#rows.filter(({ nodeId }) => nodeId !== 'store');
      void this.#tell('store');
    }
  }

  /** One whose process is not there, or hangs, is told when it starts, or goes on. */
  async #tell(nodeId: NodeFaultRow['nodeId']): Promise<void> {
    const told = [...this.#parts.nodes.values()].filter(({ id }) => nodeId === 'store' || id === nodeId);
    await Promise.all(
      told.map(async (node) => {
        const answer = node.control({ kind: 'faults', faults: this.of(node.id) }).catch(() => undefined);
        if (node.state === 'running') await answer;
      }),
    );
  }

  async #damage(node: FaultedNode, damage: StoreDamage): Promise<void> {
    const { nodes, model, activeId, noted } = this.#parts;
    const users = model() === 'shared-store' ? [...nodes.values()] : [node];
    const isCopy = model() === 'replicated' && activeId() !== null && activeId() !== node.id;
    if (!isCopy && users.some(({ state }) => state !== 'stopped' && state !== 'crashed'))
      throw new ContractError(
        'conflict',
        `the journal of node ${node.id} is in use: stop ${users.length > 1 ? 'both nodes' : 'the node'} first`,
      );
    const done = await damageJournal(join(node.dataFolder, 'journal'), damage).catch((error: unknown) => {
      throw new ContractError('refused', error instanceof Error ? error.message : String(error));
    });
    noted(node.id, true, `Node ${node.id}: ${done}`);
  }
}

export function wordsOf(fault: LastingFault): string {
  switch (fault.kind) {
    case 'disk-stall':
      return 'disk stall: every file operation hangs';
    case 'slow-sync':
      return `slow disk: each sync takes ${fault.delayMs} ms more`;
    case 'disk-full':
      return 'full disk';
    case 'disk-error':
      return 'disk errors on write and sync';
    case 'clock-jump':
      return `clock ${Math.abs(fault.byMs)} ms ${fault.byMs < 0 ? 'behind' : 'ahead'}`;
    case 'memory':
      return 'memory alarm';
    case 'peer-link':
      if (fault.state === 'delayed') return `link to the other node ${fault.delayMs} ms slower each way`;
      if (fault.state === 'throttled')
        return `link to the other node no faster than ${fault.bytesPerSecond} bytes/s`;
      return 'link to the other node cut';
  }
}
