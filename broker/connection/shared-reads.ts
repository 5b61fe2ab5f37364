// Reading sockets into one buffer. Node otherwise makes 64 KiB for every read, which costs a busy node more in
// garbage collection than all its routing. `onread` is public for sockets one makes; for accepted ones the handle
// has to move into a socket of our making.
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';

const readBytes = 256 * 1024;

/** What Node's sockets take besides what its types name. */
type HandleOptions = SocketConstructorOpts & { handle: unknown; onread: OnReadOpts };

export class SharedReads {
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);

  /**
   * The accepted socket's connection in a socket that reads into the shared buffer: `received` gets views that are
   * valid during the call only. Null where this Node has no such handle; the accepted socket is then as it was.
   */
  adopt(accepted: Socket, received: (chunk: Buffer) => void): Socket | null {
    const holder = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
    const handle = holder._handle;
    if (typeof handle?.useUserBuffer !== 'function') return null;
    holder._handle = null;
    const options: HandleOptions = {
      handle,
      onread: {
        buffer: this.#buffer,
        callback: (size) => {
          received(this.#buffer.subarray(0, size));
          return true;
        },
      },
    };
    const socket = new Socket(options);
    // Told of its end, so that the server no longer counts it.
    accepted.destroy();
    return socket;
  }
}
