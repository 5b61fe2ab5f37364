// The demo itself, short; and its words for runs that go wrong.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import { amqpToolsKind, pikaKind } from './debian-clients.ts';
import { amqplibKind, labKind, rabbitmqClientKind } from './javascript-clients.ts';
import { paintFor, textTable } from './text-table.ts';
import { clientTable, expectations, type DemoRun } from './verdict.ts';

const run = promisify(execFile);
const demo = fileURLToPath(new URL('demo.ts', import.meta.url));
const kinds = [labKind, amqplibKind, rabbitmqClientKind, pikaKind, amqpToolsKind];
const absent = kinds.flatMap(({ missing }) => missing ?? []);

describe('R33e R33f: npm run demo', () => {
  test(`kills the active under every client that is there${absent.length > 0 ? ` (not: ${absent.join(', ')})` : ''}`, async () => {
    const { stdout } = await run(process.execPath, [demo, '--seconds', '2'], { timeout: 60_000 });
    for (const { name, missing } of kinds)
      if (missing === null) expect(stdout).toMatch(new RegExp(`^  ${name} +\\d+ `, 'm'));
    expect(stdout).toMatch(/no confirm for \d+ ms, no delivery for \d+ ms/);
    expect(stdout).toContain('0 are lost');
    expect(stdout).toMatch(/demo\.backlog +250 +250/);
    expect(stdout).not.toContain('FAILED');
    expect(stdout).not.toContain('\u001b');
  }, 90_000);

  test.each([
    [['--seconds', 'x'], /--seconds: 'x' is not 2 to 600/],
    [['--model', 'quorum'], /'quorum' is not one of/],
    [['--nonsense'], /Unknown option/],
  ])('%j is refused with exit code 2', async (args, words) => {
    const ended = await run(process.execPath, [demo, ...args]).catch((error: unknown) => error);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(words) as string });
  });
});

describe('the verdict', () => {
  const audit = new Audit();
  for (const at of [1, 2, 3]) {
    audit.published('amqplib', at, at);
    audit.confirmed('amqplib', at, at);
    audit.received('amqplib.consumer', 'amqplib', at, false, at);
  }
  audit.published('amqplib', 4, 3);
  audit.confirmed('amqplib', 4, 3);
  audit.fault('kill', 4);
  const status = {
    enabled: true,
    model: 'independent',
    state: 'alone',
    epoch: 2,
    activeId: 'b',
    frontHost: '127.0.0.1',
    frontPort: 1,
    nodes: [],
    stranded: [],
    drain: null,
    drainResults: [],
    inDoubt: [],
    drainsByItself: false,
    failback: null,
    troubles: [],
    lastOutageMs: 5,
    definitionsInSync: false,
    standbyLevel: true,
    replication: null,
    holdOff: null,
  } as const;
  const sad: DemoRun = {
    clients: [{ name: 'amqplib', confirms: true }],
    report: audit.report(),
    killed: 'a',
    killedAt: 4,
    startedAt: 0,
    status: {
      ...status,
      stranded: [...status.stranded],
      drainResults: [],
      inDoubt: [],
      nodes: [],
      troubles: [],
    },
    events: [],
    found: [{ queue: 'q', messages: 2 }],
    backlog: 'backlog',
  };

  test('fails on a lost message, an unshown one, a client that stays away, a node that does', () => {
    expect(expectations(sad).map(({ held }) => held)).toEqual([false, false, false, false, false]);
    expect(expectations(sad)[0]!.text).toContain('1 are lost');
    expect(clientTable(sad)[1]).toMatch(/^amqplib +4 +4 +3 +0 +0 +0 +0 +1 /);
  });

  test('tables align, and colours are for terminals only', () => {
    expect(textTable([{ title: 'a' }, { title: 'number', align: 'right' }], [['long name', '1']])).toEqual([
      'a          number',
      'long name       1',
    ]);
    expect(paintFor({ isTTY: true }, {})('bad', 'x')).toBe('\u001b[31mx\u001b[39m');
    for (const [stream, env] of [
      [{}, {}],
      [{ isTTY: true }, { NO_COLOR: '1' }],
    ] as const)
      expect(paintFor(stream, env)('bad', 'x')).toBe('x');
  });
});
