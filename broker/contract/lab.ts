// The lab: audited traffic of real clients through the front address while the pair is broken on purpose (R33f).
// What a run is asked for, what it shows while it runs, and the report that is kept of it.
import * as v from 'valibot';
import { pairModels, type PairModel } from './pair-models.ts';
import { command, query } from './procedure.ts';

/** What a run may take of the machine; its memory follows from these (about 5 bytes a message). */
export const labLimits = {
  producersMax: 8,
  consumersMax: 8,
  messagesPerSecondMax: 20_000,
  secondsMax: 600,
  messagesMax: 2_000_000,
  bodyBytesMax: 1024 * 1024,
  prefetchMax: 10_000,
  repeatMax: 20,
  scriptCharsMax: 4000,
  /** Reports kept; the oldest goes when there is one more. */
  reportsMax: 100,
  /** Of which so many at a time are put side by side. */
  comparedMax: 60,
  /** Events of one run; later ones are counted only. */
  eventsMax: 600,
} as const;

export const labScenarios = [
  'work-queue',
  'publish-subscribe',
  'request-reply',
  'log-collection',
  'peak-shaving',
  'order-stock',
] as const;
export type LabScenario = (typeof labScenarios)[number];

/** What the scenarios stand for (R1), and the fewest consumers that make sense. */
export const scenarioWords: Record<LabScenario, { name: string; detail: string; consumersLeast: number }> = {
  'work-queue': {
    name: 'Work queue',
    detail: 'Tasks in one queue, shared out to the consumers that have room for them.',
    consumersLeast: 1,
  },
  'publish-subscribe': {
    name: 'Publish/subscribe',
    detail: 'A fanout exchange; every consumer has a queue of its own and gets every message.',
    consumersLeast: 1,
  },
  'request-reply': {
    name: 'Request/reply',
    detail:
      'Producers ask through a queue and get answers by direct reply-to. Requests are promised, answers are not.',
    consumersLeast: 1,
  },
  'log-collection': {
    name: 'Log collection',
    detail: 'A topic exchange; one queue takes every line, another the errors only.',
    consumersLeast: 2,
  },
  'peak-shaving': {
    name: 'Peak shaving',
    detail: 'Bursts of three times the rate, and consumers that take them off the queue at their own pace.',
    consumersLeast: 1,
  },
  'order-stock': {
    name: 'Orders and stock',
    detail:
      'A stock service takes orders and publishes what it reserved; it acknowledges an order once that is confirmed.',
    consumersLeast: 2,
  },
};

/** `each`: after every message; `batch`: every tenth for all before; `none`: the broker forgets what it sends. */
export const ackModes = ['each', 'batch', 'none'] as const;
export type AckMode = (typeof ackModes)[number];

/** The user's own nodes, or a pair of that model in a folder of its own that is removed after the run. */
export const labPairs = ['this', ...pairModels] as const;
export type LabPair = (typeof labPairs)[number];

const whole = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );

export const labSettingsSchema = v.object({
  scenario: v.picklist(labScenarios),
  producers: whole(1, labLimits.producersMax),
  consumers: whole(1, labLimits.consumersMax),
  /** Of all producers together. */
  messagesPerSecond: whole(1, labLimits.messagesPerSecondMax),
  bodyBytes: whole(0, labLimits.bodyBytesMax),
  persistent: v.boolean(),
  confirms: v.boolean(),
  prefetch: whole(1, labLimits.prefetchMax),
  ack: v.picklist(ackModes),
  /** How long producers make messages. */
  seconds: whole(1, labLimits.secondsMax),
  /** What is done to nodes and links, and when: see lab-script. */
  script: v.pipe(v.string(), v.maxLength(labLimits.scriptCharsMax)),
  repeat: whole(1, labLimits.repeatMax),
  /** One series of runs for each. */
  pairs: v.pipe(v.array(v.picklist(labPairs)), v.minLength(1), v.maxLength(labPairs.length)),
});
export type LabSettings = v.InferOutput<typeof labSettingsSchema>;

export const defaultLabSettings: LabSettings = {
  scenario: 'work-queue',
  producers: 2,
  consumers: 2,
  messagesPerSecond: 500,
  bodyBytes: 256,
  persistent: true,
  confirms: true,
  prefetch: 100,
  ack: 'each',
  seconds: 10,
  script: '+5s kill active',
  repeat: 1,
  pairs: ['replicated'],
};

/** From the last sign of service before a fault to the first after it, in Unix milliseconds. */
export interface LabWindow {
  from: number | null;
  to: number | null;
  /** Null while service has not come back, or was never seen before. */
  durationMs: number | null;
}

export interface LabFault {
  label: string;
  at: number;
  /** Why it could not be done. */
  problem: string | null;
  /** By the confirms that producers got; by their publishing where they ask for none. */
  producers: LabWindow;
  consumers: LabWindow;
}

/** One client's own view. What does not apply to its role is 0. */
export interface LabClient {
  name: string;
  role: 'producer' | 'consumer' | 'service';
  connected: boolean;
  /** The latest reason why it is, or was, without a connection. */
  lastReason: string | null;
  connects: number;
  /** Consumer cancel notifications heard (R19). */
  cancels: number;
  /** Closes by the broker, by reply code: 320 a switch-over, 404 a queue that is not there. */
  closes: Record<string, number>;
  sent: number;
  confirmed: number;
  unresolved: number;
  returned: number;
  received: number;
  acked: number;
  redelivered: number;
  duplicated: number;
  reordered: number;
  /** From noticing that the connection was gone to being ready again, the longest. */
  reconnectMs: number | null;
}

/** Sums over all clients, as far as they are known. */
export interface LabFigures {
  /** Distinct messages, and how often they were sent. */
  published: number;
  sent: number;
  confirmed: number;
  refused: number;
  returned: number;
  /** Sent, and no word came back: it may or may not have arrived. */
  unresolved: number;
  delivered: number;
  acked: number;
  /** Deliveries beyond the first of a message to a queue. */
  duplicated: number;
  redelivered: number;
  reordered: number;
  /** Got again after its acknowledgement was sent, though it was sent once. */
  revived: number;
  /** Confirmed, and not delivered yet. */
  onTheWay: number;
}

export interface LabVerdict extends Omit<LabFigures, 'onTheWay'> {
  /** Found on a queue after the run, not delivered: on the node that serves, or stranded on the other. */
  held: number;
  heldBy: { node: string; messages: number }[];
  /** Confirmed, never delivered, and held nowhere. */
  lost: number;
  /** The first of them, as `producer sequence`. */
  lostNames: string[];
  /** Without confirms: sent, and never seen again. Nobody promised anything. */
  unseen: number;
  /** `none`: transient or unconfirmed messages, which are promised nothing over a takeover. */
  promise: 'kept' | 'broken' | 'none';
  /** The longest of the faults' windows, or the longest silence of a run without faults; null: no service again. */
  producersMs: number | null;
  consumersMs: number | null;
  headline: string;
}

/** Counts per step, from the load's start. */
export interface LabThroughput {
  stepMs: number;
  sent: number[];
  confirmed: number[];
  delivered: number[];
}

export interface LabEvent {
  sequence: number;
  /** By the host's clock. */
  at: number;
  /** By the node's own clock, where that differs by more than a second. */
  nodeAt: number | null;
  /** `lab`, `host`, `node a`, `node b`, or a client. */
  source: string;
  kind: 'phase' | 'fault' | 'pair' | 'log' | 'client';
  level: 'info' | 'good' | 'bad';
  /** Where it begins or ends a state of its source: `up` without serving, `gone` or hanging; a client `away` or `back`. */
  turn: 'serves' | 'up' | 'gone' | 'away' | 'back' | null;
  message: string;
}

/** What the lab's own link in front of the clients does at the moment. */
export interface LabLink {
  state: 'plain' | 'cut' | 'frozen' | 'delayed' | 'throttled';
  /** Milliseconds of delay, or bytes a second. */
  amount: number;
}

export interface LabStatus {
  phase: 'idle' | 'preparing' | 'running' | 'settling';
  /** What is done at the moment, in words. */
  doing: string;
  seriesId: string | null;
  settings: LabSettings | null;
  run: { number: number; of: number; pair: LabPair; model: PairModel | null } | null;
  /** When the load began. */
  startedAt: number | null;
  elapsedMs: number;
  activeId: string | null;
  nodes: { id: string; role: string; state: string }[];
  link: LabLink;
  figures: LabFigures | null;
  clients: LabClient[];
  throughput: LabThroughput;
  faults: { label: string; at: number }[];
  /** Reports of this series that are done. */
  done: LabReportRow[];
  /** Why the last series ended before its end. */
  problem: string | null;
}

export interface LabReportRow {
  id: string;
  seriesId: string;
  startedAt: number;
  pair: LabPair;
  model: PairModel | null;
  scenario: LabScenario;
  script: string;
  run: number;
  of: number;
  verdict: LabVerdict;
}

export interface LabReport extends LabReportRow {
  version: 1;
  product: string;
  platform: string;
  endedAt: number;
  settings: LabSettings;
  /** The load itself, in Unix milliseconds. */
  loadFrom: number;
  loadTo: number;
  faults: LabFault[];
  clients: LabClient[];
  throughput: LabThroughput;
  events: LabEvent[];
  eventsDropped: number;
  /** What did not go as asked, apart from the messages. */
  problems: string[];
}

const reportId = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/, 'is no id of a report'));

export const labProcedures = {
  'lab.status': query(v.object({}))<LabStatus>(),
  /** The events of the run that is on, or of the last one. */
  'lab.events': query(v.object({ after: v.optional(v.number(), 0) }))<LabEvent[]>(),
  'lab.start': command(
    v.object({
      settings: labSettingsSchema,
      /** For this broker's own nodes; never kept. */
      user: v.optional(v.pipe(v.string(), v.maxLength(255)), 'guest'),
      password: v.optional(v.pipe(v.string(), v.maxLength(255)), 'guest'),
    }),
  )<{ seriesId: string }>(),
  /** Does something to the run that is on, now: a line of a script without its time. */
  'lab.act': command(v.object({ action: v.pipe(v.string(), v.maxLength(200)) }))<void>(),
  /** Ends the load of this run and goes on to its verdict. */
  'lab.finish': command(v.object({}))<void>(),
  /** Ends the series without a verdict. */
  'lab.abort': command(v.object({}))<void>(),
  'lab.reports': query(v.object({}))<LabReportRow[]>(),
  'lab.report': query(v.object({ id: reportId }))<LabReport>(),
  'lab.remove': command(v.object({ id: reportId }))<void>(),
  /** One page that needs nothing else, for one report or for several side by side. */
  'lab.html': query(
    v.object({ ids: v.pipe(v.array(reportId), v.minLength(1), v.maxLength(labLimits.comparedMax)) }),
  )<string>(),
} as const;
