// What a policy may say: the keys that are known, and which values they take. RabbitMQ's texts.
import { termText } from '../amqp/erlang-term.ts';
import type { Arguments } from '../contract/rows.ts';

/** What is wrong, as RabbitMQ reports it. */
export class PolicyError extends Error {
  override name = 'PolicyError';
}

type Rule = readonly [fits: (value: unknown) => boolean, what: string];

const isText = (value: unknown) => typeof value === 'string';
const isAtLeast = (least: number) => (value: unknown) => Number.isInteger(value) && Number(value) >= least;
const isOneOf =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value);
const isAge = (value: unknown) =>
  typeof value === 'string' && /^[0-9]+[YMDhms]$/.test(value) && parseInt(value, 10) > 0;

const rules: Record<string, Rule> = {
  'alternate-exchange': [isText, 'alternate exchange name'],
  'dead-letter-exchange': [isText, 'dead letter exchange name'],
  'dead-letter-routing-key': [isText, 'dead letter routing key'],
  'dead-letter-strategy': [isOneOf('at-most-once', 'at-least-once'), 'dead letter strategy'],
  'message-ttl': [isAtLeast(0), 'message TTL'],
  expires: [isAtLeast(1), 'queue expiry'],
  'max-length': [isAtLeast(0), 'maximum length'],
  'max-length-bytes': [isAtLeast(0), 'maximum length in bytes'],
  'max-in-memory-length': [isAtLeast(0), 'maximum memory in bytes'],
  'max-in-memory-bytes': [isAtLeast(0), 'maximum memory in bytes'],
  'queue-mode': [isOneOf('default', 'lazy'), 'queue-mode value'],
  'queue-version': [isOneOf(1, 2), 'queue-version value'],
  overflow: [isOneOf('drop-head', 'reject-publish', 'reject-publish-dlx'), 'overflow value'],
  'delivery-limit': [isAtLeast(0), 'delivery limit'],
  'max-age': [isAge, 'max age'],
  'stream-max-segment-size-bytes': [
    (value) => isAtLeast(0)(value) && Number(value) <= 3_000_000_000,
    'segment size',
  ],
  'queue-leader-locator': [
    isOneOf('client-local', 'balanced', 'random', 'least-leaders'),
    'queue leader locator value',
  ],
  'initial-cluster-size': [isAtLeast(0), 'cluster size'],
};

const operatorKeys = [
  'expires',
  'message-ttl',
  'max-length',
  'max-length-bytes',
  'max-in-memory-length',
  'max-in-memory-bytes',
  'delivery-limit',
];

/** Of mirrored queues, and of the plugins that RabbitMQ clusters commonly have: kept and handed on, without effect. */
const keptKeys = /^(ha-|federation-|queue-master-locator$|shards-|routing-key$)/;

/** Throws PolicyError for an empty definition, an unknown key or an impossible value. */
export function checkPolicyDefinition(definition: Arguments, operator: boolean): void {
  const entries = Object.entries(definition);
  if (entries.length === 0) throw new PolicyError('no policy provided');
  const unknown = entries.filter(([key]) => !isKnown(key, operator));
  if (unknown.length > 0)
    throw new PolicyError(`${termText(Object.fromEntries(unknown))} are not recognised policy settings`);
  for (const [key, value] of entries) {
    const rule = rules[key];
    if (rule && !rule[0](value)) throw new PolicyError(`${termText(value)} is not a valid ${rule[1]}`);
  }
}

function isKnown(key: string, operator: boolean): boolean {
  if (operator) return operatorKeys.includes(key);
  return Object.hasOwn(rules, key) || keptKeys.test(key);
}
