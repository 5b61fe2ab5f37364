// The lab's scripts (R33f): what a line means, and what is said of one that means nothing.
import { describe, expect, test } from 'vitest';
import { parseAction, parseScript, scriptHelp } from '../../broker/contract/lab-script.ts';

const limits = { seconds: 60, actionsMax: 5 };
const parsed = (script: string) => parseScript(script, limits);

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
    ['switch-over', { kind: 'switch-over', forMs: null }],
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
    ['+1s cut', 'line 1: cut what? clients'],
    ['+1s delay clients', 'line 1: delay by how much? such as 100ms'],
    ['+1s throttle clients 0kB/s', 'line 1: throttle to what? such as 50kB/s'],
    ['+1s juggle nodes', "line 1: 'juggle' is nothing the lab can do"],
    [Array.from({ length: 6 }, () => '+1s kill a').join('\n'), '6 actions are more than 5'],
  ])('%j is refused: %s', (script, reason) => {
    expect(() => parsed(script)).toThrow(reason);
  });
});
