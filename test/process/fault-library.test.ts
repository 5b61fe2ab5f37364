// Every entry of the fault library on a running pair of each model it is for, with a publisher and its confirms: what
// other products fell to, Warren does not (R33a to R33f). FAULT=id runs one.
import { describe, expect, onTestFinished, test } from 'vitest';
import { defaultPairSettings } from '../../broker/contract/pair-settings.ts';
import { pairModels } from '../../broker/contract/pair-models.ts';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { faultLibrary } from '../../broker/lab/fault-library.ts';
import { WarrenProcess } from './warren-process.ts';

const queue = 'library.q';
const wanted = process.env['FAULT'];
const settings = { ...defaultPairSettings, diskStallMs: 800, slowSyncMs: 200, standbyTimeoutMs: 800 };

function traffic(warren: WarrenProcess) {
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
    messagesPerSecond: 200,
  });
  consumer.start();
  producer.start();
  return { audit, consumer, producer };
}

for (const model of pairModels) {
  const entries = faultLibrary.filter(
    ({ id, models }) => models.includes(model) && (wanted === undefined || wanted === id),
  );
  describe.skipIf(process.platform !== 'linux' || entries.length === 0)(`${model}`, () => {
    test(`what others fell to: ${entries.map(({ id }) => id).join(', ')}`, async () => {
      const warren = await WarrenProcess.startPair({}, model);
      onTestFinished(() => warren.dispose());
      await warren.console.host('pair.settings.put', settings);
      for (const { id } of entries) {
        const run = traffic(warren);
        const received = () => run.audit.report().consumers[0]?.received ?? 0;
        await expect.poll(received, { timeout: 20_000 }).toBeGreaterThan(20);
        const { problem } = await warren.console.host('faults.run', { id });
        const story = (await warren.events()).map(({ message }) => message).join('\n');
        expect(problem, `${id}:\n${story}`).toBe(null);
        await warren.ready();
        await run.producer.stop(20_000);
        // What an independent pair left on the node that failed is there, not lost: its own test counts it.
        if (model !== 'independent' && id !== 'bit-flip')
          await expect
            .poll(() => run.audit.report().producers[0]!.lost, { timeout: 20_000, message: `${id}: lost` })
            .toBe(0);
        await run.consumer.stop();
      }
      expect(await warren.console.host('nodes.faults')).toEqual([]);
    }, 300_000);
  });
}

test('a fault is run on a pair that is ready and of its model only', async () => {
  const warren = await WarrenProcess.startPair({}, 'independent');
  onTestFinished(() => warren.dispose());
  const run = (id: string) => warren.console.host('faults.run', { id });
  await expect(run('nothing')).rejects.toThrow("not-found: the fault library has no 'nothing'");
  await expect(run('bit-flip')).rejects.toThrow("conflict: 'bit-flip' is for a pair that is replicated");
  await warren.console.host('nodes.stop', { nodeId: 'b' });
  await expect(run('power-loss')).rejects.toThrow('conflict: the pair is alone, not ready');
}, 60_000);
