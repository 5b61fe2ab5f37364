// Pairs whose standby has, or gets, every message: over one store and with a copy (R33a, R33b, R33d, R33e; DESIGN,
// promises 1, 2 and 4). Real processes, real signals, every message counted.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import type { PairModel } from '../../broker/contract/host-procedures.ts';
import { WarrenProcess } from './warren-process.ts';

type Id = 'a' | 'b';

const queue = 'models.q';
/** What a takeover may take on a machine that is busy with other tests. */
const takeoverMaxMs = 5000;
const other = (id: Id): Id => (id === 'a' ? 'b' : 'a');

async function startedPair(model: PairModel): Promise<WarrenProcess> {
  const warren = await WarrenProcess.startPair({}, model);
  onTestFinished(() => warren.dispose());
  return warren;
}

/** A producer with confirms and, if wanted, a consumer on the front address. */
function traffic(warren: WarrenProcess, consumes: boolean) {
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
    messagesPerSecond: 400,
  });
  if (consumes) consumer.start();
  producer.start();
  const confirmed = () => audit.report().producers[0]?.confirmed ?? 0;
  onTestFinished(async () => {
    await producer.stop(0);
    await consumer.stop();
  });
  return {
    audit,
    flowing: async (more = 60) => {
      const before = confirmed();
      await expect.poll(confirmed, { timeout: 30_000 }).toBeGreaterThan(before + more);
    },
    /** Consumes what is left and says what became of every message. */
    finish: async () => {
      await producer.stop();
      if (!consumes) consumer.start();
      const received = () => audit.report().consumers[0]?.received ?? 0;
      let before = -1;
      while (before !== received()) {
        before = received();
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await consumer.stop();
      return audit.report();
    },
  };
}

async function countOf(warren: WarrenProcess): Promise<number> {
  const connection = await ClientConnection.open(warren.address);
  try {
    const channel = await connection.openChannel();
    return (await channel.declareQueue(queue, { passive: true })).messageCount;
  } finally {
    await connection.close();
  }
}

const models: PairModel[] = ['replicated', 'shared-store'];

for (const model of models)
  describe(`${model}: R33a R33b R33d`, () => {
    test('SIGKILL of the active, over and over: nothing that was confirmed is lost', async () => {
      const warren = await startedPair(model);
      const run = traffic(warren, true);
      let active: Id = 'a';
      for (let round = 0; round < 4; round++) {
        await run.flowing();
        run.audit.fault(`kill ${active}`, Date.now());
        process.kill(await warren.pid(active), 'SIGKILL');
        active = other(active);
        const { lastOutageMs } = await warren.until(
          ({ activeId }) => activeId === active,
          `${active} active`,
        );
        expect(lastOutageMs!).toBeLessThan(takeoverMaxMs);
        await run.flowing();
        await warren.ready();
      }
      const report = await run.finish();
      expect(report.lost).toBe(0);
      expect(report.producers[0]!.confirmed).toBeGreaterThan(300);
    }, 120_000);

    test('the standby has the backlog, in order, after a kill and after a switch-over', async () => {
      const warren = await startedPair(model);
      const run = traffic(warren, false);
      await run.flowing(200);
      process.kill(await warren.pid('a'), 'SIGKILL');
      await warren.until(({ activeId }) => activeId === 'b', 'b active');
      await run.flowing(200);
      await warren.ready();
      await warren.console.host('pair.switchOver');
      await warren.until(({ activeId }) => activeId === 'a', 'a active');
      await run.flowing(100);
      expect(await countOf(warren)).toBeGreaterThan(500);
      const report = await run.finish();
      expect(report.lost).toBe(0);
      expect(report.consumers[0]!.reordered).toBe(0);
    }, 120_000);

    test('a host that was killed runs the pair as it was, with what it held', async () => {
      const first = await startedPair(model);
      const run = traffic(first, false);
      await run.flowing(100);
      process.kill(await first.pid('a'), 'SIGKILL');
      await first.until(({ activeId }) => activeId === 'b', 'b active');
      await run.flowing(100);
      await first.ready();
      const { dataFolder, amqpPort } = first;
      first.child.kill('SIGKILL');
      await first.ended;
      const second = await WarrenProcess.start({ dataFolder, amqpPort });
      onTestFinished(() => second.dispose());
      const { activeId, model: runs } = await second.ready();
      expect([activeId, runs]).toEqual(['b', model]);
      await run.flowing(50);
      expect((await run.finish()).lost).toBe(0);
    }, 120_000);
  });

describe('replicated: R33b', () => {
  test('a standby that is behind does not take over by itself; its former active does when it is back', async () => {
    const warren = await startedPair('replicated');
    const run = traffic(warren, false);
    await run.flowing();
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    await warren.until(({ standbyLevel }) => !standbyLevel, 'b behind');
    await run.flowing();
    // Only now is there something that b lacks; it starts while a is gone.
    await warren.console.host('nodes.stop', { nodeId: 'a' });
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.until(
      ({ nodes }) => nodes.some(({ id, state }) => id === 'b' && state === 'running'),
      'b up',
    );
    expect((await warren.status()).activeId).toBe(null);
    await warren.console.host('nodes.start', { nodeId: 'a' });
    await warren.until(({ activeId, standbyLevel }) => activeId === 'a' && standbyLevel, 'a active, b level');
    expect((await run.finish()).lost).toBe(0);
  }, 90_000);

  test('a copy that lost its folder is made anew; a switch-over to it loses nothing', async () => {
    const warren = await startedPair('replicated');
    const run = traffic(warren, false);
    await run.flowing(200);
    await warren.console.host('nodes.stop', { nodeId: 'b' });
    rmSync(join(warren.dataFolder, 'nodes', 'b'), { recursive: true });
    await warren.console.host('nodes.start', { nodeId: 'b' });
    await warren.ready();
    await warren.console.host('pair.switchOver');
    await run.flowing();
    const report = await run.finish();
    expect(report.lost).toBe(0);
    expect(report.consumers[0]!.reordered).toBe(0);
  }, 90_000);
});
