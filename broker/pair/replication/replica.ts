// The standby's side of a replicated pair: a copy of the active node's journal and definitions, kept by carrying out
// the active node's operations in their order (R33b). It serves nobody. Invariant: an answer to an operation means
// that it, and all before it, are done, and a SYNC is on this disk.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Accepting, Connection, Network } from '../../base/network.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';
import type { Definition, DefinitionChange } from '../../definitions/definitions-store.ts';
import { checksum, inventory, quarantineFolder } from './inventory.ts';
import { json, Kind, readFrames, sendFrame, type Frame, type Hello } from './wire.ts';

const helloTimeoutMs = 2000;

export interface ReplicaOptions {
  clock: Clock;
  network: Network;
  storage: Storage;
  /** Of the journal. */
  folder: string;
  log: Log;
  /** The highest epoch this node has written down. */
  epoch: number;
  definitions: ReplicaDefinitions;
}

export interface ReplicaDefinitions {
  becomeLike(definitions: Definition[]): Promise<void>;
  apply(change: DefinitionChange): Promise<void>;
}

export class Replica {
  readonly token = randomBytes(24).toString('base64url');
  readonly #options: ReplicaOptions;
  #accepting: Accepting | null = null;
  readonly #files = new Map<string, StorageFile>();
  #active: Connection | null = null;
  /** Everything asked for so far, done one after the other. */
  #work: Promise<void> = Promise.resolve();
  /** Pieces set aside: they were written by this node alone, and nobody was promised them. */
  quarantined = 0;
  /** The highest epoch of an active node that it has followed, or of its own. */
  epoch: number;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.epoch = options.epoch;
  }

  /** Resolves with the port. */
  async listen(host = '127.0.0.1'): Promise<number> {
    const { network } = this.#options;
    this.#accepting = await network.accept(host, 0, (socket) => this.#accept(socket));
    return this.#accepting.port;
  }

  /** Takes no more; resolves when all that came is carried out and the files are closed. */
  async close(): Promise<void> {
    this.#accepting?.close();
    this.#active?.destroy();
    await this.#work;
    await this.#closeFiles();
  }

  #accept(socket: Connection): void {
    const timer = this.#options.clock.after(helloTimeoutMs, () => socket.destroy());
    let known = false;
    readFrames(socket, (frame) => {
      if (!known) {
        if (!this.#welcome(frame)) return void socket.destroy();
        known = true;
        timer.cancel();
        this.#active?.destroy();
        this.#active = socket;
      }
      this.#enqueue(socket, frame);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      timer.cancel();
      if (this.#active === socket) this.#active = null;
    });
  }

  #welcome({ kind, bytes }: Frame): boolean {
    if (kind !== Kind.HELLO) return false;
    const hello = JSON.parse(bytes.toString()) as Hello;
    const left = Buffer.from(hello.token);
    const right = Buffer.from(this.token);
    if (left.length !== right.length || !timingSafeEqual(left, right)) return false;
    if (hello.epoch >= this.#options.epoch) {
      this.epoch = Math.max(this.epoch, hello.epoch);
      return true;
    }
    this.#options.log.warn(
      `refused to follow a node of epoch ${hello.epoch}: this one has seen epoch ${this.#options.epoch}`,
    );
    return false;
  }

  #enqueue(socket: Connection, frame: Frame): void {
    this.#work = this.#work
      .then(() => this.#carryOut(socket, frame))
      .catch((error: unknown) => {
        this.#options.log.error(`replication: ${error instanceof Error ? error.message : String(error)}`);
        sendFrame(socket, Kind.FAILED, frame.id, frame.name, 0, [Buffer.from(String(error))]);
        // What follows would build on what was not done.
        socket.destroy();
      });
  }

  async #carryOut(socket: Connection, frame: Frame): Promise<void> {
    // The rest of a link that has ended is not carried out: the next one begins by comparing.
    if (socket.destroyed || socket !== this.#active) return;
    if (frame.kind === Kind.HELLO) {
      await this.#closeFiles();
      const files = await inventory(this.#options.storage, this.#options.folder);
      return void sendFrame(socket, Kind.INVENTORY, frame.id, '', 0, json(files));
    }
    const answer = await this.#apply(frame);
    if (frame.id !== 0) sendFrame(socket, Kind.DONE, frame.id, '', answer);
  }

  /** The answer's number, which only a checksum has. */
  async #apply(frame: Frame): Promise<number> {
    const { storage, folder, definitions } = this.#options;
    const { name, position, bytes } = frame;
    const path = join(folder, name);
    switch (frame.kind) {
      case Kind.CREATE:
        await this.#files.get(name)?.close();
        this.#files.set(name, await storage.open(path));
        return 0;
      case Kind.WRITE:
        await (await this.#file(name)).write([bytes], position);
        return 0;
      case Kind.SYNC:
        await (await this.#file(name)).sync();
        return 0;
      case Kind.SYNC_FOLDER:
        await storage.syncFolder(folder);
        return 0;
      case Kind.RENAME: {
        const to = bytes.toString();
        await this.#release(name);
        await this.#release(to);
        await storage.rename(path, join(folder, to));
        return 0;
      }
      case Kind.REMOVE:
        await this.#release(name);
        await storage.remove(path);
        return 0;
      case Kind.TRUNCATE:
        await this.#release(name);
        await storage.truncate(path, position);
        return 0;
      case Kind.CHECKSUM:
        return checksum(storage, path, position);
      case Kind.QUARANTINE:
        await this.#quarantine(name, position);
        return 0;
      case Kind.DEFINITIONS:
        await definitions.becomeLike(JSON.parse(bytes.toString()) as Definition[]);
        return 0;
      case Kind.CHANGE:
        await definitions.apply(JSON.parse(bytes.toString()) as DefinitionChange);
        return 0;
      case Kind.PING:
        return 0;
      default:
        throw new Error(`operation ${frame.kind} is not known`);
    }
  }

  /** Keeps what stands from `position` on in a file of its own, and cuts it off. Never merged, never dropped. */
  async #quarantine(name: string, position: number): Promise<void> {
    const { storage, folder, log, epoch } = this.#options;
    await this.#release(name);
    const path = join(folder, name);
    const size = await storage.size(path);
    const aside = join(folder, quarantineFolder);
    // This makes it too.
    await storage.list(aside);
    const reader = storage.reader(path);
    const kept = await storage.open(join(aside, `${name}.epoch-${epoch}.from-${position}`));
    try {
      await kept.write([await reader.read(position, size - position)], 0);
      await kept.sync();
    } finally {
      reader.close();
      await kept.close();
    }
    if (position === 0) await storage.remove(path);
    else await storage.truncate(path, position);
    this.quarantined++;
    log.warn(`set ${size - position} bytes of ${name} aside: they are not the active node's`);
  }

  async #file(name: string): Promise<StorageFile> {
    let file = this.#files.get(name);
    if (!file) {
      // One that is not here fails: what this link missed of it would be missing for good.
      file = await this.#options.storage.reopen(join(this.#options.folder, name));
      this.#files.set(name, file);
    }
    return file;
  }

  async #release(name: string): Promise<void> {
    await this.#files.get(name)?.close();
    this.#files.delete(name);
  }

  async #closeFiles(): Promise<void> {
    for (const name of [...this.#files.keys()]) await this.#release(name);
  }
}
