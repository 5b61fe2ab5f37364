// Opens many connections, and finds what one costs in time and in the broker's memory.
import { setTimeout as wait } from 'node:timers/promises';
import { memoryBytes } from '../process-usage.ts';
import { LoadConnection } from './load-connection.ts';
import type { ConnectionsScenario, Job, JobResult } from './scenario.ts';
import { Span } from './span.ts';

/** Opened and closed beforehand, so that the broker's code is loaded and warm. */
const warmUpConnections = 100;
const readBytes = 4096;
const settleMs = 1000;

export async function runConnections(job: Job, scenario: ConnectionsScenario): Promise<JobResult> {
  let lost = 0;
  const open = (count: number) => openMany(job.port, count, scenario.concurrency, () => lost++);
  for (const connection of await open(warmUpConnections)) connection.destroy();
  await wait(settleMs);
  const before = memoryBytes(job.nodePids);
  const span = new Span(job);
  const connections = await open(scenario.count);
  const figures = span.figures(scenario.count, 'connections');
  figures.openMs = span.elapsedMs;
  await wait(settleMs);
  figures.kbEach = (memoryBytes(job.nodePids) - before) / 1024 / scenario.count;
  const faults = lost > 0 ? [`${lost} connections were closed by the broker`] : [];
  for (const connection of connections) connection.destroy();
  return { figures, faults };
}

async function openMany(
  port: number,
  count: number,
  concurrency: number,
  failed: () => void,
): Promise<LoadConnection[]> {
  const connections: LoadConnection[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun < count) {
      begun++;
      connections.push(await LoadConnection.open(port, failed, readBytes));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return connections;
}
