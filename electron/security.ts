// What the window may not do: leave the console's origin, open windows, ask for permissions, attach
// webviews. Links to the web open in the user's browser, http and https only.
import { shell, type App, type IpcMainEvent, type Session, type WebContents } from 'electron';

export const consoleOrigin = 'warren://console';

/** Closes every contents that is ever created, whoever creates it. */
export function guardContents(app: App): void {
  app.on('web-contents-created', (_event, contents) => {
    refuseNavigation(contents);
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      openOutside(url);
      return { action: 'deny' };
    });
  });
}

/** Answers no to every permission a page can ask for, but writing to the clipboard ("copy as"). */
export function guardPermissions(session: Session): void {
  const allowed = new Set(['clipboard-sanitized-write']);
  session.setPermissionRequestHandler((_contents, permission, callback) => callback(allowed.has(permission)));
  session.setPermissionCheckHandler((_contents, permission) => allowed.has(permission));
  session.setDevicePermissionHandler(() => false);
}

function refuseNavigation(contents: WebContents): void {
  const refuse = (event: { preventDefault(): void }, url: string) => {
    if (isConsole(url)) return;
    event.preventDefault();
    openOutside(url);
  };
  contents.on('will-navigate', (details) => refuse(details, details.url));
  contents.on('will-redirect', (details) => refuse(details, details.url));
  contents.on('will-frame-navigate', (details) => refuse(details, details.url));
}

/** Custom schemes have the origin "null" in URL, so the parts are compared. */
export function isConsole(url: string): boolean {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}` === consoleOrigin;
  } catch {
    return false;
  }
}

/** True for a message from the console's own page: no frame inside it, no other page in its place. */
export function isConsolePage({ senderFrame }: IpcMainEvent): boolean {
  return senderFrame !== null && senderFrame.parent === null && isConsole(senderFrame.url);
}

function openOutside(url: string): void {
  let protocol: string;
  try {
    protocol = new URL(url).protocol;
  } catch {
    return;
  }
  if (protocol === 'https:' || protocol === 'http:') void shell.openExternal(url);
}
