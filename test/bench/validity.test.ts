// A run counts only when nothing was lost, doubled, reordered or damaged: each of these is noticed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';
import { runFlow } from './load/flow.ts';
import type { FlowScenario } from './load/scenario.ts';
import { rows } from './rows.ts';
import { TamperingProxy, victim, type Tampering } from './tampering-proxy.ts';

const scenario = (name: string): FlowScenario => {
  const { work } = rows.find((row) => row.name === name)!;
  if (work.kind !== 'load' || work.scenarios[0]!.kind !== 'flow') throw new Error(`${name} is no flow`);
  return work.scenarios[0];
};

let broker: NodeUnderTest;
beforeAll(async () => {
  broker = await startNode();
});
afterAll(() => broker.dispose());

async function faultsWith(tampering: Tampering, row: string): Promise<string[]> {
  const proxy = await TamperingProxy.start(broker.amqpPort, tampering);
  const flow = scenario(row);
  const spans = { warmUpMs: 100, measureMs: 100, patienceMs: 3000 };
  try {
    const job = { scenario: flow, port: proxy.port, httpPort: 0, ...spans, nodePids: [], hostPids: [] };
    const { faults } = await runFlow(job, flow);
    expect(proxy.deliveries).toBeGreaterThan(victim);
    return faults;
  } finally {
    await proxy.close();
  }
}

describe('validity of a run', () => {
  for (const row of ['transient-16', 'persistent', 'fanout', 'topic'])
    it(`finds nothing wrong with a faultless one: ${row}`, async () => {
      expect(await faultsWith('none', row)).toEqual([]);
    });

  it('notices a lost message', async () => {
    expect(await faultsWith('lose', 'transient-16')).toEqual(['1 not received', '1 skipped']);
  });

  it('notices a doubled message', async () => {
    expect(await faultsWith('double', 'transient-16')).toContain('1 out of order or doubled');
  });

  it('notices two messages in the wrong order', async () => {
    expect(await faultsWith('swap', 'transient-16')).toEqual(['1 skipped', '1 out of order or doubled']);
  });

  it("notices a body whose marks do not agree, and one whose middle is another's", async () => {
    expect(await faultsWith('damage-marks', 'transient-16')).toEqual(['1 damaged']);
    expect(await faultsWith('damage-middle', 'transient-1k')).toEqual(['1 damaged']);
  });
});
