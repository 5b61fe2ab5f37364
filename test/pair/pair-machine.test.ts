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
const up = (node: NodeId, epoch = 0): PairEvent => ({ kind: 'node-up', node, epoch, at: 1 });
const gone = (node: NodeId, at: number): PairEvent => ({ kind: 'node-gone', node, at });
const starting = (node: NodeId): PairEvent => ({ kind: 'node-starting', node });
const hung = (node: NodeId, at = 500): PairEvent => ({ kind: 'node-hung', node, at });
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
    expect(actions.at(-1)).toEqual({ do: 'link', active: 'a', standby: 'b' });
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
    expect(gone.actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 2 }, { do: 'unlink' }]);
    expect(gone.state.unservedSince).toBe(500);
  });

  test('a switch-over promotes the standby, after the active let go', () => {
    const asked = run([{ kind: 'switch-over', at: 100 }], run(serving).state);
    expect(asked.actions).toEqual([{ do: 'release-front', node: 'a' }]);
    expect(phaseOf(asked.state)).toBe('switching-over');
    const released = run([{ kind: 'front-released', node: 'a', at: 110 }], asked.state);
    expect(released.actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 2 }, { do: 'unlink' }]);
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
      [gone('a', 10), { kind: 'front-taken', node: 'a', epoch: 1, at: 11 }],
      run(serving).state,
    );
    expect(state.active).toBeNull();
    expect(state.candidate).toBe('b');
  });

  test('a late word about an earlier attempt does not disturb the one under way', () => {
    const trying = run([...added, up('a')]);
    const again = run([gone('a', 5), starting('a'), up('a')], trying.state);
    expect(again.actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 2 }]);
    const late = run(
      [
        { kind: 'front-failed', node: 'a', epoch: 1, reason: 'taken' },
        { kind: 'retry-due', node: 'a', epoch: 1, elsewhere: false },
      ],
      again.state,
    );
    expect(late.actions).toEqual([]);
    expect(run([{ kind: 'front-taken', node: 'a', epoch: 2, at: 9 }], late.state).state.active).toBe('a');
  });

  test('the port is tried again under a new epoch, in the end by whoever else is up', () => {
    const trying = run([gone('a', 10), { kind: 'epoch-written', node: 'b', epoch: 2 }], run(serving).state);
    const failed = run([{ kind: 'front-failed', node: 'b', epoch: 2, reason: 'taken' }], trying.state);
    expect(failed.actions).toEqual([{ do: 'retry', node: 'b', epoch: 2, reason: 'taken' }]);
    const back = run([starting('a'), up('a', 1)], failed.state);
    expect(back.actions, 'one attempt at a time').toEqual([]);
    const due = (elsewhere: boolean): PairEvent => ({ kind: 'retry-due', node: 'b', epoch: 2, elsewhere });
    expect(run([due(false)], back.state).actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 3 }]);
    expect(run([due(true)], back.state).actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 3 }]);
    expect(run([due(true)], failed.state).actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 3 }]);
  });

  test('a node that served under a higher epoch than the host knows is never granted a lower one', () => {
    const { actions } = run([...added, up('a', 41)]);
    expect(actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 42 }]);
  });
});

describe('R33c: who serves after everything was down', () => {
  const before = initialPairState(7, 'b');

  test('who served last, as soon as it is up, whoever is up first', () => {
    const events = [...added, starting('a'), starting('b'), up('a', 6)];
    expect(run(events, before).actions).toEqual([]);
    expect(run([...events, up('b', 7)], before).actions).toEqual([
      { do: 'write-epoch', node: 'b', epoch: 8 },
    ]);
  });

  test('the other, when it does not come up or hangs while it starts', () => {
    const waiting = run([...added, starting('a'), starting('b'), up('a', 6)], before).state;
    const other = [{ do: 'write-epoch', node: 'a', epoch: 8 }];
    expect(run([gone('b', 3)], waiting).actions).toEqual(other);
    expect(run([hung('b')], waiting).actions).toEqual(other);
  });

  test('also when both died while serving: the last active is waited for while it starts', () => {
    const alone = run([gone('b', 5), gone('a', 6)], run(serving).state).state;
    const waiting = run([starting('b'), starting('a'), up('b')], alone);
    expect(waiting.actions).toEqual([]);
    expect(run([up('a', 1)], waiting.state).actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 2 }]);
  });
});

describe('R33f: hangs', () => {
  test('a hung standby is passed over, and followed again when it answers', () => {
    const silent = run([hung('b')], run(serving).state);
    expect(silent.actions).toEqual([{ do: 'unlink' }]);
    expect(phaseOf(silent.state)).toBe('alone');
    const down = run([gone('a', 600)], silent.state);
    expect(down.actions, 'nobody fit to serve').toEqual([]);
    const answers = run([{ kind: 'node-answers', node: 'b' }], down.state);
    expect(answers.actions).toEqual([{ do: 'write-epoch', node: 'b', epoch: 2 }]);
    const back = run([{ kind: 'node-answers', node: 'b' }], silent.state);
    expect(back.actions).toEqual([{ do: 'link', active: 'a', standby: 'b' }]);
  });

  test('one that hangs on its way to serve is killed, and only then the other is asked', () => {
    const trying = run([gone('a', 10), starting('a'), up('a', 1)], run(serving).state);
    expect(trying.state.candidate).toBe('b');
    const fenced = run([hung('b')], trying.state);
    expect(fenced.actions).toEqual([{ do: 'fence', node: 'b' }]);
    expect(run([gone('b', 700)], fenced.state).actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 3 }]);
  });

  test('one that cannot say that it let go counts as serving: it is killed', () => {
    const asked = run([{ kind: 'switch-over', at: 100 }], run(serving).state);
    const failed = run([{ kind: 'release-failed', node: 'a', at: 120 }], asked.state);
    expect(failed.actions).toEqual([{ do: 'fence', node: 'a' }]);
    expect(run([gone('a', 130)], failed.state).actions).toContainEqual({
      do: 'write-epoch',
      node: 'b',
      epoch: 2,
    });
  });
});

describe('R33e: a switch-over that is disturbed', () => {
  const asked = run([{ kind: 'switch-over', at: 100 }], run(serving).state).state;
  const released: PairEvent = { kind: 'front-released', node: 'a', at: 110 };

  test('the standby dies before the active let go: the active serves again', () => {
    const { state, actions } = run([gone('b', 105), released], asked);
    expect(actions).toContainEqual({ do: 'write-epoch', node: 'a', epoch: 2 });
    const done = run(
      [
        { kind: 'epoch-written', node: 'a', epoch: 2 },
        { kind: 'front-taken', node: 'a', epoch: 2, at: 140 },
      ],
      state,
    );
    expect(done.actions).toContainEqual({ do: 'served', node: 'a', outageMs: 40 });
    expect(phaseOf(done.state)).toBe('alone');
  });

  test('the standby dies, or hangs, on its way to serve: the active serves again', () => {
    const onTheWay = run([released], asked).state;
    expect(run([gone('b', 115)], onTheWay).actions).toEqual([{ do: 'write-epoch', node: 'a', epoch: 3 }]);
    expect(run([hung('b'), gone('b', 900)], onTheWay).actions).toContainEqual({
      do: 'write-epoch',
      node: 'a',
      epoch: 3,
    });
    expect(run([hung('b'), released], asked).actions).toContainEqual({
      do: 'write-epoch',
      node: 'a',
      epoch: 2,
    });
  });

  test('the active dies while it lets go: the standby serves', () => {
    const { state, actions } = run([gone('a', 105)], asked);
    expect(actions).toContainEqual({ do: 'write-epoch', node: 'b', epoch: 2 });
    expect(state.unservedSince).toBe(100);
  });

  test('a second one meanwhile does nothing', () => {
    expect(run([{ kind: 'switch-over', at: 101 }], asked).actions).toEqual([]);
  });
});

describe('R33b: a copy that is not level', () => {
  const level = (is: boolean): PairEvent => ({ kind: 'standby-level', level: is });

  test('who reports on its way to serving that the other is behind has the newest messages from then on', () => {
    const { state, actions } = run([
      ...serving,
      level(true),
      gone('a', 10),
      { kind: 'epoch-written', node: 'b', epoch: 2 },
      // It serves and promises alone; the word that it has taken the front is still on its way when it dies.
      level(false),
      starting('a'),
      up('a', 1),
      gone('b', 20),
    ]);
    expect(state.candidate).toBe(null);
    expect(actions.filter((action) => action.do === 'write-epoch')).toHaveLength(2);
  });

  test('it does not take over: the one that served is waited for, however long', () => {
    const { state, actions } = run([...serving, level(false), gone('a', 10)]);
    expect(state.candidate).toBe(null);
    expect(actions.filter((action) => action.do === 'write-epoch')).toHaveLength(1);
    expect(run([starting('a'), up('a', 1)], state).actions[0]).toEqual({
      do: 'write-epoch',
      node: 'a',
      epoch: 2,
    });
  });

  test('nor by a switch-over, nor when the port cannot be had by the other', () => {
    expect(run([...serving, level(false), { kind: 'switch-over', at: 5 }]).state.releasing).toBe(null);
    const taking = run([
      ...added,
      level(false),
      up('a'),
      up('b'),
      { kind: 'epoch-written', node: 'a', epoch: 1 },
    ]);
    const { state } = run([{ kind: 'retry-due', node: 'a', epoch: 1, elsewhere: true }], taking.state);
    expect(state.candidate).toBe('a');
  });

  test('it does once it is level, or when somebody decides so while nobody serves', () => {
    const died = run([...serving, level(false), gone('a', 10)]).state;
    expect(run([level(true)], died).state.candidate).toBe('b');
    expect(run([{ kind: 'promote-anyway', at: 20 }], died).state.candidate).toBe('b');
    expect(run([...serving, level(false), { kind: 'promote-anyway', at: 20 }]).state.standbyLevel).toBe(
      false,
    );
  });
});

describe('R33f: a node that fences itself', () => {
  const fenced = (node: NodeId, at = 500): PairEvent => ({ kind: 'node-fenced', node, at });

  const rows: { name: string; events: PairEvent[]; active: NodeId | null; actions: string[] }[] = [
    {
      name: 'the active: the standby is promoted at once, its end is not waited for',
      events: [fenced('a')],
      active: null,
      actions: ['end a', 'write-epoch b'],
    },
    {
      name: 'the outage counts from its word',
      events: [
        fenced('a'),
        { kind: 'epoch-written', node: 'b', epoch: 2 },
        { kind: 'front-taken', node: 'b', epoch: 2, at: 530 },
      ],
      active: 'b',
      actions: ['end a', 'write-epoch b', 'take-front b', 'served b 30'],
    },
    {
      name: 'the active whose copy is behind: nobody takes over',
      events: [{ kind: 'standby-level', level: false }, fenced('a')],
      active: null,
      actions: ['end a'],
    },
    {
      name: 'and it serves again itself when it is back',
      events: [
        { kind: 'standby-level', level: false },
        fenced('a'),
        gone('a', 600),
        starting('a'),
        up('a', 1),
      ],
      active: null,
      actions: ['end a', 'write-epoch a'],
    },
    {
      name: 'the standby: nothing changes for clients',
      events: [fenced('b')],
      active: 'a',
      actions: ['end b'],
    },
    {
      name: 'one on the way to serve: the other is asked',
      events: [gone('a', 400), starting('a'), up('a', 1), fenced('b')],
      active: null,
      actions: ['write-epoch b', 'end b', 'write-epoch a'],
    },
    {
      name: 'while it gives up the front address: its successor takes it',
      events: [{ kind: 'switch-over', at: 450 }, fenced('a')],
      active: null,
      actions: ['release-front a', 'end a', 'write-epoch b'],
    },
    {
      name: 'one that is dead already: no news',
      events: [gone('b', 1), fenced('b')],
      active: 'a',
      actions: [],
    },
  ];
  test.each(rows)('$name', ({ events, active, actions }) => {
    const { state, actions: done } = run(events, run(serving).state);
    expect(state.active).toBe(active);
    const words = done.flatMap((action) => {
      if (action.do === 'link' || action.do === 'unlink') return [];
      return [`${action.do} ${action.node}${action.do === 'served' ? ` ${action.outageMs}` : ''}`];
    });
    expect(words).toEqual(actions);
  });
});

describe('promise 4', () => {
  test('whatever happens in whatever order, two never serve, and epochs only grow', () => {
    const node = fc.constantFrom<NodeId>('a', 'b');
    const noise: fc.Arbitrary<PairEvent> = fc.oneof(
      fc.record({ kind: fc.constant('node-starting' as const), node }),
      fc.record({ kind: fc.constant('node-up' as const), node, epoch: fc.nat(3), at: fc.nat() }),
      fc.record({ kind: fc.constant('node-answers' as const), node }),
      fc.record({ kind: fc.constant('release-failed' as const), node, at: fc.nat() }),
      fc.record({
        kind: fc.constant('retry-due' as const),
        node,
        epoch: fc.nat(30),
        elsewhere: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('node-gone' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('node-hung' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('node-fenced' as const), node, at: fc.nat() }),
      fc.record({ kind: fc.constant('switch-over' as const), at: fc.nat() }),
      fc.record({
        kind: fc.constant('front-failed' as const),
        node,
        epoch: fc.nat(30),
        reason: fc.constant('taken'),
      }),
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
          if (event.kind === 'node-gone' || event.kind === 'node-starting' || event.kind === 'node-fenced') {
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
            } else if (action.do === 'fence' || action.do === 'end')
              waiting.push({ kind: 'node-gone', node: action.node, at: 0 });
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
