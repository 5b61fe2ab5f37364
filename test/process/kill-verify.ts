// The look after the restart: definitions, then every queue's messages one by one, against the ledger.
import { isDeepStrictEqual } from 'node:util';
import type { MessageRow } from '../../broker/contract/rows.ts';
import type { ChurnedQueue } from './kill-load.ts';
import type { Ledger, LedgerMessage } from './kill-ledger.ts';
import { damageIn, nameIn, nameText } from './kill-message.ts';
import { bindings, deadQueue, dyingQueues, exchanges, queues, volatileQueue } from './kill-topology.ts';
import type { NodeProcess } from './node-process.ts';

const vhost = '/';
const pageSize = 200;
const bodyStartBytesMax = 65_536;

export interface Verified {
  failures: string[];
  /** Messages found, in all queues. */
  messages: number;
  /** Acknowledged, and there again: with `redelivered`, or it is a failure. */
  cameBack: number;
  /** Sent without a confirm, and there. */
  unconfirmed: number;
}

export async function verify(
  node: NodeProcess,
  ledger: Ledger,
  churned: readonly ChurnedQueue[],
): Promise<Verified> {
  const verified: Verified = { failures: [], messages: 0, cameBack: 0, unconfirmed: 0 };
  await new Verification(node, ledger, churned, verified).run();
  return verified;
}

class Verification {
  readonly #node: NodeProcess;
  readonly #ledger: Ledger;
  readonly #churned: readonly ChurnedQueue[];
  readonly #verified: Verified;

  constructor(node: NodeProcess, ledger: Ledger, churned: readonly ChurnedQueue[], verified: Verified) {
    this.#node = node;
    this.#ledger = ledger;
    this.#churned = churned;
    this.#verified = verified;
  }

  async run(): Promise<void> {
    for (const { level, message } of this.#node.lines)
      if (level === 'error') this.#fail(`after recovery the log says: ${message}`);
    const present = await this.#checkDefinitions();
    const missing = new Map<string, LedgerMessage[]>();
    for (const queue of present) {
      // Letters leave their queues for the dead ones: those are looked at last.
      if (queue !== deadQueue) missing.set(queue, await this.#checkQueue(queue));
    }
    missing.set(deadQueue, await this.#checkQueue(deadQueue));
    const dead = new Set(this.#ledger.in(deadQueue));
    for (const [queue, messages] of missing)
      for (const message of messages) {
        const buried = dyingQueues.has(queue) && (message.buried || dead.has(message));
        if (!buried)
          this.#fail(`${nameText(message)} is missing from ${queue}: confirmed, ${message.size} bytes`);
      }
  }

  #fail(failure: string): void {
    this.#verified.failures.push(failure);
  }

  // ---- Definitions ----

  /** Answers the queues that are there and should be. */
  async #checkDefinitions(): Promise<string[]> {
    const page = { vhost, pageSize: 500 };
    const { items: exchangeRows } = await this.#node.call('exchanges.list', page);
    for (const { name, type } of exchanges)
      if (!exchangeRows.some((row) => row.name === name && row.type === type && row.durable))
        this.#fail(`exchange ${name} is gone`);
    const { items: queueRows } = await this.#node.call('queues.list', page);
    for (const { name, arguments: args } of queues) {
      const row = queueRows.find((each) => each.name === name);
      if (!row) this.#fail(`queue ${name} is gone`);
      else if (!isDeepStrictEqual(row.arguments, args)) this.#fail(`queue ${name} has other arguments`);
    }
    if (queueRows.some(({ name }) => name === volatileQueue)) this.#fail('a volatile queue is there');
    const { items: bindingRows } = await this.#node.call('bindings.list', page);
    const bound = (exchange: string, queue: string, key: string) =>
      bindingRows.some(
        (row) => row.source === exchange && row.destination === queue && row.routingKey === key,
      );
    for (const [exchange, queue, key] of bindings)
      if (!bound(exchange, queue, key)) this.#fail(`binding ${exchange} -> ${queue} by '${key}' is gone`);
    const known = new Set(queueRows.map(({ name }) => name));
    for (const { name, state } of this.#churned) {
      if (state === 'ready' && !known.has(name)) this.#fail(`queue ${name} is gone: declared`);
      if (state === 'ready' && !bound('k.direct', name, name)) this.#fail(`binding of ${name} is gone`);
      if (state === 'deleted' && known.has(name)) this.#fail(`queue ${name} is back: deleted`);
    }
    this.#decideChurned(known);
    const expected = new Set([...queues, ...this.#churned].map(({ name }) => name));
    for (const { name } of queueRows) if (!expected.has(name)) this.#fail(`queue ${name} was never made`);
    return [...known].filter((name) => expected.has(name));
  }

  /** What was under way at the kill happened, wholly or in part, or did not. */
  #decideChurned(known: ReadonlySet<string>): void {
    for (const queue of this.#churned) {
      if (queue.state === 'deleting') queue.state = known.has(queue.name) ? 'declaring' : 'deleted';
      if (!known.has(queue.name)) this.#ledger.decide(queue.name, new Map());
    }
  }

  // ---- Messages ----

  /** Answers the messages that must be there and are not. */
  async #checkQueue(queue: string): Promise<LedgerMessage[]> {
    const present = new Map<string, LedgerMessage>();
    const newest = new Map<string, number>();
    for await (const row of this.#rows(queue)) {
      const name = nameIn(row.properties.messageId);
      const message = this.#ledger.get(name);
      if (!name || !message) {
        this.#fail(`${queue} holds what nobody sent: ${row.properties.messageId ?? ''}`);
        continue;
      }
      await this.#checkRow(queue, row, message, present);
      present.set(nameText(name), message);
      if (queue === deadQueue) continue;
      const before = newest.get(name.publisher) ?? -1;
      if (name.sequence < before) this.#fail(`${queue}: ${nameText(name)} stands behind number ${before}`);
      newest.set(name.publisher, Math.max(before, name.sequence));
    }
    const missing = this.#ledger
      .in(queue)
      .filter((message) => message.holdings.get(queue) === 'held' && !present.has(nameText(message)));
    this.#verified.messages += present.size;
    this.#ledger.decide(queue, present);
    return missing;
  }

  async #checkRow(
    queue: string,
    row: MessageRow,
    message: LedgerMessage,
    present: ReadonlyMap<string, LedgerMessage>,
  ): Promise<void> {
    const name = nameText(message);
    const damage = damageIn(await this.#body(queue, row), message.sequence, message.size);
    if (damage) this.#fail(`${queue}: ${name} is damaged: ${damage}`);
    const holding = message.holdings.get(queue);
    if (!message.confirmed) this.#verified.unconfirmed++;
    // A letter may be sent twice when the node dies between sending it and letting go of what it was.
    if (queue !== deadQueue) {
      if (present.has(name)) this.#fail(`${queue} holds ${name} twice`);
      if (holding === undefined) this.#fail(`${queue} holds ${name}, which was not routed there`);
      if (holding === 'gone') this.#fail(`${queue} holds ${name}, which was gone`);
      if (message.seenFrom.has(queue) && !row.redelivered)
        this.#fail(`${queue}: ${name} was seen, and is not marked redelivered`);
      if (message.seenFrom.has(queue) && holding === 'leaving') this.#verified.cameBack++;
    }
  }

  async *#rows(queue: string): AsyncGenerator<MessageRow> {
    for (let offset = 0; ; offset += pageSize) {
      const { items } = await this.#node.call('messages.peek', {
        vhost,
        queue,
        offset,
        limit: pageSize,
        bodyStartBytesMax,
      });
      yield* items;
      if (items.length < pageSize) return;
    }
  }

  async #body(queue: string, row: MessageRow): Promise<Buffer> {
    if (!row.bodyTruncated) return Buffer.from(row.bodyStart);
    const { bytes } = await this.#node.call('messages.body', {
      vhost,
      queue,
      position: row.position,
      lengthMax: 1_048_576,
    });
    return Buffer.from(bytes);
  }
}
