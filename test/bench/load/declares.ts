// Declares queues over several connections at once, each waiting for its answer.
import { setTimeout as wait } from 'node:timers/promises';
import { memoryBytes } from '../process-usage.ts';
import type { Method, MethodArguments } from '../../../broker/amqp/methods.ts';
import { LoadConnection } from './load-connection.ts';
import type { DeclaresScenario, Job, JobResult } from './scenario.ts';
import { Span } from './span.ts';

const readBytes = 4096;
const settleMs = 1000;

export async function runDeclares(job: Job, scenario: DeclaresScenario): Promise<JobResult> {
  const failed = () => undefined;
  const connections = await Promise.all(
    Array.from({ length: scenario.connections }, () => LoadConnection.open(job.port, failed, readBytes)),
  );
  for (const connection of connections) await connection.openChannel(1);
  const declares = new Declares(connections, scenario);
  if (scenario.count === 0) await declares.run(job.warmUpMs, Infinity);
  const memoryBefore = memoryBytes(job.nodePids);
  const before = declares.done;
  const span = new Span(job);
  await declares.run(
    scenario.count === 0 ? job.measureMs : Infinity,
    scenario.count === 0 ? Infinity : scenario.count,
  );
  const count = declares.done - before;
  const figures = span.figures(count, scenario.queues === 'durable' ? 'queues' : 'cycles');
  await wait(settleMs);
  if (scenario.queues === 'durable')
    figures.kbEach = (memoryBytes(job.nodePids) - memoryBefore) / 1024 / count;
  const missing = scenario.queues === 'durable' ? await declares.missing() : 0;
  for (const connection of connections) connection.destroy();
  return { figures, faults: missing > 0 ? [`${missing} of the declared queues are not there`] : [] };
}

class Declares {
  done = 0;
  readonly #connections: LoadConnection[];
  readonly #scenario: DeclaresScenario;
  #next = 0;

  constructor(connections: LoadConnection[], scenario: DeclaresScenario) {
    this.#connections = connections;
    this.#scenario = scenario;
  }

  /** Until the time is over or that many more are done. */
  async run(ms: number, count: number): Promise<void> {
    const deadline = performance.now() + ms;
    const end = this.#next + count;
    const lane = async (connection: LoadConnection) => {
      while (performance.now() < deadline && this.#next < end) {
        const number = this.#next++;
        if (this.#scenario.queues === 'durable') await declare(connection, `declared-${number}`, false);
        else await cycle(connection);
        this.done++;
      }
    };
    await Promise.all(this.#connections.map(lane));
  }

  /** Looks for a sample of what was declared. */
  async missing(): Promise<number> {
    const [connection] = this.#connections;
    const step = Math.max(1, Math.floor(this.#next / 500));
    let missing = 0;
    for (let number = 0; number < this.#next; number += step) {
      const name = `declared-${number}`;
      const answer = await declare(connection!, name, true);
      if (nameIn(answer) !== name) missing++;
    }
    return missing;
  }
}

/** A client's reply queue: named by the server, exclusive, gone with it. */
async function cycle(connection: LoadConnection): Promise<void> {
  const queue = nameIn(
    await connection.call(1, 'queue.declare', {
      reserved1: 0,
      queue: '',
      passive: false,
      durable: false,
      exclusive: true,
      autoDelete: true,
      noWait: false,
      arguments: new Map(),
    }),
  );
  await connection.call(1, 'queue.delete', {
    reserved1: 0,
    queue,
    ifUnused: false,
    ifEmpty: false,
    noWait: false,
  });
}

function declare(connection: LoadConnection, queue: string, passive: boolean): Promise<Method> {
  return connection.call(1, 'queue.declare', {
    reserved1: 0,
    queue,
    passive,
    durable: true,
    exclusive: false,
    autoDelete: false,
    noWait: false,
    arguments: new Map(),
  });
}

function nameIn(answer: Method): string {
  return (answer.args as MethodArguments<'queue.declare-ok'>).queue;
}
