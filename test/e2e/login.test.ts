// Who gets into the console of the headless host, and what those hear who do not (R15).
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { launchChromium, startHeadlessHost, type HeadlessHost } from './headless-surface.ts';

describe('the console of the headless host', () => {
  let host: HeadlessHost;
  let browser: Browser;
  let origin: string;
  let token: string;
  const context = async () => (await browser.newContext()).newPage();
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 }).waitFor();

  beforeAll(async () => {
    [host, browser] = await Promise.all([startHeadlessHost(), launchChromium()]);
    ({ origin } = new URL(host.consoleUrl));
    token = new URL(host.consoleUrl).hash.slice('#token='.length);
    await withChannel(`amqp://guest:guest@127.0.0.1:${host.amqpPort}`, (channel) =>
      channel.assertQueue('orders/new #1'),
    );
  });
  afterAll(async () => {
    await browser.close();
    await host.stop();
  });
  afterEach(async () => {
    for (const each of browser.contexts()) await each.close();
  });

  async function signIn(page: Page, user: string, password: string): Promise<void> {
    await page.getByLabel('User').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  test('opens by the link that was printed, and hides the key', async () => {
    const page = await context();
    await page.goto(host.consoleUrl);
    await heading(page, 'Overview');
    expect(page.url()).not.toContain(token);
    await page.reload();
    await heading(page, 'Overview');
  });

  test('a link with the key may name a view', async () => {
    const page = await context();
    await page.goto(`${host.consoleUrl}/queues/%2F/orders%2Fnew%20%231`);
    await heading(page, 'orders/new #1');
  });

  test('a second tab of a signed-in console needs no key and opens the view of its link', async () => {
    const page = await context();
    await page.goto(host.consoleUrl);
    await heading(page, 'Overview');
    const second = await page.context().newPage();
    await second.goto(`${origin}/#/queues/%2F/orders%2Fnew%20%231`);
    await heading(second, 'orders/new #1');
  });

  test('without a key an administrator signs in and comes to the view of the link', async () => {
    const page = await context();
    await page.goto(`${origin}/#/queues/%2F/orders%2Fnew%20%231`);
    await signIn(page, 'guest', 'wrong');
    await page.getByText('The user name or the password is wrong.').waitFor();
    await signIn(page, 'guest', 'guest');
    await heading(page, 'orders/new #1');
  });

  test('a user without the tag administrator is told so', async () => {
    const api = `${origin}/api/users/plain`;
    const authorization = `Basic ${btoa('guest:guest')}`;
    const body = JSON.stringify({ password: 'plain', tags: 'management' });
    const put = await fetch(api, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body,
    });
    expect(put.status).toBe(201);
    const page = await context();
    await page.goto(origin);
    await signIn(page, 'plain', 'plain');
    await page.getByText('The console is for users with the tag administrator.').waitFor();
  });

  test('a wrong key is refused, said and forgotten', async () => {
    const page = await context();
    await page.goto(`${origin}/#token=${'x'.repeat(43)}`);
    await page.getByText('The host does not know this link’s key').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await signIn(page, 'guest', 'guest');
    await heading(page, 'Overview');
  });

  test('a page of another origin gets no session, even with the key', async () => {
    const foreign = createServer((_request, response) => response.end('<title>elsewhere</title>'));
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    const page = await context();
    await page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
    const outcome = await page.evaluate(
      ([port, key]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}/console`, ['warren', `token.${key}`]);
          socket.onopen = () => resolve('open');
          socket.onerror = () => resolve('refused');
        }),
      [String(host.httpPort), token],
    );
    foreign.close();
    expect(outcome).toBe('refused');
  });

  test.each([
    ['a foreign Origin', { origin: 'http://evil.example' }, 403, 'unknown Origin'],
    ['a foreign Host', { host: 'evil.example:80' }, 403, 'unknown Host header'],
    ['a wrong token', { protocol: 'warren, token.wrong' }, 401, 'unknown token'],
  ])('%s is refused on the WebSocket with the reason', async (_what, change, status, reason) => {
    const given = {
      origin,
      host: `127.0.0.1:${host.httpPort}`,
      protocol: `warren, token.${token}`,
      ...change,
    };
    const answer = await upgrade(host.httpPort, {
      origin: given.origin,
      host: given.host,
      'sec-websocket-protocol': given.protocol,
    });
    expect(answer).toEqual({ status, text: reason });
  });

  test.each([
    ['Origin', { origin: 'http://evil.example' }, 'unknown Origin'],
    ['Host', { host: `evil.example:${1}` }, 'unknown Host header'],
  ])('a foreign %s is refused over HTTP', async (_what, headers, reason) => {
    expect(await get(host.httpPort, '/api/overview', headers)).toEqual({ status: 403, text: reason });
  });
});

type Answer = { status: number | undefined; text: string };

function get(port: number, path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    });
    asked.once('upgrade', (answer, socket) => {
      socket.destroy();
      resolve({ status: answer.statusCode, text: '' });
    });
    asked.once('error', reject);
    asked.end();
  });
}

const upgrade = (port: number, headers: Record<string, string>) =>
  get(port, '/console', {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': btoa('0123456789abcdef'),
    ...headers,
  });
