// The broker's health in sentences: what is wrong, why, and where to put it right.
import type { HealthCause } from '../../broker/contract/rows.ts';
import { link } from '../state/link.ts';
import { count, exchangeName, plural, rate } from '../ui/format.ts';

export interface Finding {
  severity: HealthCause['severity'];
  text: string;
  fix: { label: string; href: string };
}

export function findingOf(cause: HealthCause): Finding {
  return { severity: cause.severity, ...wordsOf(cause) };
}

/** One line over all findings. */
export function verdict(causes: HealthCause[]): string {
  const grave = causes.filter(({ severity }) => severity === 'bad').length;
  const look = causes.filter(({ severity }) => severity === 'warn').length;
  if (grave > 0) return `${plural(grave, 'fault')}${look > 0 ? ` and ${plural(look, 'warning')}` : ''}`;
  if (look > 0) return `${plural(look, 'thing')} to look at`;
  return 'Healthy: no alarm, nothing stuck, nothing dropped';
}

function wordsOf(cause: HealthCause): Omit<Finding, 'severity'> {
  const { kind, objects, messages, ratePerSecond, detail } = cause;
  const name = cause.name ?? '';
  const one = objects === 1;
  switch (kind) {
    case 'alarm':
      return { text: `Publishers are held back: ${detail ?? name}.`, fix: deepest('See the deepest queues') };
    case 'journal-fault':
      return {
        text: `The journal is at fault, so nothing is confirmed: ${detail ?? ''}.`,
        fix: { label: 'Read the log', href: link('logs') },
      };
    case 'growing-unread':
      return {
        text: one
          ? `${name} grows by ${rate(ratePerSecond)}: nobody consumes from it.`
          : `${count(objects)} queues grow by ${rate(ratePerSecond)} together, ${name} the most: nobody consumes from them.`,
        fix: one ? queue(cause, 'Open the queue', 'messages') : deepest('See the queues'),
      };
    case 'stuck':
      return {
        text: one
          ? `The consumers of ${name} hold ${plural(messages, 'message')} and acknowledge none.`
          : `The consumers of ${count(objects)} queues hold ${plural(messages, 'message')} and acknowledge none, most of them from ${name}.`,
        fix: queue(cause, 'See its consumers', 'consumers'),
      };
    case 'growing':
      return {
        text: one
          ? `${name} grows by ${rate(ratePerSecond)}: its consumers take less than comes in.`
          : `${count(objects)} queues grow by ${rate(ratePerSecond)} together, ${name} the most: their consumers take less than comes in.`,
        fix: queue(cause, 'See its consumers', 'consumers'),
      };
    case 'unroutable':
      return {
        text: one
          ? `${rate(ratePerSecond)} published to ${exchangeName(name)} match no binding.`
          : `${rate(ratePerSecond)} published to ${count(objects)} exchanges match no binding, most of them to ${exchangeName(name)}.`,
        fix: { label: 'See the keys', href: link('exchanges', cause.vhost ?? '/', ...(name ? [name] : [])) },
      };
    case 'memory':
      return {
        text: 'Memory is near the limit at which publishers are held back.',
        fix: deepest('See the deepest queues'),
      };
    case 'unread':
      return {
        text: one
          ? `${name} holds ${plural(messages, 'message')} and has no consumer.`
          : `${count(objects)} queues hold ${plural(messages, 'message')} and have no consumer.`,
        fix: one ? queue(cause, 'Open the queue', 'messages') : deepest('See the queues'),
      };
  }
}

const deepest = (label: string) => ({ label, href: `${link('queues')}?sort=messagesReady&order=down` });

const queue = ({ vhost, name }: HealthCause, label: string, tab: string) => ({
  label,
  href: link('queues', vhost ?? '/', name ?? '', tab),
});
