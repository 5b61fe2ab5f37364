// How a node's process is made. Headless it is a forked child; the desktop shell hands in Electron's form.
import { fork } from 'node:child_process';

export interface NodeChild {
  readonly pid: number | null;
  post(message: unknown): void;
  onMessage(handler: (message: unknown) => void): void;
  /** Text the process wrote outside its log: a crash's last words. */
  onOutput(handler: (text: string) => void): void;
  /** Once, when the process is gone. */
  onExit(handler: (reason: string, code: number | null) => void): void;
}

export interface NodeSpawner {
  spawn(config: string): NodeChild;
}

/** What V8 is told in a node's process, whoever makes it. */
export const nodeFlags = ['--max-semi-space-size=16'];

/** Forks `entry` with this process's own Node. */
export function childProcessSpawner(entry: string): NodeSpawner {
  return {
    spawn: (config) => {
      // Its own process group is not wanted: the channel's end tells it when the host is gone.
      const child = fork(entry, [config], {
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: nodeFlags,
      });
      return {
        pid: child.pid ?? null,
        post: (message) => {
          if (child.connected) child.send(message as object, () => undefined);
        },
        onMessage: (handler) => void child.on('message', handler),
        onOutput: (handler) => {
          child.stdout?.on('data', (chunk: Buffer) => handler(chunk.toString()));
          child.stderr?.on('data', (chunk: Buffer) => handler(chunk.toString()));
        },
        onExit: (handler) => {
          child.once('error', (error) => handler(error.message, null));
          child.once('exit', (code, signal) => handler(exitReason(code, signal), code));
        },
      };
    },
  };
}

export function exitReason(code: number | null, signal: string | null): string {
  if (signal !== null) return `killed by ${signal}`;
  return code === 0 ? 'stopped' : `exited with code ${code}`;
}
