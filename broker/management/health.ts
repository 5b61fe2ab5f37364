// What is not as it should be, with its causes: a sentence of the console's overview for each. Looks at counters
// alone, so that ten thousand queues cost little.
import type { HealthCause } from '../contract/rows.ts';
import type { ChannelConsumer } from '../channel/channel-consumer.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { ManagementParts } from './management.ts';
import { outRateOf, type RateSampler } from './rates.ts';

/** Consumers that acknowledge nothing for this long, with all the messages they may hold, are stuck. */
const stuckAfterMs = 5000;
/** A queue grows when it gains more than this a second, and more than this part of what comes in. */
const growthLeast = 1;
const growthLeastFraction = 0.1;
const memoryNear = 0.8;

const order: HealthCause['severity'][] = ['bad', 'warn', 'info'];

type Finding = Pick<HealthCause, 'kind' | 'severity'> & { queue: Queue; weight: number };

export class Health {
  readonly #rates: RateSampler;
  /** Since when a queue's consumers have been full and silent, and what they had acknowledged then. */
  readonly #silent = new WeakMap<Queue, { since: number; acknowledged: number }>();

  constructor(rates: RateSampler) {
    this.#rates = rates;
  }

  /** Worst first. */
  causes(parts: ManagementParts): HealthCause[] {
    const now = parts.services.clock.monotonic();
    const found: Finding[] = [];
    for (const vhost of parts.services.vhosts.all())
      for (const queue of vhost.queues.values()) {
        const finding = this.#look(queue, now);
        if (finding) found.push(finding);
      }
    const causes = [
      ...this.#ofTheNode(parts),
      ...(['growing-unread', 'stuck', 'growing', 'unread'] as const).flatMap((kind) =>
        summed(found.filter((finding) => finding.kind === kind)),
      ),
      ...this.#unroutable(parts),
    ];
    return causes.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  }

  #ofTheNode({ alarms, services }: ManagementParts): HealthCause[] {
    const causes = alarms.all
      .filter(({ kind }) => kind !== 'journal')
      .map((alarm) => cause({ kind: 'alarm', severity: 'bad', name: alarm.kind, detail: alarm.message }));
    const { fault } = services.journal;
    if (fault !== null) causes.push(cause({ kind: 'journal-fault', severity: 'bad', detail: fault }));
    const used = process.memoryUsage.rss() / alarms.memoryLimitBytes;
    if (used > memoryNear && used <= 1) causes.push(cause({ kind: 'memory', severity: 'warn' }));
    return causes;
  }

  #look(queue: Queue, now: number): Finding | null {
    if (queue.readyCount === 0) return null;
    const rates = this.#rates.messageRates(queue.counters);
    const growth = rates.publish - outRateOf(rates);
    const grows = growth > growthLeast && growth > rates.publish * growthLeastFraction;
    if (queue.consumers.count === 0)
      return grows
        ? { kind: 'growing-unread', severity: 'warn', queue, weight: growth }
        : { kind: 'unread', severity: 'info', queue, weight: queue.readyCount };
    if (this.#isStuck(queue, now))
      return { kind: 'stuck', severity: 'warn', queue, weight: queue.unacked.count };
    return grows ? { kind: 'growing', severity: 'warn', queue, weight: growth } : null;
  }

  #isStuck(queue: Queue, now: number): boolean {
    const able = queue.consumers.all.some((consumer) => (consumer as ChannelConsumer).hasCredit);
    const acknowledged = queue.counters.ack;
    const known = this.#silent.get(queue);
    if (able || !known || known.acknowledged !== acknowledged) {
      this.#silent.set(queue, { since: now, acknowledged });
      return false;
    }
    return now - known.since >= stuckAfterMs;
  }

  #unroutable({ services }: ManagementParts): HealthCause[] {
    const losing = [...services.vhosts.all()]
      .flatMap((vhost) => [...vhost.exchanges.values()])
      .map((exchange) => ({ exchange, rate: this.#rates.of(exchange.counters)['unrouted'] ?? 0 }))
      .filter(({ rate }) => rate > 0)
      .sort((a, b) => b.rate - a.rate);
    const [worst] = losing;
    if (!worst) return [];
    return [
      cause({
        kind: 'unroutable',
        severity: 'warn',
        objects: losing.length,
        vhost: worst.exchange.vhostName,
        name: worst.exchange.name,
        messages: losing.reduce((sum, { exchange }) => sum + exchange.counters.unrouted, 0),
        ratePerSecond: losing.reduce((sum, { rate }) => sum + rate, 0),
      }),
    ];
  }
}

/** Findings of one kind as one cause, named after the one that weighs most. */
function summed(findings: Finding[]): HealthCause[] {
  const [worst] = findings.toSorted((a, b) => b.weight - a.weight);
  if (!worst) return [];
  const { kind, severity, queue } = worst;
  const held = (each: Queue) => (kind === 'stuck' ? each.unacked.count : each.readyCount);
  return [
    cause({
      kind,
      severity,
      objects: findings.length,
      vhost: queue.host.name,
      name: queue.name,
      messages: findings.reduce((sum, finding) => sum + held(finding.queue), 0),
      ratePerSecond: kind.startsWith('growing') ? findings.reduce((sum, { weight }) => sum + weight, 0) : 0,
    }),
  ];
}

function cause(known: Pick<HealthCause, 'kind' | 'severity'> & Partial<HealthCause>): HealthCause {
  return { objects: 1, vhost: null, name: null, messages: 0, ratePerSecond: 0, detail: null, ...known };
}
