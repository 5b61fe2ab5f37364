// The `warren` command from outside: options, exit codes, refusals in words, and how it ends.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { freePort } from '../peers/free-port.ts';
import { isRunning } from './process-state.ts';
import { runWarren, WarrenProcess, type WarrenOptions } from './warren-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function started(options: WarrenOptions = {}): Promise<WarrenProcess> {
  const warren = await WarrenProcess.start(options);
  onTestFinished(() => warren.dispose());
  return warren;
}

describe('options', () => {
  test('--help says what there is, --version which one; both end with 0', async () => {
    const help = await runWarren(['--help']);
    expect(help.code).toBe(0);
    for (const word of ['--port', '--console-port', '--data', '--pair', '--version', 'Exit codes'])
      expect(help.output).toContain(word);
    expect(await runWarren(['--version'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^warren \d+\.\d+\.\d+\n$/) as string,
    });
  });

  test.each([
    [['--port', '0'], "--port: '0' is not a port (1 to 65535)"],
    [['--port', 'http'], "--port: 'http' is not a port"],
    [['--console-port', '70000'], "--console-port: '70000' is not a port"],
    [['--pair', 'quorum'], "--pair: 'quorum' is not one of independent, shared-store, replicated"],
    [['--data', ''], '--data: the folder is empty'],
    [['--nonsense'], '--nonsense'],
    [['extra'], 'extra'],
  ])('%j is refused with 2 and a word', async (args, word) => {
    const { code, output } = await runWarren(args);
    expect(code).toBe(2);
    expect(output).toContain(word);
    expect(output).toContain("Try 'warren --help'.");
  });
});

describe('what is taken', () => {
  test('a port: 3, with the process that has it and the next free one', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const data = ['--data', join(folder, 'port')];
    for (const option of ['--port', '--console-port']) {
      const other = option === '--port' ? '--console-port' : '--port';
      const { code, output } = await runWarren([
        ...data,
        option,
        String(port),
        other,
        String(await freePort()),
      ]);
      expect(code).toBe(3);
      expect(output).toContain(`port ${port} is taken`);
      expect(output).toMatch(new RegExp(`${option} \\d+ is free`));
      if (process.platform === 'linux') expect(output).toContain(`by process ${process.pid} (`);
      const free = Number(new RegExp(`${option} (\\d+) is free`).exec(output)![1]);
      expect(free).toBeGreaterThan(port);
    }
  });

  test('a data folder: 4, with the process that has it, whatever the ports', async () => {
    const first = await started();
    const same = ['--data', first.dataFolder];
    const ports = ['--port', String(first.amqpPort), '--console-port', String(first.consolePort)];
    for (const args of [same, [...same, ...ports]]) {
      const { code, output } = await runWarren(args);
      expect(code).toBe(4);
      expect(output).toContain(
        `warren: the data folder ${first.dataFolder} is in use by process ${first.child.pid}`,
      );
    }
    expect((await first.status()).activeId).toBe('a');
  });

  test('a node folder that another process holds: 4, and that process is left alone', async () => {
    const data = join(folder, 'node-held');
    const { lockDataFolder } = await import('../../broker/base/data-folder-lock.ts');
    const lock = await lockDataFolder(join(data, 'nodes', 'a'));
    onTestFinished(() => lock.release());
    const args = [
      '--data',
      data,
      '--port',
      String(await freePort()),
      '--console-port',
      String(await freePort()),
    ];
    const { code, output } = await runWarren(args);
    expect(code).toBe(4);
    expect(output).toContain(`in use by process ${process.pid}`);
  });
});

describe('the end', () => {
  test('Ctrl-C stops nodes and host with 0; clients are told 320; the folder is free', async () => {
    const warren = await WarrenProcess.startPair();
    const pids = [await warren.pid('a'), await warren.pid('b')];
    const client = await ClientConnection.open(warren.address);
    const told = new Promise<number>((resolve) => (client.onClosed = ({ replyCode }) => resolve(replyCode)));
    const ended = await warren.interrupt();
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(await told).toBe(320);
    for (const pid of pids) expect(isRunning(pid)).toBe(false);
    const again = await started({ dataFolder: warren.dataFolder });
    expect((await again.status()).activeId).not.toBeNull();
    await warren.dispose();
  });

  test('a second Ctrl-C does not wait for clients that do not go', async () => {
    const warren = await started();
    const pid = await warren.pid('a');
    // Says nothing more after its handshake: the node would wait five seconds for its close-ok.
    const deaf = await silentClient(warren.amqpPort);
    onTestFinished(() => deaf.kill());
    warren.child.kill('SIGINT');
    await expect.poll(() => warren.output).toContain('stopping (again to stop at once)');
    const askedAt = Date.now();
    const ended = await warren.interrupt();
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(Date.now() - askedAt).toBeLessThan(4000);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  test('SIGTERM is an ordered stop as well', async () => {
    const warren = await started();
    warren.child.kill('SIGTERM');
    expect(await warren.ended).toMatchObject({ code: 0 });
  });
});

/** A client in its own process that opens a connection and then hangs. */
async function silentClient(port: number): Promise<{ kill(): void }> {
  const script = new URL('../../broker/lab/client-connection.ts', import.meta.url).href;
  const code = `const { ClientConnection } = await import(${JSON.stringify(script)});
    await ClientConnection.open({ host: '127.0.0.1', port: ${port}, heartbeatSeconds: 0 });
    process.stdout.write('open');
    for (;;);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGSTOP');
  return { kill: () => child.kill('SIGKILL') };
}
