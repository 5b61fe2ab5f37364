// Clients of the front address: publishers that number their messages and take confirms, consumers that acknowledge,
// and somebody who declares. Each connects again when its connection ends.
import { definitionKey } from '../../../broker/definitions/definition-key.ts';
import type { Definition, DefinitionChange } from '../../../broker/definitions/definitions-store.ts';
import type { FrontConnection, ToClient } from './front.ts';
import type { World } from './world.ts';

/** One that hears nothing for so long gives its connection up, as heartbeats have it. */
const patienceMs = 8000;

export const queueName = (index: number) => `q${index}`;

export abstract class Client {
  protected readonly world: World;
  protected connection: FrontConnection | null = null;
  /** It has been let in. */
  protected open = false;
  #heardAt = 0;
  #number = 0;

  constructor(world: World) {
    this.world = world;
    this.#connectSoon();
    this.#watch();
  }

  /** The connection is lost at any point. */
  drop(): void {
    this.connection?.close();
    this.#gone(this.#number);
  }

  #connectSoon(): void {
    const { loop, random } = this.world;
    loop.after(20 + 80 * random.fraction(), () => this.#connect());
  }

  #connect(): void {
    const number = ++this.#number;
    this.#heardAt = this.world.loop.monotonic();
    this.connection = this.world.front.connect({
      heard: (message) => {
        if (number !== this.#number) return;
        this.#heardAt = this.world.loop.monotonic();
        if (message.kind !== 'open') return this.heard(message);
        this.open = true;
        this.opened();
      },
      closed: () => this.#gone(number),
    });
  }

  #gone(number: number): void {
    if (number !== this.#number || !this.connection) return;
    this.#number++;
    this.connection = null;
    this.open = false;
    this.closed();
    this.#connectSoon();
  }

  #watch(): void {
    const { loop } = this.world;
    loop.after(patienceMs / 2, () => {
      const silent = !this.open && loop.monotonic() - this.#heardAt > patienceMs;
      if (this.connection && silent) this.drop();
      this.#watch();
    });
  }

  protected abstract opened(): void;
  protected abstract heard(message: ToClient): void;
  protected abstract closed(): void;
}

export class Publisher extends Client {
  readonly #name: string;
  readonly #queue: string;
  #sequence = 0;
  /** No more. */
  stopped = false;

  constructor(world: World, number: number) {
    super(world);
    this.#name = `p${number}`;
    this.#queue = queueName(number % world.conditions.queues);
    this.#next();
  }

  #next(): void {
    const { loop, random, conditions } = this.world;
    loop.after(conditions.publishEveryMs * 2 * random.fraction(), () => {
      if (this.stopped) return;
      if (this.open && this.#sequence < conditions.messagesMax)
        for (let i = random.pick([1, 1, 1, 6]); i > 0; i--) this.#publish();
      this.#next();
    });
  }

  #publish(): void {
    const { random, conditions, ledger } = this.world;
    const label = `${this.#name}.${++this.#sequence}`;
    const body = Buffer.from(`<${label}>`.padEnd(random.below(conditions.bodyBytesMax), '.'), 'latin1');
    ledger.published(label, this.#queue, this.#name, this.#sequence);
    this.connection!.send({ kind: 'publish', queue: this.#queue, label, body });
  }

  protected opened(): void {
    // What was not confirmed stays as it is: a message is published once, so that every copy is a node's doing.
  }

  protected heard(message: ToClient): void {
    if (message.kind === 'confirm') this.world.ledger.confirmed(message.label);
  }

  protected closed(): void {
    // As above.
  }
}

export class Consumer extends Client {
  /** Acknowledges all it gets, at once. */
  eager = false;
  readonly #queues: string[];

  /** Of one queue, or of all. */
  constructor(world: World, queues: string[]) {
    super(world);
    this.#queues = queues;
  }

  protected opened(): void {
    const { prefetch } = this.world.conditions;
    for (const queue of this.#queues) this.connection!.send({ kind: 'consume', queue, prefetch });
  }

  protected heard(message: ToClient): void {
    if (message.kind !== 'deliver') return;
    const { loop, random, conditions, ledger } = this.world;
    const { connection } = this;
    const { tag, label } = message;
    loop.after(this.eager ? 0 : conditions.consumeMs * 2 * random.fraction(), () => {
      if (this.connection !== connection || !connection) return;
      const back = !this.eager && random.chance(conditions.requeueShare);
      if (!back) ledger.acknowledged(label);
      connection.send({ kind: back ? 'requeue' : 'ack', tag });
    });
  }

  protected closed(): void {
    // The node gives what was not acknowledged to somebody else.
  }
}

const bodyOf = (name: string) => ({
  vhost: '/',
  name,
  type: 'direct',
  autoDelete: false,
  internal: false,
  arguments: '',
});

/** Declares and deletes, one at a time, and knows what must be there. */
export class Declarer extends Client {
  /** What was promised, by key; what was asked for and not answered may be there or not. */
  readonly promised = new Map<string, 'there' | 'gone' | 'unknown'>();
  stopped = false;
  #lastId = 0;
  #underWay: { id: number; key: string; wanted: 'there' | 'gone' } | null = null;

  constructor(world: World) {
    super(world);
    this.#next();
  }

  #next(): void {
    const { loop, random, conditions } = this.world;
    loop.after(conditions.declareEveryMs * 2 * random.fraction(), () => {
      if (this.open && !this.#underWay && !this.stopped) this.#change();
      this.#next();
    });
  }

  #change(): void {
    const { random } = this.world;
    const definition: Definition = { kind: 'exchange', body: bodyOf(`x${random.below(6)}`) };
    const key = definitionKey(definition);
    const remove = random.chance(0.4);
    const change: DefinitionChange = remove
      ? { op: 'remove', kind: 'exchange', key }
      : { op: 'put', definition };
    this.promised.set(key, 'unknown');
    const id = ++this.#lastId;
    this.#underWay = { id, key, wanted: remove ? 'gone' : 'there' };
    this.connection!.send({ kind: 'change', id, change });
  }

  protected opened(): void {
    // It goes on by its own time.
  }

  protected heard(message: ToClient): void {
    if (message.kind !== 'changed' || message.id !== this.#underWay?.id) return;
    const { key, wanted } = this.#underWay;
    this.promised.set(key, wanted);
    this.#underWay = null;
  }

  protected closed(): void {
    this.#underWay = null;
  }
}
