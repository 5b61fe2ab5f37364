// The `warren` command: the host without a window.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { DataFolderInUse } from '../base/data-folder-lock.ts';
import { exitCodes, helpText, parseCommandLine, UsageError, type CommandLine } from './command-line.ts';
import { WebConsole } from './web-console.ts';
import { ConsoleToken } from './console-token.ts';
import { Host } from './host.ts';
import { childProcessSpawner } from './node-spawner.ts';
import { nextFreePort, portFault, portHolder } from './port-holder.ts';

/** The folder this file was bundled into. */
const dist = dirname(fileURLToPath(import.meta.url));
const loopback = '127.0.0.1';

class PortTaken extends Error {
  override name = 'PortTaken';
}

async function main(): Promise<void> {
  const options = parseCommandLine(process.argv.slice(2));
  const { version } = JSON.parse(readFileSync(join(dist, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  if (options.help) return void process.stdout.write(helpText);
  if (options.version) return void process.stdout.write(`warren ${version}\n`);
  await run(options, version);
}

async function run(options: CommandLine, version: string): Promise<void> {
  const dataFolder = resolve(options.dataFolder);
  const amqpPort = await freePort('--port', options.port);
  const consolePort = await freePort('--console-port', options.consolePort);
  const spawner = childProcessSpawner(join(dist, 'node.mjs'));
  const host = await Host.start({
    dataFolder,
    amqpHost: loopback,
    amqpPort,
    spawner,
    shell: 'headless',
    version,
    confirmMode: options.confirmMode,
  });
  const token = new ConsoleToken(join(dataFolder, 'host', 'console-token'));
  const webConsole = new WebConsole(host, token, join(dist, 'renderer'));
  stopOnSignals(host, webConsole);
  await webConsole.listen(loopback, consolePort);
  if (options.pair) host.startPair(options.pair);
  console.log(`warren ${version}`);
  console.log(`  AMQP      ${host.amqpUri}`);
  console.log(`  console   ${webConsole.url}`);
  console.log(`  HTTP API  http://${loopback}:${consolePort}/api`);
  console.log(`  data      ${dataFolder}`);
  console.log('Ctrl-C stops it.');
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

function stopOnSignals(host: Host, webConsole: WebConsole): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    // A second Ctrl-C does not wait.
    if (stopping) process.exit(exitCodes.failed);
    stopping = true;
    console.log(`\n${signal}: stopping`);
    void Promise.all([webConsole.close(), host.stop()]).then(
      () => process.exit(exitCodes.stopped),
      (error: unknown) => {
        console.error(`warren: ${String(error)}`);
        process.exit(exitCodes.failed);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
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
  process.exit(codeOf(error));
});
