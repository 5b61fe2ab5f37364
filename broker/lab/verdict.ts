// The sums over a run's clients once it is over.
import type { LabFault, LabFigures } from '../contract/lab.ts';
import type { AuditReport, ProducerReport } from './audit.ts';
import type { LabOutcome } from './lab-protocol.ts';

const lostNamesMax = 20;

export function verdictOf(
  report: AuditReport,
  figures: LabFigures,
  faults: Pick<LabFault, 'producers' | 'consumers'>[],
  longest: { producers: number | null; consumers: number | null },
  heldBy: { node: string; messages: number }[],
): LabOutcome['verdict'] {
  const sum = (of: (producer: ProducerReport) => number) =>
    report.producers.reduce((total, each) => total + of(each), 0);
  const { acked, redelivered, reordered, revived, duplicated } = figures;
  return {
    published: sum(({ published }) => published),
    sent: sum(({ sent }) => sent),
    confirmed: sum(({ confirmed }) => confirmed),
    refused: sum(({ refused }) => refused),
    returned: sum(({ returned }) => returned),
    unresolved: sum(({ unresolved }) => unresolved),
    unseen: sum(({ unseen }) => unseen),
    delivered: sum(({ delivered }) => delivered),
    held: sum(({ held }) => held),
    heldBy,
    acked,
    duplicated,
    redelivered,
    reordered,
    revived,
    lost: report.lost,
    lostNames: report.producers
      .flatMap(({ client, lostSequences }) => lostSequences.map((sequence) => `${client} ${sequence}`))
      .slice(0, lostNamesMax),
    producersMs: longestOf(faults.map(({ producers }) => producers.durationMs)) ?? fallback('producers'),
    consumersMs: longestOf(faults.map(({ consumers }) => consumers.durationMs)) ?? fallback('consumers'),
  };

  function fallback(side: 'producers' | 'consumers'): number | null {
    return faults.length === 0 ? longest[side] : null;
  }
}

/** Null when there is none, or when one of them has no end. */
function longestOf(durations: (number | null)[]): number | null {
  if (durations.length === 0 || durations.includes(null)) return null;
  return Math.max(...(durations as number[]));
}
