// Who serves the front address: a pure machine, state + event -> state + actions. The manager carries the actions
// out and reports back as events. It knows one or two members; a host without a pair runs it with one alone.
//
// Invariant: an activation begins only when no member is active, releasing, or being fenced, and carries an epoch
// higher than any before it, written down first. So two nodes never serve the front address at once. Answers name
// their epoch, so that a late one about an earlier attempt changes nothing.
export type NodeId = 'a' | 'b';

/** `starting`: its process is on the way; `up`: ready; `down`: no process; `fenced`: on its way to the end, as it hung or said that it must not serve. */
export type MemberState = 'starting' | 'up' | 'fenced' | 'down';

export type PairPhase = 'starting' | 'ready' | 'alone' | 'failing-over' | 'switching-over' | 'down';

export interface PairState {
  members: Partial<Record<NodeId, MemberState>>;
  /** Members whose process is there and answers nothing: neither promoted nor waited for. */
  silent: Partial<Record<NodeId, true>>;
  /** Who holds the front address. */
  active: NodeId | null;
  /** Who is on the way to hold it. */
  candidate: NodeId | null;
  /** Who is giving it up for a switch-over. */
  releasing: NodeId | null;
  /** Whom a switch-over promotes. */
  successor: NodeId | null;
  /** Who held the front address last, also before the host's start: its definitions and messages are the newest. */
  preferred: NodeId;
  /**
   * Whether the other one has what it takes to serve in its place. Always, where each has its own messages or both have
   * one store; in a replicated pair while its copy is level.
   */
  standbyLevel: boolean;
  epoch: number;
  /** When the front address lost its holder; null while it has one or never had. */
  unservedSince: number | null;
}

/** `at`: Unix milliseconds. */
export type PairEvent =
  | { kind: 'member-added'; node: NodeId }
  | { kind: 'member-removed'; node: NodeId }
  | { kind: 'node-starting'; node: NodeId }
  /** `epoch`: the last under which it served. */
  | { kind: 'node-up'; node: NodeId; epoch: number; at: number }
  /** `at`: when it was first known to be gone. */
  | { kind: 'node-gone'; node: NodeId; at: number }
  | { kind: 'node-hung'; node: NodeId; at: number }
  /** It said that it has let go, will promise nothing more, and ends: its disk, or its lease. */
  | { kind: 'node-fenced'; node: NodeId; at: number }
  /** One that hung answers again. */
  | { kind: 'node-answers'; node: NodeId }
  | { kind: 'epoch-written'; node: NodeId; epoch: number }
  | { kind: 'front-taken'; node: NodeId; epoch: number; at: number }
  | { kind: 'front-failed'; node: NodeId; epoch: number; reason: string }
  /** `elsewhere`: it was tried long enough with this node, another may do better. */
  | { kind: 'retry-due'; node: NodeId; epoch: number; elsewhere: boolean }
  | { kind: 'front-released'; node: NodeId; at: number }
  /** It could not say that it let go, so it must be taken as serving. */
  | { kind: 'release-failed'; node: NodeId; at: number }
  | { kind: 'standby-level'; level: boolean }
  | { kind: 'switch-over'; at: number }
  /** Somebody decided that the one that is there serves, though it may lack what the other has. */
  | { kind: 'promote-anyway'; at: number };

export type PairAction =
  /** Writes down who is about to serve, and under which epoch. */
  | { do: 'write-epoch'; node: NodeId; epoch: number }
  | { do: 'take-front'; node: NodeId; epoch: number }
  | { do: 'release-front'; node: NodeId }
  | { do: 'fence'; node: NodeId }
  /** One that fenced itself and ends by itself is helped along. */
  | { do: 'end'; node: NodeId }
  | { do: 'retry'; node: NodeId; epoch: number; reason: string }
  /** The standby is to follow the active: definitions flow from there. */
  | { do: 'link'; active: NodeId; standby: NodeId }
  /** The active goes on without its standby, which waits for nothing more from it. */
  | { do: 'unlink' }
  | { do: 'served'; node: NodeId; outageMs: number | null };

/** `epoch` and `preferred` as they were last written down. */
export const initialPairState = (epoch: number, preferred: NodeId = 'a', standbyLevel = true): PairState => ({
  members: {},
  silent: {},
  active: null,
  candidate: null,
  releasing: null,
  successor: null,
  preferred,
  standbyLevel,
  epoch,
  unservedSince: null,
});

export function otherThan(id: NodeId): NodeId {
  return id === 'a' ? 'b' : 'a';
}

export function step(state: PairState, event: PairEvent): { state: PairState; actions: PairAction[] } {
  const next: PairState = { ...state, members: { ...state.members }, silent: { ...state.silent } };
  const actions: PairAction[] = [];
  apply(next, event, actions);
  promoteIfUnserved(next, actions);
  linkIfChanged(state, next, actions);
  return { state: next, actions };
}

export function phaseOf(state: PairState): PairPhase {
  if (state.releasing !== null || state.successor !== null) return 'switching-over';
  if (state.active !== null) return standbyOf(state) === null ? 'alone' : 'ready';
  const members = Object.values(state.members);
  if (members.every((member) => member === 'down')) return 'down';
  return state.epoch > 0 && state.unservedSince !== null ? 'failing-over' : 'starting';
}

/** The member that could take over: up, answering, and not active. */
export function standbyOf(state: PairState): NodeId | null {
  for (const id of ['a', 'b'] as const)
    if (id !== state.active && id !== state.candidate && isFit(state, id)) return id;
  return null;
}

function isFit(state: PairState, id: NodeId): boolean {
  return state.members[id] === 'up' && !state.silent[id];
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
      if (!(event.node in state.members)) return;
      // A new process means that the one before is gone.
      lose(state, event.node, null);
      state.members[event.node] = 'starting';
      return;
    case 'node-up':
      if (!(event.node in state.members) || state.members[event.node] === 'fenced') return;
      state.members[event.node] = 'up';
      delete state.silent[event.node];
      state.epoch = Math.max(state.epoch, event.epoch);
      return;
    case 'node-gone':
      lose(state, event.node, event.at);
      if (event.node in state.members) state.members[event.node] = 'down';
      return;
    case 'node-hung':
      return hung(state, event.node, event.at, actions);
    case 'node-fenced':
      return fenced(state, event.node, event.at, actions);
    case 'node-answers':
      delete state.silent[event.node];
      return;
    case 'epoch-written':
      if (isAttempt(state, event)) actions.push({ do: 'take-front', node: event.node, epoch: event.epoch });
      return;
    case 'front-taken':
      return taken(state, event, actions);
    case 'front-failed':
      if (isAttempt(state, event))
        actions.push({ do: 'retry', node: event.node, epoch: event.epoch, reason: event.reason });
      return;
    case 'retry-due':
      return retryDue(state, event, actions);
    case 'front-released':
      if (state.releasing !== event.node) return;
      state.releasing = null;
      state.active = null;
      return;
    case 'release-failed':
      if (state.releasing === event.node) hung(state, event.node, event.at, actions);
      return;
    case 'standby-level':
      state.standbyLevel = event.level;
      // A switch-over that comes to this is off: its successor would serve without what the other has.
      if (!event.level) state.successor = null;
      // Who says so is about to promise what the other lacks, also before it is known to serve.
      if (!event.level) state.preferred = state.active ?? state.candidate ?? state.preferred;
      return;
    case 'switch-over':
      return switchOver(state, event.at, actions);
    case 'promote-anyway':
      if (state.active === null) state.standbyLevel = true;
      return;
  }
}

/** Whether the word is about the attempt that is under way, not an earlier one. */
function isAttempt(state: PairState, { node, epoch }: { node: NodeId; epoch: number }): boolean {
  return state.candidate === node && state.epoch === epoch;
}

function lose(state: PairState, node: NodeId, at: number | null): void {
  if (state.active === node) {
    state.active = null;
    state.unservedSince ??= at;
  }
  if (state.candidate === node) state.candidate = null;
  if (state.releasing === node) state.releasing = null;
  if (state.successor === node) state.successor = null;
  delete state.silent[node];
}

/** A hung active, or one on the way to it, is killed before anyone else may serve; another is only passed over. */
function hung(state: PairState, node: NodeId, at: number, actions: PairAction[]): void {
  const member = state.members[node];
  if (member === undefined || member === 'fenced' || member === 'down') return;
  if (state.active !== node && state.candidate !== node) {
    state.silent[node] = true;
    if (state.successor === node) state.successor = null;
    return;
  }
  state.members[node] = 'fenced';
  state.unservedSince ??= at;
  actions.push({ do: 'fence', node });
}

/** Nobody has to wait for its end: the front address is free, and whoever is next has a higher epoch. */
function fenced(state: PairState, node: NodeId, at: number, actions: PairAction[]): void {
  const member = state.members[node];
  if (member === undefined || member === 'fenced' || member === 'down') return;
  lose(state, node, at);
  state.members[node] = 'fenced';
  actions.push({ do: 'end', node });
}

function taken(
  state: PairState,
  event: Extract<PairEvent, { kind: 'front-taken' }>,
  actions: PairAction[],
): void {
  if (!isAttempt(state, event)) return;
  const outageMs = state.unservedSince === null ? null : Math.max(0, event.at - state.unservedSince);
  state.active = event.node;
  state.preferred = event.node;
  state.candidate = null;
  state.successor = null;
  state.unservedSince = null;
  actions.push({ do: 'served', node: event.node, outageMs });
}

function retryDue(
  state: PairState,
  event: Extract<PairEvent, { kind: 'retry-due' }>,
  actions: PairAction[],
): void {
  if (!isAttempt(state, event) || state.members[event.node] === 'fenced') return;
  const other = standbyOf(state);
  promote(state, event.elsewhere && other !== null && state.standbyLevel ? other : event.node, actions);
}

function switchOver(state: PairState, at: number, actions: PairAction[]): void {
  const standby = standbyOf(state);
  if (state.active === null || standby === null || state.releasing !== null || !state.standbyLevel) return;
  if (state.members[state.active] !== 'up') return;
  state.releasing = state.active;
  state.successor = standby;
  state.unservedSince = at;
  actions.push({ do: 'release-front', node: state.active });
}

function promoteIfUnserved(state: PairState, actions: PairAction[]): void {
  // Who lets go, or is being killed, is still the active or the candidate.
  if (state.active !== null || state.candidate !== null) return;
  const node = chooseCandidate(state);
  if (node !== null) promote(state, node, actions);
}

function promote(state: PairState, node: NodeId, actions: PairAction[]): void {
  state.epoch++;
  state.candidate = node;
  actions.push({ do: 'write-epoch', node, epoch: state.epoch });
}

/** Whom a switch-over named; else who served last, for whom the other waits while it is on its way. */
function chooseCandidate(state: PairState): NodeId | null {
  if (state.successor !== null && isFit(state, state.successor)) return state.successor;
  const { preferred } = state;
  const other = otherThan(preferred);
  if (isFit(state, preferred)) return preferred;
  if (!isFit(state, other) || !state.standbyLevel) return null;
  return state.members[preferred] === 'starting' && !state.silent[preferred] ? null : other;
}

function linkIfChanged(before: PairState, state: PairState, actions: PairAction[]): void {
  const standby = state.active === null ? null : standbyOf(state);
  const had = before.active === null ? null : standbyOf(before);
  if (standby === had && state.active === before.active) return;
  if (standby !== null) actions.push({ do: 'link', active: state.active!, standby });
  else if (had !== null) actions.push({ do: 'unlink' });
}
