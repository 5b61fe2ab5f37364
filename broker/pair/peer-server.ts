// Takes what the peer sends about definitions: single changes in either direction, and on the standby the active's
// snapshot, which it becomes like.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Accepting, Connection, Network } from '../base/network.ts';
import type { Definition, DefinitionChange } from '../definitions/definitions-store.ts';
import { lastAlone, reconcile } from '../definitions/reconcile.ts';
import type { DrainMessage, DrainRequest } from './drain-protocol.ts';
import type { PeerDefinitions } from './peer-definitions.ts';
import { readMessages, send, type PeerMessage } from './peer-protocol.ts';

const helloTimeoutMs = 2000;
/** Applying one change may take others along (an auto-delete exchange with its last binding): looked at again. */
const roundsMax = 3;

export interface PeerServerEvents {
  /** The peer changed something while this node, the active, may be sending it something else about the same. */
  contended(change: DefinitionChange): void;
  askedForSnapshot(): void;
  /** The other node drains its messages into this one, over a connection of its own. */
  drain(request: DrainRequest, answer: (message: DrainMessage) => void): void;
}

export interface PeerServerParts {
  clock: Clock;
  network: Network;
  definitions: PeerDefinitions;
  log: Log;
  events: PeerServerEvents;
}

export class PeerServer {
  readonly token = randomBytes(24).toString('base64url');
  readonly #parts: PeerServerParts;
  #accepting: Accepting | null = null;
  readonly #sockets = new Set<Connection>();

  constructor(parts: PeerServerParts) {
    this.#parts = parts;
  }

  /** Resolves with the port, on loopback. */
  async listen(): Promise<number> {
    const { network } = this.#parts;
    this.#accepting = await network.accept('127.0.0.1', 0, (socket) => this.#accept(socket));
    return this.#accepting.port;
  }

  /** Hears no more of what a former active may still have under way. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#accepting?.close();
    this.hangUp();
  }

  #accept(socket: Connection): void {
    this.#sockets.add(socket);
    const timer = this.#parts.clock.after(helloTimeoutMs, () => socket.destroy());
    const conversation = new Conversation(socket, this.#parts);
    let known = false;
    readMessages(socket, (message) => {
      if (known) return conversation.take(message);
      if (message.kind !== 'hello' || !sameToken(message.token, this.token)) return void socket.destroy();
      known = true;
      timer.cancel();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      timer.cancel();
      this.#sockets.delete(socket);
    });
  }
}

interface Outcome {
  kept: Definition[];
  differing: number;
}

const nothingKept: Outcome = { kept: [], differing: 0 };

/** One connection of the peer. */
class Conversation {
  readonly #socket: Connection;
  readonly #definitions: PeerDefinitions;
  readonly #log: Log;
  readonly #events: PeerServerEvents;
  #parts: Definition[] = [];
  /** The last of this node's own changes that the answer to the latest snapshot told of. */
  #settles = 0;
  /** The last snapshot being taken over: changes wait for it, but not for each other's disk. */
  #snapshot: Promise<unknown> = Promise.resolve();

  constructor(socket: Connection, { definitions, log, events }: PeerServerParts) {
    this.#socket = socket;
    this.#definitions = definitions;
    this.#log = log;
    this.#events = events;
  }

  take(message: PeerMessage): void {
    switch (message.kind) {
      case 'snapshot-part':
        this.#parts.push(...message.definitions);
        return;
      case 'snapshot-end': {
        const wanted = this.#parts;
        this.#parts = [];
        const taken = this.#snapshot.then(() => this.#becomeLike(wanted));
        this.#answer(message.id, taken);
        this.#snapshot = taken.catch(() => undefined);
        return;
      }
      case 'change':
        return this.#answer(
          message.id,
          this.#snapshot.then(() => this.#change(message.change)),
        );
      case 'settled':
        void this.#snapshot
          .then(() => this.#definitions.settle(this.#settles))
          .catch((error: unknown) => this.#log.error(`definitions: ${String(error)}`));
        return;
      case 'asks-for-snapshot':
        return this.#events.askedForSnapshot();
      case 'drain-ask':
      case 'drain-batch':
      case 'drain-settled':
        return this.#events.drain(message, (answer) => send(this.#socket, answer));
      case 'drain-answer':
      case 'hello':
      case 'done':
        throw new Error(`unexpected ${message.kind}`);
    }
  }

  #answer(id: number, work: Promise<Outcome | void>): void {
    work.then(
      (outcome) => send(this.#socket, { kind: 'done', id, error: null, ...(outcome ?? nothingKept) }),
      (error: unknown) => {
        this.#log.error(`a change of the peer could not be applied: ${String(error)}`);
        send(this.#socket, { kind: 'done', id, error: String(error), ...nothingKept });
      },
    );
  }

  async #change(change: DefinitionChange): Promise<void> {
    // A connection that was hung up is the former active's: its last words are not for a node that serves.
    if (this.#socket.destroyed) return;
    this.#events.contended(change);
    if (this.#definitions.contradicts(change))
      throw new Error(`another definition of the same name is here: ${JSON.stringify(change)}`);
    await this.#definitions.apply(change);
  }

  /** Answers with what this node has besides and must not lose. */
  async #becomeLike(wanted: Definition[]): Promise<Outcome> {
    let made = 0;
    for (let round = 0; ; round++) {
      const entries = await this.#definitions.entries();
      // Looked at in the tick in which it acts: taking the front address hangs up first.
      if (this.#definitions.serves() || this.#socket.destroyed)
        throw new Error('this node serves: it follows nobody');
      const holdsMessages = (definition: Definition) => this.#definitions.holdsMessages(definition);
      const { changes, kept, differing } = reconcile(entries, wanted, holdsMessages);
      if (changes.length === 0 || round === roundsMax) {
        if (made > 0) this.#log.info(`took over ${made} definition changes from the active node`);
        this.#report(kept, differing);
        this.#settles = lastAlone(entries);
        return { kept, differing: differing.length };
      }
      made += changes.length;
      // Each is applied to the model in turn at once; only their syncs are waited for together.
      await Promise.all(changes.map((change) => this.#definitions.apply(change)));
    }
  }

  #report(kept: Definition[], differing: Definition[]): void {
    for (const { kind, body } of kept)
      this.#log.warn(`the active node does not know ${kind} ${JSON.stringify(body)}: kept, and given to it`);
    for (const { kind, body } of differing)
      this.#log.error(`${kind} ${JSON.stringify(body)} holds messages and differs from the active node's`);
  }
}

function sameToken(given: unknown, wanted: string): boolean {
  const left = Buffer.from(String(given));
  const right = Buffer.from(wanted);
  return left.length === right.length && timingSafeEqual(left, right);
}
