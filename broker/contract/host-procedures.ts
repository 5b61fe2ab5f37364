// What the host offers to the console: the node processes, the pair, logs and kept settings.
import * as v from 'valibot';
import { labProcedures } from './lab.ts';
import type { FaultLibrary, FaultOutcome } from './fault-library.ts';
import { faultPlaces, nodeFaultSchema, type NodeFaultRow } from './node-faults.ts';
import { pairModels, type PairModel } from './pair-models.ts';
import {
  failbackSettingsSchema,
  pairActions,
  type DrainResult,
  type DrainRow,
  type FailbackRow,
  type InDoubtRow,
  type Preflight,
  type StrandedRow,
} from './pair-rows.ts';
import { pairSettingsSchema, type PairSettings } from './pair-settings.ts';
import { command, query } from './procedure.ts';

export { pairModels, type PairModel };

export type NodeState = 'stopped' | 'starting' | 'running' | 'paused' | 'stopping' | 'crashed';
export type PairRole = 'active' | 'standby' | 'none';

export interface NodeRow {
  /** `a` or `b`; the only node of a host without a pair is `a`. */
  id: string;
  name: string;
  state: NodeState;
  role: PairRole;
  pid: number | null;
  startedAt: number | null;
  restarts: number;
  lastExit: string | null;
  /** The node's own AMQP port, and the front port when it holds it. */
  amqpPort: number | null;
  frontPort: number | null;
  managementPort: number | null;
  dataFolder: string;
}

export interface LogLine {
  /** Increases by one per line within a node's log. */
  sequence: number;
  at: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
}

/** One thing that happened, for the pair's time line. */
export interface PairEvent {
  sequence: number;
  at: number;
  nodeId: string | null;
  kind:
    | 'node-started'
    | 'node-exited'
    | 'node-killed'
    | 'node-paused'
    | 'node-resumed'
    | 'node-stopped'
    | 'unreachable'
    | 'promoted'
    | 'standby'
    | 'front-released'
    | 'front-taken'
    | 'switch-over'
    | 'definitions-synced'
    | 'standby-level'
    | 'standby-behind'
    | 'recovered'
    | 'fault-on'
    | 'fault-off'
    | 'drain-started'
    | 'drain-ended'
    | 'failback'
    | 'as-foretold'
    | 'fenced'
    | 'failed-over'
    | 'trouble'
    | 'trouble-over'
    | 'over-limit';
  message: string;
  /** With `front-taken` after a failure: how long nobody served the front address, in milliseconds. */
  outageMs: number | null;
}

export interface PairStatus {
  enabled: boolean;
  model: PairModel | null;
  state: 'off' | 'starting' | 'ready' | 'alone' | 'failing-over' | 'switching-over' | 'down';
  epoch: number;
  activeId: string | null;
  frontHost: string;
  frontPort: number;
  nodes: NodeRow[];
  /** Durable messages on a node that is not serving, per queue (R18, R33c). */
  stranded: StrandedRow[];
  drain: DrainRow | null;
  /** Newest first. */
  drainResults: DrainResult[];
  inDoubt: InDoubtRow[];
  /** Whether what is stranded is drained as soon as it can be. */
  drainsByItself: boolean;
  failback: FailbackRow | null;
  lastOutageMs: number | null;
  definitionsInSync: boolean;
  /** False in a replicated pair while its copy lacks messages: the standby does not take over by itself (R33b). */
  standbyLevel: boolean;
  replication: ReplicationRow | null;
  /** What is wrong with the nodes while they run. */
  troubles: NodeTrouble[];
  /** Nothing is done about what comes and goes before this Unix time, and why; null when something would be. */
  holdOff: { until: number; reason: string } | null;
}

export interface NodeTrouble {
  nodeId: string;
  kind: 'disk-stall' | 'disk-slow' | 'disk-fault' | 'publishers-held';
  message: string;
  since: number;
  /** Why it goes on serving all the same; null when it does not serve, or need not leave. */
  stays: string | null;
}

/** The copy of a replicated pair, as the active node sees it. */
export interface ReplicationRow {
  state: 'alone' | 'catching-up' | 'in-sync';
  mode: 'sync' | 'async';
  /** Without its standby the active confirms alone, or not at all. */
  policy: 'available' | 'strict';
  lagMessages: number;
  lagBytes: number;
  lagMs: number;
}

export interface HostInfo {
  version: string;
  platform: string;
  /** `desktop` inside Electron, `headless` otherwise. */
  shell: 'desktop' | 'headless';
  dataFolder: string;
  amqpUri: string;
  consoleUrl: string | null;
}

/** Where the user put things on the canvas, per virtual host. */
export type CanvasLayout = Record<string, { x: number; y: number }>;

const none = v.object({});
const nodeId = v.picklist(['a', 'b']);
const layout: v.GenericSchema<unknown, CanvasLayout> = v.record(
  v.string(),
  v.object({ x: v.number(), y: v.number() }),
);

export const hostProcedures = {
  'host.info': query(none)<HostInfo>(),
  'nodes.list': query(none)<NodeRow[]>(),
  'nodes.start': command(v.object({ nodeId }))<void>(),
  /** Graceful: listeners closed, connections told 320, journal synced. */
  'nodes.stop': command(v.object({ nodeId }))<void>(),
  /** SIGKILL. */
  'nodes.kill': command(v.object({ nodeId }))<void>(),
  /** SIGSTOP and SIGCONT: a node that hangs. */
  'nodes.pause': command(v.object({ nodeId }))<void>(),
  'nodes.resume': command(v.object({ nodeId }))<void>(),
  'nodes.restart': command(v.object({ nodeId }))<void>(),
  /**
   * Puts a fault on a node, in place of what its disk, clock, link or memory had; null takes away what is on there, or
   * without a place all. On a shared store a fault of the disk is every node's. Damage is done to a journal at rest: of
   * a node that is down, or a standby's copy.
   */
  'nodes.fault': command(
    v.object({
      nodeId,
      fault: v.nullable(nodeFaultSchema),
      place: v.optional(v.picklist(faultPlaces)),
    }),
  )<void>(),
  /** What is on. */
  'nodes.faults': query(none)<NodeFaultRow[]>(),
  /** Faults that other products fell to, ready to be run. */
  'faults.library': query(none)<FaultLibrary>(),
  /** Resolves when it has run and all is put right; refused unless the pair is ready and of a model it is for. */
  'faults.run': command(v.object({ id: v.pipe(v.string(), v.maxLength(100)) }))<FaultOutcome>(),
  'nodes.log': query(
    v.object({
      nodeId,
      /** Lines after this sequence number; 0 for the newest `limit`. */
      after: v.optional(v.number(), 0),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2000)), 500),
      level: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'debug'),
      filter: v.optional(v.pipe(v.string(), v.maxLength(1000)), ''),
    }),
  )<{ lines: LogLine[]; lastSequence: number; dropped: number }>(),
  'pair.status': query(none)<PairStatus>(),
  'pair.start': command(v.object({ model: v.picklist(pairModels) }))<void>(),
  'pair.stop': command(none)<void>(),
  'pair.switchOver': command(none)<{ outageMs: number }>(),
  /** With no node serving: the standby serves although it may lack messages. */
  'pair.promoteAnyway': command(none)<void>(),
  /** What the action would lose, strand, reorder, and how long it should take. */
  'pair.preflight': query(
    v.object({ action: v.picklist(pairActions), nodeId: v.optional(v.nullable(nodeId), null) }),
  )<Preflight>(),
  /** The messages stranded on the node that does not serve go into the one that does. */
  'pair.drain': command(none)<void>(),
  'pair.pauseDrain': command(none)<void>(),
  'pair.resumeDrain': command(none)<void>(),
  'pair.cancelDrain': command(none)<void>(),
  'pair.setDrainsByItself': command(v.object({ drainsByItself: v.boolean() }))<void>(),
  /** Lets clients have what is in doubt, which the other node may have too. */
  'pair.giveBackInDoubt': command(v.object({ nodeId }))<void>(),
  'pair.setFailback': command(failbackSettingsSchema)<void>(),
  /** Now, with its drain first where that is set. */
  'pair.failback': command(none)<void>(),
  'pair.cancelFailback': command(none)<void>(),
  'pair.settings.get': query(none)<PairSettings>(),
  /** All of them; kept over restarts of the host. */
  'pair.settings.put': command(pairSettingsSchema)<void>(),
  'pair.events': query(v.object({ after: v.optional(v.number(), 0) }))<PairEvent[]>(),
  'layout.get': query(v.object({ vhost: v.string() }))<CanvasLayout>(),
  'layout.put': command(v.object({ vhost: v.string(), layout }))<void>(),
  ...labProcedures,
} as const;

export type HostProcedures = typeof hostProcedures;
export type HostProcedureName = keyof HostProcedures;
