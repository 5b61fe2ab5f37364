// A broker node, or the lab, as an Electron utility process.
import { utilityProcess } from 'electron';
import { exitReason, nodeFlags, type NodeSpawner } from '../broker/host/node-spawner.ts';

export function utilityProcessSpawner(entry: string, serviceName: string): NodeSpawner {
  return {
    spawn: (config) => {
      const child = utilityProcess.fork(entry, [config], {
        stdio: 'pipe',
        serviceName,
        execArgv: nodeFlags,
      });
      const exits: ((reason: string, code: number | null) => void)[] = [];
      child.once('exit', (status) => {
        // On POSIX it may be waitpid's own word, which has the exit code in its second byte.
        const code = status > 0xff ? status >> 8 : status;
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
