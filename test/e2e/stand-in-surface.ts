// The desktop shell's compiled main and preload under the Electron stand-in, and the window it opened, driven over
// the browser's debugging port.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { freePort } from '../peers/free-port.ts';
import type { StandInRequest } from '../stand-in/electron.ts';
import type { StandInReport } from '../stand-in/reports.ts';
import type { Surface } from './surface.ts';

const main = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));
const register = new URL('../stand-in/register.mjs', import.meta.url).href;
const reportTimeoutMs = 15_000;

type Report<Kind extends StandInReport['kind']> = Extract<StandInReport, { kind: Kind }>;

/** A running shell: what it told (dialogs, links opened, ...) and what a user can do to it. */
export class Shell {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly #reports: StandInReport[] = [];
  readonly #waiting: (() => void)[] = [];
  #ended = false;
  /** What it wrote, for when it ended as it should not have. */
  output = '';

  constructor(args: string[], userData: string) {
    this.child = fork(main, args, {
      execArgv: ['--import', register],
      env: { ...process.env, WARREN_STAND_IN_USER_DATA: userData },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.child, 'exit').then(([code]) => {
      this.#ended = true;
      for (const look of this.#waiting.splice(0)) look();
      return code as number | null;
    });
    this.child.on('message', (report: StandInReport) => {
      this.#reports.push(report);
      for (const look of this.#waiting.splice(0)) look();
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  do(request: StandInRequest): void {
    this.child.send(request);
  }

  /** The oldest report of a kind that was not taken yet, waited for. */
  async next<Kind extends StandInReport['kind']>(kind: Kind): Promise<Report<Kind>> {
    const deadline = Date.now() + reportTimeoutMs;
    for (;;) {
      const at = this.#reports.findIndex((report) => report.kind === kind);
      if (at >= 0) return this.#reports.splice(at, 1)[0] as Report<Kind>;
      if (this.#ended || Date.now() > deadline)
        throw new Error(`no ${kind} from the shell${this.#ended ? ', it ended' : ''}: ${this.output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now() + 1);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Quits, past the guard: clients that a spec left connected are no reason to stay. */
  async end(): Promise<void> {
    if (!this.#ended) {
      this.do({ kind: 'answer', button: 'Quit' });
      this.do({ kind: 'quit' });
    }
    await this.exited;
  }

  async state(): Promise<Report<'state'>> {
    this.do({ kind: 'state' });
    return this.next('state');
  }
}

/** A busy browser tells of its pages a little later than the shell does. */
const windowTimeoutMs = 10_000;

/** Connects to the window the shell opens. */
export async function windowOf(shell: Shell): Promise<{ browser: Browser; page: Page }> {
  const { endpoint } = await shell.next('opened');
  const browser = await chromium.connectOverCDP(endpoint);
  await shell.next('loaded');
  for (const deadline = Date.now() + windowTimeoutMs; ;) {
    const page = browser
      .contexts()
      .flatMap((context) => context.pages())
      .find((each) => each.url().includes('?shell'));
    if (page) return { browser, page };
    if (Date.now() > deadline) throw new Error('the shell opened no window');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function openStandIn(): Promise<Surface> {
  const [amqpPort, httpPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const dataFolder = join(folder, 'data');
  const args = ['--port', String(amqpPort), '--console-port', String(httpPort), '--data', dataFolder];
  const shell = new Shell(args, join(folder, 'shell'));
  const { browser, page } = await windowOf(shell);
  return {
    page,
    amqpPort,
    httpPort,
    dataFolder,
    close: async () => {
      await browser.close();
      await shell.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
