// `warren front` as a child process, with its status.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FrontStatus } from '../../broker/contract/front-status.ts';
import { eventually } from '../eventually.ts';

const command = fileURLToPath(new URL('../../dist/warren.mjs', import.meta.url));

export class FrontProcess {
  readonly child: ChildProcess;
  port = 0;
  #statusUrl = '';
  #output = '';

  /** Resolves when it listens; `nodes` as `NAME=HOST:PORT`. */
  static async start(nodes: string[], args: string[] = []): Promise<FrontProcess> {
    const front = new FrontProcess([
      ...['front', '--listen', '127.0.0.1:0', '--status', '127.0.0.1:0'],
      ...nodes.flatMap((node) => ['--node', node]),
      ...args,
    ]);
    await eventually('the front listens', () => {
      if (front.child.exitCode !== null) throw new Error(front.#output);
      front.port = Number(/AMQP +127\.0\.0\.1:(\d+)/.exec(front.#output)?.[1] ?? 0);
      front.#statusUrl = /status +(\S+)/.exec(front.#output)?.[1] ?? '';
      return front.port > 0 && front.#statusUrl !== '';
    });
    return front;
  }

  private constructor(args: string[]) {
    this.child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream!.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    const kill = () => this.child.kill('SIGKILL');
    process.once('exit', kill);
    this.child.once('exit', () => process.off('exit', kill));
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  async status(): Promise<FrontStatus> {
    return (await (await fetch(this.#statusUrl)).json()) as FrontStatus;
  }

  /** Moves the clients; answers the HTTP status. */
  async use(name: string, headers: Record<string, string> = {}): Promise<number> {
    return (await fetch(`${this.#statusUrl}use/${name}`, { method: 'POST', headers })).status;
  }

  until(what: string, wanted: (status: FrontStatus) => boolean): Promise<FrontStatus> {
    return eventually(
      what,
      async () => {
        const status = await this.status();
        return wanted(status) ? status : null;
      },
      20_000,
    );
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await gone;
  }
}
