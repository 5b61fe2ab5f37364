// What the demo asks of a client, whichever library it stands for: one producer and one consumer on a queue of its own.
import type { AuditSink } from '../../broker/lab/audit.ts';

export interface DemoContext {
  host: string;
  port: number;
  /** Also the name of its producer in the audit. */
  name: string;
  queue: string;
  audit: AuditSink;
}

export interface DemoClient {
  /** Makes no more messages; resolves when what it sent is confirmed, or after a patient wait. */
  finish(): Promise<void>;
  /** Closes producer and consumer. */
  stop(): Promise<void>;
}

export interface DemoClientKind {
  name: string;
  /** Null when it can run here, else what is missing. */
  missing: string | null;
  /** Whether the library tells its user of confirms. */
  confirms: boolean;
  start(context: DemoContext): DemoClient;
}

export const consumerName = (name: string) => `${name}.consumer`;

const finishTimeoutMs = 10_000;
const pollMs = 10;

/** Polls until the condition holds or patience ends; answers whether it held. */
export async function holds(condition: () => boolean, timeoutMs = finishTimeoutMs): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await pause(pollMs);
  }
  return true;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
