// Sends this node's definition changes to its peer and says when the peer has them (R16); reconnects until it is
// closed. The authoritative side (the active node) sends all it has on each connection, before any change.
//
// A change whose answer does not come is promised by this node alone. The definitions log keeps it marked, and the
// next snapshot, in whichever direction it goes, does not lose it.
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Connection, Network } from '../base/network.ts';
import { definitionKey } from '../definitions/definition-key.ts';
import type { Definition, DefinitionChange, DefinitionKey } from '../definitions/definitions-store.ts';
import { inOrder, lastAlone } from '../definitions/reconcile.ts';
import type { PeerDefinitions } from './peer-definitions.ts';
import { readMessages, send } from './peer-protocol.ts';

const reconnectDelayMs = 100;
const reconnectDelayMaxMs = 2000;
/** A peer that does not answer a change for so long is given up: a declare waits for it. */
const changeTimeoutMs = 3000;
/** All of a broker's definitions take their time. */
const snapshotTimeoutMs = 30_000;
/** Of the definitions in one message of a snapshot, about. */
const partBytes = 1024 * 1024;

interface Answer {
  reached: boolean;
  kept: Definition[];
  differing: number;
}

const unreached: Answer = { reached: false, kept: [], differing: 0 };

export interface PeerSenderOptions {
  clock: Clock;
  network: Network;
  address: { host: string; port: number; token: string };
  authoritative: boolean;
  definitions: PeerDefinitions;
  log: Log;
  /** The authoritative side's word: whether the peer has everything this node has. */
  inSync(inSync: boolean): void;
}

export class PeerSender {
  readonly #options: PeerSenderOptions;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** How many changes of a definition are under way. */
  readonly #underWay = new Map<DefinitionKey, number>();
  #socket: Connection | null = null;
  #snapshotUnderWay = false;
  #inSync = false;
  #lastId = 0;
  #delayMs = reconnectDelayMs;
  #closed = false;
  #timer: Timer | null = null;

  constructor(options: PeerSenderOptions) {
    this.#options = options;
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#lost();
    this.#socket?.destroy();
  }

  /** Starts over with a snapshot: something may have crossed. */
  resync(): void {
    if (this.#options.authoritative) this.#socket?.destroy();
  }

  /** The peer changed something on its side: if it crosses what is under way from here, only a snapshot tells. */
  contended(change: DefinitionChange): void {
    if (this.#snapshotUnderWay || this.#underWay.has(keyOf(change))) this.resync();
  }

  #connect(): void {
    const { clock, network, address } = this.#options;
    const socket = network.connect(address);
    this.#socket = socket;
    socket.on('connect', () => this.#linked(socket));
    socket.on('error', (error) => this.#options.log.debug(`peer link: ${error.message}`));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#lost();
      if (this.#closed) return;
      this.#timer = clock.after(this.#delayMs, () => this.#connect());
      this.#delayMs = Math.min(this.#delayMs * 2, reconnectDelayMaxMs);
    });
    readMessages(socket, (message) => {
      if (message.kind !== 'done') throw new Error(`unexpected ${message.kind}`);
      const { id, error, kept, differing } = message;
      this.#answered(id, error, { reached: error === null, kept, differing });
    });
  }

  #linked(socket: Connection): void {
    const { authoritative, definitions, address, log } = this.#options;
    send(socket, { kind: 'hello', token: address.token });
    if (authoritative) {
      this.#sendSnapshot(socket).catch((error: unknown) => {
        log.error(`peer link: ${String(error)}`);
        socket.destroy();
      });
      return;
    }
    this.#delayMs = reconnectDelayMs;
    definitions.setSender((change) => this.#send(socket, change));
    // What was promised alone while there was no link is not in anything the active knows.
    definitions.entries().then(
      (entries) => {
        if (entries.some(({ alone }) => alone !== null)) send(socket, { kind: 'asks-for-snapshot' });
      },
      (error: unknown) => log.error(`peer link: ${String(error)}`),
    );
  }

  async #sendSnapshot(socket: Connection): Promise<void> {
    const { definitions } = this.#options;
    this.#snapshotUnderWay = true;
    const read = definitions.entries();
    // Changes made from here on wait behind the snapshot: on the peer they must come after it.
    const sent = read.then((entries) => {
      for (const part of partsOf(entries.map(({ definition }) => definition)))
        send(socket, { kind: 'snapshot-part', definitions: part });
      const id = ++this.#lastId;
      send(socket, { kind: 'snapshot-end', id });
      return { answer: this.#answerTo(socket, id, snapshotTimeoutMs) };
    });
    definitions.setSender((change) =>
      sent.then(
        () => this.#send(socket, change),
        () => false,
      ),
    );
    const { reached, kept, differing } = await (await sent).answer;
    if (!reached) return;
    await this.#adopt(kept);
    await definitions.settle(lastAlone(await read));
    if (socket.destroyed || this.#socket !== socket) return;
    send(socket, { kind: 'settled' });
    this.#snapshotUnderWay = false;
    this.#delayMs = reconnectDelayMs;
    this.#inSync = differing === 0;
    this.#options.inSync(this.#inSync);
  }

  /** Takes what the follower had promised, or holds messages of, and nobody here has declared anew meanwhile. */
  async #adopt(kept: Definition[]): Promise<void> {
    if (kept.length === 0) return;
    const { definitions, log } = this.#options;
    const have = new Set((await definitions.entries()).map(({ definition }) => definitionKey(definition)));
    const missing = inOrder(kept).filter((definition) => !have.has(definitionKey(definition)));
    await Promise.all(missing.map((definition) => definitions.apply({ op: 'put', definition })));
    log.info(`took over ${missing.length} definitions that only the standby had`);
  }

  async #send(socket: Connection, change: DefinitionChange): Promise<boolean> {
    if (socket.destroyed || this.#socket !== socket) return false;
    const key = keyOf(change);
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    const id = ++this.#lastId;
    send(socket, { kind: 'change', id, change });
    const { reached } = await this.#answerTo(socket, id, changeTimeoutMs);
    const left = this.#underWay.get(key)! - 1;
    if (left > 0) this.#underWay.set(key, left);
    else this.#underWay.delete(key);
    return reached;
  }

  #answerTo(socket: Connection, id: number, timeoutMs: number): Promise<Answer> {
    if (socket.destroyed || this.#socket !== socket) return Promise.resolve(unreached);
    return new Promise((resolve) => {
      // A cable that is cut says nothing: the link ends, and this node promises alone.
      const timer = this.#options.clock.after(timeoutMs, () => socket.destroy());
      this.#waiting.set(id, (answer) => {
        timer.cancel();
        resolve(answer);
      });
    });
  }

  /** A peer that refuses is not in step: the next connection begins with a snapshot. */
  #answered(id: number, error: string | null, answer: Answer): void {
    if (error !== null) this.#options.log.error(`the peer refused a definition: ${error}`);
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
    if (error !== null) this.#socket?.destroy();
  }

  /** Without its peer this node promises alone. */
  #lost(): void {
    this.#options.definitions.setSender(null);
    this.#snapshotUnderWay = false;
    for (const resolve of this.#waiting.values()) resolve(unreached);
    this.#waiting.clear();
    if (!this.#inSync) return;
    this.#inSync = false;
    this.#options.inSync(false);
  }
}

function keyOf(change: DefinitionChange): DefinitionKey {
  return change.op === 'put' ? definitionKey(change.definition) : change.key;
}

/** Parts of about a megabyte. */
function* partsOf(definitions: Definition[]): Generator<Definition[]> {
  let part: Definition[] = [];
  let bytes = 0;
  for (const definition of definitions) {
    part.push(definition);
    bytes += JSON.stringify(definition.body).length;
    if (bytes < partBytes) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}
