// The lab as a user runs it: scenarios under audit, nodes killed on purpose, a verdict, and a report that is kept
// (R1, R33e, R33f).
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  defaultLabSettings,
  labScenarios,
  type LabReport,
  type LabSettings,
} from '../../broker/contract/lab.ts';
import { pairModels } from '../../broker/contract/pair-models.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { isRunning } from './process-state.ts';
import { runWarren, WarrenProcess } from './warren-process.ts';

let warren: WarrenProcess;

beforeAll(async () => {
  warren = await WarrenProcess.start();
});
afterAll(() => warren.dispose());

/** By /proc, so on Linux. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((each) => each.trim() !== '')
    .map(Number);
}

const base: LabSettings = { ...defaultLabSettings, messagesPerSecond: 300, seconds: 4, script: '' };

/** Runs a series to its end and gives its reports, in order. */
async function labRuns(settings: Partial<LabSettings>, on = warren): Promise<LabReport[]> {
  const { seriesId } = await on.console.host('lab.start', { settings: { ...base, ...settings } });
  const status = () => on.console.host('lab.status');
  await expect.poll(async () => (await status()).phase, { timeout: 90_000, interval: 100 }).toBe('idle');
  const { problem, done } = await status();
  expect(problem).toBe(null);
  const rows = done.filter((row) => row.seriesId === seriesId);
  return Promise.all(rows.map(({ id }) => on.console.host('lab.report', { id })));
}

describe('R33f: a kill in each model, on pairs of their own', () => {
  test.each(pairModels)('%s: nothing that was confirmed is lost', async (model) => {
    const [report] = await labRuns({ pairs: [model], seconds: 6, script: '+2s kill active' });
    expect(report).toMatchObject({ model, pair: model, problems: [] });
    const { verdict, faults, clients, events, throughput } = report!;
    expect(verdict).toMatchObject({ lost: 0, promise: 'kept', unresolved: 0 });
    expect(verdict.headline).toMatch(/^0 of [\d,]+ confirmed messages lost/);
    expect(verdict.confirmed).toBeGreaterThan(500);
    // What the killed node took with it is on it again, counted; a pair with every message strands none.
    expect(verdict.delivered + verdict.held).toBe(verdict.published);
    if (model !== 'independent') expect(verdict.held).toBe(0);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ label: 'kill a', problem: null });
    for (const window of [faults[0]!.producers, faults[0]!.consumers])
      expect(window.durationMs).toBeGreaterThan(0);
    // Every client came back by itself.
    expect(clients.map(({ connects }) => connects)).toEqual(clients.map(() => 2));
    const said = events.map(({ source, message }) => `${source}: ${message}`);
    expect(said).toContain('lab: kill a');
    expect(said).toContain('node a: Node a killed by SIGKILL while it was active');
    expect(said.some((line) => /^node b: Node b serves .* ms without service$/.test(line))).toBe(true);
    expect(said.some((line) => line.startsWith('consumer-1: lost its connection'))).toBe(true);
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
    expect(throughput.sent.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(500);
    // Nothing is left of the pair that was made for the run.
    expect(readdirSync(join(warren.dataFolder, 'lab', 'pairs'))).toEqual([]);
  });
});

describe('R1: the scenarios, on this broker', () => {
  test.each(labScenarios)('%s: every message arrives', async (scenario) => {
    const [report] = await labRuns({ scenario, pairs: ['this'], seconds: 2, consumers: 3 });
    const { verdict, clients } = report!;
    expect(report!.problems).toEqual([]);
    expect(verdict).toMatchObject({
      lost: 0,
      held: 0,
      duplicated: 0,
      reordered: 0,
      returned: 0,
      unresolved: 0,
    });
    expect(verdict.published).toBeGreaterThan(200);
    expect(verdict.delivered).toBe(verdict.published);
    for (const { received, role, name } of clients)
      if (role !== 'producer') expect(received, name).toBeGreaterThan(0);
    const queues = await warren.console.node('active', 'queues.list', { vhost: '/', filter: 'name~^lab' });
    expect(queues.items).toEqual([]);
  });
});

describe('the script and the buttons', () => {
  test('the clients’ link is cut, held up and slowed down; the clients cope', async () => {
    const script =
      '+500ms cut clients for 300ms\n+1500ms delay clients 50ms for 500ms\n+2500ms throttle clients 20kB/s for 500ms';
    const [report] = await labRuns({ pairs: ['this'], script });
    expect(report!.verdict).toMatchObject({ lost: 0, promise: 'kept' });
    expect(report!.faults.map(({ label }) => label)).toEqual([
      'cut clients for 300ms',
      'delay clients 50ms for 500ms',
      'throttle clients 20kB/s for 500ms',
    ]);
    expect(report!.faults[0]!.producers.durationMs).toBeGreaterThan(250);
    expect(report!.clients.every(({ connects }) => connects >= 2)).toBe(true);
  });

  test('what cannot be done is said, and the run goes on', async () => {
    const [report] = await labRuns({ pairs: ['this'], seconds: 2, script: '+1s switch-over' });
    expect(report!.faults[0]!.problem).toContain('no standby');
    expect(report!.problems[0]).toContain('no standby');
    expect(report!.verdict.headline).toContain('no fault');
  });

  test('a button acts now; the load may be ended early; a series may be aborted', async () => {
    const { console } = warren;
    const status = () => console.host('lab.status');
    await console.host('lab.start', { settings: { ...base, pairs: ['this'], seconds: 60 } });
    await expect
      .poll(async () => (await status()).figures?.confirmed ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(50);
    await expect(console.host('lab.act', { action: 'juggle' })).rejects.toThrow(
      "invalid: 'juggle' is nothing the lab can do",
    );
    await expect(console.host('lab.start', { settings: base })).rejects.toThrow('at work already');
    await console.host('lab.act', { action: 'freeze clients for 300ms' });
    await console.host('lab.finish');
    await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('idle');
    const { done } = await status();
    expect(done[0]!.verdict.lost).toBe(0);
    const { faults, loadFrom, loadTo } = await console.host('lab.report', { id: done[0]!.id });
    expect(faults.map(({ label }) => label)).toEqual(['freeze clients for 300ms']);
    expect(loadTo - loadFrom).toBeLessThan(50_000);

    await console.host('lab.start', { settings: { ...base, pairs: ['this'], seconds: 60 } });
    await expect.poll(async () => (await status()).phase, { timeout: 20_000 }).toBe('running');
    await console.host('lab.abort');
    await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('idle');
    expect(await status()).toMatchObject({ problem: null, done: [] });
  });

  test('a script that makes no sense is refused with its line', async () => {
    await expect(
      warren.console.host('lab.start', {
        settings: { ...base, script: '+1s kill active\n+2s kill everyone' },
      }),
    ).rejects.toThrow('invalid: script, line 2: kill whom? active, standby, a, b');
  });
});

describe('faults of a node, on pairs of their own', () => {
  test.each([
    ['replicated', 'slow-sync active 50ms for 1s', 'slow-sync a 50ms for 1s', 'slow disk'],
    ['replicated', 'cut peer for 1s', 'cut peer for 1s', 'link to the other node cut'],
    ['shared-store', 'disk-full active for 1s', 'disk-full a for 1s', 'full disk'],
    ['independent', 'clock-jump active 1h for 1s', 'clock-jump a 1h for 1s', 'clock 3600000 ms ahead'],
  ] as const)('%s: %s', async (model, action, label, words) => {
    const [report] = await labRuns({ pairs: [model], script: `+1s ${action}`, seconds: 4 });
    const { verdict, faults, events } = report!;
    expect(verdict).toMatchObject({ lost: 0, promise: 'kept' });
    expect(faults).toMatchObject([{ label, problem: null }]);
    const said = events.map(({ message }) => message);
    expect(said.some((line) => line.includes(words) && !line.includes('no more'))).toBe(true);
    expect(said.some((line) => line.includes(`no more ${words}`))).toBe(true);
  });

  test('an entry of the fault library, all its steps', async () => {
    const [report] = await labRuns({
      pairs: ['replicated'],
      script: '+1s library stop-under-load',
      seconds: 6,
    });
    const { verdict, problems, faults, events } = report!;
    expect(problems).toEqual([]);
    expect(faults).toMatchObject([{ label: 'library stop-under-load', problem: null }]);
    expect(events.map(({ message }) => message)).toContain('stop-under-load: all came as it should');
    expect(verdict).toMatchObject({ lost: 0, promise: 'kept' });
    const [other] = await labRuns({ pairs: ['independent'], script: '+1s library bit-flip', seconds: 2 });
    expect(other!.faults[0]!.problem).toContain('for a pair that is replicated');
  });

  test('independent: what a killed node took with it is drained when it is back, in order and once', async () => {
    const [report] = await labRuns({
      scenario: 'peak-shaving',
      pairs: ['independent'],
      seconds: 7,
      script: '+900ms kill active\n+4s drain',
    });
    const { verdict, problems } = report!;
    expect(problems).toEqual([]);
    expect(verdict).toMatchObject({ lost: 0, promise: 'kept', held: 0 });
    expect(verdict.delivered).toBe(verdict.published);
  });
});

describe('on the host’s own pair', () => {
  test('is killed and comes back; what was there before is left alone', async () => {
    const own = await WarrenProcess.startPair({}, 'replicated');
    onTestFinished(() => own.dispose());
    const connection = await ClientConnection.open(own.address);
    const channel = await connection.openChannel();
    await channel.declareQueue('mine', { durable: true });
    await channel.selectConfirms();
    channel.publish('', 'mine', Buffer.from('still here'), { deliveryMode: 2 });
    await expect.poll(() => channel.unconfirmed).toBe(0);
    await connection.close();

    const [report] = await labRuns({ pairs: ['this'], script: '+1s kill active' }, own);
    expect(report).toMatchObject({ pair: 'this', model: 'replicated', problems: [] });
    expect(report!.verdict).toMatchObject({ lost: 0, promise: 'kept' });
    const { activeId } = await own.ready();
    expect(activeId).toBe('b');
    const { items } = await own.console.node('active', 'queues.list', { vhost: '/' });
    expect(items.map(({ name, messagesReady }) => [name, messagesReady])).toEqual([['mine', 1]]);
  });

  test('what keeps a pair from being made is said, and nothing is left of it', async () => {
    const host = await WarrenProcess.start();
    onTestFinished(() => host.dispose());
    writeFileSync(join(host.dataFolder, 'lab'), 'in the way');
    await host.console.host('lab.start', { settings: base });
    const status = () => host.console.host('lab.status');
    await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('idle');
    expect((await status()).problem).toMatch(/EEXIST|ENOTDIR/);
    expect(await host.console.host('lab.reports')).toEqual([]);
  });

  test('a wrong password ends the series with a word, and leaves the lab ready for the next', async () => {
    await warren.console.host('lab.start', {
      settings: { ...base, pairs: ['this'] },
      user: 'guest',
      password: 'wrong',
    });
    const status = () => warren.console.host('lab.status');
    await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('idle');
    expect((await status()).problem).toContain('ACCESS_REFUSED');
    const [report] = await labRuns({ pairs: ['this'], seconds: 1 });
    expect(report!.verdict.lost).toBe(0);
  });
});

describe('the host’s end', () => {
  test('Ctrl-C in the middle of a run: its pair and its process end with the host, and its folder is gone', async () => {
    const host = await WarrenProcess.start();
    onTestFinished(() => host.dispose());
    await host.console.host('lab.start', { settings: { ...base, seconds: 60 } });
    const status = () => host.console.host('lab.status');
    await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('running');
    const children = childrenOf(host.child.pid!);
    // The broker's own node, the pair's two, and the lab.
    expect(children).toHaveLength(4);
    expect((await host.interrupt()).code).toBe(0);
    await expect.poll(() => children.filter((pid) => isRunning(pid))).toEqual([]);
    expect(readdirSync(join(host.dataFolder, 'lab', 'pairs'))).toEqual([]);
  });
});

describe('warren lab', () => {
  test('runs without a console, writes its reports, leaves nothing behind, and ends with 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-lab-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [page, figures] = [join(folder, 'out.html'), join(folder, 'out.json')];
    const args = ['--model', 'replicated', '--rate', '200', '--seconds', '3', '--script', '+1s kill active'];
    const { code, output } = await runWarren([
      ...['lab', ...args, '--report', page, '--report', figures, '--folder', folder],
    ]);
    expect(output).toMatch(/^replicated pair: 0 of [\d,]+ confirmed messages lost; unavailable for/m);
    expect(code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['out.html', 'out.json']);
    expect(readFileSync(page, 'utf8')).toContain('confirmed messages lost');
    const [report] = JSON.parse(readFileSync(figures, 'utf8')) as LabReport[];
    expect(report!.verdict.confirmed).toBeGreaterThan(300);
  });

  // What is damaged may be messages that are consumed already: three tries.
  test(
    'says so, and ends with 1, when a store without a copy is damaged and a message is gone',
    { retry: 2 },
    async () => {
      // A backlog, so that what is damaged waits; both nodes are down meanwhile, so that it can be damaged.
      const script = '+800ms stop standby; +1s stop active; +3s corrupt a; +3500ms start a; +4s start b';
      const load = ['--scenario', 'peak-shaving', '--rate', '1000', '--seconds', '6'];
      const { code, output } = await runWarren([
        'lab',
        '--model',
        'shared-store',
        ...load,
        '--script',
        script,
      ]);
      expect(output).toMatch(/^shared-store pair: [1-9][\d,]* of [\d,]+ confirmed messages lost;/m);
      expect(code).toBe(1);
    },
  );

  test('refuses a wrong command line with 2, and ends with 1 when it cannot run', async () => {
    const wrong = await runWarren(['lab', '--model', 'quorum']);
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.output).toContain("--model: 'quorum' is not one of");
    expect((await runWarren(['lab', '--help'])).output).toContain('--script-file');
    expect(await runWarren(['lab', '--folder', '/proc/nowhere'])).toMatchObject({ code: 1 });
  });
});

describe('reports', () => {
  test('are kept over a restart, shown as one page, and removed', async () => {
    const first = await WarrenProcess.start();
    onTestFinished(() => first.dispose());
    const reports = await labRuns({ pairs: ['this'], seconds: 1, repeat: 2 }, first);
    expect(reports.map(({ run, of }) => [run, of])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    const rows = await first.console.host('lab.reports');
    expect(rows.map(({ id }) => id)).toEqual(reports.map(({ id }) => id).reverse());
    const html = await first.console.host('lab.html', { ids: rows.map(({ id }) => id) });
    expect(html).toContain('Side by side');
    expect(html).not.toMatch(/<script|https?:/);
    await first.console.host('lab.remove', { id: rows[0]!.id });
    expect(await first.console.host('lab.reports')).toHaveLength(1);
    expect(existsSync(join(first.dataFolder, 'lab', 'reports', `${rows[0]!.id}.json`))).toBe(false);
    await expect(first.console.host('lab.report', { id: rows[0]!.id })).rejects.toThrow('not-found');
  });
});
