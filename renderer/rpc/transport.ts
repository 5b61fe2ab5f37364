// What carries the contract: the port the desktop shell hands over, or a WebSocket to the host that served the page.
import { decode, encode } from '@msgpack/msgpack';

export interface Transport {
  post(message: unknown): void;
  listen(handler: (message: unknown) => void): void;
  serialize?: (message: unknown) => unknown;
  deserialize?: (message: unknown) => unknown;
  onClose(handler: (code: number) => void): void;
}

/** The desktop shell loads the page with this mark. */
export const inShell = new URLSearchParams(location.search).has('shell');

/** Resolves when the shell has handed its port over. */
export function shellPort(): Promise<Transport> {
  return new Promise((resolve) => {
    window.addEventListener('message', function take(event: MessageEvent) {
      const [port] = event.ports;
      if (event.source !== window || event.data !== 'warren:port' || !port) return;
      window.removeEventListener('message', take);
      resolve({
        post: (message) => port.postMessage(message),
        listen: (handler) => {
          port.onmessage = ({ data }) => handler(data);
        },
        onClose: () => undefined, // The shell ends with its window.
      });
    });
  });
}

/** Resolves when the socket is open; rejects when the host refuses or is away. */
export function webSocket(token: string): Promise<Transport> {
  const url = new URL('/console', location.href);
  url.protocol = 'ws:';
  url.hash = '';
  const socket = new WebSocket(url, ['warren', `token.${token}`]);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('the host does not answer'));
    socket.onopen = () =>
      resolve({
        post: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(message as Uint8Array<ArrayBuffer>);
        },
        listen: (handler) => {
          socket.onmessage = ({ data }) => handler(data);
        },
        serialize: (message) => encode(message, { ignoreUndefined: true }),
        deserialize: (message) => decode(message as ArrayBuffer),
        onClose: (handler) => {
          socket.onclose = ({ code }) => handler(code);
        },
      });
  });
}
