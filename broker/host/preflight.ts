// What an action on the pair would do, said before the button (R33e, R33f): messages lost, stranded, delivered again
// or out of order, and how long nobody would serve, judged by earlier runs of the same kind. A pure account of what
// the nodes say; whoever carries the action out compares afterwards.
import type { PairModel } from '../contract/host-procedures.ts';
import type { OutageRecord, PairActionName, Preflight, StrandedRow } from '../contract/pair-rows.ts';
import type { Stock } from '../contract/rpc.ts';
import type { NodeId } from '../pair/pair-machine.ts';

export interface PreflightFacts {
  model: PairModel | null;
  activeId: NodeId | null;
  standbyId: NodeId | null;
  /** Of the node that serves; null when nobody does, or it has not said. */
  stock: Stock | null;
  /** On the other node already. */
  stranded: StrandedRow[];
  /** Newest first. */
  outages: OutageRecord[];
  /** In an independent pair: what is left behind is drained by itself. */
  drainsByItself: boolean;
  /** A failback drains the preferred node before it. */
  drainFirst: boolean;
}

const runsMax = 20;

export function preflight(action: PairActionName, nodeId: NodeId | null, facts: PreflightFacts): Preflight {
  const flight: Preflight = {
    action,
    nodeId,
    clients: 0,
    lost: { transient: 0, unconfirmed: 0 },
    stranded: [],
    strandedTotal: 0,
    redelivered: 0,
    reordered: 0,
    outage: null,
    sentences: [],
  };
  const node = nodeId ?? facts.activeId;
  if (action === 'promote-anyway') flight.sentences.push(...ofPromotion());
  else if (action === 'stop-pair') strand(flight, facts.stranded);
  else if (node === null || node !== facts.activeId) flight.sentences.push(...ofStandby(node, facts));
  else ofActive(flight, node, facts);
  flight.sentences.push(...inWords(flight, facts));
  return flight;
}

/** Its process ends, at once or in order, or it only hands over. */
function ofActive(flight: Preflight, node: NodeId, facts: PreflightFacts): void {
  const { model, stock, standbyId } = facts;
  const { action } = flight;
  // One that is paused is killed when the standby takes over.
  const abrupt = action === 'kill' || (action === 'pause' && standbyId !== null);
  const goesOn = action === 'pause' && standbyId === null;
  const ends = !goesOn && (abrupt || action === 'stop' || model !== 'independent');
  const planned = !abrupt && standbyId !== null;
  if (stock && !goesOn) {
    flight.clients = stock.connections;
    if (abrupt) flight.lost.unconfirmed = stock.unconfirmed;
    for (const { unacknowledged, transient } of stock.queues) {
      flight.redelivered += unacknowledged;
      if (ends) flight.lost.transient += transient;
    }
    if (model === 'independent') strand(flight, leftOn(node, stock, !ends));
  }
  // Drained first, they are on this node when it hands over.
  if (action === 'failback' && facts.drainFirst && model === 'independent') strand(flight, facts.stranded);
  if (goesOn) flight.outage = { expectedMs: null, worstMs: null, runs: 0 };
  else flight.outage = outageOf(facts, planned ? 'switch-over' : 'failure');
}

function leftOn(nodeId: NodeId, { queues }: Stock, withTransient: boolean): Preflight['stranded'] {
  return queues
    .map(({ vhost, queue, persistent, transient }) => ({
      nodeId,
      vhost,
      queue,
      messages: persistent + (withTransient ? transient : 0),
    }))
    .filter(({ messages }) => messages > 0);
}

function strand(flight: Preflight, rows: Preflight['stranded']): void {
  for (const { nodeId, vhost, queue, messages } of rows)
    flight.stranded.push({ nodeId, vhost, queue, messages });
  flight.stranded.sort((a, b) => b.messages - a.messages);
  flight.strandedTotal = flight.stranded.reduce((sum, { messages }) => sum + messages, 0);
  flight.reordered = new Set(flight.stranded.map(({ vhost, queue }) => `${vhost}\n${queue}`)).size;
}

function outageOf({ outages, model }: PreflightFacts, kind: OutageRecord['kind']): Preflight['outage'] {
  const runs = outages
    .filter((record) => record.kind === kind && record.model === model)
    .slice(0, runsMax)
    .map(({ outageMs }) => outageMs)
    .sort((a, b) => a - b);
  const expectedMs = runs[Math.floor((runs.length - 1) / 2)] ?? null;
  return { expectedMs, worstMs: runs.at(-1) ?? null, runs: runs.length };
}

function ofPromotion(): string[] {
  return [
    'What the other node confirmed since the copy was last level is not in it.',
    'When that node comes back, what only it has is set aside in its folder, not merged.',
  ];
}

function ofStandby(node: NodeId | null, { stranded, model }: PreflightFacts): string[] {
  if (node === null) return ['Nobody serves.'];
  const sentences = ['Clients notice nothing. Nobody could take over while it is away.'];
  if (model === 'replicated') sentences.push('The active node confirms alone meanwhile.');
  const held = stranded.reduce((sum, row) => (row.nodeId === node ? sum + row.messages : sum), 0);
  if (held > 0) sentences.push(`Its ${messages(held)} stay stranded on it.`);
  return sentences;
}

function inWords(flight: Preflight, facts: PreflightFacts): string[] {
  const { lost, strandedTotal, stranded, redelivered, outage, clients, action } = flight;
  const sentences: string[] = [];
  if (lost.transient > 0) sentences.push(`${messages(lost.transient)} that are not on disk will be lost.`);
  if (lost.unconfirmed > 0)
    sentences.push(`${messages(lost.unconfirmed)} are not confirmed yet: their publishers will not know.`);
  if (strandedTotal > 0) {
    const where = `${messages(strandedTotal)} in ${count(stranded.length, 'queue')}`;
    if (action === 'stop-pair')
      sentences.push(`${where} stay in the standby’s folder, where no client reaches them.`);
    else {
      const way = facts.drainsByItself
        ? 'until they have been drained into the node that serves then'
        : 'until it serves again or they are drained';
      sentences.push(`${where} will be stranded ${way}.`);
      sentences.push('What is published meanwhile comes before them: order changes in those queues.');
    }
  }
  if (redelivered > 0)
    sentences.push(`${messages(redelivered)} out with consumers will come again, marked redelivered.`);
  if (clients > 0) sentences.push(`${count(clients, 'client')} must connect again, to the same address.`);
  if (outage) sentences.push(ofOutage(outage, facts));
  return sentences;
}

function ofOutage(
  { expectedMs, worstMs, runs }: NonNullable<Preflight['outage']>,
  facts: PreflightFacts,
): string {
  if (facts.standbyId === null) return 'Nobody serves until it is back.';
  if (expectedMs === null) return 'How long nobody serves is not known: it has not happened yet.';
  if (runs === 1) return `Nobody serves for about ${expectedMs} ms, as the last time.`;
  return `Nobody serves for about ${expectedMs} ms, at worst ${worstMs} ms in the last ${runs} times.`;
}

const count = (number: number, noun: string) =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
const messages = (number: number) => count(number, 'message');
