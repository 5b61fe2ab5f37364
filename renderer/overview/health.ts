// One sentence about the broker, with causes and where to look, from what the overview tells.
import type { Overview, QueueRow } from '../../broker/contract/rows.ts';
import { bytes, plural, rate } from '../ui/format.ts';

export interface Finding {
  kind: 'bad' | 'warn';
  text: string;
  /** Route segments of the screen that helps. */
  at: string[];
}

export function findingsOf(overview: Overview, busiest: QueueRow[]): Finding[] {
  const findings: Finding[] = overview.alarms.map((alarm) => ({
    kind: 'bad',
    text: alarm.message,
    at: ['overview'],
  }));
  if (overview.journal.fault)
    findings.push({ kind: 'bad', text: `Journal: ${overview.journal.fault}`, at: ['logs'] });
  const stuck = busiest.filter((queue) => queue.messagesReady > 0 && queue.consumers === 0);
  if (stuck.length > 0) {
    const [first] = stuck;
    const others = stuck.length > 1 ? ` and ${plural(stuck.length - 1, 'other queue')}` : '';
    findings.push({
      kind: 'warn',
      text: `${first!.name}${others} hold messages and have no consumer`,
      at: stuck.length === 1 ? ['queues', first!.vhost, first!.name] : ['queues'],
    });
  }
  const dropped = overview.rates.dropUnroutable + overview.rates.returnUnroutable;
  if (dropped > 0)
    findings.push({ kind: 'warn', text: `${rate(dropped)} match no binding`, at: ['topology'] });
  if (overview.memoryBytes > overview.memoryLimitBytes * 0.8)
    findings.push({
      kind: 'warn',
      text: `Memory is at ${bytes(overview.memoryBytes)} of ${bytes(overview.memoryLimitBytes)}`,
      at: ['queues'],
    });
  return findings;
}
