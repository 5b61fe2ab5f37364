// `warren lab`: what its command line means, and what is refused (R33f).
import { describe, expect, test } from 'vitest';
import { defaultLabSettings } from '../../broker/contract/lab.ts';
import { parseLabCommand } from '../../broker/host/lab/lab-command.ts';

describe('the command line', () => {
  test('alone runs the default', () => {
    expect(parseLabCommand([])).toEqual({
      help: false,
      settings: defaultLabSettings,
      reports: [],
      folder: null,
    });
  });

  test('every option has its place', () => {
    const { settings, reports, folder } = parseLabCommand(
      `--model shared-store --model independent --scenario peak-shaving --seconds 20 --rate 100 --size 9 --producers 1
       --consumers 3 --prefetch 7 --ack batch --transient --no-confirms --repeat 4 --report a.html --report b.json
       --folder /tmp`
        .split(/\s+/)
        .concat('--script', '+1s kill active; +3s switch-over'),
    );
    expect(settings).toEqual({
      scenario: 'peak-shaving',
      producers: 1,
      consumers: 3,
      messagesPerSecond: 100,
      bodyBytes: 9,
      persistent: false,
      confirms: false,
      prefetch: 7,
      ack: 'batch',
      seconds: 20,
      script: '+1s kill active\n+3s switch-over',
      repeat: 4,
      pairs: ['independent', 'shared-store'],
    });
    expect([reports, folder]).toEqual([['a.html', 'b.json'], '/tmp']);
    expect(parseLabCommand(['--model', 'all']).settings.pairs).toHaveLength(3);
  });

  test.each([
    [['--model', 'quorum'], "--model: 'quorum' is not one of independent, shared-store, replicated, all"],
    [['--seconds', '1.5'], "--seconds: '1.5' is no whole number"],
    [['--seconds', '601'], 'seconds: must be at most 600'],
    [['--scenario', 'x'], 'scenario: '],
    [['--script', 'kill'], "--script: line 1: begins with a time such as +5s, not with 'kill'"],
    [['--script', '', '--script-file', 'x'], '--script and --script-file: one of them'],
    [['--script-file', '/nowhere'], '--script-file: ENOENT'],
    [['--report', 'r.pdf'], "--report: 'r.pdf' is neither .html nor .json"],
    [['--nonsense'], '--nonsense'],
  ])('%j is refused: %s', (args, reason) => {
    expect(() => parseLabCommand(args)).toThrow(reason);
  });
});
