// The tray: what state the broker is in, and the way back to its window. Desktops without a tray lose
// nothing: every entry is in the menu too.
import { Menu, Tray, nativeImage } from 'electron';

export interface TrayActions {
  show(): void;
  copyAmqpUri(): void;
  quit(): void;
}

export class BrokerTray {
  readonly #tray: Tray;
  readonly #actions: TrayActions;
  #state = '';

  constructor(iconPath: string, actions: TrayActions) {
    this.#tray = new Tray(nativeImage.createFromPath(iconPath));
    this.#actions = actions;
    this.#tray.on('click', actions.show);
    this.setState('starting');
  }

  /** `state` is one line, such as "active a, standby b, 3 clients". */
  setState(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tray.setToolTip(`Warren: ${state}`);
    this.#tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: state, enabled: false },
        { type: 'separator' },
        { label: 'Open console', click: this.#actions.show },
        { label: 'Copy AMQP URI', click: this.#actions.copyAmqpUri },
        { type: 'separator' },
        { label: 'Quit Warren', click: this.#actions.quit },
      ]),
    );
  }

  destroy(): void {
    this.#tray.destroy();
  }
}
