// Queue arguments: which each queue type knows, what values they take, and when a redeclaration is the same
// queue. The texts are RabbitMQ's, whose users match on them.
import { equalValues } from '../../amqp/field-equality.ts';
import { integerOf, stringOf, typeNameOf, type FieldTable, type TypedValue } from '../../amqp/field-table.ts';
import { ChannelError, ReplyCode } from '../../amqp/reply-codes.ts';
import type { QueueType } from '../../contract/rows.ts';

type Check = (value: TypedValue, args: FieldTable) => string | null;

/** Ten years. */
export const expiryMaxMs = 315_360_000_000;
const priorityMax = 255;
const keyBytesMax = 255;

const integer: Check = (value) =>
  integerOf(value) === null ? `"expected integer, got ${typeNameOf(value)}"` : null;

const notNegative: Check = (value, args) => {
  const problem = integer(value, args);
  if (problem) return problem;
  const number = integerOf(value)!;
  return number < 0 ? `{value_negative,${number}}` : null;
};

const timeToLive: Check = (value, args) => {
  const problem = notNegative(value, args);
  if (problem) return problem;
  const number = integerOf(value)!;
  return number > expiryMaxMs ? `{value_too_large,${number}}` : null;
};

const longText: Check = (value) => (value.type === 'S' ? null : `{unacceptable_type,${typeNameOf(value)}}`);
const boolean: Check = (value) => (value.type === 't' ? null : `{unacceptable_type,${typeNameOf(value)}}`);

function oneOf(names: readonly string[], problem: string): Check {
  return (value, args) => longText(value, args) ?? (names.includes(stringOf(value)!) ? null : problem);
}

/** In the order in which RabbitMQ looks at them. */
const checks: Record<string, Check> = {
  'x-expires': (value, args) =>
    integer(value, args) ?? (integerOf(value) === 0 ? '{value_zero,0}' : timeToLive(value, args)),
  'x-message-ttl': timeToLive,
  'x-dead-letter-exchange': longText,
  'x-dead-letter-routing-key': (value, args) =>
    longText(value, args) ??
    (args.has('x-dead-letter-exchange') ? null : 'routing_key_but_no_dlx_defined') ??
    (Buffer.byteLength(stringOf(value)!) > keyBytesMax ? '"a routing key has at most 255 bytes"' : null),
  'x-dead-letter-strategy': oneOf(['at-most-once', 'at-least-once'], 'invalid_dlx_strategy'),
  'x-max-length': notNegative,
  'x-max-length-bytes': notNegative,
  'x-max-priority': (value, args) =>
    notNegative(value, args) ??
    (integerOf(value)! > priorityMax ? `{max_value_exceeded,${integerOf(value)}}` : null),
  'x-overflow': oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow'),
  'x-queue-mode': (value, args) =>
    longText(value, args) ??
    (['default', 'lazy'].includes(stringOf(value)!) ? null : `"unsupported queue mode '${stringOf(value)}'"`),
  'x-queue-version': (value, args) =>
    notNegative(value, args) ??
    ([1, 2].includes(integerOf(value)!) ? null : `"unsupported queue version '${integerOf(value)}'"`),
  'x-single-active-consumer': boolean,
  'x-queue-type': longText,
  'x-queue-leader-locator': longText,
  'x-delivery-limit': notNegative,
  'x-quorum-initial-group-size': notNegative,
  'x-max-in-memory-length': notNegative,
  'x-max-in-memory-bytes': notNegative,
  'x-max-age': longText,
  'x-stream-max-segment-size-bytes': notNegative,
  'x-initial-cluster-size': notNegative,
};

const shared = [
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-max-length',
  'x-max-length-bytes',
  'x-overflow',
  'x-single-active-consumer',
  'x-queue-type',
];

/** What each type compares on redeclaration, and alone accepts among the known arguments. */
const knownByType: Record<QueueType, readonly string[]> = {
  classic: [...shared, 'x-max-priority', 'x-queue-mode', 'x-queue-version', 'x-queue-master-locator'],
  quorum: [
    ...shared,
    'x-dead-letter-strategy',
    'x-delivery-limit',
    'x-quorum-initial-group-size',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-queue-leader-locator',
  ],
  stream: [
    'x-max-length-bytes',
    'x-queue-type',
    'x-queue-leader-locator',
    'x-max-age',
    'x-stream-max-segment-size-bytes',
    'x-initial-cluster-size',
  ],
};

const erlangModules: Record<QueueType, string> = {
  classic: 'rabbit_classic_queue',
  quorum: 'rabbit_quorum_queue',
  stream: 'rabbit_stream_queue',
};

/** The type asked for. Throws ChannelError 406 for one that does not exist. */
export function queueTypeOf(args: FieldTable, resource: string): QueueType {
  const value = args.get('x-queue-type');
  if (value === undefined) return 'classic';
  const type = stringOf(value);
  if (type === 'classic' || type === 'quorum' || type === 'stream') return type;
  throw new ChannelError(
    ReplyCode.PRECONDITION_FAILED,
    type === null
      ? `invalid arg 'x-queue-type' for ${resource}: {unacceptable_type,${typeNameOf(value)}}`
      : `invalid arg 'x-queue-type' for ${resource}: "unsupported queue type '${type}'"`,
  );
}

const knownByAny = new Set(Object.values(knownByType).flat());

/**
 * Throws ChannelError 406 naming an argument with an impossible value, or else the first that only other types
 * of queues take.
 */
export function checkArguments(args: FieldTable, type: QueueType, resource: string): void {
  const known = knownByType[type];
  const deadLetters = args.get('x-dead-letter-exchange');
  if (deadLetters && deadLetters.type !== 'S') {
    const given = typeNameOf(deadLetters);
    const text = `invalid type '${given}' for arg 'x-dead-letter-exchange' in ${resource}`;
    throw new ChannelError(ReplyCode.PRECONDITION_FAILED, text);
  }
  for (const [name, check] of Object.entries(checks)) {
    const value = args.get(name);
    if (value === undefined || !known.includes(name)) continue;
    const problem = check(value, args);
    if (problem) throw invalidArgument(name, resource, `: ${problem}`);
  }
  for (const name of args.keys())
    if (knownByAny.has(name) && !known.includes(name))
      throw invalidArgument(name, resource, ` of queue type ${erlangModules[type]}`);
}

function invalidArgument(name: string, resource: string, problem: string): ChannelError {
  return new ChannelError(ReplyCode.PRECONDITION_FAILED, `invalid arg '${name}' for ${resource}${problem}`);
}

/** Throws ChannelError 406 when `received` would declare another queue than the one that exists. */
export function checkEquivalent(
  current: { durable: boolean; autoDelete: boolean; arguments: FieldTable; type: QueueType },
  received: { durable: boolean; autoDelete: boolean; arguments: FieldTable },
  resource: string,
): void {
  compare('durable', received.durable, current.durable, resource);
  compare('auto_delete', received.autoDelete, current.autoDelete, resource);
  for (const name of knownByType[current.type])
    compareArgument(name, received.arguments.get(name), current.arguments.get(name), resource);
}

/** Throws ChannelError 406 when a plain property differs. */
export function compare(
  name: string,
  received: boolean | string,
  current: boolean | string,
  resource: string,
): void {
  if (received !== current)
    throw new ChannelError(
      ReplyCode.PRECONDITION_FAILED,
      `inequivalent arg '${name}' for ${resource}: received '${received}' but current is '${current}'`,
    );
}

/** Throws ChannelError 406 when an argument differs. */
export function compareArgument(
  name: string,
  received: TypedValue | undefined,
  current: TypedValue | undefined,
  resource: string,
): void {
  if (received === undefined && current === undefined) return;
  if (received && current && equalValues(received, current)) return;
  if (name === 'x-queue-type' && isClassic(received) && isClassic(current)) return;
  const [theirs, ours] =
    received && current
      ? [`'${textOf(received)}'`, `'${textOf(current)}'`]
      : [shown(received), shown(current)];
  throw new ChannelError(
    ReplyCode.PRECONDITION_FAILED,
    `inequivalent arg '${name}' for ${resource}: received ${theirs} but current is ${ours}`,
  );
}

/** A queue declared without a type is a classic one. */
function isClassic(value: TypedValue | undefined): boolean {
  return value === undefined || stringOf(value) === 'classic';
}

const consumerChecks: Record<string, Check> = {
  'x-priority': integer,
  'x-cancel-on-ha-failover': boolean,
};

/** Throws ChannelError 406 for an impossible value, and for what only streams take. */
export function checkConsumerArguments(args: FieldTable, type: QueueType, resource: string): void {
  for (const [name, check] of Object.entries(consumerChecks)) {
    const value = args.get(name);
    const problem = value && check(value, args);
    if (problem) throw invalidArgument(name, resource, `: ${problem}`);
  }
  if (args.has('x-stream-offset'))
    throw invalidArgument('x-stream-offset', resource, ` of queue type ${erlangModules[type]}`);
}

function textOf(value: TypedValue): string {
  switch (value.type) {
    case 'S':
    case 'x':
      return value.value.toString();
    case 'f':
    case 'd':
      return Number.isInteger(value.value) ? `${value.value}.0` : String(value.value);
    case 'D':
      return `{${value.value.scale},${value.value.unscaled}}`;
    default:
      return String(value.value);
  }
}

function shown(value: TypedValue | undefined): string {
  if (value === undefined) return 'none';
  return `the value '${textOf(value)}' of type '${typeNameOf(value)}'`;
}
