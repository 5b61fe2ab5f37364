// The console over HTTP, for browsers: its files, the WebSocket of its contract, and the active node's HTTP API and
// metrics under one address. Loopback only; a Host header or Origin other than its own is refused, so that a page
// elsewhere (or a name rebound to loopback) gets nowhere, and the contract wants the token besides.
import { serve, type ServerType } from '@hono/node-server';
import { decode, encode } from '@msgpack/msgpack';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { consoleFile } from './console-files.ts';
import { ConsoleSession } from './console-session.ts';
import type { ConsoleToken } from './console-token.ts';
import type { Host } from './host.ts';

const messageBytesMax = 32 * 1024 * 1024;
const unsentBytesMax = 64 * 1024 * 1024;
const sessionsMax = 32;
const apiBodyBytesMax = 64 * 1024 * 1024;

export class WebConsole {
  readonly #host: Host;
  readonly #token: ConsoleToken;
  readonly #folder: string;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    handleProtocols: (protocols) => (protocols.has('warren') ? 'warren' : false),
  });
  #server: ServerType | null = null;
  #port = 0;

  /** `folder`: the built console's files. */
  constructor(host: Host, token: ConsoleToken, folder: string) {
    this.#host = host;
    this.#token = token;
    this.#folder = folder;
  }

  /** Resolves with the port. Rejects when it is taken. */
  async listen(hostname: string, port: number): Promise<number> {
    const app = this.#routes();
    this.#port = await new Promise((resolve, reject) => {
      const server = serve({ fetch: app.fetch, hostname, port });
      server.once('error', reject);
      server.once('listening', () => resolve((server.address() as AddressInfo).port));
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.#upgrade(request, socket, head),
      );
      this.#server = server;
    });
    this.#host.consoleUrl = this.url;
    return this.#port;
  }

  /** Opens the console without asking for a login; the token stays out of requests, logs and referrers. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/#token=${this.#token.value}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.close(1001, 'the host stops');
    this.#sockets.close();
    const server = this.#server;
    if (!server) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  }

  #routes(): Hono {
    const app = new Hono();
    app.use(async (c, next) => {
      if (!this.#isOwnHost(c.req.header('host'))) return c.text('unknown Host header', 403);
      const origin = c.req.header('origin');
      if (origin !== undefined && !this.#isOwnOrigin(origin)) return c.text('unknown Origin', 403);
      await next();
    });
    app.use(bodyLimit({ maxSize: apiBodyBytesMax }));
    app.post('/console/login', (c) => this.#login(c));
    app.all('/api/*', (c) => this.#forward(c));
    app.get('/api', (c) => this.#forward(c));
    app.get('/metrics', (c) => this.#forward(c));
    app.get('*', (c) => this.#file(c));
    return app;
  }

  /** Trades a broker administrator's name and password for the token. */
  async #login(c: Context): Promise<Response> {
    const port = this.#host.activeManagementPort;
    if (port === null) return c.json({ reason: 'no node serves at the moment' }, 503);
    const authorization = c.req.header('authorization') ?? '';
    const answer = await fetch(`http://127.0.0.1:${port}/api/whoami`, { headers: { authorization } });
    if (answer.status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return c.json({ reason: 'The user name or the password is wrong.' }, 401);
    }
    const { tags } = (await answer.json()) as { tags: string[] };
    if (!tags.includes('administrator'))
      return c.json({ reason: 'The console is for users with the tag administrator.' }, 403);
    return c.json({ token: this.#token.value });
  }

  async #forward(c: Context): Promise<Response> {
    const port = this.#host.activeManagementPort;
    if (port === null)
      return c.json({ error: 'Service Unavailable', reason: 'no node serves at the moment' }, 503);
    const { pathname, search } = new URL(c.req.url);
    const headers = new Headers(c.req.raw.headers);
    for (const name of ['host', 'connection', 'expect', 'transfer-encoding']) headers.delete(name);
    const body = c.req.raw.body === null ? undefined : await c.req.arrayBuffer();
    headers.delete('content-length');
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, {
        method: c.req.method,
        headers,
        body: body && body.byteLength > 0 ? body : undefined,
      });
      const answered = new Headers(answer.headers);
      for (const name of ['content-encoding', 'transfer-encoding', 'connection', 'keep-alive'])
        answered.delete(name);
      return new Response(answer.body, { status: answer.status, headers: answered });
    } catch {
      return c.json({ error: 'Service Unavailable', reason: 'the active node does not answer' }, 503);
    }
  }

  async #file(c: Context): Promise<Response> {
    const file = await consoleFile(this.#folder, new URL(c.req.url).pathname, "'self'");
    return file ? c.body(file.bytes, 200, file.headers) : c.text('Not found', 404);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string, reason = '') =>
      socket.end(
        `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
      );
    socket.on('error', () => socket.destroy());
    if (request.url !== '/console') return void refuse('404 Not Found');
    const { host, origin } = request.headers;
    if (!this.#isOwnHost(host)) return void refuse('403 Forbidden', 'unknown Host header');
    if (origin === undefined || !this.#isOwnOrigin(origin))
      return void refuse('403 Forbidden', 'unknown Origin');
    // A browser can send no header of its own with a WebSocket, but it can name protocols.
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const token = offered.find((name) => name.startsWith('token.'))?.slice('token.'.length) ?? '';
    if (!this.#token.matches(token)) return void refuse('401 Unauthorized', 'unknown token');
    if (this.#sockets.clients.size >= sessionsMax)
      return void refuse('503 Service Unavailable', 'too many consoles are open');
    this.#sockets.handleUpgrade(request, socket, head, (accepted) => this.#serve(accepted));
  }

  #serve(socket: WebSocket): void {
    const session = new ConsoleSession(this.#host, {
      post: (message) => {
        if (socket.bufferedAmount > unsentBytesMax) return socket.terminate();
        if (socket.readyState === socket.OPEN) socket.send(message as Uint8Array);
      },
      listen: (handler) => void socket.on('message', handler),
      serialize: (message) => encode(message, { ignoreUndefined: true }),
      deserialize: (message) => decode(message as Uint8Array),
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => session.close());
  }

  #isOwnHost(header: string | undefined): boolean {
    return ['127.0.0.1', 'localhost', '[::1]'].some((name) => header === `${name}:${this.#port}`);
  }

  #isOwnOrigin(origin: string): boolean {
    return ['127.0.0.1', 'localhost', '[::1]'].some((name) => origin === `http://${name}:${this.#port}`);
  }
}
