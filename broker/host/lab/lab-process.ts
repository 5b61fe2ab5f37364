// The lab's process as the host sees it: forked for one run, asked, and ended with it.
import { createBirpc, type BirpcReturn } from 'birpc';
import type { LabHost, LabProgress, LabServer } from '../../lab/lab-protocol.ts';
import type { NodeChild, NodeSpawner } from '../node-spawner.ts';

/** A verdict waits for confirms and for what still arrives. */
const callTimeoutMs = 180_000;

export class LabProcess {
  readonly rpc: BirpcReturn<LabServer, LabHost>;
  /** Rejects when the process ends before it was told to. */
  readonly ended: Promise<never>;
  readonly #child: NodeChild;
  #closing = false;

  constructor(spawner: NodeSpawner, progress: (progress: LabProgress) => void) {
    const child = spawner.spawn('{}');
    this.#child = child;
    const answers: LabHost = {
      progress: (each) => {
        progress(each);
        return Promise.resolve();
      },
    };
    this.rpc = createBirpc<LabServer, LabHost>(answers, {
      post: (message) => child.post(message),
      on: (handler) => child.onMessage(handler),
      timeout: callTimeoutMs,
    });
    let said = '';
    child.onOutput((text) => (said = `${said}${text}`.slice(-2000)));
    this.ended = new Promise((_resolve, reject) => {
      child.onExit((reason) => {
        const error = new Error(`the lab's process ${reason}${said === '' ? '' : `: ${said.trim()}`}`);
        this.rpc.$close(error);
        if (!this.#closing) reject(error);
      });
    });
    this.ended.catch(() => undefined);
  }

  close(): void {
    this.#closing = true;
    const { pid } = this.#child;
    if (pid === null) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}
