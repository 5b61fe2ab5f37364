// The console's window: made where the user left it, shown when it has something to show, and told apart
// from the broker: closing it may leave the broker running in the tray.
import { BrowserWindow, nativeTheme, screen } from 'electron';
import { consoleOrigin } from './security.ts';
import type { SettingsFile, WindowPlace } from './settings.ts';

const saveDelayMs = 400;

export function createWindow(settings: SettingsFile, preload: string): BrowserWindow {
  const place = onScreen(settings.current.window);
  const window = new BrowserWindow({
    ...place,
    minWidth: 480,
    minHeight: 360,
    show: false,
    title: 'Warren',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0f1115' : '#ffffff',
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (settings.current.window.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  keepPlace(window, settings);
  return window;
}

export function consoleUrl(): string {
  return `${consoleOrigin}/index.html?shell`;
}

function keepPlace(window: BrowserWindow, settings: SettingsFile): void {
  let timer: NodeJS.Timeout | undefined;
  const save = () => {
    clearTimeout(timer);
    if (window.isDestroyed() || window.isMinimized()) return;
    settings.update({ window: { ...window.getNormalBounds(), maximized: window.isMaximized() } });
  };
  const saveSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, saveDelayMs);
  };
  window.on('resize', saveSoon);
  window.on('move', saveSoon);
  window.on('close', save);
}

/** A window last seen on a display that is gone opens at its size on the main one. */
function onScreen(place: WindowPlace): { x?: number; y?: number; width: number; height: number } {
  const { x, y, width, height } = place;
  if (x === undefined || y === undefined) return { width, height };
  const visible = screen
    .getAllDisplays()
    .some(
      ({ workArea }) =>
        x < workArea.x + workArea.width - 80 &&
        x + width > workArea.x + 80 &&
        y >= workArea.y - 10 &&
        y < workArea.y + workArea.height - 80,
    );
  return visible ? { x, y, width, height } : { width, height };
}
