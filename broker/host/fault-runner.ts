// Runs an entry of the fault library on the pair: step after step, each on the time line, and puts everything right in
// the end. What did not come as it should is the outcome; the pair's own history tells the rest.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ContractError } from '../contract/errors.ts';
import type {
  FaultCondition,
  FaultEntry,
  FaultLibrary,
  FaultOutcome,
  FaultStep,
  FaultTarget,
} from '../contract/fault-library.ts';
import type { PairStatus } from '../contract/host-procedures.ts';
import { faultLibrary } from '../lab/fault-library.ts';
import { otherThan, type NodeId } from '../pair/pair-machine.ts';
import type { NodeFaults } from './node-faults.ts';

const pollMs = 20;
/** Written beside the lock, or in its place where the system has no better one. */
const lockFiles = ['holder', 'lock.sqlite'];

/** A node, as far as a run has to do with it. */
export interface RunnableNode {
  readonly state: string;
  readonly dataFolder: string;
  start(): void;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
}

export interface FaultRunnerParts {
  nodes: ReadonlyMap<NodeId, RunnableNode>;
  faults: NodeFaults;
  status(): PairStatus;
  /** In order; the active hands over first. */
  stop(id: NodeId): Promise<void>;
  /** Told to serve under this epoch. Rejects when it refuses. */
  claim(id: NodeId, epoch: number): Promise<unknown>;
  note(message: string, kind: 'fault-on' | 'fault-off' | 'trouble'): void;
}

/** How it was when the run began. */
interface Beginning {
  active: NodeId;
  standby: NodeId;
  epoch: number;
}

export class FaultRunner {
  readonly #parts: FaultRunnerParts;
  readonly #outcomes = new Map<string, FaultOutcome>();
  #running: FaultLibrary['running'] = null;

  constructor(parts: FaultRunnerParts) {
    this.#parts = parts;
  }

  library(): FaultLibrary {
    return { entries: [...faultLibrary], running: this.#running, outcomes: [...this.#outcomes.values()] };
  }

  /** Resolves when all is as it was, whatever came of it. Rejects when it cannot begin. */
  async run(id: string): Promise<FaultOutcome> {
    const { entry, beginning } = this.#begin(id);
    const startedAt = Date.now();
    const { note } = this.#parts;
    note(`Fault library: ${entry.title}`, 'fault-on');
    let problem: string | null = null;
    try {
      for (const [index, step] of entry.steps.entries()) {
        this.#running = { id, step: index + 1, of: entry.steps.length, doing: wordsOf(step, beginning) };
        await this.#step(step, beginning);
      }
    } catch (error) {
      problem = `step ${this.#running?.step} (${this.#running?.doing}): ${textOf(error)}`;
    }
    await this.#putRight(entry, beginning);
    this.#running = null;
    const outcome = { id, startedAt, durationMs: Date.now() - startedAt, problem };
    this.#outcomes.set(id, outcome);
    if (problem === null) note(`Fault library: ${entry.title}: all came as it should`, 'fault-off');
    else note(`Fault library: ${entry.title}: ${problem}`, 'trouble');
    return outcome;
  }

  #begin(id: string): { entry: FaultEntry; beginning: Beginning } {
    const entry = faultLibrary.find((each) => each.id === id);
    if (!entry) throw new ContractError('not-found', `the fault library has no '${id}'`);
    if (this.#running) throw new ContractError('conflict', `'${this.#running.id}' is being run`);
    const { model, activeId, state, epoch } = this.#parts.status();
    if (model === null || !entry.models.includes(model))
      throw new ContractError('conflict', `'${id}' is for a pair that is ${entry.models.join(' or ')}`);
    if (state !== 'ready' || activeId === null)
      throw new ContractError('conflict', `the pair is ${state}, not ready`);
    const active = activeId as NodeId;
    this.#running = { id, step: 0, of: entry.steps.length, doing: '' };
    return { entry, beginning: { active, standby: otherThan(active), epoch } };
  }

  async #step(step: FaultStep, beginning: Beginning): Promise<void> {
    const { nodes, faults, status, stop, claim } = this.#parts;
    const idOf = (target: FaultTarget) => beginning[target];
    const nodeOf = (target: FaultTarget) => nodes.get(beginning[target])!;
    switch (step.do) {
      case 'kill':
        return nodeOf(step.node).kill();
      case 'kill-both':
        await Promise.all([...nodes.values()].map((node) => node.kill().catch(() => undefined)));
        return;
      case 'pause':
        return nodeOf(step.node).pause();
      case 'resume':
        // One that was killed meanwhile has nothing to go on with.
        return nodeOf(step.node).state === 'paused' ? nodeOf(step.node).resume() : undefined;
      case 'stop':
        return stop(idOf(step.node));
      case 'start':
        return nodeOf(step.node).start();
      case 'fault':
        return faults.put(idOf(step.node), step.fault);
      case 'clear':
        return faults.clear(idOf(step.node), step.place);
      case 'claim': {
        const refusal = await claim(beginning.standby, status().epoch).then(
          () => null,
          (error: unknown) => textOf(error),
        );
        if (refusal === null) throw new Error(`node ${beginning.standby} serves by an epoch that is taken`);
        return this.#parts.note(`Node ${beginning.standby} refuses: ${refusal}`, 'fault-off');
      }
      case 'remove-lock-files':
        for (const { dataFolder } of nodes.values())
          for (const name of lockFiles) await rm(join(dataFolder, name), { force: true });
        return;
      case 'wait':
        return after(step.ms);
      case 'await':
        return this.#await(step.condition, step.limitMs, beginning);
    }
  }

  async #await(condition: FaultCondition, limitMs: number, beginning: Beginning): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!holds(condition, this.#parts.status(), beginning)) {
      if (performance.now() > deadline) {
        const { state, activeId, epoch } = this.#parts.status();
        const serving = activeId === null ? 'nobody serves' : `node ${activeId} serves`;
        throw new Error(`the pair is ${state} and ${serving} in epoch ${epoch} after ${limitMs} ms`);
      }
      await after(pollMs);
    }
  }

  /** Whatever a run that broke off has left. */
  async #putRight(entry: FaultEntry, { active, standby }: Beginning): Promise<void> {
    const { nodes, faults } = this.#parts;
    for (const step of entry.steps)
      if (step.do === 'fault') await faults.clear(step.node === 'active' ? active : standby, undefined);
    for (const node of nodes.values()) {
      if (node.state === 'paused') node.resume();
      if (node.state === 'stopped') node.start();
    }
  }
}

function holds(
  condition: FaultCondition,
  status: PairStatus,
  { active, standby, epoch }: Beginning,
): boolean {
  switch (condition) {
    case 'taken-over':
      return status.activeId === standby;
    case 'ready':
      return status.state === 'ready' && status.standbyLevel && status.definitionsInSync;
    case 'alone':
      return status.activeId !== null && (status.state === 'alone' || !status.standbyLevel);
    case 'nobody':
      return status.activeId === null;
    case 'unchanged':
      return status.activeId === active && status.epoch === epoch;
  }
}

const conditionWords: Record<FaultCondition, string> = {
  'taken-over': 'until the standby serves',
  ready: 'until the pair is ready',
  alone: 'until the active knows that it is alone',
  nobody: 'nobody serves',
  unchanged: 'nothing has changed',
};

function wordsOf(step: FaultStep, beginning: Beginning): string {
  switch (step.do) {
    case 'kill-both':
      return 'kill both';
    case 'claim':
      return `tell node ${beginning.standby} to serve`;
    case 'remove-lock-files':
      return 'delete the files beside the locks';
    case 'wait':
      return `wait ${step.ms} ms`;
    case 'await':
      return conditionWords[step.condition];
    case 'fault':
      return `${step.fault.kind} on node ${beginning[step.node]}`;
    case 'clear':
      return `node ${beginning[step.node]}: ${step.place} well again`;
    default:
      return `${step.do} node ${beginning[step.node]}`;
  }
}

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
