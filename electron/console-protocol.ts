// Serves the built console to its window as warren://console/. A scheme of our own lets file:// stay without
// privileges; requests stay closed to the page, the desktop talks over a port.
import { protocol } from 'electron';
import { consoleFile } from '../broker/host/console-files.ts';
import { isConsole } from './security.ts';

/** Must run before the app is ready. */
export function registerConsoleScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'warren', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

export function serveConsole(folder: string): void {
  protocol.handle('warren', async ({ url }) => {
    const file = isConsole(url) ? await consoleFile(folder, new URL(url).pathname, "'none'") : null;
    return file
      ? new Response(file.bytes, { headers: file.headers })
      : new Response('Not found', { status: 404 });
  });
}
