// The application menu. Roles where the platform has one; the broker's entries call back into main.
import { Menu, type MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  /** Whether the broker goes on when the window is closed. */
  closeToTray: boolean;
  copyAmqpUri(): void;
  openInBrowser(): void;
  openDataFolder(): void;
  switchOver(): void;
  setCloseToTray(closeToTray: boolean): void;
  quit(): void;
}

export function setMenu(actions: MenuActions, platform = process.platform): void {
  const mac = platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    ...(mac ? [{ role: 'appMenu' } as const] : []),
    {
      label: 'Broker',
      submenu: [
        { label: 'Copy AMQP URI', click: actions.copyAmqpUri },
        { label: 'Open console in browser', click: actions.openInBrowser },
        { label: 'Open data folder', click: actions.openDataFolder },
        { type: 'separator' },
        { label: 'Switch over to the standby', click: actions.switchOver },
        { type: 'separator' },
        {
          label: 'Keep running when the window is closed',
          type: 'checkbox',
          checked: actions.closeToTray,
          click: ({ checked }) => actions.setCloseToTray(checked),
        },
        { label: 'Quit Warren', accelerator: 'CmdOrCtrl+Q', click: actions.quit },
      ],
    },
    { role: 'editMenu' },
    {
      label: 'View',
      submenu: [
        { role: 'reload' },
        { role: 'toggleDevTools' },
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
      ],
    },
    { role: 'windowMenu' },
    { role: 'help', submenu: [{ role: 'about' }] },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
