// A node's log: in memory for the console, on disk for later, and never in anybody's way.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeLog } from '../../broker/host/node-log.ts';

let folder: string;
let path: string;
const everything = { after: 0, limit: 2000, level: 'debug', filter: '' } as const;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-log-'));
  path = join(folder, 'logs', 'node-a.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a node's log", () => {
  test('comes back as it was, line breaks and backslashes included', async () => {
    const messages = ['plain', 'two\nlines', String.raw`C:\new and \\ more`, '', 'ends with \\'];
    const log = new NodeLog(path);
    for (const [index, message] of messages.entries()) log.add(1_700_000_000_000 + index, 'info', message);
    await log.close();
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(messages.length + 1);
    const { lines } = new NodeLog(path).read(everything);
    expect(lines.map(({ message }) => message)).toEqual(messages);
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(lines[4]!.at).toBe(1_700_000_000_004);
  });

  test('stays small on disk, and the newest lines are the ones that stay', async () => {
    const log = new NodeLog(path);
    for (let i = 0; i < 6000; i++) log.add(i, 'warn', `${i} ${'x'.repeat(2000)}`);
    await log.close();
    expect(statSync(path).size).toBeLessThan(5 * 1024 * 1024);
    expect(existsSync(`${path}.1`)).toBe(true);
    const { lines } = new NodeLog(path).read(everything);
    expect(lines.at(-1)!.message).toMatch(/^5999 /);
    expect(lines.length).toBeGreaterThan(100);
  });

  test('says what was dropped from memory, by level and text', () => {
    const log = new NodeLog(path);
    for (let i = 1; i <= 6100; i++) log.add(i, i % 2 === 0 ? 'info' : 'error', `line ${i}`);
    const read = log.read({ after: 0, limit: 2, level: 'error', filter: 'LINE 609' });
    expect(read.lines.map(({ message }) => message)).toEqual(['line 6097', 'line 6099']);
    expect(read.lastSequence).toBe(6100);
    expect(read.dropped).toBeGreaterThan(0);
    return log.close();
  });

  test('goes on in memory when its file cannot be written, and says so once', async () => {
    mkdirSync(path, { recursive: true });
    const log = new NodeLog(path);
    log.add(1, 'info', 'first');
    await expect.poll(() => log.read({ ...everything, level: 'error' }).lines.length).toBe(1);
    log.add(2, 'info', 'second');
    const { lines } = log.read(everything);
    expect(lines.map(({ message }) => message)).toEqual([
      'first',
      expect.stringContaining('cannot be written') as string,
      'second',
    ]);
  });
});
