// What governs a queue now: its own arguments, the policy and the operator policy that match it. Numbers
// take the lower of argument and policy; for the rest the argument wins (RabbitMQ's rule).
import { emptyTable, integerOf, stringOf, type FieldTable } from '../../amqp/field-table.ts';
import type { Arguments } from '../../contract/rows.ts';

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

/** Limits are Infinity where none is set, times -1. */
export interface QueueSettings {
  messageTtlMs: number;
  expiresMs: number;
  lengthMax: number;
  bytesMax: number;
  overflow: Overflow;
  deadLetterExchange: string | null;
  deadLetterRoutingKey: string | null;
  deliveryLimit: number;
  /** The same as plain data with the arguments' names, for people. */
  effective: Arguments;
}

const numeric = ['message-ttl', 'expires', 'max-length', 'max-length-bytes', 'delivery-limit'] as const;
const textual = ['overflow', 'dead-letter-exchange', 'dead-letter-routing-key'] as const;

/** Two policies as one: of numbers that both set the lower counts, of the rest the operator's. */
export function merged(policy: Arguments, operatorPolicy: Arguments): Arguments {
  const both: Arguments = { ...policy, ...operatorPolicy };
  for (const name of numeric) {
    const values = [policy[name], operatorPolicy[name]].filter((value) => typeof value === 'number');
    if (values.length === 2) both[name] = Math.min(...values);
  }
  return both;
}

const noPolicy: Arguments = {};
/** Of the many queues that nothing governs. */
const free = settingsFrom(emptyTable, noPolicy, noPolicy);

/** The settings are not the caller's to change: queues share them. */
export function settingsOf(
  args: FieldTable,
  policy: Arguments = noPolicy,
  operatorPolicy: Arguments = noPolicy,
): Readonly<QueueSettings> {
  if (args.size === 0 && policy === noPolicy && operatorPolicy === noPolicy) return free;
  return settingsFrom(args, policy, operatorPolicy);
}

function settingsFrom(args: FieldTable, policy: Arguments, operatorPolicy: Arguments): QueueSettings {
  const effective: Arguments = {};
  for (const name of numeric) {
    const own = args.get(`x-${name}`);
    const values = [own ? integerOf(own) : null, policy[name], operatorPolicy[name]].filter(
      (value): value is number => typeof value === 'number',
    );
    if (values.length > 0) effective[`x-${name}`] = Math.min(...values);
  }
  for (const name of textual) {
    const value = stringOf(args.get(`x-${name}`)) ?? operatorPolicy[name] ?? policy[name];
    if (typeof value === 'string') effective[`x-${name}`] = value;
  }
  const number = (name: string, otherwise: number) => (effective[name] as number | undefined) ?? otherwise;
  return {
    messageTtlMs: number('x-message-ttl', -1),
    expiresMs: number('x-expires', -1),
    lengthMax: number('x-max-length', Infinity),
    bytesMax: number('x-max-length-bytes', Infinity),
    overflow: (effective['x-overflow'] as Overflow | undefined) ?? 'drop-head',
    deadLetterExchange: (effective['x-dead-letter-exchange'] as string | undefined) ?? null,
    deadLetterRoutingKey: (effective['x-dead-letter-routing-key'] as string | undefined) ?? null,
    deliveryLimit: number('x-delivery-limit', Infinity),
    effective,
  };
}
