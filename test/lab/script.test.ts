// The lab's scripts (R33f): what a line means, and what is said of one that means nothing.
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { readyScripts } from '../../broker/contract/lab-scripts.ts';
import { parseAction, parseScript, scriptHelp } from '../../broker/contract/lab-script.ts';
import { nodeFaultSchema } from '../../broker/contract/node-faults.ts';

const parsed = (script: string) => parseScript(script, 60);

describe('a script', () => {
  test('is one action a line, in order of time, with comments and empty lines', () => {
    expect(parsed('# two faults\n+5s kill active\n\n +1.5s pause b for 500ms # short\n')).toEqual([
      {
        atMs: 1500,
        action: { kind: 'node', verb: 'pause', target: 'b', forMs: 500, text: 'pause b for 500ms' },
      },
      {
        atMs: 5000,
        action: { kind: 'node', verb: 'kill', target: 'active', forMs: null, text: 'kill active' },
      },
    ]);
    expect(parsed(' \n#nothing\n')).toEqual([]);
  });

  test.each([
    ['switch-over', { kind: 'pair', verb: 'switch-over', forMs: null }],
    ['drain', { kind: 'pair', verb: 'drain' }],
    ['library zombie-leader', { kind: 'library', id: 'zombie-leader' }],
    [
      'disk-stall active for 4s',
      { kind: 'fault', fault: { kind: 'disk-stall' }, target: 'active', forMs: 4000 },
    ],
    ['slow-sync b 0.2s', { kind: 'fault', fault: { kind: 'slow-sync', delayMs: 200 }, target: 'b' }],
    ['clock-jump a -1h', { kind: 'fault', fault: { kind: 'clock-jump', byMs: -3_600_000 } }],
    ['cut peer for 2s', { kind: 'fault', fault: { kind: 'peer-link', state: 'cut' }, target: 'standby' }],
    ['throttle peer 1MB/s', { kind: 'fault', fault: { kind: 'peer-link', bytesPerSecond: 1_000_000 } }],
    ['corrupt standby', { kind: 'fault', fault: { kind: 'corrupt-last-segment', bytes: 16 } }],
    ['mend a', { kind: 'fault', fault: null, target: 'a' }],
    ['stop standby for 2s', { kind: 'node', verb: 'stop', target: 'standby', forMs: 2000 }],
    ['cut clients', { kind: 'link', state: 'cut', forMs: null }],
    ['freeze clients for 1min', { kind: 'link', state: 'frozen', forMs: 60_000 }],
    ['delay clients 100ms for 2s', { kind: 'link', state: 'delayed', amount: 100, forMs: 2000 }],
    ['throttle clients 1.5MB/s', { kind: 'link', state: 'throttled', amount: 1_500_000 }],
    ['heal clients', { kind: 'link', state: 'plain' }],
  ])('%s', (text, action) => {
    expect(parseAction(text)).toMatchObject({ ...action, text });
  });

  test('every line of the help is one', () => {
    for (const { line } of scriptHelp) expect(parsed(line)).toHaveLength(1);
  });

  test('every fault of a node in it is one that the host takes', () => {
    const scripts = [...scriptHelp.map(({ line }) => line), ...readyScripts.map(({ script }) => script)];
    for (const script of scripts)
      for (const { action } of parsed(script))
        if (action.kind === 'fault' && action.fault) v.parse(nodeFaultSchema, action.fault);
  });

  test.each([
    ['kill active', "line 1: begins with a time such as +5s, not with 'kill'"],
    ['+1s kill active\n+5 kill b', "line 2: begins with a time such as +5s, not with '+5'"],
    ['+61s kill a', 'line 1: +61s is after the end of the load (60 s)'],
    ['+1s', 'line 1: says nothing to do'],
    ['+1s kill', 'line 1: kill whom? active, standby, a, b'],
    ['+1s kill a for 2s', "line 1: 'kill' has no 'for'"],
    ['+1s pause a for', "line 1: 'for' wants a time such as 3s, not ''"],
    ['+1s kill a b', "line 1: 'b' is too much"],
    ['+1s switch-over now', "line 1: 'now' is too much"],
    ['+1s library', 'line 1: library what? the name of an entry'],
    ['+1s cut', 'line 1: cut what? clients, peer'],
    ['+1s delay clients', 'line 1: delay by how much? such as 100ms, at most 60s'],
    ['+1s throttle clients 0kB/s', 'line 1: throttle to what? such as 50kB/s'],
    ['+1s clock-jump a 2d', 'line 1: clock-jump by how much? such as 1h or -10min, at most 24h'],
    ['+1s slow-sync a', 'line 1: slow-sync by how much? such as 100ms, at most 60s'],
    ['+1s disk-full a 3', "line 1: '3' is too much"],
    ['+1s toString a', "line 1: 'toString' is nothing the lab can do"],
    ['+1s juggle nodes', "line 1: 'juggle' is nothing the lab can do"],
    ['+1s kill a\n'.repeat(101), '101 actions are more than 100'],
  ])('%j is refused: %s', (script, reason) => {
    expect(() => parsed(script)).toThrow(reason);
  });
});
