// A client's connection and the one to its backend, bytes passed on in both directions. It owns both sockets. What one
// side does not take holds the other up, so memory has a bound; an end travels, so that a half-closed connection still
// delivers the other half.
import { connect, Socket } from 'node:net';
import type { Address } from './front-settings.ts';

/** The system asks a peer that says nothing whether it is there, from then on. */
const keepAliveMs = 30_000;

export interface RelayOptions {
  client: Socket;
  backend: Address;
  bufferBytes: number;
  connectTimeoutMs: number;
  lingerMs: number;
  /** Once. `failed`: the backend could not be reached, or broke off. */
  ended(connection: RelayedConnection, failed: boolean): void;
}

export class RelayedConnection {
  readonly #client: Socket;
  readonly #backend: Socket;
  readonly #options: RelayOptions;
  readonly #connecting: NodeJS.Timeout;
  #lingering: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(options: RelayOptions) {
    const { client, backend, bufferBytes, connectTimeoutMs } = options;
    this.#options = options;
    this.#client = client;
    const limits = { highWaterMark: bufferBytes };
    this.#backend = connect({
      ...backend,
      ...limits,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
    this.#connecting = setTimeout(() => this.#end(true), connectTimeoutMs);
    this.#backend.once('connect', () => clearTimeout(this.#connecting));
    this.#backend.on('error', () => this.#end(true));
    client.on('error', () => this.#end(false));
    for (const socket of [client, this.#backend]) {
      socket.on('end', () => this.#linger());
      socket.on('close', () => this.#end(socket === this.#backend && !client.readableEnded));
    }
    client.pipe(this.#backend);
    this.#backend.pipe(client);
  }

  get bytesFromClient(): number {
    return this.#client.bytesRead;
  }

  get bytesToClient(): number {
    return this.#backend.bytesRead;
  }

  /** Both at once, whatever is still under way. */
  cut(): void {
    this.#end(false);
    this.#client.destroy();
    this.#backend.destroy();
  }

  /** The other side may take a while to say its last words, not for ever. */
  #linger(): void {
    this.#lingering ??= setTimeout(() => {
      this.#end(false);
      this.#client.destroy();
      this.#backend.destroy();
    }, this.#options.lingerMs);
  }

  #end(failed: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#connecting);
    // What one side said before it went is passed on to the other.
    this.#linger();
    this.#client.destroySoon();
    this.#backend.destroySoon();
    const closed = () => {
      if (this.#client.closed && this.#backend.closed) clearTimeout(this.#lingering!);
    };
    this.#client.once('close', closed);
    this.#backend.once('close', closed);
    closed();
    this.#options.ended(this, failed);
  }
}
