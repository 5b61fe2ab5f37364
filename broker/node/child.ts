// The entry of a node's process. The host talks to it over the channel the process was forked with: Electron's
// parentPort in a utility process, child_process's IPC otherwise. Without its parent it stops.
import { createBirpc } from 'birpc';
import { DataFolderInUse } from '../base/data-folder-lock.ts';
import { logTo } from '../base/log.ts';
import { parentChannel } from '../base/parent-channel.ts';
import type { NodeClient, NodeControl, NodeServer, Result } from '../contract/rpc.ts';
import { DiskWatch } from './disk-watch.ts';
import { osDoors } from './doors.ts';
import { FaultDoor } from './faults/fault-door.ts';
import { LogSender } from './log-sender.ts';
import { Node } from './node.ts';
import { NodeProcess, type ProcessConfig } from './node-process.ts';

/** What ends the process besides a stop; the host reads the code. */
export const exitCodes = { stopped: 0, failed: 1, dataFolderInUse: 4 } as const;

const starting: Result<unknown> = {
  ok: false,
  error: { code: 'unavailable', message: 'the node is starting' },
};

/** What a node that is still starting says. Nothing is promised yet, so it may end at once. */
function whileStarting(request: NodeControl): Promise<Result<unknown>> {
  if (request.kind === 'stop') setTimeout(() => process.exit(exitCodes.stopped), 20);
  return Promise.resolve(starting);
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '{}') as ProcessConfig;
  const channel = parentChannel();
  const faults = new FaultDoor(osDoors);
  faults.set(config.faults ?? []);
  let running: NodeProcess | null = null;
  const answers: NodeServer = {
    call: (name, input) => running?.call(name, input) ?? Promise.resolve(starting),
    control: (request) => {
      if (running) return running.control(request);
      // It may be one that keeps it from starting, and over now.
      if (request.kind === 'faults') faults.set(request.faults);
      return whileStarting(request);
    },
  };
  const host = createBirpc<NodeClient, NodeServer>(answers, {
    post: (message) => channel.post(message),
    on: (handler) => channel.listen(handler),
    timeout: 30_000,
  });
  const lines = new LogSender((some) => void host.log.asEvent(some));
  const log = logTo((level, message) => lines.add(level, message));
  const end = () => void (running ? running.stop() : process.exit(exitCodes.stopped));
  // The host ends its nodes by word; a terminal's Ctrl-C reaches them as well and is not for them.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', end);
  channel.onClosed(end);
  const disk = new DiskWatch(osDoors.clock);
  const doors = disk.watched(faults.doors);
  try {
    const node = new NodeProcess({
      config,
      host,
      log,
      doors,
      faults,
      disk,
      startNode: (started) => Node.start(started, doors),
      end: (code) => process.exit(code),
    });
    await node.open();
    running = node;
    await node.ready();
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error));
    // Give the line the time to reach the host.
    setTimeout(
      () => process.exit(error instanceof DataFolderInUse ? exitCodes.dataFolderInUse : exitCodes.failed),
      50,
    );
  }
}

await main();
