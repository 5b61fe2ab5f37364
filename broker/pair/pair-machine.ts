// Who serves the front address: a pure machine, state + event -> state + actions. The manager carries the actions
// out and reports back as events. It knows one or two members; a host without a pair runs it with `a` alone.
//
// Invariant: an activation begins only when no member is active, releasing, or being fenced, and carries an epoch
// higher than any before it, written down first. So two nodes never serve the front address at once.
export type NodeId = 'a' | 'b';

/** `starting`: its process is on the way; `up`: answers; `down`: no process; `fenced`: being killed as it hung. */
export type MemberState = 'starting' | 'up' | 'fenced' | 'down';

export type PairPhase = 'starting' | 'ready' | 'alone' | 'failing-over' | 'switching-over' | 'down';

export interface PairState {
  members: Partial<Record<NodeId, MemberState>>;
  /** Who holds the front address. */
  active: NodeId | null;
  /** Who is on the way to hold it. */
  candidate: NodeId | null;
  /** Who is giving it up for a switch-over. */
  releasing: NodeId | null;
  /** Whom a switch-over promotes. */
  successor: NodeId | null;
  epoch: number;
  /** When the front address lost its holder; null while it has one or never had. */
  unservedSince: number | null;
}

export type PairEvent =
  | { kind: 'member-added'; node: NodeId }
  | { kind: 'member-removed'; node: NodeId }
  | { kind: 'node-starting'; node: NodeId }
  | { kind: 'node-up'; node: NodeId; at: number }
  /** `at`: when it was first known to be gone, in Unix milliseconds. */
  | { kind: 'node-gone'; node: NodeId; at: number }
  | { kind: 'node-hung'; node: NodeId; at: number }
  | { kind: 'epoch-written'; node: NodeId; epoch: number }
  | { kind: 'front-taken'; node: NodeId; epoch: number; at: number }
  | { kind: 'front-failed'; node: NodeId; reason: string }
  | { kind: 'retry-due'; node: NodeId }
  | { kind: 'front-released'; node: NodeId; at: number }
  | { kind: 'switch-over'; at: number };

export type PairAction =
  | { do: 'write-epoch'; node: NodeId; epoch: number }
  | { do: 'take-front'; node: NodeId; epoch: number }
  | { do: 'release-front'; node: NodeId }
  | { do: 'fence'; node: NodeId }
  | { do: 'retry'; node: NodeId; reason: string }
  /** The active node's peer is to follow it: definitions flow from here. */
  | { do: 'link'; active: NodeId }
  | { do: 'served'; node: NodeId; outageMs: number | null };

export const initialPairState = (epoch: number): PairState => ({
  members: {},
  active: null,
  candidate: null,
  releasing: null,
  successor: null,
  epoch,
  unservedSince: null,
});

export function step(state: PairState, event: PairEvent): { state: PairState; actions: PairAction[] } {
  const next: PairState = { ...state, members: { ...state.members } };
  const actions: PairAction[] = [];
  apply(next, event, actions);
  promoteIfUnserved(next, actions);
  return { state: next, actions };
}

export function phaseOf(state: PairState): PairPhase {
  if (state.releasing !== null || state.successor !== null) return 'switching-over';
  if (state.active !== null) return standbyOf(state) === null ? 'alone' : 'ready';
  const members = Object.values(state.members);
  if (members.every((member) => member === 'down')) return 'down';
  return state.epoch > 0 && state.unservedSince !== null ? 'failing-over' : 'starting';
}

/** The member that is up and not active. */
export function standbyOf(state: PairState): NodeId | null {
  for (const id of ['a', 'b'] as const)
    if (id !== state.active && id !== state.candidate && state.members[id] === 'up') return id;
  return null;
}

function apply(state: PairState, event: PairEvent, actions: PairAction[]): void {
  switch (event.kind) {
    case 'member-added':
      state.members[event.node] ??= 'down';
      return;
    case 'member-removed':
      lose(state, event.node, null);
      delete state.members[event.node];
      return;
    case 'node-starting':
      if (event.node in state.members) state.members[event.node] = 'starting';
      return;
    case 'node-up':
      if (!(event.node in state.members)) return;
      state.members[event.node] = 'up';
      if (state.active !== null) actions.push({ do: 'link', active: state.active });
      return;
    case 'node-gone':
      lose(state, event.node, event.at);
      if (event.node in state.members) state.members[event.node] = 'down';
      return;
    case 'node-hung':
      return fenceIfActive(state, event.node, event.at, actions);
    case 'epoch-written':
      if (state.candidate === event.node && state.epoch === event.epoch)
        actions.push({ do: 'take-front', node: event.node, epoch: event.epoch });
      return;
    case 'front-taken':
      return taken(state, event, actions);
    case 'front-failed':
      if (state.candidate === event.node)
        actions.push({ do: 'retry', node: event.node, reason: event.reason });
      return;
    case 'retry-due':
      if (state.candidate !== event.node) return;
      actions.push({ do: 'write-epoch', node: event.node, epoch: ++state.epoch });
      return;
    case 'front-released':
      if (state.releasing !== event.node) return;
      state.releasing = null;
      state.active = null;
      return;
    case 'switch-over':
      return switchOver(state, event.at, actions);
  }
}

function lose(state: PairState, node: NodeId, at: number | null): void {
  if (state.active === node) {
    state.active = null;
    state.unservedSince ??= at;
  }
  if (state.candidate === node) state.candidate = null;
  if (state.releasing === node) state.releasing = null;
  if (state.successor === node) state.successor = null;
}

/** A hung standby harms nobody; a hung active is killed before anyone else may serve. */
function fenceIfActive(state: PairState, node: NodeId, at: number, actions: PairAction[]): void {
  if (state.active !== node && state.candidate !== node) return;
  if (state.members[node] === 'fenced') return;
  state.members[node] = 'fenced';
  state.unservedSince ??= at;
  actions.push({ do: 'fence', node });
}

function taken(
  state: PairState,
  event: Extract<PairEvent, { kind: 'front-taken' }>,
  actions: PairAction[],
): void {
  if (state.candidate !== event.node || state.epoch !== event.epoch) return;
  const outageMs = state.unservedSince === null ? null : Math.max(0, event.at - state.unservedSince);
  state.active = event.node;
  state.candidate = null;
  state.successor = null;
  state.unservedSince = null;
  actions.push({ do: 'served', node: event.node, outageMs }, { do: 'link', active: event.node });
}

function switchOver(state: PairState, at: number, actions: PairAction[]): void {
  const standby = standbyOf(state);
  if (state.active === null || standby === null || state.releasing !== null) return;
  if (state.members[state.active] !== 'up') return;
  state.releasing = state.active;
  state.successor = standby;
  state.unservedSince = at;
  actions.push({ do: 'release-front', node: state.active });
}

function promoteIfUnserved(state: PairState, actions: PairAction[]): void {
  if (state.active !== null || state.candidate !== null || state.releasing !== null) return;
  if (Object.values(state.members).includes('fenced')) return;
  const node = chooseCandidate(state);
  if (node === null) return;
  state.epoch++;
  state.candidate = node;
  actions.push({ do: 'write-epoch', node, epoch: state.epoch });
}

/** The one a switch-over named; else `a` before `b`, and at the first start `b` gives `a` the time to come up. */
function chooseCandidate(state: PairState): NodeId | null {
  if (state.successor !== null && state.members[state.successor] === 'up') return state.successor;
  if (state.members.a === 'up') return 'a';
  if (state.members.b !== 'up') return null;
  return state.members.a === 'starting' && state.unservedSince === null ? null : 'b';
}
