// The desktop shell's own part, as far as the stand-in can show it: what the page may not do, one instance, closing and
// quitting, the window's place, ports and folders that others have.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import amqplib from 'amqplib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../peers/free-port.ts';
import { Shell, windowOf } from './stand-in-surface.ts';

let folder: string;
const running: Shell[] = [];

interface Place {
  amqpPort: number;
  httpPort: number;
  data: string;
  userData: string;
}

async function place(): Promise<Place> {
  return {
    amqpPort: await freePort(),
    httpPort: await freePort(),
    data: join(folder, 'data'),
    userData: join(folder, 'shell'),
  };
}

function startShell({ amqpPort, httpPort, data, userData }: Place, ...more: string[]): Shell {
  const args = ['--port', String(amqpPort), '--console-port', String(httpPort), '--data', data, ...more];
  const shell = new Shell(args, userData);
  running.push(shell);
  return shell;
}

async function endShells(): Promise<void> {
  for (const shell of running.splice(0)) await shell.end();
}

const connect = ({ amqpPort }: Place) => amqplib.connect(`amqp://guest:guest@127.0.0.1:${amqpPort}`);
const heading = (page: Page) => page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();

describe('the window', () => {
  let at: Place;
  let shell: Shell;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'warren-shell-'));
    at = await place();
    shell = startShell(at);
    ({ browser, page } = await windowOf(shell));
    await heading(page);
  });
  afterAll(async () => {
    await browser.close();
    await endShells();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is isolated, sandboxed and without Node', async () => {
    const { windows, sandboxed, schemes } = await shell.state();
    expect(windows).toHaveLength(1);
    expect(windows[0]!.options.webPreferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
    });
    expect(sandboxed).toBe(true);
    expect(schemes).toEqual([
      { scheme: 'warren', privileges: { standard: true, secure: true, supportFetchAPI: true } },
    ]);
  });

  test('grants no permission but writing to the clipboard', async () => {
    const { permissions } = await shell.state();
    const granted = Object.entries(permissions).filter(([, { check, request }]) => check || request);
    expect(granted).toEqual([['clipboard-sanitized-write', { check: true, request: true }]]);
  });

  test('is served with a policy that allows nothing inline and nothing from elsewhere', async () => {
    const answer = await page.request.get(page.url());
    const policy = answer.headers()['content-security-policy']!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'none'");
    expect(policy).not.toContain('unsafe');
    const tried = await page.evaluate(`(async () => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.inlineRan = true';
      document.body.append(script);
      const fetched = await fetch('http://127.0.0.1:${at.httpPort}/').then(() => true, () => false);
      return { inline: globalThis.inlineRan === true, fetched };
    })()`);
    expect(tried).toEqual({ inline: false, fetched: false });
  });

  test.each(['/../package.json', '/%2e%2e/package.json', '/..%2fmain.mjs', '/assets', '/no-such.js', '/%ff'])(
    'is served nothing for %s',
    async (path) => {
      const { origin } = new URL(page.url());
      expect((await page.request.get(origin + path)).status()).toBe(404);
    },
  );

  test('stays on the console: links to the web open in the browser, others nowhere', async () => {
    const before = page.url();
    await page.evaluate(`location.href = 'https://www.rabbitmq.com/docs'`);
    expect((await shell.next('openExternal')).url).toBe('https://www.rabbitmq.com/docs');
    await page.evaluate(`window.open('https://www.amqp.org/')`);
    expect((await shell.next('openExternal')).url).toBe('https://www.amqp.org/');
    await page.evaluate(`location.href = 'ftp://127.0.0.1/'`);
    await page.evaluate(`location.href = 'http://127.0.0.1:${at.httpPort}/last'`);
    // The one in between was not opened anywhere.
    expect((await shell.next('openExternal')).url).toBe(`http://127.0.0.1:${at.httpPort}/last`);
    expect(page.url()).toBe(before);
    await heading(page);
  });

  test('has a menu and a tray that act on the broker', async () => {
    shell.do({ kind: 'press', in: 'menu', path: ['Broker', 'Copy AMQP URI'] });
    expect((await shell.next('clipboard')).text).toBe(`amqp://guest:guest@127.0.0.1:${at.amqpPort}/`);
    shell.do({ kind: 'press', in: 'menu', path: ['Broker', 'Open data folder'] });
    expect((await shell.next('openPath')).path).toBe(at.data);
    shell.do({ kind: 'press', in: 'menu', path: ['Broker', 'Open console in browser'] });
    expect((await shell.next('openExternal')).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    shell.do({ kind: 'press', in: 'menu', path: ['Broker', 'Switch over to the standby'] });
    expect((await shell.next('dialog')).message).toBe('there is no standby to switch to');
    shell.do({ kind: 'answer', button: 'OK' });
    await expect
      .poll(async () => (await shell.state()).tray?.toolTip)
      .toBe(`Warren: serving on ${at.amqpPort}`);
  });

  test('is brought to the front by a second start, which ends', async () => {
    const before = (await shell.state()).windows[0]!.calls.length;
    const second = startShell(at);
    expect(await second.exited).toBe(0);
    await expect
      .poll(async () => (await shell.state()).windows[0]!.calls.slice(before))
      .toEqual(['show', 'focus']);
  });
});

describe('the shell', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'warren-shell-'));
  });
  afterEach(async () => {
    await endShells();
    rmSync(folder, { recursive: true, force: true });
  });

  test('asks before it quits while clients are connected', async () => {
    const at = await place();
    const shell = startShell(at);
    await shell.next('loaded');
    const client = await connect(at);
    const closed = new Promise<string>((resolve) => {
      client.on('close', (error?: Error) => resolve(error?.message ?? ''));
    });
    client.on('error', () => undefined);
    shell.do({ kind: 'quit' });
    const asked = await shell.next('dialog');
    expect(asked).toMatchObject({ message: '1 client is connected', buttons: ['Quit', 'Cancel'] });
    shell.do({ kind: 'answer', button: 'Cancel' });
    const channel = await client.createChannel();
    await channel.assertQueue('still-served');

    shell.do({ kind: 'quit' });
    await shell.next('dialog');
    shell.do({ kind: 'answer', button: 'Quit' });
    expect(await shell.exited).toBe(0);
    expect(await closed).toMatch(/320/);
  });

  test('quits without a word when nobody is connected', async () => {
    const shell = startShell(await place());
    await shell.next('loaded');
    shell.do({ kind: 'quit' });
    expect(await shell.exited).toBe(0);
  });

  test('asks once what closing the window means, and keeps running when told so', async () => {
    const at = await place();
    const shell = startShell(at);
    await shell.next('loaded');
    shell.do({ kind: 'close-window' });
    expect((await shell.next('dialog')).message).toBe('Keep the broker running?');
    shell.do({ kind: 'answer', button: 'Keep running' });
    await expect.poll(async () => (await shell.state()).windows).toEqual([]);
    await (await connect(at)).close();

    shell.do({ kind: 'press', in: 'tray', path: ['Open console'] });
    await shell.next('loaded');
    const { windows, menu } = await shell.state();
    expect(windows).toHaveLength(1);
    expect(JSON.stringify(menu)).toContain('Keep running when the window is closed (checked)');
    shell.do({ kind: 'close-window' });
    await expect.poll(async () => (await shell.state()).windows).toEqual([]);

    // Told otherwise by the menu, closing is quitting.
    shell.do({ kind: 'press', in: 'menu', path: ['Broker', 'Keep running when the window is closed'] });
    shell.do({ kind: 'press', in: 'tray', path: ['Open console'] });
    await shell.next('loaded');
    shell.do({ kind: 'close-window' });
    expect(await shell.exited, shell.output).toBe(0);
  });

  test('opens its window where it was left, whatever became of the settings file', async () => {
    const at = await place();
    const first = startShell(at);
    await first.next('loaded');
    first.do({ kind: 'resize', bounds: { x: 60, y: 40, width: 1111, height: 777 } });
    const settings = join(at.userData, 'shell.json');
    await expect.poll(() => existsSync(settings) && readFileSync(settings, 'utf8')).toContain('1111');
    first.do({ kind: 'quit' });
    await first.exited;

    const second = startShell(at);
    await second.next('loaded');
    expect((await second.state()).windows[0]!.options).toMatchObject({
      x: 60,
      y: 40,
      width: 1111,
      height: 777,
    });
    second.do({ kind: 'quit' });
    await second.exited;

    writeFileSync(settings, '{"window": [');
    const third = startShell(at);
    await third.next('loaded');
    expect((await third.state()).windows[0]!.options).toMatchObject({ width: 1360, height: 880 });
    expect(readFileSync(`${settings}.damaged`, 'utf8')).toBe('{"window": [');
  });

  test('refuses a data folder that another process has, before it minds the ports', async () => {
    const at = await place();
    const first = startShell(at);
    await first.next('loaded');
    const second = startShell({ ...at, userData: join(folder, 'other-shell') });
    const { message, detail } = await second.next('dialog');
    expect(message).toBe('Warren cannot start');
    expect(detail).toContain(`the data folder ${at.data} is in use by process ${first.child.pid}`);
    expect(await second.exited).toBe(4);
  });

  test('says who has its port and uses the next free one', async () => {
    const at = await place();
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const taken = (holder.address() as AddressInfo).port;
    const shell = startShell({ ...at, amqpPort: taken });
    const { message, detail, buttons } = await shell.next('dialog');
    expect(message).toBe(`Port ${taken} for AMQP is taken`);
    if (process.platform === 'linux') expect(detail).toContain(`process ${process.pid}`);
    const next = Number(/^Use (\d+)$/.exec(buttons[0]!)?.[1]);
    expect(next).toBeGreaterThan(taken);
    shell.do({ kind: 'answer', button: buttons[0]! });
    await shell.next('loaded');
    holder.close();
    await (await connect({ ...at, amqpPort: next })).close();
  });

  test('says what is wrong with its command line', async () => {
    const shell = startShell(await place(), '--disable-gpu', '--pear', 'independent');
    expect((await shell.next('dialog')).detail).toContain('--pear');
    expect(await shell.exited).toBe(2);
  });
});
