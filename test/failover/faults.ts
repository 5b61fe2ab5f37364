// What can be done to a pair in a campaign, by name. Each resolves when it has been done; how the pair takes it is the
// campaign's to watch.
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from '../process/process-state.ts';
import type { WarrenProcess } from '../process/warren-process.ts';

type Id = 'a' | 'b';

export interface FaultContext {
  warren: WarrenProcess;
  active: Id;
  standby: Id;
  /** From 0 up to 1. */
  random: () => number;
}

type Fault = (context: FaultContext) => Promise<void>;

const faults = {
  kill: ({ warren, active }) => signal(warren, active, 'SIGKILL'),
  'kill-standby': ({ warren, standby }) => signal(warren, standby, 'SIGKILL'),
  'kill-both': async ({ warren, active, standby }) => {
    await Promise.all([signal(warren, active, 'SIGKILL'), signal(warren, standby, 'SIGKILL')]);
  },
  'kill-in-turn': async ({ warren, active, standby, random }) => {
    await signal(warren, active, 'SIGKILL');
    await pause(random() * 400);
    await signal(warren, standby, 'SIGKILL');
  },
  /** It is fenced once it has answered nothing for too long. */
  hang: ({ warren, active }) => signal(warren, active, 'SIGSTOP'),
  /** Too short to be fenced for. */
  stall: async ({ warren, active, random }) => {
    await signal(warren, active, 'SIGSTOP');
    await pause(50 + random() * 700);
    await signal(warren, active, 'SIGCONT');
  },
  'hang-standby': async ({ warren, standby, random }) => {
    await signal(warren, standby, 'SIGSTOP');
    await pause(200 + random() * 2500);
    await signal(warren, standby, 'SIGCONT');
  },
  stop: async ({ warren, active }) => {
    await warren.console.host('nodes.restart', { nodeId: active });
  },
  'switch-over': async ({ warren }) => {
    await warren.console.host('pair.switchOver');
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

export const faultNames = Object.keys(faults) as FaultName[];

export function inject(name: FaultName, context: FaultContext): Promise<void> {
  return faults[name](context);
}

/** Nothing happens to one that has no process at the moment. */
async function signal(warren: WarrenProcess, id: Id, name: NodeJS.Signals): Promise<void> {
  const { pid } = await warren.row(id);
  if (pid !== null && isRunning(pid)) process.kill(pid, name);
}
