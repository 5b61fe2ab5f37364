// Keeps what was foretold of an action on the serving node, and says afterwards on the time line what it came to:
// how many messages were stranded, counted by the node itself when it is back, and how long nobody served.
import type { Clock } from '../base/clock.ts';
import type { PairActionName, Preflight } from '../contract/pair-rows.ts';
import type { Stock } from '../contract/rpc.ts';
import type { NodeId } from '../pair/pair-machine.ts';
import type { DrainKeeper } from './drain.ts';
import type { ManagedNode, PairManager } from './pair-manager.ts';
import type { PairStateFile } from './pair-state-file.ts';
import { preflight } from './preflight.ts';

/** What was foretold longer ago is about another state of things. */
const validMs = 60_000;
const lookEveryMs = 250;
const answerWithinMs = 1000;
/** For the node to come back and count. */
const patienceMs = 60_000;

export interface ForesightParts {
  pair: PairManager;
  drains: DrainKeeper;
  nodes: ReadonlyMap<NodeId, ManagedNode>;
  stateFile: PairStateFile;
  clock: Clock;
}

export class Foresight {
  readonly #parts: ForesightParts;
  #last: { flight: Preflight; node: NodeId; at: number; epoch: number } | null = null;

  constructor(parts: ForesightParts) {
    this.#parts = parts;
  }

  async preflight(action: PairActionName, nodeId: NodeId | null): Promise<Preflight> {
    const { pair, drains, stateFile, clock } = this.#parts;
    const { activeId } = pair;
    const stock = activeId === null ? null : await this.#stockOf(activeId);
    const flight = preflight(action, nodeId, {
      model: pair.model,
      activeId,
      standbyId: pair.standbyId,
      stock,
      stranded: pair.stranded(),
      outages: stateFile.keeps.outages,
      drainsByItself: drains.drainsByItself,
      drainFirst: stateFile.keeps.failback.drainFirst,
    });
    const node = nodeId ?? activeId;
    if (node !== null && node === activeId && flight.outage)
      this.#last = { flight, node, at: clock.now(), epoch: pair.epoch };
    return flight;
  }

  /** Null of a node that does not say in time: it may hang, and the question whether to kill it cannot wait. */
  #stockOf(id: NodeId): Promise<Stock | null> {
    const asked = this.#parts.nodes.get(id)?.control({ kind: 'stock' });
    if (!asked) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(answerWithinMs, () => resolve(null));
      asked
        .then(
          (stock) => resolve(stock as Stock | null),
          () => resolve(null),
        )
        .finally(() => timer.cancel());
    });
  }

  /** The action is carried out: says what it came to once that is known. */
  carriedOut(action: PairActionName): void {
    const last = this.#last;
    this.#last = null;
    const { clock, pair } = this.#parts;
    if (!last || last.flight.action !== action || clock.now() - last.at > validMs) return;
    if (pair.model === null) return;
    this.#watch(last.flight, last.node, last.epoch, clock.now() + patienceMs);
  }

  #watch(flight: Preflight, node: NodeId, epoch: number, deadline: number): void {
    const { pair, clock } = this.#parts;
    clock.after(lookEveryMs, () => {
      const strands = pair.model === 'independent';
      const rows = pair.stranded().filter((row) => row.nodeId === node);
      const served = pair.epoch > epoch && pair.activeId !== null && pair.activeId !== node;
      const counted =
        !strands || (pair.standbyId === node && rows.every(({ counted }) => counted === 'exact'));
      if (served && counted) this.#tell(flight, node, strands ? rows : []);
      else if (clock.now() < deadline && pair.model !== null) this.#watch(flight, node, epoch, deadline);
    });
  }

  #tell(flight: Preflight, node: NodeId, rows: { messages: number }[]): void {
    const { pair } = this.#parts;
    const stranded = rows.reduce((sum, { messages }) => sum + messages, 0);
    const expected = flight.outage?.expectedMs ?? null;
    const foretold = [
      ...(pair.model === 'independent' ? [`${flight.strandedTotal} stranded`] : []),
      ...(expected === null ? [] : [`${expected} ms without service`]),
    ];
    const came = [
      ...(pair.model === 'independent' ? [`${stranded} stranded on node ${node}`] : []),
      ...(pair.lastOutageMs === null ? [] : [`${pair.lastOutageMs} ms without service`]),
    ];
    const said = foretold.length > 0 ? `Foretold: ${foretold.join(', ')}. ` : '';
    pair.tell(node, 'as-foretold', `${said}It came to ${came.join(', ')}`);
  }
}
