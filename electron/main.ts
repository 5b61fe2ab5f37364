// Starts the desktop shell: one instance, its ports, the host, and the window on it.
import { app, dialog, session } from 'electron';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataFolderInUse } from '../broker/base/data-folder-lock.ts';
import { exitCodes, helpText, parseCommandLine, UsageError } from '../broker/host/command-line.ts';
import { ConsoleToken } from '../broker/host/console-token.ts';
import { claimDataFolder } from '../broker/host/data-folder-claim.ts';
import { Host } from '../broker/host/host.ts';
import { WebConsole } from '../broker/host/web-console.ts';
import { ownArguments } from './arguments.ts';
import { registerConsoleScheme, serveConsole } from './console-protocol.ts';
import { Desktop } from './desktop.ts';
import { utilityProcessSpawner } from './node-spawner.ts';
import { choosePort } from './ports.ts';
import { guardContents, guardPermissions } from './security.ts';

const dist = dirname(fileURLToPath(import.meta.url));
const loopback = '127.0.0.1';

async function start(): Promise<void> {
  await app.whenReady();
  tellReady();
  const options = parseCommandLine(ownArguments(process.argv, app.isPackaged));
  if (options.help || options.version) {
    process.stdout.write(options.help ? helpText : `warren ${app.getVersion()}\n`);
    return app.exit(exitCodes.stopped);
  }
  guardPermissions(session.defaultSession);
  serveConsole(join(dist, 'renderer'));
  const { dataFolder } = options;
  // First of all: a folder that another host has is told, not that its broker has the port.
  const claim = await claimDataFolder(dataFolder);
  const amqpPort = await choosePort(loopback, options.port, 'AMQP');
  if (amqpPort === null) return app.exit(exitCodes.stopped);
  const consolePort = await choosePort(loopback, options.consolePort, 'the HTTP API');
  if (consolePort === null) return app.exit(exitCodes.stopped);
  const host = await Host.start({
    dataFolder,
    claim,
    amqpHost: loopback,
    amqpPort,
    spawner: utilityProcessSpawner(join(dist, 'node.mjs'), 'Warren node'),
    labSpawner: utilityProcessSpawner(join(dist, 'lab.mjs'), 'Warren lab'),
    shell: 'desktop',
    version: app.getVersion(),
    confirmMode: options.confirmMode,
  });
  const token = new ConsoleToken(join(dataFolder, 'host', 'console-token'));
  const web = new WebConsole(host, token, join(dist, 'renderer'));
  await web.listen(loopback, consolePort);
  if (options.pair && host.pairModel !== options.pair) await host.startPair(options.pair);
  new Desktop(host, web).show();
}

/** `npm start` runs headless when Electron ended before it came to this. */
function tellReady(): void {
  const mark = process.env['WARREN_READY_MARK'];
  if (mark) writeFileSync(mark, '');
}

function refuse(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  const inUse = error instanceof DataFolderInUse;
  const hint = inUse ? '\n\nQuit that one first, or start with another folder: --data FOLDER.' : '';
  dialog.showErrorBox('Warren cannot start', reason + hint);
  app.exit(
    inUse ? exitCodes.dataFolderInUse : error instanceof UsageError ? exitCodes.usage : exitCodes.failed,
  );
}

registerConsoleScheme();
guardContents(app);
app.enableSandbox();
// A second start brings the first one's window to the front and ends.
if (app.requestSingleInstanceLock()) start().catch(refuse);
else {
  tellReady();
  app.exit(exitCodes.stopped);
}
