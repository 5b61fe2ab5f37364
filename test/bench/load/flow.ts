// As fast as it goes: one publisher, a consumer for each queue, everything in flight bounded. The publisher goes
// on whenever consumers or confirms have made room for a fair batch.
import { Consumer } from './consumer.ts';
import { publishTemplate } from './frames.ts';
import { LoadConnection } from './load-connection.ts';
import { Publisher } from './publisher.ts';
import type { FlowScenario, Job, JobResult } from './scenario.ts';
import { Span } from './span.ts';
import { declareTopology, topicKey, topicKeyPatch, type Topology } from './topology.ts';

export async function runFlow(job: Job, scenario: FlowScenario): Promise<JobResult> {
  const flow = await Flow.open(job, scenario);
  try {
    await flow.pass(job.warmUpMs);
    const before = flow.received;
    const span = new Span(job);
    await flow.pass(job.measureMs);
    const figures = span.figures(flow.received - before, 'deliveries');
    const faults = await flow.finish(job.patienceMs);
    return { figures, faults };
  } finally {
    await flow.close();
  }
}

class Flow {
  readonly #scenario: FlowScenario;
  readonly #publisher: Publisher;
  readonly #consumers: Consumer[];
  readonly #connections: LoadConnection[];
  readonly #topology: Topology;
  /** Receivers of each message. */
  readonly #copies: number;
  readonly #batch: number;
  #publishing = true;
  #fail: (error: Error) => void = () => undefined;
  readonly #failed: Promise<never>;

  static async open(job: Job, scenario: FlowScenario): Promise<Flow> {
    let report: (error: Error) => void = () => undefined;
    const failed = (error: Error) => report(error);
    const topology = await declareTopology(job.port, scenario, failed);
    const connections: LoadConnection[] = [];
    const open = async () => {
      const connection = await LoadConnection.open(job.port, failed);
      connections.push(connection);
      return connection;
    };
    const consumers: Consumer[] = [];
    const spread = scenario.topology === 'topic' ? scenario.queues : 1;
    for (const [index, queue] of topology.queues.entries()) {
      const { bodySize, ackEvery, prefetch } = scenario;
      const first = spread === 1 ? 0 : index;
      const options = { queue, bodySize, ackEvery, prefetch, first, step: spread };
      consumers.push(new Consumer(await open(), options));
    }
    const sending = await open();
    await sending.openChannel(1);
    const routingKey = scenario.topology === 'queue' ? topology.queues[0]! : topicKey;
    const template = publishTemplate({
      exchange: topology.exchange,
      routingKey,
      bodySize: scenario.bodySize,
      properties: { deliveryMode: scenario.persistent ? 2 : 1 },
    });
    const patch = scenario.topology === 'topic' ? topicKeyPatch(template, scenario.bindings) : null;
    const publisher = new Publisher(sending, template, patch);
    const flow = new Flow(scenario, topology, publisher, consumers, connections);
    report = (error) => flow.#fail(error);
    for (const consumer of consumers) await consumer.consume(() => flow.#pump());
    if (scenario.confirmWindow > 0) {
      await sending.call(1, 'confirm.select', { noWait: false });
      publisher.watchConfirms({ each: null, some: () => flow.#pump() });
    }
    flow.#pump();
    return flow;
  }

  private constructor(
    scenario: FlowScenario,
    topology: Topology,
    publisher: Publisher,
    consumers: Consumer[],
    connections: LoadConnection[],
  ) {
    this.#scenario = scenario;
    this.#topology = topology;
    this.#publisher = publisher;
    this.#consumers = consumers;
    this.#connections = connections;
    this.#copies = scenario.topology === 'fanout' ? scenario.queues : 1;
    const window = scenario.confirmWindow || Infinity;
    this.#batch = Math.ceil(Math.min(scenario.inFlightMax / 8, window / 10));
    this.#failed = new Promise((_resolve, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
  }

  get received(): number {
    let sum = 0;
    for (const consumer of this.#consumers) sum += consumer.received;
    return sum;
  }

  /** Lets it run. Rejects when the server ended a connection. */
  async pass(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([passed, this.#failed]).finally(() => clearTimeout(timer));
  }

  /** Stops publishing, waits for what is on its way, and says what is wrong with the run. */
  async finish(patienceMs: number): Promise<string[]> {
    this.#publishing = false;
    const { published } = this.#publisher;
    const expected = published * this.#copies;
    const confirms = this.#scenario.confirmWindow > 0 ? published : 0;
    let [arrived, deadline] = [-1, 0];
    while (this.received < expected || this.#publisher.confirmed < confirms) {
      if (arrived !== this.received + this.#publisher.confirmed) {
        arrived = this.received + this.#publisher.confirmed;
        deadline = performance.now() + patienceMs;
      } else if (performance.now() > deadline) break;
      await this.pass(10);
    }
    for (const consumer of this.#consumers) consumer.acknowledgeAll();
    const sum = (count: (consumer: Consumer) => number) =>
      this.#consumers.reduce((total, consumer) => total + count(consumer), 0);
    const counts: [string, number][] = [
      ['not received', Math.max(0, expected - this.received)],
      ['received too many', Math.max(0, this.received - expected)],
      ['not confirmed', confirms - this.#publisher.confirmed],
      ['wrongly confirmed', this.#publisher.wrongConfirms],
      ['skipped', sum((each) => each.gaps)],
      ['out of order or doubled', sum((each) => each.outOfOrder)],
      ['damaged', sum((each) => each.corrupt)],
      ['redelivered', sum((each) => each.redelivered)],
    ];
    return counts.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#topology.remove();
  }

  #pump(): void {
    if (!this.#publishing) return;
    const { inFlightMax, confirmWindow } = this.#scenario;
    const publisher = this.#publisher;
    let room = inFlightMax - Math.ceil(publisher.published - this.received / this.#copies);
    if (confirmWindow > 0) room = Math.min(room, confirmWindow - (publisher.published - publisher.confirmed));
    if (room >= this.#batch) publisher.publish(room);
  }
}
