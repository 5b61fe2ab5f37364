// Hands the console its one port to the host. Nothing else crosses: no ipcRenderer, no Node, no globals.
// The port waits for the page to have loaded, because a message posted before its script runs is lost.
import { ipcRenderer } from 'electron';

// The part of the DOM used here: the shell's sources are type checked without it.
declare const window: {
  addEventListener(type: 'load', listener: () => void, options: { once: true }): void;
  postMessage(message: string, targetOrigin: string, transfer: unknown[]): void;
};

const loaded = new Promise<void>((resolve) => {
  window.addEventListener('load', resolve, { once: true });
});

ipcRenderer.on('warren:port', (event) => {
  void loaded.then(() => window.postMessage('warren:port', '*', event.ports));
});
ipcRenderer.send('warren:ready');
