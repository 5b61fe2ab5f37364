import { describe, expect, it } from 'vitest';
import { helpText, parseCommandLine, UsageError } from '../../broker/host/command-line.ts';

describe('the warren command', () => {
  it('confirms after fdatasync unless the weaker mode is named', () => {
    expect(parseCommandLine([]).confirmMode).toBe('synced');
    expect(parseCommandLine(['--confirm-mode', 'written']).confirmMode).toBe('written');
    expect(helpText).toContain('--confirm-mode');
  });

  it('R33b: takes what a copy promises, and numbers of the pair by their names', () => {
    expect(parseCommandLine([]).pairSettings).toEqual({});
    const args = ['--pair', 'replicated', '--replication', 'async', '--when-alone', 'strict'];
    const numbers = ['--pair-setting', 'leaseMs=20000', '--pair-setting', 'hungAfterMs=3000'];
    expect(parseCommandLine([...args, ...numbers])).toMatchObject({
      pair: 'replicated',
      pairSettings: { replication: 'async', whenAlone: 'strict', leaseMs: 20_000, hungAfterMs: 3000 },
    });
    expect(helpText).toContain('leaseMs (2000 to 300000)');
  });

  it('refuses what it does not know', () => {
    for (const args of [
      ['--confirm-mode', 'fast'],
      ['--confirm-mode', ''],
      ['--port', '0'],
      ['--port', '65536'],
      ['--console-port', 'http'],
      ['--pair', 'triple'],
      ['--data', ''],
      ['--replication', 'both'],
      ['--when-alone', ''],
      ['--pair-setting', 'hungAfterMs'],
      ['--pair-setting', 'hungAfterMs=1'],
      ['--pair-setting', 'toString=1000'],
      ['--unknown'],
      ['stray'],
    ])
      expect(() => parseCommandLine(args), args.join(' ')).toThrow(UsageError);
  });
});
