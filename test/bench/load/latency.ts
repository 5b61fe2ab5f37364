// A steady pace of persistent, confirmed messages: how long until each is delivered and until it is confirmed.
import { Consumer } from './consumer.ts';
import { publishTemplate } from './frames.ts';
import { LoadConnection } from './load-connection.ts';
import { Publisher } from './publisher.ts';
import type { Figures, Job, JobResult, LatencyScenario } from './scenario.ts';
import { Span } from './span.ts';
import { declareTopology } from './topology.ts';

export async function runLatency(job: Job, scenario: LatencyScenario): Promise<JobResult> {
  const { bodySize, pace } = scenario;
  let broken: Error | null = null;
  const failed = (error: Error) => (broken ??= error);
  const topology = await declareTopology(
    job.port,
    { topology: 'queue', queues: 1, durable: true, bindings: 0 },
    failed,
  );
  const queue = topology.queues[0]!;
  const [sending, receiving] = [
    await LoadConnection.open(job.port, failed),
    await LoadConnection.open(job.port, failed),
  ];
  const consumer = new Consumer(receiving, {
    queue,
    bodySize,
    ackEvery: 1,
    prefetch: 1000,
    first: 0,
    step: 1,
  });
  await sending.openChannel(1);
  await sending.call(1, 'confirm.select', { noWait: false });
  const template = publishTemplate({
    exchange: '',
    routingKey: queue,
    bodySize,
    properties: { deliveryMode: 2 },
  });
  const publisher = new Publisher(sending, template);
  const messages = Math.ceil(((job.warmUpMs + job.measureMs) / 1000) * pace);
  const [sentAt, delivered, confirmed] = [0, 1, 2].map(() => new Float64Array(messages)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  await consumer.consume(
    () => undefined,
    (number) => (delivered[number] = performance.now() - sentAt[number]!),
  );
  publisher.watchConfirms({
    each: (number) => (confirmed[number] = performance.now() - sentAt[number]!),
    some: () => undefined,
  });
  const send = (until: number) => {
    while (publisher.published < until) {
      sentAt[publisher.published] = performance.now();
      publisher.publish(1);
    }
  };
  const first = Math.ceil((job.warmUpMs / 1000) * pace);
  await paced(pace, 0, first, send, () => broken);
  const span = new Span(job);
  await paced(pace, first, messages, send, () => broken);
  const usage = span.figures(messages - first, 'messages');
  const deadline = performance.now() + job.patienceMs;
  const settled = () => consumer.received >= messages && publisher.confirmed >= messages;
  while (!settled() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  sending.destroy();
  receiving.destroy();
  await topology.remove();
  if (broken) throw broken as Error;
  const faults =
    settled() && consumer.outOfOrder + consumer.gaps + consumer.corrupt === 0 ? [] : ['incomplete'];
  const figures: Figures = {
    ...usage,
    ...quantiles('delivery', delivered.subarray(first)),
    ...quantiles('confirm', confirmed.subarray(first)),
  };
  return { figures, faults };
}

/** Sends numbers `from` to `to` at `pace` a second; a late timer sends what is due together. */
export async function paced(
  pace: number,
  from: number,
  to: number,
  send: (until: number) => void,
  broken: () => Error | null,
): Promise<void> {
  const startedAt = performance.now();
  for (let due = from; due < to && !broken();) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    due = Math.min(to, from + Math.floor(((performance.now() - startedAt) * pace) / 1000));
    send(due);
  }
}

function quantiles(name: string, latenciesMs: Float64Array): Figures {
  return {
    [`${name}P50Us`]: quantile(latenciesMs, 0.5) * 1000,
    [`${name}P99Us`]: quantile(latenciesMs, 0.99) * 1000,
    [`${name}P999Us`]: quantile(latenciesMs, 0.999) * 1000,
  };
}

export function quantile(values: Float64Array, fraction: number): number {
  const sorted = values.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]!;
}
