// The application menu. Roles where the platform has one; the broker's entries call back into main.
import { Menu, type MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  copyAmqpUri(): void;
  openInBrowser(): void;
  openDataFolder(): void;
  switchOver(): void;
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
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
