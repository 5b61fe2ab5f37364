// Looking into queues and working on what is there: peek, get, publish, move, delete, dead letters. A message
// leaves its queue only when its target holds it as safely as it was held.
import { fromPlain } from '../amqp/field-table.ts';
import { encodeProperties } from '../amqp/properties.ts';
import type { User } from '../auth/access-control.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import { checkProperties, requirePermission, requireTopicPermission } from '../channel/permissions.ts';
import { ContractError } from '../contract/errors.ts';
import type { InputOf, OutputOf } from '../contract/procedure.ts';
import type { NodeProcedures } from '../contract/node-procedures.ts';
import type {
  DeadLetterGroup,
  DeadLetterRow,
  MessageProperties,
  MessageRow,
  XDeath,
} from '../contract/rows.ts';
import { composeMessage, type Message } from '../vhost/message.ts';
import type { QueueEntry } from '../vhost/queue/queue-entry.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Vhost } from '../vhost/vhost.ts';
import { actorOf, type Caller } from './caller.ts';
import { messageRow, xDeathsOf } from './message-rows.ts';
import { searchMessages } from './message-search.ts';

type In<Name extends keyof NodeProcedures> = InputOf<NodeProcedures[Name]>;
type Out<Name extends keyof NodeProcedures> = OutputOf<NodeProcedures[Name]>;

/** Any user-id will do for who has no permissions to keep. */
const nobody: User = { name: '', tags: [], passwordHash: '', hashingAlgorithm: '' };

/** Dead letters are grouped by looking at this many of a queue at most; more is said to be partial. */
const groupScanMax = 10_000;

/** Bodies in one answer: when so much is reached, no further message is taken. */
const answerBytesMax = 16 << 20;

export class MessageCommands {
  readonly #services: BrokerServices;

  constructor(services: BrokerServices) {
    this.#services = services;
  }

  peek(input: In<'messages.peek'>): Out<'messages.peek'> {
    const queue = this.#queue(input.vhost, input.queue);
    const items: MessageRow[] = [];
    const { offset, limit, state, bodyStartBytesMax } = input;
    if (state !== 'unacknowledged')
      for (const { entry, index } of queue.browseReady(offset, limit))
        items.push(messageRow(queue, entry, index, bodyStartBytesMax, false));
    if (state !== 'ready')
      for (const { entry, index } of queue.browseUnacked(Math.max(0, offset), limit - items.length))
        items.push(messageRow(queue, entry, index, bodyStartBytesMax, true));
    return { items, ready: queue.readyCount, unacknowledged: queue.unacked.count };
  }

  search(input: In<'messages.search'>): Out<'messages.search'> {
    return searchMessages(this.#queue(input.vhost, input.queue), input);
  }

  body(input: In<'messages.body'>): Out<'messages.body'> {
    const queue = this.#queue(input.vhost, input.queue);
    const entry = queue.readyAt(input.position) ?? unackedAt(queue, input.position);
    if (!entry)
      throw new ContractError(
        'not-found',
        `the message at position ${input.position} is no longer in ${queue.resource}`,
      );
    const { body, bodySize } = entry.message;
    return {
      bytes: new Uint8Array(body.subarray(input.start, input.start + input.lengthMax)),
      bodyBytes: bodySize,
    };
  }

  async publish(input: In<'messages.publish'>, caller: Caller): Promise<Out<'messages.publish'>> {
    const vhost = this.#vhost(input.vhost);
    const actor = actorOf(this.#services, vhost, caller);
    if (actor) requirePermission(actor, 'write', 'exchange', input.exchange);
    const exchange = vhost.exchange(input.exchange);
    if (exchange.internal)
      throw new ContractError('refused', `cannot publish to internal ${exchange.resource}`);
    if (actor) requireTopicPermission(actor, 'write', exchange.name, input.routingKey);
    const message = composeMessage(
      input.exchange,
      input.routingKey,
      wireProperties(input.properties),
      input.body,
      this.#services.clock.now(),
    );
    checkProperties(caller.restricted ?? { ...nobody, name: message.userId ?? '' }, message);
    this.#services.totals.publish++;
    const { routed, refused, journalPosition } = vhost.publish(exchange, message);
    if (refused) throw new ContractError('too-large', 'a queue refused the message: it is full');
    await this.#safe(journalPosition);
    return { routed: routed > 0, queues: routed };
  }

  async get(input: In<'messages.get'>, caller: Caller): Promise<Out<'messages.get'>> {
    const vhost = this.#vhost(input.vhost);
    const actor = actorOf(this.#services, vhost, caller);
    if (actor) requirePermission(actor, 'read', 'queue', input.queue);
    const queue = this.#queue(input.vhost, input.queue);
    if (actor) vhost.checkOwner(queue, null);
    while (queue.settling) await queue.settling;
    const requeue = input.ackMode.endsWith('requeue_true');
    const messages: MessageRow[] = [];
    const taken: QueueEntry[] = [];
    let bytes = 0;
    for (let index = 0; index < input.count && bytes < answerBytesMax; index++) {
      const entry = queue.get(false);
      if (!entry) break;
      this.#services.totals.get++;
      taken.push(entry);
      bytes += Math.min(entry.message.bodySize, input.bodyBytesMax);
      messages.push(messageRow(queue, entry, index, input.bodyBytesMax, false));
    }
    const remaining = queue.readyCount;
    if (requeue) queue.requeue(taken);
    else if (input.ackMode === 'ack_requeue_false') for (const entry of taken) queue.acknowledge(entry);
    else queue.reject(taken);
    return { messages, remaining };
  }

  async move(input: In<'messages.move'>): Promise<Out<'messages.move'>> {
    const queue = this.#queue(input.vhost, input.queue);
    const vhost = this.#vhost(input.vhost);
    const { exchange, routingKey } = input.target;
    const result = await this.#transfer(vhost, queue, input.positions, !input.copy, (message) =>
      composeMessage(exchange, routingKey, message.properties, message.body, this.#services.clock.now()),
    );
    return { moved: result.done, missing: result.missing, unrouted: result.unrouted };
  }

  delete(input: In<'messages.delete'>): Out<'messages.delete'> {
    const queue = this.#queue(input.vhost, input.queue);
    let deleted = 0;
    for (const position of input.positions) {
      const entry = queue.readyAt(position);
      if (entry && queue.removeReady(entry)) deleted++;
    }
    return { deleted, missing: input.positions.length - deleted };
  }

  // ---- Dead letters ----

  deadLetterGroups(input: In<'deadLetters.groups'>): Out<'deadLetters.groups'> {
    const groups = new Map<string, DeadLetterGroup>();
    let scanned = 0;
    let partial = false;
    const vhosts = input.vhost === undefined ? this.#services.vhosts.all() : [this.#vhost(input.vhost)];
    for (const vhost of vhosts)
      for (const queue of vhost.queues.values()) {
        for (const { entry } of queue.browseReady(0, groupScanMax)) {
          scanned++;
          groupOne(groups, vhost.name, queue.name, entry);
        }
        if (queue.readyCount > groupScanMax) partial = true;
      }
    return { groups: [...groups.values()].sort((a, b) => b.newestAt - a.newestAt), scanned, partial };
  }

  deadLetters(input: In<'deadLetters.list'>): Out<'deadLetters.list'> {
    const queue = this.#queue(input.vhost, input.queue);
    const items: DeadLetterRow[] = [];
    let matched = 0;
    let scanned = 0;
    for (const { entry, index } of queue.browseReady(0, groupScanMax)) {
      scanned++;
      const deaths = deathsBefore(queue.name, entry.message);
      const [newest] = deaths;
      if (!newest || (input.reason !== undefined && newest.reason !== input.reason)) continue;
      if (input.originQueue !== undefined && newest.queue !== input.originQueue) continue;
      if (matched >= input.offset && items.length < input.limit)
        items.push({ ...messageRow(queue, entry, index, input.bodyStartBytesMax, false), deaths });
      matched++;
    }
    return { items, matched, scanned };
  }

  async requeueDeadLetters(input: In<'deadLetters.requeue'>): Promise<Out<'deadLetters.requeue'>> {
    const queue = this.#queue(input.vhost, input.queue);
    const vhost = this.#vhost(input.vhost);
    const result = await this.#transfer(vhost, queue, input.positions, true, (message) => {
      const [newest] = message.hasHeaders ? xDeathsOf(message) : [];
      const target = input.target ?? (newest ? { exchange: '', routingKey: newest.queue } : null);
      if (!target) return null;
      const properties = input.keepDeathHeaders ? message.properties : withoutDeaths(message);
      const { exchange, routingKey } = target;
      return composeMessage(exchange, routingKey, properties, message.body, this.#services.clock.now());
    });
    return { requeued: result.done, missing: result.missing, unrouted: result.unrouted };
  }

  /** Publishes what `make` makes of each message; what was routed and is safe is then removed where it was. */
  async #transfer(
    vhost: Vhost,
    queue: Queue,
    positions: number[],
    remove: boolean,
    make: (message: Message) => Message | null,
  ): Promise<{ done: number; missing: number; unrouted: number }> {
    const sent: QueueEntry[] = [];
    let missing = 0;
    let unrouted = 0;
    let journalPosition = 0;
    for (const position of positions) {
      const entry = queue.readyAt(position);
      const message = entry ? make(entry.message) : null;
      const exchange = message ? vhost.exchanges.get(message.exchange) : undefined;
      if (!entry) missing++;
      else if (!message || !exchange) unrouted++;
      else {
        const outcome = vhost.publish(exchange, message);
        journalPosition = Math.max(journalPosition, outcome.journalPosition);
        if (outcome.routed > 0) sent.push(entry);
        else unrouted++;
      }
    }
    await this.#safe(journalPosition);
    let done = 0;
    for (const entry of sent) if (!remove || queue.removeReady(entry)) done++;
    return { done, missing: missing + sent.length - done, unrouted };
  }

  async #safe(journalPosition: number): Promise<void> {
    const { journal } = this.#services;
    if (journalPosition > journal.safePosition) await journal.flush();
  }

  #vhost(name: string): Vhost {
    const vhost = this.#services.vhosts.get(name);
    if (!vhost) throw new ContractError('not-found', `no virtual host '${name}'`);
    return vhost;
  }

  #queue(vhostName: string, name: string): Queue {
    const vhost = this.#vhost(vhostName);
    const queue = vhost.queues.get(name);
    if (!queue) throw new ContractError('not-found', `no ${vhost.queueResource(name)}`);
    return queue;
  }
}

function unackedAt(queue: Queue, position: number): QueueEntry | null {
  for (let entry = queue.unacked.first; entry; entry = entry.next)
    if (entry.position === position) return entry;
  return null;
}

/** The deaths of a message that is dead where it lies; one that is back in the queue it died in is at work again. */
function deathsBefore(queue: string, message: Message): XDeath[] {
  const deaths = message.hasHeaders ? xDeathsOf(message) : [];
  return deaths[0]?.queue === queue ? [] : deaths;
}

function groupOne(
  groups: Map<string, DeadLetterGroup>,
  vhost: string,
  queue: string,
  entry: QueueEntry,
): void {
  const [newest] = deathsBefore(queue, entry.message);
  if (!newest) return;
  const key = JSON.stringify([vhost, queue, newest.reason, newest.queue]);
  const at = entry.message.receivedAt;
  const cycle = newest.count > 1 ? 1 : 0;
  const group = groups.get(key);
  if (group) {
    group.count++;
    group.oldestAt = Math.min(group.oldestAt, at);
    group.newestAt = Math.max(group.newestAt, at);
    group.cycles += cycle;
    return;
  }
  groups.set(key, {
    vhost,
    queue,
    reason: newest.reason,
    originQueue: newest.queue,
    originExchange: newest.exchange,
    originRoutingKey: newest.routingKeys[0] ?? '',
    count: 1,
    oldestAt: at,
    newestAt: at,
    cycles: cycle,
  });
}

function withoutDeaths(message: Message): Buffer {
  const properties = message.decodedProperties();
  const headers = new Map(
    [...(properties.headers ?? [])].filter(([name]) => !/^x-(first-|last-)?death/.test(name)),
  );
  return encodeProperties({ ...properties, headers });
}

/** Properties from a person or JSON, as they go on the wire. Throws ContractError for what cannot. */
export function wireProperties({ headers, ...rest }: MessageProperties): Buffer {
  try {
    return encodeProperties(headers ? { ...rest, headers: fromPlain(headers) } : rest);
  } catch (error) {
    throw new ContractError('invalid', `properties: ${(error as Error).message}`);
  }
}
