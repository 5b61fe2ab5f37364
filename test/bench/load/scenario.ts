// What the load generator is asked and what it answers: plain data, between processes.

export interface FlowScenario {
  kind: 'flow';
  bodySize: number;
  persistent: boolean;
  durable: boolean;
  /** Unconfirmed publishes at most; 0: no confirms. */
  confirmWindow: number;
  /** 0: automatic acknowledgement. */
  ackEvery: number;
  prefetch: number;
  /** Messages published and not yet received by every consumer, at most. */
  inFlightMax: number;
  topology: 'queue' | 'fanout' | 'topic';
  /** Each with a consumer on a connection of its own. */
  queues: number;
  /** Of the topic exchange, over its queues. */
  bindings: number;
}

export interface LatencyScenario {
  kind: 'latency';
  bodySize: number;
  /** Messages a second. */
  pace: number;
}

export interface ConnectionsScenario {
  kind: 'connections';
  count: number;
  /** Handshakes under way at once. */
  concurrency: number;
}

/** Each connection has one declaration under way at a time. */
export interface DeclaresScenario {
  kind: 'declares';
  connections: number;
  /** `durable`: durable queues that stay; `reply`: a client's own reply queue, declared and deleted again. */
  queues: 'durable' | 'reply';
  /** Ends after this many; 0: after the measured time. */
  count: number;
}

/** Persistent, confirmed messages into a durable queue that nobody consumes. */
export interface FillScenario {
  kind: 'fill';
  bodySize: number;
  count: number;
  confirmWindow: number;
}

/** Consumes what a fill left and checks that it is all there. */
export interface DrainScenario {
  kind: 'drain';
  bodySize: number;
  count: number;
  ackEvery: number;
  prefetch: number;
}

/** A probe's messages at a steady pace, alone and beside each disturbance there is. */
export interface FairnessScenario {
  kind: 'fairness';
  bodySize: number;
  /** Messages a second. */
  pace: number;
}

export type Scenario =
  | FlowScenario
  | LatencyScenario
  | ConnectionsScenario
  | DeclaresScenario
  | FillScenario
  | DrainScenario
  | FairnessScenario;

export interface Job {
  scenario: Scenario;
  port: number;
  /** Of the HTTP API, 0 where there is none. */
  httpPort: number;
  warmUpMs: number;
  measureMs: number;
  /** At the end what is still on its way is given up when nothing has arrived for so long. */
  patienceMs: number;
  /** Of the broker; their CPU time is read at both ends of the measured span. */
  nodePids: number[];
  hostPids: number[];
}

/** A figure's name says its unit. */
export type Figures = Record<string, number>;

export interface JobResult {
  figures: Figures;
  /** What was wrong with the run: empty when nothing was lost, doubled, reordered or damaged. */
  faults: string[];
}
