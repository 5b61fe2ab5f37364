// Reading sockets into one buffer. Node otherwise makes 64 KiB for every read, which costs a busy node more in
// garbage collection than all its routing. `onread` is public for sockets one makes; for accepted ones the listening
// handle's own callback has to be ours.
import { Socket, type OnReadOpts, type Server, type SocketConstructorOpts } from 'node:net';

const readBytes = 256 * 1024;

interface SocketHandle {
  useUserBuffer?: unknown;
  close(): void;
}

/** What Node's sockets and servers have besides what its types name. */
type HandleOptions = SocketConstructorOpts & { handle: unknown; onread: OnReadOpts };
interface Listening {
  _handle: { onconnection?: (status: number, handle: SocketHandle | undefined) => void } | null;
}

/** Gets the bytes read, which are valid during the call only. */
export type Received = (chunk: Buffer) => void;

export class SharedReads {
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);

  /**
   * Takes over what a listening server accepts: each connection becomes a socket that reads into the shared buffer.
   * `accept` gets it and returns who reads it, null for nobody. Where this Node has no such handles the server goes on
   * as it was.
   */
  takeOver(server: Server, accept: (socket: Socket) => Received | null): void {
    const handle = (server as unknown as Listening)._handle;
    const usual = handle?.onconnection;
    if (!handle || typeof usual !== 'function') return;
    handle.onconnection = (status, accepted) => {
      if (accepted && typeof accepted.useUserBuffer === 'function') this.#adopt(accepted, accept);
      else usual.call(handle, status, accepted);
    };
  }

  #adopt(handle: SocketHandle, accept: (socket: Socket) => Received | null): void {
    let received: Received | null = null;
    const options: HandleOptions = {
      handle,
      onread: {
        buffer: this.#buffer,
        callback: (size) => {
          received?.(this.#buffer.subarray(0, size));
          return true;
        },
      },
    };
    received = accept(new Socket(options));
  }
}
