// A broker node in this process, in a folder of its own, on ports of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../broker/base/log.ts';
import { Node, type NodeConfig } from '../broker/node/node.ts';

export interface NodeUnderTest {
  node: Node;
  dataFolder: string;
  amqpPort: number;
  managementPort: number;
  /** Moves a limit so that the alarm is raised, or back. */
  setLow(kind: 'memory' | 'disk', low: boolean): Promise<void>;
  shutDown(): Promise<void>;
  /** Stops it and removes its folder. */
  dispose(): Promise<void>;
}

export async function startNode(options: Partial<NodeConfig> = {}): Promise<NodeUnderTest> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'warren-node-'));
  const node = await Node.start({
    name: 'warren',
    host: '127.0.0.1',
    amqpPort: 0,
    managementPort: 0,
    kind: 'disc',
    confirmMode: 'synced',
    productVersion: '0.0.0-test',
    log: silentLog,
    ...options,
    dataFolder,
  });
  return {
    node,
    dataFolder,
    amqpPort: node.amqpPort,
    managementPort: node.managementPort,
    setLow: (kind, low) =>
      node.management.parts.alarms.setLimits(
        kind === 'memory'
          ? { memoryLimitBytes: low ? 1 : Infinity }
          : { diskFreeLimitBytes: low ? Infinity : 0 },
      ),
    shutDown: () => node.stop(),
    dispose: async () => {
      await node.stop();
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}
