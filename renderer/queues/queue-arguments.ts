// The arguments a queue can be declared with, and what they mean: one table for the form, the marks in lists and the
// details. Those a policy can set as well carry its name for them.
import type { Arguments, FieldValue } from '../../broker/contract/rows.ts';
import { bytes, count, duration } from '../ui/format.ts';

export interface QueueArgument {
  name: string;
  label: string;
  /** What it does, for somebody who does not know it. */
  meaning: string;
  kind: 'ms' | 'count' | 'bytes' | 'text' | 'flag' | 'choice';
  choices?: [string, string][];
  /** Short form in lists; null where lists stay silent. */
  mark: string | null;
  policy: string | null;
  group: 'limits' | 'dead-letters' | 'order';
}

export const queueArguments: QueueArgument[] = [
  {
    name: 'x-message-ttl',
    label: 'Message time to live',
    meaning: 'A message that waits longer than this expires.',
    kind: 'ms',
    mark: 'TTL',
    policy: 'message-ttl',
    group: 'limits',
  },
  {
    name: 'x-expires',
    label: 'Queue expires',
    meaning: 'The queue is deleted when nobody has used it for this long.',
    kind: 'ms',
    mark: 'Exp',
    policy: 'expires',
    group: 'limits',
  },
  {
    name: 'x-max-length',
    label: 'Length limit',
    meaning: 'At most this many messages wait; what happens beyond it is the overflow.',
    kind: 'count',
    mark: 'Lim',
    policy: 'max-length',
    group: 'limits',
  },
  {
    name: 'x-max-length-bytes',
    label: 'Length limit in bytes',
    meaning: 'At most this many bytes of payload wait.',
    kind: 'bytes',
    mark: 'LimB',
    policy: 'max-length-bytes',
    group: 'limits',
  },
  {
    name: 'x-overflow',
    label: 'Overflow',
    meaning: 'What happens to a message too many.',
    kind: 'choice',
    choices: [
      ['drop-head', 'The oldest is dropped or dead-lettered'],
      ['reject-publish', 'The new one is refused: its publisher gets a nack'],
      ['reject-publish-dlx', 'The new one is refused and dead-lettered'],
    ],
    mark: null,
    policy: 'overflow',
    group: 'limits',
  },
  {
    name: 'x-dead-letter-exchange',
    label: 'Dead-letter exchange',
    meaning: 'Rejected, expired and overflowing messages go to this exchange.',
    kind: 'text',
    mark: 'DLX',
    policy: 'dead-letter-exchange',
    group: 'dead-letters',
  },
  {
    name: 'x-dead-letter-routing-key',
    label: 'Dead-letter routing key',
    meaning: 'The key they go with; without it each keeps its own.',
    kind: 'text',
    mark: null,
    policy: 'dead-letter-routing-key',
    group: 'dead-letters',
  },
  {
    name: 'x-delivery-limit',
    label: 'Delivery limit',
    meaning: 'A message returned more often than this is dropped or dead-lettered (quorum queues).',
    kind: 'count',
    mark: 'DL',
    policy: 'delivery-limit',
    group: 'dead-letters',
  },
  {
    name: 'x-max-priority',
    label: 'Priorities',
    meaning: 'Messages of a higher priority, up to this number, overtake.',
    kind: 'count',
    mark: 'Pri',
    policy: null,
    group: 'order',
  },
  {
    name: 'x-single-active-consumer',
    label: 'Single active consumer',
    meaning: 'One consumer at a time gets messages; the next takes over when it goes.',
    kind: 'flag',
    mark: 'SAC',
    policy: null,
    group: 'order',
  },
];

const others: Record<string, string> = {
  'x-queue-type': 'How the queue keeps its messages.',
  'x-queue-mode': 'Taken for RabbitMQ’s sake: Warren pages messages to disk by itself.',
  'x-queue-version': 'Taken for RabbitMQ’s sake.',
  'x-queue-master-locator': 'Taken for RabbitMQ’s sake: means something in a cluster only.',
};

const byName = new Map(queueArguments.map((argument) => [argument.name, argument]));

export const argumentNamed = (name: string) => byName.get(name);

export const meaningOf = (name: string) => byName.get(name)?.meaning ?? others[name] ?? '';

/** A value with its unit, as somebody would say it. */
export function valueText(name: string, value: FieldValue): string {
  const kind = byName.get(name)?.kind;
  if (typeof value === 'number') {
    if (kind === 'ms') return duration(value);
    if (kind === 'bytes') return bytes(value);
    if (kind === 'count') return count(value);
  }
  if (value === '') return '(default)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export interface Governing {
  name: string;
  value: FieldValue;
  origin: 'declared' | 'policy' | 'operator policy';
}

/** What governs a queue now, and where each of it comes from. */
export function governing(
  declared: Arguments,
  effective: Arguments,
  policy: Arguments | undefined,
): Governing[] {
  const names = [...new Set([...Object.keys(declared), ...Object.keys(effective)])].sort();
  return names.map((name) => {
    const value = effective[name] ?? declared[name] ?? null;
    if (name in declared && declared[name] === value) return { name, value, origin: 'declared' };
    const given = policy?.[byName.get(name)?.policy ?? ''];
    return { name, value, origin: given === value ? 'policy' : 'operator policy' };
  });
}
