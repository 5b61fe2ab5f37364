// BrowserWindow as a Chromium page: opened through Playwright, the compiled preload run before the page's own
// scripts, ipc and message ports carried by one exposed binding. Custom schemes are served over loopback HTTP
// by the very handler the main process registered.
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chromium,
  type BrowserContext,
  type Page,
  type Request as PageRequest,
  type Route,
} from 'playwright-core';
import { chromiumArgs, chromiumPath } from '../peers/chromium.ts';
import type { MessagePortMain } from './message-port.ts';
import { portCodec, portCodecSource } from './port-codec.ts';
import { tell, type WindowOptions } from './reports.ts';

export type SchemeHandler = (request: Request) => Response | Promise<Response>;

export const ipcMain = new EventEmitter();
export const schemeHandlers = new Map<string, SchemeHandler>();
export const appEvents = new EventEmitter();

interface FromPage {
  kind: 'send' | 'port' | 'document';
  channel?: string;
  args?: unknown[];
  port?: number;
  data?: unknown;
}

class WebContents extends EventEmitter {
  page: Page | null = null;
  windowOpenHandler: ((details: { url: string }) => { action: string }) | null = null;
  readonly session = sessionStandIn;
  readonly #ports = new Map<number, MessagePortMain>();
  readonly #mainFrame = { url: '', parent: null };
  #nextPort = 1;

  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.windowOpenHandler = handler;
  }

  postMessage(channel: string, message: unknown, transfer: MessagePortMain[] = []): void {
    const ports = transfer.map((port) => {
      const id = this.#nextPort++;
      this.#ports.set(id, port);
      return id;
    });
    const delivered = this.#toPage({ kind: 'ipc', channel, args: [message], ports });
    for (const [index, port] of transfer.entries())
      port.transfer(
        (data) => void delivered.then(() => this.#toPage({ kind: 'port', port: ports[index], data })),
      );
  }

  fromPage(text: string): void {
    const message = portCodec.decode(text) as FromPage;
    if (message.kind === 'document') this.closePorts();
    else if (message.kind === 'port') this.#ports.get(message.port!)?.postMessageFromPage(message.data);
    else ipcMain.emit(message.channel!, { sender: this, senderFrame: this.mainFrame }, ...message.args!);
  }

  get mainFrame(): { url: string; parent: null } {
    this.#mainFrame.url = this.getURL();
    return this.#mainFrame;
  }

  getURL(): string {
    return this.page ? fromLoopback(this.page.url()) : '';
  }

  /** Whether the shell lets the page go to an address. */
  allows(url: string): boolean {
    let prevented = false;
    this.emit('will-navigate', { url, preventDefault: () => (prevented = true) });
    return !prevented;
  }

  /** A page that was reloaded or closed has no ports any more. */
  closePorts(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  async #toPage(message: object): Promise<void> {
    const text = portCodec.encode(message);
    try {
      await this.page?.evaluate((packed) => globalThis.__standInFromMain(packed), text);
    } catch {
      // The page has gone; its ports were closed with it.
    }
  }

  isDestroyed(): boolean {
    return this.page === null || this.page.isClosed();
  }

  reload(): void {
    void this.page?.reload();
  }

  openDevTools(): void {}
  toggleDevTools(): void {}
}

/** What the shell set on the session, for the tests to ask. */
export const sessionStandIn = {
  permissionRequestHandler: null as null | ((c: unknown, p: string, cb: (yes: boolean) => void) => void),
  permissionCheckHandler: null as null | ((c: unknown, p: string) => boolean),
  setPermissionRequestHandler(handler: (c: unknown, p: string, cb: (yes: boolean) => void) => void) {
    this.permissionRequestHandler = handler;
  },
  setPermissionCheckHandler(handler: (c: unknown, p: string) => boolean) {
    this.permissionCheckHandler = handler;
  },
  devicePermissionHandler: null as null | ((details: unknown) => boolean),
  setDevicePermissionHandler(handler: (details: unknown) => boolean) {
    this.devicePermissionHandler = handler;
  },
};

let context: Promise<BrowserContext> | null = null;
let server: Server | null = null;
let loopbackOrigin = '';

export class BrowserWindow extends EventEmitter {
  static readonly all: BrowserWindow[] = [];
  static getAllWindows = () => [...BrowserWindow.all];
  static getFocusedWindow = () => BrowserWindow.all[0] ?? null;
  readonly webContents = new WebContents();
  readonly options: WindowOptions;
  readonly calls: string[] = [];
  #bounds: { x: number; y: number; width: number; height: number };
  #visible: boolean;
  #destroyed = false;

  constructor(options: WindowOptions = {}) {
    super();
    this.options = options;
    this.#bounds = { x: 0, y: 0, width: options.width ?? 800, height: options.height ?? 600 };
    this.#visible = options.show !== false;
    BrowserWindow.all.push(this);
    appEvents.emit('web-contents-created', {}, this.webContents);
    appEvents.emit('browser-window-created', {}, this);
  }

  async loadURL(url: string): Promise<void> {
    const browser = await (context ??= openChromium());
    const page = browser.pages().find((each) => each.url() === 'about:blank') ?? (await browser.newPage());
    this.webContents.page = page;
    await page.setViewportSize({ width: this.#bounds.width, height: this.#bounds.height });
    await page.exposeBinding('__standInToMain', (_source, text: string) => this.webContents.fromPage(text));
    await page.addInitScript(pageScript(readFileSync(this.options.webPreferences!.preload!, 'utf8')));
    page.on('close', () => this.#closed());
    await page.goto(await toLoopback(url));
    this.webContents.emit('did-finish-load');
    this.emit('ready-to-show');
    tell({ kind: 'loaded' });
  }

  close(): void {
    let prevented = false;
    this.emit('close', { preventDefault: () => (prevented = true) });
    if (!prevented) this.destroy();
  }

  destroy(): void {
    if (this.#destroyed) return;
    // Chromium may be gone before its page is.
    this.webContents.page?.close().catch(() => undefined);
    this.#closed();
  }

  #closed(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.webContents.closePorts();
    BrowserWindow.all.splice(BrowserWindow.all.indexOf(this), 1);
    this.emit('closed');
    if (BrowserWindow.all.length === 0) appEvents.emit('window-all-closed');
  }

  show = () => this.#note('show', () => (this.#visible = true));
  hide = () => this.#note('hide', () => (this.#visible = false));
  focus = () => this.#note('focus');
  restore = () => this.#note('restore');
  maximize = () => this.#note('maximize');
  minimize = () => this.#note('minimize');
  isVisible = () => this.#visible;
  isMinimized = () => false;
  isMaximized = () => false;
  isFullScreen = () => false;
  isDestroyed = () => this.#destroyed;
  getNormalBounds = () => this.#bounds;
  getBounds = () => this.#bounds;
  setMenuBarVisibility(): void {}

  /** For the tests: the user moved or sized the window. */
  userResizes(bounds: Partial<{ x: number; y: number; width: number; height: number }>): void {
    this.#bounds = { ...this.#bounds, ...bounds };
    this.emit('resize');
    this.emit('move');
  }

  #note(call: string, effect?: () => void): void {
    this.calls.push(call);
    effect?.();
    this.emit(call);
  }
}

let profile = '';

export async function closeChromium(): Promise<void> {
  server?.close();
  await (await context)?.close();
  if (profile !== '') rmSync(profile, { recursive: true, force: true });
}

async function openChromium(): Promise<BrowserContext> {
  profile = mkdtempSync(join(tmpdir(), 'warren-stand-in-'));
  const opened = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    headless: process.env['WARREN_STAND_IN_VISIBLE'] === undefined,
    args: [...chromiumArgs, '--remote-debugging-port=0'],
    viewport: null,
  });
  await opened.route((url) => url.origin !== loopbackOrigin, leaving);
  const [port] = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n');
  tell({ kind: 'opened', endpoint: `http://127.0.0.1:${port}` });
  return opened;
}

/**
 * A page asks for something that is not the console's. Where a window would go the shell decides, and a window that
 * it would open is never there; the rest is the policy's matter.
 */
async function leaving(route: Route): Promise<void> {
  const request = route.request();
  if (!request.isNavigationRequest()) return route.continue();
  const window = BrowserWindow.all.find(({ webContents }) => webContents.page === pageOf(request));
  if (window && window.webContents.allows(request.url())) return route.continue();
  if (!window) BrowserWindow.all[0]?.webContents.windowOpenHandler?.({ url: request.url() });
  // An answer without content leaves the page where it is, as a prevented navigation does.
  await route.fulfill({ status: 204 });
  if (!window)
    for (const page of (await context)!.pages()) if (page.url() === 'about:blank') await page.close();
}

/** Null for a page that is only about to be there. */
function pageOf(request: PageRequest): Page | null {
  try {
    return request.frame().page();
  } catch {
    return null;
  }
}

/** `warren://console/x` as an address that Chromium can fetch. */
async function toLoopback(url: string): Promise<string> {
  const { protocol, host } = new URL(url);
  if (protocol === 'http:' || protocol === 'https:' || protocol === 'file:' || protocol === 'about:')
    return url;
  const handler = schemeHandlers.get(protocol.slice(0, -1));
  if (!handler) throw new Error(`no handler for ${protocol}`);
  const prefix = `${protocol}//${host}`;
  loopbackOrigin ||= await serve((path) => handler(new Request(prefix + path)));
  loopbackFor = prefix;
  return loopbackOrigin + url.slice(prefix.length);
}

let loopbackFor = '';

function fromLoopback(url: string): string {
  return loopbackOrigin && url.startsWith(loopbackOrigin)
    ? loopbackFor + url.slice(loopbackOrigin.length)
    : url;
}

async function serve(handle: (path: string) => Response | Promise<Response>): Promise<string> {
  server = createServer((request, response) => {
    void (async () => {
      const answer = await handle(request.url ?? '/');
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

declare global {
  var __standInFromMain: (text: string) => void;
}

/** Runs in the page before its scripts: Electron's preload world, without its isolation. */
function pageScript(preload: string): string {
  return `(() => {
    if (window.top !== window) return;
    const codec = ${portCodecSource};
    const listeners = new Map();
    const ports = new Map();
    const toMain = (message) => void window.__standInToMain(codec.encode(message));
    toMain({ kind: 'document' });
    const ipcRenderer = {
      on: (channel, listener) => void listeners.set(channel, [...(listeners.get(channel) ?? []), listener]),
      send: (channel, ...args) => toMain({ kind: 'send', channel, args }),
    };
    globalThis.__standInFromMain = (text) => {
      const message = codec.decode(text);
      if (message.kind === 'port') return ports.get(message.port)?.postMessage(message.data);
      const transferred = message.ports.map((id) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = (event) => toMain({ kind: 'port', port: id, data: event.data });
        ports.set(id, port1);
        return port2;
      });
      for (const listener of listeners.get(message.channel) ?? []) listener({ ports: transferred }, ...message.args);
    };
    const require = (name) => {
      if (name !== 'electron') throw new Error('a sandboxed preload cannot require ' + name);
      return { ipcRenderer };
    };
    const module = { exports: {} };
    (function (require, module, exports) { ${preload}\n })(require, module, module.exports);
  })();`;
}
