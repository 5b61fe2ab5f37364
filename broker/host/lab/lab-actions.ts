// Carries out what a script or a button asks for, on the nodes and on the clients' link, and takes back what was to
// last for a while.
import type { LabLink } from '../../contract/lab.ts';
import type { LabAction, NodeTargetName } from '../../contract/lab-script.ts';
import { ContractError } from '../../contract/errors.ts';
import { placeOf, type FaultPlace } from '../../contract/node-faults.ts';
import type { LabTarget } from './lab-target.ts';

const plain: LabLink = { state: 'plain', amount: 0 };
type NodeId = 'a' | 'b';

export interface ActionEvents {
  /** Before it is done, so that nothing of its effect is missed. */
  begins(label: string): Promise<void>;
  /** It came to nothing. */
  failed(label: string, reason: string): void;
  /** Something that is no fault: taking one back. */
  said(message: string): void;
  link(link: LabLink): Promise<void>;
}

export class LabActions {
  readonly #target: LabTarget;
  readonly #events: ActionEvents;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What is paused or stopped by the run itself. */
  readonly #paused = new Set<NodeId>();
  readonly #stopped = new Set<NodeId>();
  /** Faults that the run put on. */
  #faults: { nodeId: NodeId; place: FaultPlace }[] = [];

  constructor(target: LabTarget, events: ActionEvents) {
    this.#target = target;
    this.#events = events;
  }

  /** Never rejects: what could not be done is told. */
  async do(action: LabAction): Promise<void> {
    try {
      switch (action.kind) {
        case 'pair':
          return await this.#pair(action);
        case 'fault':
          return await this.#fault(action);
        case 'library':
          return await this.#library(action);
        case 'link':
          return await this.#link(action);
        case 'node':
          return await this.#node(action);
      }
    } catch (error) {
      this.#events.failed(action.text, error instanceof Error ? error.message : String(error));
    }
  }

  /** Undoes all that lasts, for the verdict. */
  async heal(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#events.link(plain);
    for (const { nodeId, place } of this.#faults.splice(0))
      await this.#target.call('nodes.fault', { nodeId, fault: null, place }).catch(() => undefined);
    for (const nodeId of [...this.#paused]) await this.#resume(nodeId).catch(() => undefined);
    for (const nodeId of [...this.#stopped]) await this.#start(nodeId).catch(() => undefined);
  }

  async #pair({ verb }: Extract<LabAction, { kind: 'pair' }>): Promise<void> {
    if (verb === 'drain') return this.#drain();
    await this.#events.begins(verb);
    await this.#target.call(verb === 'failback' ? 'pair.failback' : 'pair.switchOver', {});
  }

  async #library({ id, text }: Extract<LabAction, { kind: 'library' }>): Promise<void> {
    await this.#events.begins(text);
    const { problem } = await this.#target.call('faults.run', { id });
    if (problem !== null) throw new Error(problem);
    this.#events.said(`${id}: all came as it should`);
  }

  async #drain(): Promise<void> {
    const { model } = await this.#target.call('pair.status', {});
    if (model !== 'independent')
      return this.#events.said('nothing to drain: only independent nodes strand messages');
    this.#events.said('what is stranded is drained');
    await this.#target.call('pair.drain', {});
  }

  async #fault(action: Extract<LabAction, { kind: 'fault' }>): Promise<void> {
    const { fault, target } = action;
    const nodeId = await this.#nodeOf(target);
    if (fault === null) {
      this.#events.said(`node ${nodeId} is mended`);
      return this.#target.call('nodes.fault', { nodeId, fault });
    }
    await this.#events.begins(action.text.replace(target, nodeId));
    await this.#target.call('nodes.fault', { nodeId, fault });
    if (fault.kind === 'corrupt-last-segment' || fault.kind === 'torn-tail') return;
    const place = placeOf(fault);
    this.#faults.push({ nodeId, place });
    this.#later(action, () => this.#target.call('nodes.fault', { nodeId, fault: null, place }));
  }

  async #link(action: Extract<LabAction, { kind: 'link' }>): Promise<void> {
    if (action.state === 'plain') {
      this.#events.said('the clients’ link is plain again');
      return this.#events.link(plain);
    }
    await this.#events.begins(action.text);
    await this.#events.link({ state: action.state, amount: 'amount' in action ? action.amount : 0 });
    this.#later(action, async () => {
      this.#events.said('the clients’ link is plain again');
      await this.#events.link(plain);
    });
  }

  async #node(action: Extract<LabAction, { kind: 'node' }>): Promise<void> {
    const nodeId = await this.#nodeOf(action.target);
    const label = `${action.verb} ${nodeId}`;
    switch (action.verb) {
      case 'resume':
        this.#events.said(`node ${nodeId} is let go on`);
        return this.#resume(nodeId);
      case 'start':
        this.#events.said(`node ${nodeId} is started`);
        return this.#start(nodeId);
      case 'kill':
        await this.#events.begins(label);
        return this.#target.call('nodes.kill', { nodeId });
      case 'pause':
        await this.#events.begins(label);
        await this.#target.call('nodes.pause', { nodeId });
        this.#paused.add(nodeId);
        return this.#later(action, () => this.#resume(nodeId));
      case 'stop':
        await this.#events.begins(label);
        this.#stopped.add(nodeId);
        await this.#target.call('nodes.stop', { nodeId });
        return this.#later(action, () => this.#start(nodeId));
    }
  }

  /** One that was killed meanwhile has nothing to go on with. */
  async #resume(nodeId: NodeId): Promise<void> {
    this.#paused.delete(nodeId);
    const { nodes } = await this.#target.call('pair.status', {});
    if (nodes.find(({ id }) => id === nodeId)?.state === 'paused')
      await this.#target.call('nodes.resume', { nodeId });
  }

  async #start(nodeId: NodeId): Promise<void> {
    this.#stopped.delete(nodeId);
    await this.#target.call('nodes.start', { nodeId });
  }

  async #nodeOf(name: NodeTargetName): Promise<NodeId> {
    if (name === 'a' || name === 'b') return name;
    const { nodes } = await this.#target.call('pair.status', {});
    const node = nodes.find(({ role }) => role === name);
    if (!node) throw new ContractError('conflict', `no node is ${name} at the moment`);
    return node.id as NodeId;
  }

  #later(action: LabAction, undo: () => Promise<void>): void {
    if (action.forMs === null) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      undo().catch((error: unknown) =>
        this.#events.failed(`the end of '${action.text}'`, (error as Error).message),
      );
    }, action.forMs);
    this.#timers.add(timer);
  }
}
