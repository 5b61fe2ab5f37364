// One run of the lab in its own process: the clients of a scenario behind a link of the lab's own, the audit, and the
// verdict at the end. The host says when, and does to the nodes what is done to them.
import type { LabLink } from '../contract/lab.ts';
import { Audit, type AuditReport } from './audit.ts';
import type { ClientChannel } from './client-channel.ts';
import { ClientClosed } from './client-closed.ts';
import { ClientBook } from './client-book.ts';
import { ClientConnection, type ClientOptions } from './client-connection.ts';
import { LabConsumer } from './lab-consumer.ts';
import { LabProducer } from './lab-producer.ts';
import type { LabOutcome, LabPlace, LabPlan, LabProgress } from './lab-protocol.ts';
import { answersTo, LabService } from './lab-service.ts';
import { labelOf } from './message-label.ts';
import { LinkProxy } from './link-proxy.ts';
import { scenarioOf, type Scenario } from './scenarios.ts';
import { labLimits, scenarioWords } from '../contract/lab.ts';
import { verdictOf } from './verdict.ts';

const connectTimeoutMs = 15_000;
const confirmTimeoutMs = 15_000;
const quietMs = 1000;
const drainTimeoutMs = 30_000;
const pollMs = 50;
const unconfirmedMax = 1000;

type Taker = LabConsumer | LabService;

export class LabRun {
  readonly #plan: LabPlan;
  readonly #scenario: Scenario;
  readonly #audit: Audit;
  readonly #book: ClientBook;
  readonly #proxy: LinkProxy;
  readonly #producers: LabProducer[] = [];
  readonly #takers: Taker[] = [];
  readonly #problems: string[] = [];
  #loadTo = 0;

  static async open(plan: LabPlan): Promise<LabRun> {
    return new LabRun(plan, await LinkProxy.open(plan.front));
  }

  private constructor(plan: LabPlan, proxy: LinkProxy) {
    const { scenario, consumers } = plan.settings;
    const takers = Math.max(consumers, scenarioWords[scenario].consumersLeast);
    this.#plan = plan;
    this.#proxy = proxy;
    this.#scenario = scenarioOf(scenario, plan.runId, takers);
    this.#audit = new Audit({
      queuesOf: (producer, sequence) => this.#queuesOf(producer, sequence),
      asksConfirms: (producer) => plan.settings.confirms && !isAnswer(producer),
    });
    this.#book = new ClientBook(this.#audit);
  }

  /** Resolves with the load's start. Rejects when the clients cannot be set up. */
  async begin(): Promise<number> {
    await this.#declareAll();
    this.#makeProducers();
    this.#makeTakers();
    for (const taker of this.#takers) taker.start();
    const away = () => this.#book.rows().filter(({ role, connected }) => role !== 'producer' && !connected);
    await until(() => away().length === 0, connectTimeoutMs);
    const [first] = away();
    if (first) throw new Error(`${first.name} does not connect: ${first.lastReason ?? 'no answer'}`);
    const at = Date.now();
    this.#book.throughput.start(at);
    for (const producer of this.#producers) producer.start();
    return at;
  }

  link(link: LabLink): void {
    this.#proxy.link = link;
  }

  mark(label: string, at: number): void {
    this.#audit.fault(label, at);
  }

  progress(): LabProgress {
    return {
      figures: { ...this.#audit.figures },
      clients: this.#book.rows(),
      throughput: this.#book.throughput.read(this.#loadTo || Date.now()),
      events: this.#book.takeEvents(),
      eventsDropped: this.#book.dropped,
    };
  }

  endLoad(): void {
    if (this.#loadTo > 0) return;
    this.#loadTo = Date.now();
    this.#audit.loadEnded(this.#loadTo);
    for (const producer of this.#producers) producer.finish();
    this.#proxy.link = { state: 'plain', amount: 0 };
  }

  async verdict(places: LabPlace[]): Promise<LabOutcome> {
    this.endLoad();
    for (const taker of this.#takers) if (taker instanceof LabConsumer) taker.hurry();
    await Promise.all(this.#producers.map((producer) => producer.stop(confirmTimeoutMs)));
    const lastAt = () => Math.max(this.#loadTo, ...this.#takers.map((taker) => taker.lastDeliveryAt));
    await until(() => Date.now() - lastAt() > quietMs, drainTimeoutMs);
    await Promise.all(this.#takers.map((taker) => taker.stop()));
    const held = await this.#lookAt(places);
    const report = this.#audit.report();
    const outcome = this.#outcome(report, held);
    await this.#deleteAll();
    await this.close();
    return outcome;
  }

  async close(): Promise<void> {
    this.#book.close();
    await Promise.all([
      ...this.#producers.map((producer) => producer.stop(0)),
      ...this.#takers.map((taker) => taker.stop()),
    ]);
    await this.#proxy.close();
  }

  // ---- Clients ----

  #makeProducers(): void {
    const { settings } = this.#plan;
    const { exchange, routingKey, rateFactor, replies } = this.#scenario;
    for (let number = 1; number <= settings.producers; number++) {
      const name = `producer-${number}`;
      this.#book.enter(name, 'producer');
      this.#producers.push(
        new LabProducer({
          name,
          address: this.#address(),
          exchange,
          routingKey,
          declare: (channel) => this.#declareFor(name, channel),
          messagesPerSecond: settings.messagesPerSecond / settings.producers,
          rateFactor,
          messagesMax: Math.floor(labLimits.messagesMax / settings.producers),
          unconfirmedMax,
          bodyBytes: settings.bodyBytes,
          persistent: settings.persistent,
          confirm: settings.confirms,
          properties: replies ? { replyTo: 'amq.rabbitmq.reply-to' } : {},
          audit: this.#book,
          events: this.#eventsOf(name),
        }),
      );
    }
  }

  #makeTakers(): void {
    const { settings } = this.#plan;
    const { persistent, prefetch, bodyBytes, confirms: confirm, ack, messagesPerSecond } = settings;
    for (const [index, { queue, follow, paceOfRate }] of this.#scenario.consumers.entries()) {
      const role = follow === null ? 'consumer' : 'service';
      const name = `${role}-${index + 1}`;
      this.#book.enter(name, role);
      const shared = {
        name,
        address: this.#address(),
        queue,
        declare: (channel: ClientChannel) => this.#declare(channel),
        prefetch,
        audit: this.#book,
        events: { ...this.#eventsOf(name), cancelled: (at: number) => this.#book.cancelled(name, at) },
      };
      if (follow === null)
        this.#takers.push(
          new LabConsumer({
            ...shared,
            auditedAs: queue,
            ack,
            messagesPerSecond: paceOfRate === null ? Infinity : paceOfRate * messagesPerSecond,
          }),
        );
      else
        this.#takers.push(
          new LabService({
            ...shared,
            persistent,
            confirm,
            bodyBytes,
            follow: follow === 'reply' ? null : follow,
          }),
        );
    }
  }

  #eventsOf(name: string) {
    return {
      disconnected: (reason: ClientClosed, at: number) => this.#book.lost(name, reason, at),
      failed: (reason: ClientClosed, at: number) => this.#book.failed(name, reason, at),
    };
  }

  #address(): ClientOptions {
    const { user, password } = this.#plan;
    return { host: '127.0.0.1', port: this.#proxy.port, user, password };
  }

  /** Which queues a message has to arrive by; an answer has no queue and is promised nothing. */
  #queuesOf(producer: string, sequence: number): readonly string[] {
    if (producer.startsWith('producer-') && !isAnswer(producer)) return this.#scenario.queuesOf(sequence);
    const follow = this.#scenario.consumers.find((part) => part.follow !== null)?.follow;
    return follow && follow !== 'reply' ? follow.queues : [''];
  }

  // ---- The fabric ----

  /** What every client makes sure of when it connects: the node that serves may not have it (R33e). */
  async #declare(channel: ClientChannel): Promise<void> {
    const { exchanges, queues, bindings } = this.#scenario;
    for (const { name, type } of exchanges) await channel.declareExchange(name, type, true);
    for (const queue of queues) await channel.declareQueue(queue, { durable: true });
    for (const { queue, exchange, key } of bindings) await channel.bindQueue(queue, exchange, key);
  }

  async #declareFor(name: string, channel: ClientChannel): Promise<void> {
    await this.#declare(channel);
    if (!this.#scenario.replies) return;
    const heard = (body: Buffer) => {
      const label = labelOf(body);
      if (label?.producer.startsWith(answersTo(name)))
        this.#book.received(name, label.producer, label.sequence, false, Date.now());
    };
    await channel.consume('amq.rabbitmq.reply-to', ({ body }) => heard(body), { noAck: true });
  }

  async #declareAll(): Promise<void> {
    const deadline = Date.now() + connectTimeoutMs;
    for (;;)
      try {
        return await this.#onFront((channel) => this.#declare(channel));
      } catch (error) {
        const refused = error instanceof ClientClosed && error.replyCode > 0;
        if (refused || Date.now() > deadline) throw error;
        await pause(pollMs);
      }
  }

  async #deleteAll(): Promise<void> {
    try {
      await this.#onFront(async (channel) => {
        for (const queue of this.#scenario.queues) await channel.deleteQueue(queue);
        for (const { name } of this.#scenario.exchanges) await channel.deleteExchange(name);
      });
    } catch (error) {
      this.#problems.push(`what the run declared could not be deleted: ${(error as Error).message}`);
    }
  }

  async #onFront<Value>(use: (channel: ClientChannel) => Promise<Value>): Promise<Value> {
    const connection = await ClientConnection.open({ ...this.#address(), name: 'lab' });
    try {
      return await use(await connection.openChannel());
    } finally {
      await connection.close();
    }
  }

  // ---- What is left, and the verdict ----

  /** Reads what waits on each node without acknowledging it, so that it stays where it is. */
  async #lookAt(places: LabPlace[]): Promise<{ node: string; messages: number }[]> {
    const held: { node: string; messages: number }[] = [];
    for (const place of places)
      try {
        held.push({ node: place.node, messages: await this.#countAt(place) });
      } catch (error) {
        this.#problems.push(`node ${place.node} could not be looked at: ${(error as Error).message}`);
      }
    return held.filter(({ messages }) => messages > 0);
  }

  async #countAt({ host, port }: LabPlace): Promise<number> {
    const { user, password } = this.#plan;
    const connection = await ClientConnection.open({ host, port, user, password, name: 'lab' });
    let messages = 0;
    try {
      for (const queue of this.#scenario.queues) messages += await this.#countOf(connection, queue);
    } finally {
      await connection.close();
    }
    return messages;
  }

  async #countOf(connection: ClientConnection, queue: string): Promise<number> {
    const channel = await connection.openChannel();
    let messages = 0;
    try {
      await channel.declareQueue(queue, { passive: true });
      for (let got = await channel.get(queue); got; got = await channel.get(queue)) {
        const label = labelOf(got.body);
        if (label) this.#audit.held(label.producer, label.sequence, queue);
        messages++;
      }
    } catch (error) {
      // A node that never had the queue holds nothing of it.
      if (!(error instanceof ClientClosed && error.replyCode === 404)) throw error;
    }
    return messages;
  }

  #outcome(report: AuditReport, heldBy: { node: string; messages: number }[]): LabOutcome {
    const { confirms } = this.#plan.settings;
    const published = confirms ? null : this.#audit.publishWindows();
    const producers = published?.windows ?? report.producerWindows;
    const faults = report.consumerWindows.map((consumed, index) => ({
      label: consumed.fault,
      at: consumed.faultAt,
      producers: windowOf(producers[index]!),
      consumers: windowOf(consumed),
    }));
    const longest = {
      producers: published ? published.longestMs : report.longestMs.producers,
      consumers: report.longestMs.consumers,
    };
    return {
      progress: { ...this.progress(), clients: this.#book.finalRows(report) },
      verdict: verdictOf(report, this.#audit.figures, faults, longest, heldBy),
      faults,
      loadTo: this.#loadTo,
      problems: this.#problems,
    };
  }
}

function windowOf({
  from,
  to,
  durationMs,
}: {
  from: number | null;
  to: number | null;
  durationMs: number | null;
}) {
  return { from, to, durationMs };
}

const isAnswer = (producer: string) => producer.includes('.answers.');

/** Polls until it holds or the time is over. */
async function until(condition: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition() && Date.now() < deadline) await pause(pollMs);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
