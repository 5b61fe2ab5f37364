// One client's connection on the node's side: confirms when the journal says safe, deliveries when it has noted them.
import { JournalFault } from '../../../broker/journal/journal.ts';
import type { ServedConnection, ToClient, ToNode } from './front.ts';
import type { SimulatedNode } from './node.ts';
import type { Entry, ModelledQueue, Wanting } from './queue.ts';

interface Unacked {
  queue: ModelledQueue;
  entry: Entry;
  consumer: Wanting;
}

export class Session {
  readonly #node: SimulatedNode;
  readonly #connection: ServedConnection;
  readonly #unconfirmed: { position: number; label: string }[] = [];
  readonly #unacked = new Map<number, Unacked>();
  #lastTag = 0;
  #open = true;

  constructor(node: SimulatedNode, connection: ServedConnection) {
    this.#node = node;
    this.#connection = connection;
    connection.heard = (message) => this.#take(message);
    connection.closed = () => this.#end();
    this.#send({ kind: 'open' });
  }

  #act(what: string): void {
    const { ledger, process } = this.#node.parts;
    ledger.acts(process, this.#node.grantedEpoch, what);
  }

  #send(message: ToClient): void {
    if (this.#open) this.#connection.send(message);
  }

  #take(message: ToNode): void {
    if (!this.#open) return;
    this.#act(message.kind);
    switch (message.kind) {
      case 'publish':
        return this.#publish(message.queue, message.label, message.body);
      case 'consume': {
        const queue = this.#node.queues.get(message.queue);
        if (!queue) return this.close();
        queue.consumers.push({ session: this, credit: message.prefetch });
        return queue.serve();
      }
      case 'ack':
      case 'requeue':
        return this.#answered(message.tag, message.kind === 'ack');
      case 'change':
        this.#node.change(message.change).then(
          () => this.#send({ kind: 'changed', id: message.id }),
          () => this.close(),
        );
    }
  }

  #publish(name: string, label: string, body: Buffer): void {
    const queue = this.#node.queues.get(name);
    if (!queue) return this.#send({ kind: 'refused' });
    const { journal } = this.#node;
    try {
      queue.publish(label, body);
    } catch (error) {
      if (error instanceof JournalFault) return this.close();
      throw error;
    }
    this.#node.parts.ledger.accepted(label);
    this.#unconfirmed.push({ position: journal.appendedPosition, label });
  }

  confirm(): void {
    const { safePosition } = this.#node.journal;
    while (this.#unconfirmed.length > 0 && this.#unconfirmed[0]!.position <= safePosition) {
      if (this.#open) this.#act('confirm');
      this.#send({ kind: 'confirm', label: this.#unconfirmed.shift()!.label });
    }
  }

  deliver(queue: ModelledQueue, entry: Entry, consumer: Wanting): void {
    const tag = ++this.#lastTag;
    this.#unacked.set(tag, { queue, entry, consumer });
    const { label, redelivered } = entry;
    const leave = () => {
      if (!this.#open) return;
      this.#act('deliver');
      this.#node.parts.ledger.delivers(this.#node.parts.process, queue.name, label, redelivered);
      this.#send({ kind: 'deliver', tag, queue: queue.name, label, redelivered });
    };
    const noted = this.#node.journal.marksPending;
    if (noted) void noted.then(leave);
    else leave();
  }

  #answered(tag: number, acknowledged: boolean): void {
    const unacked = this.#unacked.get(tag);
    if (!unacked) return this.close();
    this.#unacked.delete(tag);
    const { queue, entry, consumer } = unacked;
    if (acknowledged) {
      queue.done(entry);
      this.#node.parts.ledger.released(entry.label);
    } else queue.requeue([entry]);
    consumer.credit++;
    queue.serve();
  }

  /** Tells the client. */
  close(): void {
    if (!this.#open) return;
    this.#connection.close();
    this.#end();
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#node.sessions.delete(this);
    const back = new Map<ModelledQueue, Entry[]>();
    for (const { queue, entry } of this.#unacked.values())
      back.set(queue, [...(back.get(queue) ?? []), entry]);
    for (const queue of this.#node.queues.values()) {
      const own = queue.consumers.filter(({ session }) => session === this);
      for (const consumer of own) queue.consumers.splice(queue.consumers.indexOf(consumer), 1);
      queue.requeue(back.get(queue) ?? []);
      queue.serve();
    }
  }
}
