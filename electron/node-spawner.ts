// A broker node as an Electron utility process.
import { utilityProcess } from 'electron';
import { exitReason, type NodeSpawner } from '../broker/host/node-spawner.ts';

export function utilityProcessSpawner(entry: string): NodeSpawner {
  return {
    spawn: (config) => {
      const child = utilityProcess.fork(entry, [config], { stdio: 'pipe', serviceName: 'Warren node' });
      const exits: ((reason: string, code: number | null) => void)[] = [];
      child.once('exit', (code) => {
        for (const handler of exits) handler(exitReason(code, null), code);
      });
      return {
        // The process exists once it has spawned; until then there is nothing to signal.
        get pid() {
          return child.pid ?? null;
        },
        post: (message) => child.postMessage(message),
        onMessage: (handler) => void child.on('message', handler),
        onOutput: (handler) => {
          child.stdout?.on('data', (chunk: Buffer) => handler(chunk.toString()));
          child.stderr?.on('data', (chunk: Buffer) => handler(chunk.toString()));
        },
        onExit: (handler) => void exits.push(handler),
      };
    },
  };
}
