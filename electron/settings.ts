// The shell's own settings (window place, what closing means), in one small JSON file. Written whole through
// a temporary file; a damaged file is set aside, never a reason not to start.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface WindowPlace {
  x?: number;
  y?: number;
  width: number;
  height: number;
  maximized: boolean;
}

export interface ShellSettings {
  window: WindowPlace;
  /** Whether closing the window leaves the broker running in the tray; null until the user was asked. */
  closeToTray: boolean | null;
}

const defaults: ShellSettings = {
  window: { width: 1360, height: 880, maximized: false },
  closeToTray: null,
};

export class SettingsFile {
  readonly #path: string;
  #settings: ShellSettings;

  constructor(path: string) {
    this.#path = path;
    this.#settings = this.#read();
  }

  get current(): Readonly<ShellSettings> {
    return this.#settings;
  }

  update(change: Partial<ShellSettings>): void {
    this.#settings = { ...this.#settings, ...change };
    mkdirSync(dirname(this.#path), { recursive: true });
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, JSON.stringify(this.#settings, null, 2));
    renameSync(temporary, this.#path);
  }

  #read(): ShellSettings {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return defaults;
    }
    try {
      return checked(JSON.parse(text));
    } catch {
      renameSync(this.#path, `${this.#path}.damaged`);
      return defaults;
    }
  }
}

function checked(value: unknown): ShellSettings {
  const given = (value ?? {}) as Partial<ShellSettings>;
  const place: Partial<WindowPlace> = given.window ?? {};
  const size = (wanted: unknown, least: number, otherwise: number) =>
    typeof wanted === 'number' && wanted >= least && wanted <= 20_000 ? Math.round(wanted) : otherwise;
  const coordinate = (wanted: unknown) =>
    typeof wanted === 'number' && Math.abs(wanted) <= 50_000 ? Math.round(wanted) : undefined;
  return {
    window: {
      x: coordinate(place.x),
      y: coordinate(place.y),
      width: size(place.width, 480, defaults.window.width),
      height: size(place.height, 360, defaults.window.height),
      maximized: place.maximized === true,
    },
    closeToTray: typeof given.closeToTray === 'boolean' ? given.closeToTray : null,
  };
}
