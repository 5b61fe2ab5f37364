// The console's address on loopback: who does not name it, comes from elsewhere or lacks the token gets nowhere; nor do
// large bodies and paths that lead out of its folder.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asGuest, rawHttp } from '../management/raw-http.ts';
import { WarrenProcess } from './warren-process.ts';

let warren: WarrenProcess;
let port: number;
let own: Record<string, string>;

beforeAll(async () => {
  warren = await WarrenProcess.start();
  port = warren.consolePort;
  own = { host: `127.0.0.1:${port}` };
});
afterAll(() => warren.dispose());

function firstLine(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString().split('\r\n')[0]!);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** The answer to a WebSocket's opening request: its first line. */
function upgrade(headers: Record<string, string>): Promise<string> {
  const lines = Object.entries({
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return firstLine(`GET /console HTTP/1.1\r\n${lines.join('')}\r\n`);
}

function tokenOf(): string {
  return /token=([\w-]+)/.exec(warren.output)![1]!;
}

describe('R15: who may talk to the console', () => {
  test.each(['evil.example', 'localhost', '127.0.0.1:1', 'localhost.evil.example:80'])(
    'a Host header of %j is refused',
    async (host) => {
      const { status } = await rawHttp(port, { path: '/', headers: { host } });
      expect([400, 403]).toContain(status);
    },
  );

  test('an empty Host header is refused', async () => {
    // Node's own client would fill it in.
    expect(await firstLine('GET / HTTP/1.1\r\nHost: \r\n\r\n')).toMatch(/ 40[03] /);
  });

  test.each(['http://evil.example', 'null', 'https://127.0.0.1', 'file://'])(
    'an Origin of %j is refused, with a password as well',
    async (origin) => {
      const headers = { ...own, ...asGuest, origin };
      expect((await rawHttp(port, { path: '/api/overview', headers })).status).toBe(403);
    },
  );

  test('its own page and the API behind it answer', async () => {
    expect((await rawHttp(port, { path: '/', headers: own })).status).toBe(200);
    const headers = { ...own, ...asGuest, origin: `http://127.0.0.1:${port}` };
    expect((await rawHttp(port, { path: '/api/overview', headers })).status).toBe(200);
  });

  test('a WebSocket wants its own Host, its own Origin and the token', async () => {
    const origin = `http://127.0.0.1:${port}`;
    const right = `warren, token.${tokenOf()}`;
    const protocol = 'sec-websocket-protocol';
    expect(await upgrade({ ...own, origin, [protocol]: right })).toContain(' 101 ');
    expect(await upgrade({ host: 'evil.example', origin, [protocol]: right })).toContain(' 403 ');
    expect(await upgrade({ ...own, origin: 'http://evil.example', [protocol]: right })).toContain(' 403 ');
    expect(await upgrade({ ...own, [protocol]: right })).toContain(' 403 ');
    expect(await upgrade({ ...own, origin })).toContain(' 401 ');
    expect(await upgrade({ ...own, origin, [protocol]: 'warren, token.wrong' })).toContain(' 401 ');
    expect(await upgrade({ ...own, origin, [protocol]: `warren, token.${'x'.repeat(43)}` })).toContain(
      ' 401 ',
    );
  });

  test('a wrong password gets no token, and waits for that', async () => {
    const authorization = `Basic ${Buffer.from('guest:wrong').toString('base64')}`;
    const startedAt = performance.now();
    const headers = { ...own, authorization };
    const answer = await rawHttp(port, { method: 'POST', path: '/console/login', headers });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain(tokenOf());
    expect(performance.now() - startedAt).toBeGreaterThan(400);
  });
});

describe('R40: what is asked of the console', () => {
  test.each([
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/assets/..%2F..%2Fnode.mjs',
    '/%00.html',
    '/index.html%00.js',
    '/%zz.html',
    '/%ff.css',
    '//etc/passwd.html',
    '/..\\..\\package.json',
  ])('%s leads nowhere', async (path) => {
    const { status, text } = await rawHttp(port, { path, headers: own });
    expect([400, 404]).toContain(status);
    expect(text).not.toContain('"dependencies"');
  });

  test('a body beyond all measure is 413, and the console goes on', async () => {
    const headers = { ...own, ...asGuest };
    // The answer comes before the body, of which the rest would meet a closed socket.
    const announced = { ...headers, 'content-length': String(70 << 20) };
    const request = { method: 'POST', path: '/api/definitions', headers: announced, body: Buffer.from(' ') };
    expect((await rawHttp(port, request)).status).toBe(413);
    expect((await rawHttp(port, { path: '/api/overview', headers })).status).toBe(200);
  });
});
