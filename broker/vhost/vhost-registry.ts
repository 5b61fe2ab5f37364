// All virtual hosts of a node, and the way back after a restart: definitions first, then the journal's live
// records into the queues that hold them.
import { ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { Turns } from '../base/turns.ts';
import { definitionKey, removalOf } from '../definitions/definition-key.ts';
import type { Definition, DefinitionChange } from '../definitions/definitions-store.ts';
import type { FieldValue } from '../contract/rows.ts';
import type { RecoveryVisitor } from '../journal/journal.ts';
import { drainMark, drainOriginOf, type DrainOrigin } from './drained.ts';
import { messageOfRecord, plainBodySize, wasRedelivered } from './message-record.ts';
import type { Queue } from './queue/queue.ts';
import type { Message } from './message.ts';
import { Vhost, type Promised, type VhostMetadata, type VhostServices } from './vhost.ts';

export type RegistryServices = Omit<VhostServices, 'nextQueueId' | 'standsBy' | 'turns'>;

export class VhostRegistry {
  /** Of the node: what takes long on its queues and lists shares them. */
  readonly turns: Turns;
  readonly #services: VhostServices;
  readonly #vhosts = new Map<string, Vhost>();
  readonly #globalParameters = new Map<string, FieldValue>();
  #lastQueueId = 0;
  #standsBy = false;

  constructor(services: RegistryServices) {
    this.turns = new Turns(services.clock);
    this.#services = {
      ...services,
      turns: this.turns,
      nextQueueId: () => ++this.#lastQueueId,
      standsBy: () => this.#standsBy,
    };
  }

  /** Waiting messages that could not be read back from the disk. */
  get lostMessages(): number {
    return this.#services.pager.lostMessages;
  }

  get(name: string): Vhost | undefined {
    return this.#vhosts.get(name);
  }

  all(): IterableIterator<Vhost> {
    return this.#vhosts.values();
  }

  get count(): number {
    return this.#vhosts.size;
  }

  /**
   * Whether the clients are at the pair's other node: queues do not expire here then. When they come, every queue
   * counts as used at that moment.
   */
  set standsBy(standsBy: boolean) {
    this.#standsBy = standsBy;
    const now = this.#services.clock.now();
    for (const vhost of this.#vhosts.values())
      for (const queue of vhost.queues.values()) queue.lastUsedAt = now;
  }

  /** Throws ConnectionError 530 naming one that does not exist. */
  open(name: string): Vhost {
    const found = this.#vhosts.get(name);
    if (!found) throw new ConnectionError(ReplyCode.NOT_ALLOWED, `vhost ${name} not found`);
    return found;
  }

  /** Creates a virtual host, or changes the metadata of one that exists. */
  put(name: string, metadata: VhostMetadata): Promise<void> {
    const vhost = this.#vhosts.get(name) ?? this.#create(name);
    vhost.metadata = metadata;
    const definition: Definition = { kind: 'vhost', body: { name, ...metadata } };
    return this.#services.definitions.commit({ op: 'put', definition }, 'local');
  }

  /** Removes it with all it holds; its connections are closed by who asked. */
  delete(name: string): Promised {
    const vhost = this.#vhosts.get(name);
    if (!vhost) return undefined;
    const definitions = [...vhost.definitions()];
    this.#vhosts.delete(name);
    const closed = vhost.close();
    const removals = definitions.map((definition) => removalOf(definition));
    removals.push(removalOf({ kind: 'vhost', body: { name, ...vhost.metadata } }));
    const stored = this.#services.definitions.removeAll(removals, 'local');
    return Promise.all([closed, stored]).then(() => undefined);
  }

  /** Parameters of no virtual host. */
  get globalParameters(): ReadonlyMap<string, FieldValue> {
    return this.#globalParameters;
  }

  putGlobalParameter(name: string, value: FieldValue): Promise<void> {
    this.#globalParameters.set(name, value);
    const definition: Definition = { kind: 'global-parameter', body: { name, value } };
    return this.#services.definitions.commit({ op: 'put', definition }, 'local');
  }

  removeGlobalParameter(name: string): Promised {
    const value = this.#globalParameters.get(name);
    if (value === undefined) return undefined;
    this.#globalParameters.delete(name);
    const change = removalOf({ kind: 'global-parameter', body: { name, value } });
    return this.#services.definitions.commit(change, 'local');
  }

  /** Every stored definition, in an order in which each can be made. */
  *definitions(): Generator<Definition> {
    for (const vhost of this.#vhosts.values())
      yield { kind: 'vhost', body: { name: vhost.name, ...vhost.metadata } };
    for (const [name, value] of this.#globalParameters)
      yield { kind: 'global-parameter', body: { name, value } };
    for (const vhost of this.#vhosts.values()) yield* vhost.definitions();
  }

  /** Rebuilds the model from the store. Answers the definitions that could not be made. */
  restore(definitions: Definition[]): Definition[] {
    const order = ['vhost', 'global-parameter', 'parameter', 'policy', 'exchange', 'queue', 'binding'];
    const skipped: Definition[] = [];
    for (const kind of order)
      for (const definition of definitions)
        if (definition.kind === kind && !this.#restoreOne(definition)) skipped.push(definition);
    return skipped;
  }

  #restoreOne(definition: Definition): boolean {
    if (definition.kind === 'vhost') {
      const { name, ...metadata } = definition.body;
      (this.#vhosts.get(name) ?? this.#create(name)).metadata = metadata;
      return true;
    }
    if (definition.kind === 'global-parameter') {
      this.#globalParameters.set(definition.body.name, definition.body.value);
      return true;
    }
    if (definition.kind === 'queue') this.#lastQueueId = Math.max(this.#lastQueueId, definition.body.id);
    const vhostName = (definition.body as { vhost?: string }).vhost;
    return vhostName === undefined || (this.#vhosts.get(vhostName)?.restore(definition) ?? false);
  }

  /** Whether a queue or exchange of that name is here that is not what the definition says. */
  contradicts(definition: Definition): boolean {
    const { kind, body } = definition;
    return (
      (kind === 'exchange' || kind === 'queue') &&
      (this.#vhosts.get(body.vhost)?.contradicts(definition) ?? false)
    );
  }

  /**
   * A change that the pair's other node made: applied here and stored, not sent back. A queue gets a holder
   * number of this node; one that contradicts it is replaced.
   */
  async applyPeerChange(change: DefinitionChange): Promise<void> {
    if (change.op === 'put') {
      if (this.contradicts(change.definition))
        this.#applyRemoval(change.definition.kind, namesOf(change.definition));
      const definition = this.#localised(change.definition);
      this.#restoreOne(definition);
      await this.#services.definitions.commit({ op: 'put', definition }, 'peer');
      return;
    }
    this.#applyRemoval(change.kind, JSON.parse(change.key) as string[]);
    await this.#services.definitions.commit(change, 'peer');
  }

  #localised(definition: Definition): Definition {
    if (definition.kind !== 'queue') return definition;
    const existing = this.#vhosts.get(definition.body.vhost)?.queues.get(definition.body.name);
    return { kind: 'queue', body: { ...definition.body, id: existing?.id || ++this.#lastQueueId } };
  }

  #applyRemoval(kind: Definition['kind'], [, ...names]: string[]): void {
    if (kind === 'vhost') {
      void this.#vhosts.get(names[0]!)?.close();
      this.#vhosts.delete(names[0]!);
      return;
    }
    if (kind === 'global-parameter') this.#globalParameters.delete(names[0]!);
    else this.#vhosts.get(names[0]!)?.forget(kind, names.slice(1));
  }

  /** Puts the journal's live records into their queues. Records of queues that are gone are released. */
  recoverMessages(): RecoveryVisitor {
    const byId = new Map<number, Queue>();
    for (const vhost of this.#vhosts.values())
      for (const queue of vhost.queues.values()) if (queue.id > 0) byId.set(queue.id, queue);
    return (recordId, holders, delivered, bytes, start, end) => {
      const bodyBytes = plainBodySize(recordId, bytes, start, end);
      let message: Message | null = null;
      for (let i = 0; i < holders.length; i++) {
        const holder = holders[i]!;
        if (holder === drainMark) {
          message ??= messageOfRecord(recordId, Buffer.from(bytes.subarray(start, end)), 0, end - start);
          this.drainMarks.push({ recordId, origin: drainOriginOf(message) });
          continue;
        }
        if (holder > this.#lastQueueId) this.#lastQueueId = holder;
        const queue = byId.get(holder);
        if (!queue) this.#orphans.push([holder, recordId]);
        else if (bodyBytes < 0 || !queue.restoreUnseen(recordId, bodyBytes, delivered[i]!)) {
          // A copy: the message must not keep its whole segment in memory.
          message ??= messageOfRecord(recordId, Buffer.from(bytes.subarray(start, end)), 0, end - start);
          queue.restoreFromJournal(message, delivered[i]! || wasRedelivered(bytes, start));
        }
      }
    };
  }

  #orphans: [number, number][] = [];

  /** What the journal says was drained from the other node; taken by who answers that node. */
  drainMarks: { recordId: number; origin: DrainOrigin | null }[] = [];

  /** After the journal is open: releases what no queue wants, and lets limits and expiry act. */
  recovered(): void {
    for (const [holder, recordId] of this.#orphans) this.#services.journal.release(holder, recordId);
    this.#orphans = [];
    for (const vhost of this.#vhosts.values()) for (const queue of vhost.queues.values()) queue.recovered();
  }

  #create(name: string): Vhost {
    const vhost = new Vhost(name, this.#services);
    this.#vhosts.set(name, vhost);
    return vhost;
  }
}

function namesOf(definition: Definition): string[] {
  return JSON.parse(definitionKey(definition)) as string[];
}
