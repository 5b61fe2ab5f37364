// Definitions between the two nodes of a pair, over one TCP connection each way: the sender's changes go to the
// peer and are promised when it has stored them (R16). On linking, the authoritative node (the active one) first
// sends everything it has, and the peer makes its own definitions equal to that.
// Wire: 4 bytes big-endian length, then one MessagePack value; the first must carry the peer's token.
import { decode, encode } from '@msgpack/msgpack';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Log } from '../base/log.ts';
import type { Definition, DefinitionChange } from '../definitions/definitions-store.ts';
import { changesBetween } from '../definitions/reconcile.ts';

const messageBytesMax = 8 * 1024 * 1024;
const helloTimeoutMs = 2000;
const reconnectDelayMs = 100;

type PeerMessage =
  | { kind: 'hello'; token: string }
  | { kind: 'snapshot-part'; definitions: Definition[] }
  | { kind: 'snapshot-end'; id: number }
  | { kind: 'change'; id: number; change: DefinitionChange }
  | { kind: 'done'; id: number; error: string | null };

/** What a link needs of its node. */
export interface PeerDefinitions {
  all(): Promise<Definition[]>;
  applyPeerChange(change: DefinitionChange): Promise<void>;
  /** The sender for local changes while linked, null otherwise. */
  setSender(sender: ((change: DefinitionChange) => Promise<void>) | null): void;
}

/** Takes the peer's changes. */
export class PeerServer {
  readonly token = randomBytes(24).toString('base64url');
  readonly #server: Server;
  readonly #definitions: PeerDefinitions;
  readonly #log: Log;
  readonly #sockets = new Set<Socket>();

  constructor(definitions: PeerDefinitions, log: Log) {
    this.#definitions = definitions;
    this.#log = log;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Resolves with the port, on loopback. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let known = false;
    let snapshot: Definition[] = [];
    let work = Promise.resolve();
    const timer = setTimeout(() => socket.destroy(), helloTimeoutMs);
    const answer = (id: number, action: () => Promise<void>) => {
      work = work.then(action).then(
        () => send(socket, { kind: 'done', id, error: null }),
        (error: unknown) => {
          this.#log.error(`a change of the peer could not be applied: ${String(error)}`);
          send(socket, { kind: 'done', id, error: String(error) });
        },
      );
    };
    readMessages(socket, (message) => {
      if (!known) {
        if (message.kind !== 'hello' || !sameToken(message.token, this.token)) return void socket.destroy();
        known = true;
        clearTimeout(timer);
      } else if (message.kind === 'snapshot-part') snapshot.push(...message.definitions);
      else if (message.kind === 'snapshot-end') {
        const wanted = snapshot;
        snapshot = [];
        answer(message.id, () => this.#becomeLike(wanted));
      } else if (message.kind === 'change')
        answer(message.id, () => this.#definitions.applyPeerChange(message.change));
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
  }

  async #becomeLike(wanted: Definition[]): Promise<void> {
    const changes = changesBetween(await this.#definitions.all(), wanted);
    // Each is applied to the model in turn at once; only their syncs are waited for together.
    await Promise.all(changes.map((change) => this.#definitions.applyPeerChange(change)));
    if (changes.length > 0) this.#log.info(`took over ${changes.length} definition changes from the peer`);
  }
}

/** Sends this node's changes to its peer; reconnects until it is closed. */
export class PeerSender {
  readonly #address: { host: string; port: number; token: string };
  readonly #authoritative: boolean;
  readonly #definitions: PeerDefinitions;
  readonly #log: Log;
  readonly #waiting = new Map<number, () => void>();
  #socket: Socket | null = null;
  #lastId = 0;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    address: { host: string; port: number; token: string };
    authoritative: boolean;
    definitions: PeerDefinitions;
    log: Log;
  }) {
    this.#address = options.address;
    this.#authoritative = options.authoritative;
    this.#definitions = options.definitions;
    this.#log = options.log;
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#definitions.setSender(null);
    this.#socket?.destroy();
    this.#lost();
  }

  #connect(): void {
    const socket = connect(this.#address.port, this.#address.host);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('connect', () => this.#linked(socket));
    socket.on('error', (error) => this.#log.debug(`peer link: ${error.message}`));
    socket.on('close', () => {
      this.#lost();
      if (!this.#closed) this.#timer = setTimeout(() => this.#connect(), reconnectDelayMs);
    });
    readMessages(socket, (message) => {
      if (message.kind !== 'done') return;
      if (message.error !== null) this.#log.error(`the peer refused a definition: ${message.error}`);
      this.#waiting.get(message.id)?.();
      this.#waiting.delete(message.id);
    });
  }

  #linked(socket: Socket): void {
    send(socket, { kind: 'hello', token: this.#address.token });
    if (!this.#authoritative) return this.#definitions.setSender((change) => this.#send(socket, change));
    // Changes made while the snapshot is read wait behind it: on the peer they must come after it.
    const snapshot = this.#definitions.all().then((definitions) => {
      for (let i = 0; i < definitions.length; i += 500)
        send(socket, { kind: 'snapshot-part', definitions: definitions.slice(i, i + 500) });
      const id = ++this.#lastId;
      send(socket, { kind: 'snapshot-end', id });
      return this.#answered(id);
    });
    snapshot.catch((error: unknown) => this.#log.error(`peer link: ${String(error)}`));
    this.#definitions.setSender((change) => snapshot.then(() => this.#send(socket, change)));
  }

  #send(socket: Socket, change: DefinitionChange): Promise<void> {
    if (socket.destroyed) return Promise.resolve();
    const id = ++this.#lastId;
    send(socket, { kind: 'change', id, change });
    return this.#answered(id);
  }

  #answered(id: number): Promise<void> {
    if (this.#socket?.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Without its peer this node promises alone; the next link begins with a snapshot. */
  #lost(): void {
    this.#definitions.setSender(null);
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }
}

function send(socket: Socket, message: PeerMessage): void {
  if (socket.destroyed) return;
  const body = encode(message);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.set(body, 4);
  socket.write(frame);
}

function readMessages(socket: Socket, take: (message: PeerMessage) => void): void {
  let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length > messageBytesMax) return void socket.destroy();
      if (rest.length < 4 + length) return;
      const body = rest.subarray(4, 4 + length);
      rest = rest.subarray(4 + length);
      try {
        take(decode(body) as PeerMessage);
      } catch {
        return void socket.destroy();
      }
    }
  });
}

function sameToken(given: unknown, wanted: string): boolean {
  const left = Buffer.from(String(given));
  const right = Buffer.from(wanted);
  return left.length === right.length && timingSafeEqual(left, right);
}
