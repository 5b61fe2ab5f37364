// Loaded into a node's process by tests: on SIGUSR2 it collects garbage and tells its parent what is left.
import { setImmediate as nextTurn } from 'node:timers/promises';

process.on('SIGUSR2', async () => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await nextTurn();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ memory: { rss, heapUsed, external } });
});
