// What the host and the lab's process say to each other (birpc over the channel it was forked with).
import type {
  LabClient,
  LabEvent,
  LabFault,
  LabFigures,
  LabLink,
  LabSettings,
  LabThroughput,
  LabVerdict,
} from '../contract/lab.ts';

export interface LabPlan {
  runId: string;
  front: { host: string; port: number };
  user: string;
  password: string;
  settings: LabSettings;
}

/** Where to look for messages after the run. */
export interface LabPlace {
  node: string;
  host: string;
  port: number;
}

/** What the lab's process answers. */
export interface LabServer {
  /** Declares everything, connects the clients and begins the load; resolves with its start in Unix milliseconds. */
  begin(plan: LabPlan): Promise<number>;
  link(link: LabLink): Promise<void>;
  /** Something is about to be done to the broker: windows are measured around it. */
  mark(label: string, at: number): Promise<void>;
  /** Producers make no more from now on; the link is plain again. */
  endLoad(): Promise<void>;
  /**
   * Waits until all is confirmed and nothing more arrives, looks for what is left at `places`, and says what became
   * of every message. Nothing of the run is left on the broker.
   */
  verdict(places: LabPlace[]): Promise<LabOutcome>;
}

/** What the host answers. */
export interface LabHost {
  /** At most four times a second. */
  progress(progress: LabProgress): Promise<void>;
}

export type ClientEvent = Pick<LabEvent, 'at' | 'source' | 'level' | 'turn' | 'message'>;

export interface LabProgress {
  figures: LabFigures;
  clients: LabClient[];
  throughput: LabThroughput;
  /** Since the progress before. */
  events: ClientEvent[];
  eventsDropped: number;
}

export interface LabOutcome {
  progress: LabProgress;
  verdict: Omit<LabVerdict, 'headline' | 'promise'>;
  faults: Omit<LabFault, 'problem'>[];
  loadTo: number;
  problems: string[];
}
