// The `electron` module for tests on machines without Electron: the parts of its API that the shell uses, on
// Node and Chromium. What it cannot show (isolation, native menus, tray, dialogs, fuses) is recorded, so a
// test can ask what the shell did and press what a user would press.
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  appEvents,
  BrowserWindow,
  closeChromium,
  ipcMain,
  schemeHandlers,
  sessionStandIn,
} from './browser-window.ts';
import { MessageChannelMain } from './message-port.ts';
import { tell } from './reports.ts';
import { SingleInstance } from './single-instance.ts';

export { BrowserWindow, ipcMain, MessageChannelMain };

const userData = process.env['WARREN_STAND_IN_USER_DATA'] ?? join(tmpdir(), `warren-stand-in-${process.pid}`);

class App extends EventEmitter {
  readonly isPackaged = false;
  name = 'Warren';
  readonly calls: string[] = [];
  #quitting = false;
  #instance: SingleInstance | null = null;

  whenReady = () => Promise.resolve();
  isReady = () => true;
  enableSandbox = () => void this.calls.push('enableSandbox');
  getVersion = () => '0.0.0';
  getName = () => this.name;
  getAppPath = () => process.cwd();
  setAppUserModelId(): void {}
  setAboutPanelOptions(): void {}
  setBadgeCount(): void {}

  getPath(name: string): string {
    const path = name === 'userData' ? userData : join(userData, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  setPath(): void {}

  requestSingleInstanceLock(): boolean {
    this.#instance = SingleInstance.acquire(this.getPath('userData'), () =>
      this.emit('second-instance', {}, [], process.cwd()),
    );
    return this.#instance !== null;
  }

  quit(): void {
    if (this.#quitting) return;
    let prevented = false;
    this.emit('before-quit', { preventDefault: () => (prevented = true) });
    if (prevented) return;
    this.#quitting = true;
    for (const window of BrowserWindow.getAllWindows()) window.close();
    if (BrowserWindow.getAllWindows().length > 0) {
      this.#quitting = false;
      return;
    }
    this.emit('will-quit', { preventDefault: () => (prevented = true) });
    if (!prevented) this.exit(0);
  }

  exit(code = 0): void {
    this.#instance?.release();
    void closeChromium().finally(() => process.exit(code));
  }
}

export const app = new App();
for (const event of ['web-contents-created', 'browser-window-created', 'window-all-closed'])
  appEvents.on(event, (...args: unknown[]) => app.emit(event, ...args));

export const protocol = {
  registered: [] as unknown[],
  registerSchemesAsPrivileged: (schemes: unknown[]) => void protocol.registered.push(...schemes),
  handle: (scheme: string, handler: (request: Request) => Response | Promise<Response>) =>
    void schemeHandlers.set(scheme, handler),
};

export const session = { defaultSession: sessionStandIn };

/** Each dialog is told to the test, and answered with what the test said would be pressed. */
export const dialog = {
  async showMessageBox(...args: unknown[]): Promise<{ response: number; checkboxChecked: boolean }> {
    const options = args.at(-1) as {
      message: string;
      detail?: string;
      buttons?: string[];
      cancelId?: number;
    };
    const buttons = options.buttons ?? [];
    tell({ kind: 'dialog', message: options.message, detail: options.detail ?? '', buttons });
    const index = buttons.indexOf(await recorded.answers.next());
    return { response: index >= 0 ? index : (options.cancelId ?? 0), checkboxChecked: false };
  },
  showErrorBox: (title: string, content: string) =>
    tell({ kind: 'dialog', message: title, detail: content, buttons: [] }),
};

export interface MenuItem {
  id?: string;
  label?: string;
  role?: string;
  enabled?: boolean;
  type?: string;
  checked?: boolean;
  click?: (item: MenuItem) => void;
  submenu?: MenuItem[];
}

export class Menu {
  readonly items: MenuItem[];

  constructor(items: MenuItem[]) {
    this.items = items;
  }

  static buildFromTemplate = (template: MenuItem[]) => new Menu(template);
  static setApplicationMenu = (menu: Menu | null) => void (recorded.menu = menu);
  popup(): void {}
}

export class Tray extends EventEmitter {
  toolTip = '';
  menu: Menu | null = null;

  constructor(_image: unknown) {
    super();
    recorded.tray = this;
  }

  setToolTip = (text: string) => void (this.toolTip = text);
  setContextMenu = (menu: Menu) => void (this.menu = menu);
  setImage(): void {}
  destroy = () => void (recorded.tray = null);
}

export class Notification extends EventEmitter {
  readonly options: unknown;
  static isSupported = () => true;

  constructor(options: unknown) {
    super();
    this.options = options;
  }

  show = () => tell({ kind: 'notification', options: this.options });
}

export const clipboard = {
  writeText: (text: string) => tell({ kind: 'clipboard', text }),
};

export const shell = {
  openExternal: (url: string) => Promise.resolve(tell({ kind: 'openExternal', url })),
  openPath: (path: string) => Promise.resolve((tell({ kind: 'openPath', path }), '')),
};

export const nativeTheme = Object.assign(new EventEmitter(), {
  shouldUseDarkColors: false,
  themeSource: 'system',
});
export const nativeImage = {
  createFromPath: (path: string) => ({
    path,
    isEmpty: () => false,
    setTemplateImage() {},
    resize: () => ({ path }),
  }),
};
export const screen = {
  getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }],
  getDisplayMatching: () => ({ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }),
};

class UtilityProcess extends EventEmitter {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on('spawn', () => this.emit('spawn'));
    child.on('exit', (code, signal) => this.emit('exit', code ?? (signal === null ? 0 : 1)));
    child.on('message', (message) => this.emit('message', message));
  }

  get pid(): number | undefined {
    return this.#child.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined;
  }

  get stdout() {
    return this.#child.stdout;
  }

  get stderr() {
    return this.#child.stderr;
  }

  postMessage = (message: unknown) => void (this.#child.connected && this.#child.send(message as object));
  kill = () => this.#child.kill('SIGTERM');
}

export const utilityProcess = {
  fork(path: string, args: string[] = [], options: { env?: NodeJS.ProcessEnv; execArgv?: string[] } = {}) {
    const hook = new URL('./utility-child.mjs', import.meta.url).href;
    return new UtilityProcess(
      fork(path, args, {
        env: options.env ?? process.env,
        execArgv: ['--import', hook, ...(options.execArgv ?? [])],
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      }),
    );
  },
};

/** Buttons the test will press, in order; a dialog stays open until one is there. */
class Answers {
  readonly #buttons: string[] = [];
  readonly #dialogs: ((button: string) => void)[] = [];

  press(button: string): void {
    const dialog = this.#dialogs.shift();
    if (dialog) dialog(button);
    else this.#buttons.push(button);
  }

  next(): Promise<string> {
    const button = this.#buttons.shift();
    if (button !== undefined) return Promise.resolve(button);
    return new Promise((resolve) => this.#dialogs.push(resolve));
  }
}

const recorded: { menu: Menu | null; tray: Tray | null; answers: Answers } = {
  menu: null,
  tray: null,
  answers: new Answers(),
};

/** What a test asks of the running shell. */
export type StandInRequest =
  | { kind: 'press'; path: string[]; in: 'menu' | 'tray' }
  | { kind: 'answer'; button: string }
  | { kind: 'close-window' }
  | { kind: 'resize'; bounds: { x: number; y: number; width: number; height: number } }
  | { kind: 'quit' }
  | { kind: 'state' };

process.on('message', (request: StandInRequest) => {
  switch (request.kind) {
    case 'press':
      return press(request.in === 'menu' ? recorded.menu : (recorded.tray?.menu ?? null), request.path);
    case 'answer':
      return recorded.answers.press(request.button);
    case 'close-window':
      return BrowserWindow.all[0]?.close();
    case 'resize':
      return BrowserWindow.all[0]?.userResizes(request.bounds);
    case 'quit':
      return app.quit();
    case 'state':
      return tellState();
  }
});
// A shell whose test has gone has nobody to serve.
process.on('disconnect', () => app.exit(1));

function press(menu: Menu | null, path: string[]): void {
  let items = menu?.items ?? [];
  let found: MenuItem | undefined;
  for (const label of path) {
    found = items.find((item) => item.label === label);
    items = found?.submenu ?? [];
  }
  if (!found?.click) throw new Error(`no menu item ${path.join(' > ')}`);
  if (found.type === 'checkbox') found.checked = !found.checked;
  found.click(found);
}

function tellState(): void {
  const labels = (items: MenuItem[]): unknown[] =>
    items.map((item) =>
      item.submenu
        ? { [item.label ?? item.role ?? '']: labels(item.submenu) }
        : `${item.label ?? item.role ?? '-'}${item.checked ? ' (checked)' : ''}`,
    );
  tell({
    kind: 'state',
    windows: BrowserWindow.all.map((window) => ({
      options: window.options,
      calls: window.calls,
      visible: window.isVisible(),
    })),
    menu: labels(recorded.menu?.items ?? []),
    tray: recorded.tray && { toolTip: recorded.tray.toolTip, menu: labels(recorded.tray.menu?.items ?? []) },
    sandboxed: app.calls.includes('enableSandbox'),
    permissions: Object.fromEntries(
      ['media', 'geolocation', 'notifications', 'clipboard-read', 'clipboard-sanitized-write'].map((each) => [
        each,
        answersOf(each),
      ]),
    ),
    schemes: protocol.registered,
  });
}

function answersOf(permission: string): { check: boolean; request: boolean } {
  let request = true;
  sessionStandIn.permissionRequestHandler?.(null, permission, (yes) => (request = yes));
  return { check: sessionStandIn.permissionCheckHandler?.(null, permission) ?? true, request };
}
