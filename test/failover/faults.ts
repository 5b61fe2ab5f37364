// What can be done to a pair in a campaign, by name. Each resolves when it has been done; how the pair takes it is the
// campaign's to watch.
import { setTimeout as pause } from 'node:timers/promises';
import { placeOf, type LastingFault } from '../../broker/contract/node-faults.ts';
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
  /** The heartbeat lives while every file operation hangs. */
  'disk-stall': (context) => lasting(context, context.active, { kind: 'disk-stall' }, 3500),
  'disk-stall-standby': (context) => lasting(context, context.standby, { kind: 'disk-stall' }, 3500),
  'disk-error': (context) => lasting(context, context.active, { kind: 'disk-error' }, 500),
  'disk-full': (context) => lasting(context, context.active, { kind: 'disk-full' }, 500),
  'slow-sync': (context) => lasting(context, context.active, { kind: 'slow-sync', delayMs: 80 }, 1500),
  'link-cut': (context) => lasting(context, context.active, { kind: 'peer-link', state: 'cut' }, 2500),
  'link-delayed': (context) =>
    lasting(context, context.active, { kind: 'peer-link', state: 'delayed', delayMs: 60 }, 1500),
  'clock-jump': (context) => lasting(context, context.active, { kind: 'clock-jump', byMs: -3_600_000 }, 500),
  'switch-over': async ({ warren }) => {
    await warren.console.host('pair.switchOver');
  },
} satisfies Record<string, Fault>;

/** Puts a fault on a node and takes it away after up to `mostMs`, whoever serves by then. */
async function lasting(
  context: FaultContext,
  nodeId: Id,
  fault: LastingFault,
  mostMs: number,
): Promise<void> {
  const { warren, random } = context;
  await warren.console.host('nodes.fault', { nodeId, fault });
  await pause(100 + random() * mostMs);
  await warren.console.host('nodes.fault', { nodeId, fault: null, place: placeOf(fault) });
}

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
