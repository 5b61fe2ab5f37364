// The pair machine: named situations, and any sequence of events at all: never two that serve (DESIGN, promise 4).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  initialPairState,
  phaseOf,
  standbyOf,
  step,
  type NodeId,
  type PairAction,
  type PairEvent,
  type PairState,
} from '../../broker/pair/pair-machine.ts';

function run(events: PairEvent[], from = initialPairState(0)): { state: PairState; actions: PairAction[] } {
  let state = from;
  const actions: PairAction[] = [];
  for (const event of events) {
    const result = step(state, event);
    state = result.state;
    actions.push(...result.actions);
  }
  return { state, actions };
}

const added: PairEvent[] = [
  { kind: 'member-added', node: 'a' },
  { kind: 'member-added', node: 'b' },
];
const up = (node: NodeId): PairEvent => ({ kind: 'node-up', node, at: 1 });
const serving: PairEvent[] = [
  ...added,
  up('a'),
  up('b'),
  { kind: 'epoch-written', node: 'a', epoch: 1 },
  { kind: 'front-taken', node: 'a', epoch: 1, at: 2 },
];

describe('R33c R33f: the pair machine', () => {
  test('the first node up serves once its epoch is written', () => {
    const before = run([...added, up('a')]);
    expect(before.actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 1 }]);
    const { state, actions } = run(serving);
    expect(state.active).toBe('a');
    expect(phaseOf(state)).toBe('ready');
    expect(standbyOf(state)).toBe('b');
    expect(actions.map((action) => action.do)).toEqual(['write-epoch', 'take-front', 'served', 'link']);
  });

  test('at the first start b waits for a that is starting', () => {
    const { actions } = run([...added, { kind: 'node-starting', node: 'a' }, up('b')]);
    expect(actions).toEqual([]);
  });

  test('when the active dies the standby takes over with a higher epoch, and the outage is measured', () => {
    const { state, actions } = run(
      [
        { kind: 'node-gone', node: 'a', at: 1000 },
        { kind: 'epoch-written', node: 'b', epoch: 2 },
        { kind: 'front-taken', node: 'b', epoch: 2, at: 1025 },
      ],
      run(serving).state,
    );
    expect(state.active).toBe('b');
    expect(phaseOf(state)).toBe('alone');
    expect(actions).toContainEqual({ do: 'served', node: 'b', outageMs: 25 });
  });

  test('the killed node comes back as standby', () => {
    const { state } = run(
      [
        { kind: 'node-gone', node: 'a', at: 1000 },
        { kind: 'epoch-written', node: 'b', epoch: 2 },
        { kind: 'front-taken', node: 'b', epoch: 2, at: 1025 },
        { kind: 'node-starting', node: 'a' },
        up('a'),
      ],
      run(serving).state,
    );
    expect(state.active).toBe('b');
    expect(standbyOf(state)).toBe('a');
    expect(phaseOf(state)).toBe('ready');
  });

  test('a hung active is killed before the standby may serve', () => {
    const hung = run([{ kind: 'node-hung', node: 'a', at: 500 }], run(serving).state);
    expect(hung.actions).toEqual([{ do: 'fence', node: 'a' }]);
    expect(hung.state.candidate).toBeNull();
    const gone = run([{ kind: 'node-gone', node: 'a', at: 600 }], hung.state);
    expect(gone.actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 2 }]);
    expect(gone.state.unservedSince).toBe(500);
  });

  test('a switch-over promotes the standby, after the active let go', () => {
    const asked = run([{ kind: 'switch-over', at: 100 }], run(serving).state);
    expect(asked.actions).toEqual([{ do: 'release-front', node: 'a' }]);
    expect(phaseOf(asked.state)).toBe('switching-over');
    const released = run([{ kind: 'front-released', node: 'a', at: 110 }], asked.state);
    expect(released.actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 2 }]);
    const done = run(
      [
        { kind: 'epoch-written', node: 'b', epoch: 2 },
        { kind: 'front-taken', node: 'b', epoch: 2, at: 120 },
      ],
      released.state,
    );
    expect(done.state.active).toBe('b');
    expect(phaseOf(done.state)).toBe('ready');
  });

  test('a switch-over without a standby does nothing', () => {
    const alone = run([
      { kind: 'member-added', node: 'a' },
      up('a'),
      { kind: 'epoch-written', node: 'a', epoch: 1 },
      { kind: 'front-taken', node: 'a', epoch: 1, at: 1 },
    ]);
    expect(run([{ kind: 'switch-over', at: 5 }], alone.state).actions).toEqual([]);
  });

  test('an old grant is worth nothing: a late answer with an earlier epoch changes nothing', () => {
    const { state } = run(
      [
        { kind: 'node-gone', node: 'a', at: 10 },
        { kind: 'front-taken', node: 'a', epoch: 1, at: 11 },
      ],
      run(serving).state,
    );
    expect(state.active).toBeNull();
    expect(state.candidate).toBe('b');
  });

  test('whatever happens in whatever order, two never serve, and epochs only grow', () => {
    const node = fc.constantFrom<NodeId>('a', 'b');
    const noise: fc.Arbitrary<PairEvent> = fc.oneof(
      fc.record({ kind: fc.constant('node-starting' as const), node }),
      fc.record({ kind: fc.constant('node-up' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('node-gone' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('node-hung' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('switch-over' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('front-failed' as const), node, reason: fc.constant('taken') }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, fc.boolean()), { maxLength: 60 }), (life) => {
        let state = run(added).state;
        /** Who really holds the front address: what nodes did, not what the machine thinks. */
        const holds = new Set<NodeId>();
        const alive = new Set<NodeId>();
        const waiting: PairEvent[] = [];
        let lastEpoch = 0;
        const take = (event: PairEvent) => {
          if (event.kind === 'node-up') alive.add(event.node);
          if (event.kind === 'node-gone') {
            alive.delete(event.node);
            holds.delete(event.node);
          }
          const result = step(state, event);
          state = result.state;
          for (const action of result.actions) {
            if (action.do === 'write-epoch') {
              expect(action.epoch).toBeGreaterThan(lastEpoch);
              lastEpoch = action.epoch;
              waiting.push({ kind: 'epoch-written', node: action.node, epoch: action.epoch });
            } else if (action.do === 'take-front' && alive.has(action.node)) {
              holds.add(action.node);
              expect(holds.size, 'nodes that hold the front address').toBeLessThanOrEqual(1);
              waiting.push({ kind: 'front-taken', node: action.node, epoch: action.epoch, at: 0 });
            } else if (action.do === 'release-front') {
              holds.delete(action.node);
              waiting.push({ kind: 'front-released', node: action.node, at: 0 });
            } else if (action.do === 'fence') waiting.push({ kind: 'node-gone', node: action.node, at: 0 });
          }
        };
        for (const [event, answerFirst] of life) {
          if (answerFirst && waiting.length > 0) take(waiting.shift()!);
          take(event);
        }
        while (waiting.length > 0) take(waiting.shift()!);
      }),
      { numRuns: 2000 },
    );
  });
});
