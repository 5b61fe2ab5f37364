// A surface is a way to the console: the headless host in a browser, the desktop shell under its stand-in, the desktop
// shell in Electron. Specs are written once and run on each of them, against a host of their own per file.
import { mkdirSync } from 'node:fs';
import type { ConsoleMessage, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { openElectron } from './electron-surface.ts';
import { openHeadless } from './headless-surface.ts';
import { openStandIn } from './stand-in-surface.ts';

export interface Surface {
  readonly page: Page;
  readonly amqpPort: number;
  /** The HTTP API's, and the console's for browsers. */
  readonly httpPort: number;
  readonly dataFolder: string;
  /** Stops the host and the browser, and removes their folders. */
  close(): Promise<void>;
}

const openers = {
  headless: () => openHeadless(),
  'stand-in': () => openStandIn(),
  electron: () => openElectron(),
};
export type SurfaceKind = keyof typeof openers;

const wanted = (process.env['WARREN_SURFACES'] ?? 'headless,stand-in').split(',') as SurfaceKind[];
const screenshots = new URL('../../test-results/e2e/', import.meta.url).pathname;

/** A surface in use, and what its page complained of: exceptions, and errors the browser itself reports. */
export class Session {
  readonly kind: SurfaceKind;
  readonly complaints: string[] = [];
  #surface: Surface | null = null;

  constructor(kind: SurfaceKind) {
    this.kind = kind;
  }

  async open(): Promise<void> {
    this.#surface = await openers[this.kind]();
    this.page.setDefaultTimeout(10_000);
    this.page.on('pageerror', (error) => this.complaints.push(String(error)));
    this.page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    await this.page
      .getByRole('heading', { name: 'Overview', level: 1 })
      .waitFor()
      .catch((error: unknown) => this.close().finally(() => Promise.reject(error as Error)));
  }

  get surface(): Surface {
    if (!this.#surface) throw new Error('the surface is not open');
    return this.#surface;
  }

  get page(): Page {
    return this.surface.page;
  }

  get amqpUri(): string {
    return `amqp://guest:guest@127.0.0.1:${this.surface.amqpPort}`;
  }

  /** Goes to a view by its link, as a click on it would, and waits for its heading. */
  async go(heading: string | RegExp, ...segments: string[]): Promise<void> {
    const url = new URL(this.page.url());
    url.hash = `/${segments.map(encodeURIComponent).join('/')}`;
    await this.page.goto(url.href);
    await this.page.getByRole('heading', { name: heading, level: 1 }).waitFor();
  }

  async close(): Promise<void> {
    await this.#surface?.close();
  }
}

/** Runs the specs on each surface, in order; a complaint of the page fails the spec it came up in. */
export function onEverySurface(name: string, specs: (session: Session) => void): void {
  onSurfaces(wanted, name, specs);
}

/** For what only the page itself decides. */
export function onOneSurface(name: string, specs: (session: Session) => void): void {
  onSurfaces(wanted.slice(0, 1), name, specs);
}

function onSurfaces(kinds: SurfaceKind[], name: string, specs: (session: Session) => void): void {
  describe.each(kinds)(`${name} (%s)`, (kind) => {
    const session = new Session(kind);
    beforeAll(() => session.open());
    afterAll(() => session.close());
    afterEach(async ({ task }) => {
      if (task.result?.state === 'fail') {
        mkdirSync(screenshots, { recursive: true });
        const path = `${screenshots}${`${kind} ${task.name}`.replace(/\W+/g, '-')}.png`;
        await session.page.screenshot({ path }).catch(() => undefined);
        // What it left open is not the next spec's trouble.
        await session.page.reload().catch(() => undefined);
      }
      expect(session.complaints.splice(0)).toEqual([]);
    });
    specs(session);
  });
}
