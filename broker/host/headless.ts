// The `warren` command: the host without a window.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { DataFolderInUse } from '../base/data-folder-lock.ts';
import { pairSettingsSchema, type PairSettings } from '../contract/pair-settings.ts';
import { exitCodes, helpText, parseCommandLine, UsageError, type CommandLine } from './command-line.ts';
import { WebConsole } from './web-console.ts';
import { ConsoleToken } from './console-token.ts';
import { claimDataFolder } from './data-folder-claim.ts';
import { runFront } from './front-command.ts';
import { Host } from './host.ts';
import { runLab, type LabParts } from './lab/lab-command.ts';
import { childProcessSpawner } from './node-spawner.ts';
import { nextFreePort, portFault, portHolder } from './port-holder.ts';

/** The folder this file was bundled into. */
const dist = dirname(fileURLToPath(import.meta.url));
const loopback = '127.0.0.1';

class PortTaken extends Error {
  override name = 'PortTaken';
}

async function main(): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  if (command === 'front') return runFront(rest);
  const { version } = JSON.parse(readFileSync(join(dist, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  if (command === 'lab') return process.exit(await runLab(rest, labParts(version)));
  const options = parseCommandLine(process.argv.slice(2));
  if (options.help) return void process.stdout.write(helpText);
  if (options.version) return void process.stdout.write(`warren ${version}\n`);
  await run(options, version);
}

const processes = {
  spawner: childProcessSpawner(join(dist, 'node.mjs')),
  labSpawner: childProcessSpawner(join(dist, 'lab.mjs')),
  shell: 'headless',
} as const;

const labParts = (version: string): LabParts => ({
  makeHost: (own) => Host.start({ ...processes, ...own, amqpHost: loopback, version }),
  spawner: processes.labSpawner,
  product: version,
});

async function run(options: CommandLine, version: string): Promise<void> {
  const ending = new Ending();
  const dataFolder = resolve(options.dataFolder);
  // First of all: a second start on the same folder is told so, not that its own broker has the port.
  const claim = await claimDataFolder(dataFolder);
  const amqpPort = await freePort('--port', options.port);
  const consolePort = await freePort('--console-port', options.consolePort);
  const host = await Host.start({
    dataFolder,
    claim,
    amqpHost: loopback,
    amqpPort,
    ...processes,
    version,
    confirmMode: options.confirmMode,
  });
  const token = new ConsoleToken(join(dataFolder, 'host', 'console-token'));
  const webConsole = new WebConsole(host, token, join(dist, 'renderer'));
  ending.of(host, webConsole);
  await webConsole.listen(loopback, consolePort);
  if (Object.keys(options.pairSettings).length > 0) await setPairSettings(host, options.pairSettings);
  if (options.pair && host.pairModel !== options.pair) await host.startPair(options.pair);
  console.log(`warren ${version}`);
  console.log(`  AMQP      ${host.amqpUri}`);
  console.log(`  console   ${webConsole.url}`);
  console.log(`  HTTP API  http://${loopback}:${consolePort}/api`);
  console.log(`  data      ${dataFolder}`);
  console.log('Ctrl-C stops it.');
}

/** Throws UsageError for what does not go together, also with what was set before. */
async function setPairSettings(host: Host, given: Partial<PairSettings>): Promise<void> {
  const settings = v.safeParse(pairSettingsSchema, { ...host.pairSettings, ...given });
  if (settings.success) return host.setPairSettings(settings.output);
  await host.stop();
  throw new UsageError(settings.issues[0].message);
}

/** The port, or after asking the next free one. Throws PortTaken when there is nobody to ask or they decline. */
async function freePort(option: string, port: number): Promise<number> {
  const fault = await portFault(loopback, port);
  if (fault === null) return port;
  if (fault === 'EACCES')
    throw new PortTaken(`port ${port} may not be used by this user; choose ${option} above 1023`);
  const holder = await portHolder(port);
  const next = await nextFreePort(loopback, port);
  const taken = `port ${port} is taken${holder ? ` by ${holder}` : ''}`;
  if (next === null) throw new PortTaken(taken);
  if (!process.stdin.isTTY) throw new PortTaken(`${taken}; ${option} ${next} is free`);
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question(`warren: ${taken}. Use ${next} instead? [Y/n] `);
  prompt.close();
  if (!/^(y|yes|)$/i.test(answer.trim())) throw new PortTaken(taken);
  return next;
}

/** What Ctrl-C does: an ordered stop, and at once when it comes again. Before anything serves there is no order. */
class Ending {
  #host: Host | null = null;
  #webConsole: WebConsole | null = null;
  #begun = false;

  constructor() {
    process.on('SIGINT', (signal) => this.#end(signal));
    process.on('SIGTERM', (signal) => this.#end(signal));
  }

  of(host: Host, webConsole: WebConsole): void {
    this.#host = host;
    this.#webConsole = webConsole;
  }

  #end(signal: NodeJS.Signals): void {
    if (!this.#host) process.exit(exitCodes.stopped);
    if (this.#begun) {
      console.log('stopping at once');
      this.#host.abandon();
      process.exit(exitCodes.failed);
    }
    this.#begun = true;
    console.log(`\n${signal}: stopping (again to stop at once)`);
    Promise.all([this.#webConsole?.close(), this.#host.stop()]).then(
      () => process.exit(exitCodes.stopped),
      (error: unknown) => {
        console.error(`warren: ${String(error)}`);
        process.exit(exitCodes.failed);
      },
    );
  }
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof PortTaken) return exitCodes.portTaken;
  if (error instanceof DataFolderInUse) return exitCodes.dataFolderInUse;
  return exitCodes.failed;
}

main().catch((error: unknown) => {
  console.error(`warren: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof UsageError) console.error("Try 'warren --help'.");
  if (error instanceof DataFolderInUse)
    console.error('Only one Warren can run there: stop that one, or choose another folder with --data.');
  process.exit(codeOf(error));
});
