import { describe, expect, it } from 'vitest';
import { helpText, parseCommandLine, UsageError } from '../../broker/host/command-line.ts';

describe('the warren command', () => {
  it('confirms after fdatasync unless the weaker mode is named', () => {
    expect(parseCommandLine([]).confirmMode).toBe('synced');
    expect(parseCommandLine(['--confirm-mode', 'written']).confirmMode).toBe('written');
    expect(helpText).toContain('--confirm-mode');
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
      ['--unknown'],
      ['stray'],
    ])
      expect(() => parseCommandLine(args), args.join(' ')).toThrow(UsageError);
  });
});
