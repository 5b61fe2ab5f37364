// The desktop shell: starts the host, shows its console in a window, and ends both together. No logic of the
// product lives here.
import {
  app,
  BrowserWindow,
  clipboard,
  dialog,
  ipcMain,
  MessageChannelMain,
  session,
  shell,
  type IpcMainEvent,
} from 'electron';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Overview } from '../broker/contract/rows.ts';
import { parseCommandLine } from '../broker/host/command-line.ts';
import { ConsoleSession } from '../broker/host/console-session.ts';
import { ConsoleToken } from '../broker/host/console-token.ts';
import { Host } from '../broker/host/host.ts';
import { WebConsole } from '../broker/host/web-console.ts';
import { registerConsoleScheme, serveConsole } from './console-protocol.ts';
import { setMenu } from './menu.ts';
import { utilityProcessSpawner } from './node-spawner.ts';
import { choosePort } from './ports.ts';
import { guardContents, guardPermissions } from './security.ts';
import { SettingsFile } from './settings.ts';
import { BrokerTray } from './tray.ts';
import { consoleUrl, createWindow, isConsoleContents } from './window.ts';

const dist = dirname(fileURLToPath(import.meta.url));
const loopback = '127.0.0.1';
const trayEveryMs = 1000;

class Desktop {
  readonly #settings = new SettingsFile(join(app.getPath('userData'), 'shell.json'));
  readonly #host: Host;
  readonly #web: WebConsole;
  readonly #tray: BrokerTray;
  #window: BrowserWindow | null = null;
  #quitting = false;

  constructor(host: Host, web: WebConsole) {
    this.#host = host;
    this.#web = web;
    const show = () => this.show();
    const copyAmqpUri = () => void clipboard.writeText(host.amqpUri);
    const quit = () => app.quit();
    this.#tray = new BrokerTray(join(dist, '..', 'build', 'icons', 'tray.png'), { show, copyAmqpUri, quit });
    setMenu({
      copyAmqpUri,
      openInBrowser: () => void shell.openExternal(web.url),
      openDataFolder: () => void shell.openPath(host.options.dataFolder),
      switchOver: () => void this.#switchOver(),
      quit,
    });
    setInterval(() => this.#tray.setState(host.describe()), trayEveryMs).unref();
    ipcMain.on('warren:ready', (event: IpcMainEvent) => this.#connect(event));
    app.on('second-instance', show);
    app.on('activate', show);
    app.on('before-quit', (event) => this.#beforeQuit(event));
    // The broker goes on in the tray when the user chose that; otherwise closing the window is quitting.
    app.on('window-all-closed', () => {
      if (this.#settings.current.closeToTray !== true) app.quit();
    });
  }

  show(): void {
    if (this.#window && !this.#window.isDestroyed()) {
      if (this.#window.isMinimized()) this.#window.restore();
      this.#window.show();
      this.#window.focus();
      return;
    }
    this.#window = createWindow(this.#settings, join(dist, 'preload.cjs'));
    void this.#window.loadURL(consoleUrl());
  }

  /** Gives the console's page its port; anything else that asks gets none. */
  #connect(event: IpcMainEvent): void {
    if (!isConsoleContents(event.sender, BrowserWindow.getAllWindows())) return;
    const { port1, port2 } = new MessageChannelMain();
    const console = new ConsoleSession(this.#host, {
      post: (message) => port1.postMessage(message),
      listen: (handler) => void port1.on('message', ({ data }) => handler(data)),
    });
    port1.on('close', () => console.close());
    port1.start();
    event.sender.postMessage('warren:port', null, [port2]);
  }

  async #switchOver(): Promise<void> {
    const result = await this.#host.callHost('pair.switchOver', {});
    if (!result.ok) await dialog.showMessageBox({ type: 'info', message: result.error.message });
  }

  #beforeQuit(event: Electron.Event): void {
    if (this.#quitting) return;
    event.preventDefault();
    void this.#quit();
  }

  async #quit(): Promise<void> {
    const clients = await this.#clients();
    if (clients > 0) {
      const { response } = await dialog.showMessageBox({
        type: 'warning',
        message: `${clients} client${clients === 1 ? ' is' : 's are'} connected`,
        detail: 'Quitting stops the broker and closes their connections. Durable messages are kept.',
        buttons: ['Quit', 'Cancel'],
        defaultId: 1,
        cancelId: 1,
      });
      if (response !== 0) return;
    }
    this.#quitting = true;
    this.#tray.destroy();
    await Promise.all([this.#web.close(), this.#host.stop()]);
    app.quit();
  }

  async #clients(): Promise<number> {
    const result = await this.#host.callNode('active', 'overview', {});
    return result.ok ? (result.value as Overview).counts.connections : 0;
  }
}

async function start(): Promise<void> {
  await app.whenReady();
  guardPermissions(session.defaultSession);
  serveConsole(join(dist, 'renderer'));
  const options = parseCommandLine(process.argv.slice(app.isPackaged ? 1 : 2));
  const amqpPort = await choosePort(loopback, options.port, 'AMQP');
  if (amqpPort === null) return app.exit(0);
  const consolePort = await choosePort(loopback, options.consolePort, 'the HTTP API');
  if (consolePort === null) return app.exit(0);
  const { dataFolder } = options;
  const host = await Host.start({
    dataFolder,
    amqpHost: loopback,
    amqpPort,
    spawner: utilityProcessSpawner(join(dist, 'node.mjs')),
    shell: 'desktop',
    version: app.getVersion(),
  });
  const token = new ConsoleToken(join(dataFolder, 'host', 'console-token'));
  const web = new WebConsole(host, token, join(dist, 'renderer'));
  await web.listen(loopback, consolePort);
  if (options.pair && host.pairModel !== options.pair) await host.startPair(options.pair);
  new Desktop(host, web).show();
}

registerConsoleScheme();
guardContents(app);
app.enableSandbox();
// A second start brings the first one's window to the front and ends.
if (app.requestSingleInstanceLock())
  start().catch((error: unknown) => {
    dialog.showErrorBox('Warren cannot start', error instanceof Error ? error.message : String(error));
    app.exit(1);
  });
else app.exit(0);
