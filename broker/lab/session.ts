// A client that stays with one address: a connection with one channel, made ready by its owner each time, and made
// again with growing delays whenever it is lost. This is what an application has to do for itself (R33e).
import type { ClientChannel } from './client-channel.ts';
import { ClientClosed } from './client-closed.ts';
import { ClientConnection, type ClientOptions } from './client-connection.ts';

const firstDelayMs = 10;
const delayMaxMs = 50;
const openTimeoutMs = 3000;

export interface SessionEvents {
  /** Connected and set up. */
  connected(channel: ClientChannel, at: number): void;
  /** Once per loss, not per failed try. */
  disconnected(reason: ClientClosed, at: number): void;
  /** A try to connect and set up that came to nothing. */
  failed?(reason: ClientClosed, at: number): void;
}

export class Session {
  /** The latest reason why there is no connection, for people. */
  lastReason: string | null = null;
  readonly #options: ClientOptions;
  readonly #setUp: (channel: ClientChannel) => Promise<void>;
  readonly #events: SessionEvents;
  #connection: ClientConnection | null = null;
  #channel: ClientChannel | null = null;
  #stopped = false;
  #delayMs = firstDelayMs;
  #wake: (() => void) | null = null;
  #running: Promise<void> | null = null;

  /** `setUp` declares what the session needs, on every new connection: the fabric may be gone. */
  constructor(
    options: ClientOptions,
    setUp: (channel: ClientChannel) => Promise<void>,
    events: SessionEvents,
  ) {
    this.#options = { openTimeoutMs, ...options };
    this.#setUp = setUp;
    this.#events = events;
  }

  /** Null while there is no connection that is set up. */
  get channel(): ClientChannel | null {
    return this.#channel;
  }

  /** May be published to: connected, set up, not held back by the broker, not far behind. */
  get writable(): boolean {
    const connection = this.#connection;
    return (
      this.#channel !== null &&
      connection !== null &&
      connection.blockedReason === null &&
      connection.unsentBytes < 1024 * 1024
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives up the connection and makes another. */
  restart(): void {
    this.#connection?.destroy();
  }

  /** Closes in order; resolves when the socket is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const reason = await this.#once();
      this.lastReason = reason.message;
      if (this.#stopped) return;
      await this.#pause();
    }
  }

  /** One connection's life; resolves with the reason why it ended. */
  async #once(): Promise<ClientClosed> {
    const ended = Promise.withResolvers<ClientClosed>();
    try {
      const connection = await ClientConnection.open(this.#options);
      this.#connection = connection;
      connection.onClosed = ended.resolve;
      if (this.#stopped) connection.destroy();
      const channel = await connection.openChannel();
      await this.#setUp(channel);
      // A channel's error is the end of the session's connection: what it had set up is gone with it.
      channel.onClosed = (reason) => {
        ended.resolve(reason);
        connection.destroy();
      };
      if (channel.isClosed) throw new ClientClosed(0, 'the channel closed while it was set up');
      this.#channel = channel;
      this.#delayMs = firstDelayMs;
      this.lastReason = null;
      this.#events.connected(channel, Date.now());
      const reason = await ended.promise;
      this.#channel = null;
      if (!this.#stopped) this.#events.disconnected(reason, Date.now());
      return reason;
    } catch (error) {
      this.#connection?.destroy();
      if (!(error instanceof ClientClosed)) throw error;
      if (!this.#stopped) this.#events.failed?.(error, Date.now());
      return error;
    } finally {
      this.#connection = null;
    }
  }

  /** Between a half and the whole of the delay, so that many clients do not come back in step. */
  #pause(): Promise<void> {
    const delayMs = this.#delayMs * (0.5 + Math.random() / 2);
    this.#delayMs = Math.min(this.#delayMs * 2, delayMaxMs);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
