// The running shell: its window, tray and menu, what closing and quitting mean, and the port handed to the console's
// page. No logic of the product lives here.
import {
  app,
  BrowserWindow,
  clipboard,
  dialog,
  ipcMain,
  MessageChannelMain,
  shell,
  type IpcMainEvent,
  type MessageBoxOptions,
} from 'electron';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Overview } from '../broker/contract/rows.ts';
import { ConsoleSession } from '../broker/host/console-session.ts';
import type { Host } from '../broker/host/host.ts';
import type { WebConsole } from '../broker/host/web-console.ts';
import { setMenu } from './menu.ts';
import { isConsolePage } from './security.ts';
import { SettingsFile } from './settings.ts';
import { BrokerTray } from './tray.ts';
import { consoleUrl, createWindow } from './window.ts';

/** The folder this file was bundled into. */
const dist = dirname(fileURLToPath(import.meta.url));
const trayEveryMs = 1000;
/** A node that does not answer has no clients that would miss it. */
const countClientsMs = 1000;

export class Desktop {
  readonly #settings = new SettingsFile(join(app.getPath('userData'), 'shell.json'));
  readonly #host: Host;
  readonly #web: WebConsole;
  readonly #tray: BrokerTray;
  #window: BrowserWindow | null = null;
  /** `asking`: a question of ours is open; `ended`: nothing holds the app any more. */
  #state: 'running' | 'asking' | 'ended' = 'running';

  constructor(host: Host, web: WebConsole) {
    this.#host = host;
    this.#web = web;
    const show = () => this.show();
    this.#tray = new BrokerTray(join(dist, '..', 'build', 'icons', 'tray.png'), {
      show,
      copyAmqpUri: () => this.#copyAmqpUri(),
      quit: () => app.quit(),
    });
    this.#setMenu();
    setInterval(() => this.#tray.setState(host.describe()), trayEveryMs).unref();
    ipcMain.on('warren:ready', (event: IpcMainEvent) => this.#connect(event));
    app.on('second-instance', show);
    app.on('activate', show);
    app.on('before-quit', (event) => this.#beforeQuit(event));
    // The broker goes on without a window: `#closing` lets one go only when the user wants that.
    app.on('window-all-closed', () => undefined);
  }

  show(): void {
    if (this.#window && !this.#window.isDestroyed()) {
      if (this.#window.isMinimized()) this.#window.restore();
      this.#window.show();
      this.#window.focus();
      return;
    }
    const window = createWindow(this.#settings, join(dist, 'preload.cjs'));
    this.#window = window;
    window.on('close', (event) => this.#closing(event, window));
    window.loadURL(consoleUrl()).catch((error: unknown) => {
      if (!window.isDestroyed()) dialog.showErrorBox('The console cannot be shown', String(error));
    });
  }

  #setMenu(): void {
    setMenu({
      closeToTray: this.#settings.current.closeToTray === true,
      copyAmqpUri: () => this.#copyAmqpUri(),
      openInBrowser: () => void shell.openExternal(this.#web.url),
      openDataFolder: () => void shell.openPath(this.#host.options.dataFolder),
      switchOver: () => void this.#switchOver(),
      setCloseToTray: (closeToTray) => this.#setCloseToTray(closeToTray),
      quit: () => app.quit(),
    });
  }

  #setCloseToTray(closeToTray: boolean): void {
    this.#settings.update({ closeToTray });
    this.#setMenu();
  }

  #copyAmqpUri(): void {
    void clipboard.writeText(this.#host.amqpUri);
  }

  /** Gives the console's page its port; anything else that asks gets none. */
  #connect(event: IpcMainEvent): void {
    if (!isConsolePage(event)) return;
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
    if (!result.ok) await this.#ask({ type: 'info', message: result.error.message });
  }

  // ---- Closing and quitting ----

  /** The window goes when the broker goes on without it, or when all of Warren has ended. */
  #closing(event: Electron.Event, window: BrowserWindow): void {
    const { closeToTray } = this.#settings.current;
    if (this.#state === 'ended' || closeToTray === true || process.platform === 'darwin') return;
    event.preventDefault();
    if (closeToTray === false) app.quit();
    else void this.#askWhatClosingMeans(window);
  }

  async #askWhatClosingMeans(window: BrowserWindow): Promise<void> {
    const response = await this.#ask({
      type: 'question',
      message: 'Keep the broker running?',
      detail:
        'Clients stay connected, and Warren stays in the tray; starting it again opens its window. ' +
        'Asked once: the Broker menu changes the answer.',
      buttons: ['Keep running', 'Quit Warren', 'Cancel'],
      defaultId: 0,
      cancelId: 2,
    });
    if (response !== 0 && response !== 1) return;
    this.#setCloseToTray(response === 0);
    if (response === 0) window.destroy();
    else app.quit();
  }

  #beforeQuit(event: Electron.Event): void {
    if (this.#state === 'ended') return;
    event.preventDefault();
    void this.#quit();
  }

  async #quit(): Promise<void> {
    const clients = await this.#clients();
    if (clients > 0) {
      const response = await this.#ask({
        type: 'warning',
        message: `${clients} client${clients === 1 ? ' is' : 's are'} connected`,
        detail: 'Quitting stops the broker and closes their connections. Durable messages are kept.',
        buttons: ['Quit', 'Cancel'],
        defaultId: 1,
        cancelId: 1,
      });
      if (response !== 0) return;
    }
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#tray.destroy();
    await Promise.all([this.#web.close(), this.#host.stop()]);
    app.quit();
  }

  /** One question at a time: null when another is open. */
  async #ask(options: MessageBoxOptions): Promise<number | null> {
    if (this.#state !== 'running') return null;
    this.#state = 'asking';
    try {
      const window = this.#window && !this.#window.isDestroyed() ? this.#window : null;
      const { response } = await (window
        ? dialog.showMessageBox(window, options)
        : dialog.showMessageBox(options));
      return response;
    } finally {
      this.#state = 'running';
    }
  }

  async #clients(): Promise<number> {
    const counts = await Promise.all(
      (['a', 'b'] as const).map(async (id) => {
        const timeout = new Promise<null>((resolve) => setTimeout(resolve, countClientsMs, null));
        const result = await Promise.race([this.#host.callNode(id, 'overview', {}), timeout]);
        return result?.ok ? (result.value as Overview).counts.connections : 0;
      }),
    );
    return counts.reduce((sum, each) => sum + each, 0);
  }
}
