// Planned switch-overs of an independent pair under load (R33c, R33e): nothing is lost, nothing that was acknowledged
// comes again, and what stayed behind follows by itself.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { WarrenProcess } from './warren-process.ts';

const queue = 'switch-over.q';

interface Report {
  published: number;
  confirmed: number;
  lost: number;
  /** Deliveries beyond the first. */
  duplicated: number;
  /** Got again after its acknowledgement was sent. */
  revived: number;
  reordered: number;
  /** From the last confirm before to the first after it. */
  heldMs: number[];
}

async function switchOvers(times: number, messagesPerSecond: number): Promise<Report> {
  const warren = await WarrenProcess.startPair();
  const audit = new Audit();
  const declare = async (channel: ClientChannel) => {
    await channel.declareQueue(queue, { durable: true });
  };
  const shared = { address: warren.address, declare, audit };
  const consumer = new LabConsumer({ ...shared, name: 'c', queue });
  const producer = new LabProducer({
    ...shared,
    name: 'p',
    exchange: '',
    routingKey: queue,
    messagesPerSecond,
    bodyBytes: 256,
  });
  try {
    // What stays behind on an independent pair's node is not to wait for its next turn.
    await warren.console.host('pair.setDrainsByItself', { drainsByItself: true });
    consumer.start();
    producer.start();
    for (let number = 1; number <= times; number++) {
      await pause(700);
      audit.fault(`switch-over ${number}`, Date.now());
      await warren.console.host('pair.switchOver');
      await warren.ready();
      await warren.until(({ drain }) => drain === null, 'nothing under way');
    }
    await pause(500);
    await producer.stop();
    const received = () => audit.report().consumers[0]!.received;
    for (let before = -1; before !== received();) {
      before = received();
      await pause(1000);
    }
  } finally {
    await producer.stop(0);
    await consumer.stop();
    await warren.dispose();
  }
  const { producers, consumers, lost, producerWindows } = audit.report();
  return {
    published: producers[0]!.published,
    confirmed: producers[0]!.confirmed,
    lost,
    duplicated: consumers[0]!.duplicated,
    revived: consumers[0]!.revived,
    reordered: consumers[0]!.reordered,
    heldMs: producerWindows.flatMap(({ durationMs }) => durationMs ?? []),
  };
}

test('R33e: switched over and back under load, an independent pair loses and repeats nothing', async () => {
  const report = await switchOvers(4, 800);
  expect(report).toMatchObject({ lost: 0, revived: 0, confirmed: report.published });
  expect(report.heldMs.length).toBe(4);
}, 120_000);
