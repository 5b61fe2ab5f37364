// What a node offers to the console (through the host) and, reshaped, over its HTTP API.
import * as v from 'valibot';
import { command, query } from './procedure.ts';
import type {
  Arguments,
  BindingRow,
  ChannelRow,
  ConnectionRow,
  ConsumerRow,
  DeadLetterGroup,
  DeadLetterRow,
  ExchangeRow,
  FieldValue,
  GlobalParameterRow,
  HealthCause,
  ImportReport,
  LimitsRow,
  MessageProperties,
  MessageRow,
  Overview,
  Page,
  ParameterRow,
  PermissionRow,
  PolicyRow,
  QueueRow,
  RateHistory,
  TopicPermissionRow,
  TopologyGraph,
  UserRow,
  VhostRow,
} from './rows.ts';

const shortString = v.pipe(
  v.string(),
  v.check((text) => new TextEncoder().encode(text).length <= 255, 'is longer than 255 bytes'),
);
const name = shortString;
/** Of users and virtual hosts. */
const ownName = v.pipe(
  shortString,
  v.minLength(1),
  v.check((text) => !text.includes('\0'), 'has a NUL in it'),
);
const vhost = v.pipe(shortString, v.minLength(1));
const fieldValue: v.GenericSchema<unknown, FieldValue> = v.lazy(() =>
  v.union([
    v.string(),
    v.number(),
    v.boolean(),
    v.null(),
    v.instance(Uint8Array),
    v.array(fieldValue),
    v.record(shortString, fieldValue),
  ]),
);
export const argumentsSchema: v.GenericSchema<unknown, Arguments> = v.record(shortString, fieldValue);

/** Paging, sorting and filtering, done by the server for every list. */
const listFields = {
  vhost: v.optional(vhost),
  /** Substring of the name, or a regular expression between slashes. */
  filter: v.optional(v.pipe(v.string(), v.maxLength(1000)), ''),
  sort: v.optional(v.string()),
  descending: v.optional(v.boolean(), false),
  page: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  pageSize: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 100),
};
const list = v.object(listFields);
export type ListInput = v.InferOutput<typeof list>;

const none = v.object({});
const queueRef = v.object({ vhost, name });
const exchangeRef = v.object({ vhost, name });
const bindingRef = v.object({
  vhost,
  source: name,
  destination: name,
  destinationType: v.picklist(['queue', 'exchange']),
  routingKey: name,
  arguments: v.optional(argumentsSchema, {}),
});

export const messagePropertiesSchema: v.GenericSchema<unknown, MessageProperties> = v.object({
  contentType: v.optional(shortString),
  contentEncoding: v.optional(shortString),
  headers: v.optional(argumentsSchema),
  deliveryMode: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2))),
  priority: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
  correlationId: v.optional(shortString),
  replyTo: v.optional(shortString),
  expiration: v.optional(shortString),
  messageId: v.optional(shortString),
  timestamp: v.optional(v.number()),
  type: v.optional(shortString),
  userId: v.optional(shortString),
  appId: v.optional(shortString),
  clusterId: v.optional(shortString),
});

const bodyStartBytesMax = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65536)), 1024);
const positions = v.pipe(v.array(v.number()), v.minLength(1), v.maxLength(10_000));
const policyFields = {
  vhost,
  name: v.pipe(shortString, v.minLength(1)),
  pattern: v.string(),
  applyTo: v.optional(v.picklist(['queues', 'exchanges', 'all']), 'all'),
  priority: v.optional(v.pipe(v.number(), v.integer()), 0),
  definition: argumentsSchema,
  operator: v.optional(v.boolean(), false),
};

export const nodeProcedures = {
  overview: query(none)<Overview>(),
  'overview.history': query(
    v.object({ seconds: v.optional(v.pipe(v.number(), v.minValue(1)), 300) }),
  )<RateHistory>(),
  /** Worst first; empty when all is well. */
  'overview.health': query(none)<HealthCause[]>(),
  'topology.graph': query(v.object({ vhost }))<TopologyGraph>(),

  'connections.list': query(list)<Page<ConnectionRow>>(),
  'connections.close': command(
    v.object({ name: v.string(), reason: v.optional(v.string(), 'Closed via management plugin') }),
  )<void>(),
  'channels.list': query(v.object({ ...listFields, connection: v.optional(v.string()) }))<Page<ChannelRow>>(),
  'consumers.list': query(
    v.object({ ...listFields, queue: v.optional(name), connection: v.optional(v.string()) }),
  )<Page<ConsumerRow>>(),

  'exchanges.list': query(list)<Page<ExchangeRow>>(),
  'exchanges.get': query(exchangeRef)<ExchangeRow>(),
  'exchanges.declare': command(
    v.object({
      vhost,
      name,
      type: v.optional(shortString, 'direct'),
      durable: v.optional(v.boolean(), true),
      autoDelete: v.optional(v.boolean(), false),
      internal: v.optional(v.boolean(), false),
      arguments: v.optional(argumentsSchema, {}),
    }),
  )<void>(),
  'exchanges.delete': command(v.object({ vhost, name, ifUnused: v.optional(v.boolean(), false) }))<void>(),

  'queues.list': query(list)<Page<QueueRow>>(),
  'queues.get': query(queueRef)<QueueRow>(),
  'queues.declare': command(
    v.object({
      vhost,
      name: v.pipe(shortString, v.minLength(1)),
      durable: v.optional(v.boolean(), true),
      autoDelete: v.optional(v.boolean(), false),
      arguments: v.optional(argumentsSchema, {}),
    }),
  )<void>(),
  'queues.delete': command(
    v.object({
      vhost,
      name,
      ifUnused: v.optional(v.boolean(), false),
      ifEmpty: v.optional(v.boolean(), false),
    }),
  )<{ messages: number }>(),
  'queues.purge': command(queueRef)<{ messages: number }>(),

  'bindings.list': query(
    v.object({
      ...listFields,
      source: v.optional(name),
      destination: v.optional(name),
      destinationType: v.optional(v.picklist(['queue', 'exchange'])),
    }),
  )<Page<BindingRow>>(),
  'bindings.create': command(bindingRef)<{ propertiesKey: string }>(),
  'bindings.delete': command(bindingRef)<void>(),

  /** A look that changes nothing: no `redelivered`, no consumer starved (CONSOLE.md, Messages). */
  'messages.peek': query(
    v.object({
      vhost,
      queue: name,
      /** Index of the first message wanted; negative counts from the tail. */
      offset: v.optional(v.pipe(v.number(), v.integer()), 0),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 50),
      state: v.optional(v.picklist(['ready', 'unacknowledged', 'all']), 'ready'),
      bodyStartBytesMax,
    }),
  )<{ items: MessageRow[]; ready: number; unacknowledged: number }>(),
  /**
   * Looks for ready messages that hold a text, A to Z in either case, a piece of the queue at a time: `next` is
   * where to go on, null at the tail. Changes nothing, as a peek.
   */
  'messages.search': query(
    v.object({
      vhost,
      queue: name,
      text: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)),
      where: v.optional(v.picklist(['anywhere', 'routing-key', 'properties', 'payload']), 'anywhere'),
      offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 50),
      bodyStartBytesMax,
    }),
  )<{ items: MessageRow[]; scanned: number; next: number | null; ready: number }>(),
  'messages.body': query(
    v.object({
      vhost,
      queue: name,
      position: v.number(),
      start: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
      lengthMax: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_048_576)), 65536),
    }),
  )<{ bytes: Uint8Array; bodyBytes: number }>(),
  'messages.publish': command(
    v.object({
      vhost,
      exchange: name,
      routingKey: name,
      properties: v.optional(messagePropertiesSchema, {}),
      body: v.instance(Uint8Array),
    }),
  )<{ routed: boolean; queues: number }>(),
  /** RabbitMQ's `get`: takes from the queue, then acknowledges or requeues. Destructive, and says so. */
  'messages.get': command(
    v.object({
      vhost,
      queue: name,
      count: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)),
      ackMode: v.picklist([
        'ack_requeue_true',
        'ack_requeue_false',
        'reject_requeue_true',
        'reject_requeue_false',
      ]),
      bodyBytesMax: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 1_048_576),
    }),
  )<{ messages: MessageRow[]; remaining: number }>(),
  /** Each message leaves its queue only when the target holds it as safely as it was held. */
  'messages.move': command(
    v.object({
      vhost,
      queue: name,
      positions,
      target: v.object({ exchange: name, routingKey: name }),
      copy: v.optional(v.boolean(), false),
    }),
  )<{ moved: number; missing: number; unrouted: number }>(),
  'messages.delete': command(v.object({ vhost, queue: name, positions }))<{
    deleted: number;
    missing: number;
  }>(),

  'deadLetters.groups': query(v.object({ vhost: v.optional(vhost) }))<{
    groups: DeadLetterGroup[];
    scanned: number;
    /** True when a queue was longer than the scan limit, so counts are lower bounds. */
    partial: boolean;
  }>(),
  'deadLetters.list': query(
    v.object({
      vhost,
      queue: name,
      reason: v.optional(v.string()),
      originQueue: v.optional(name),
      offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 50),
      bodyStartBytesMax,
    }),
  )<{ items: DeadLetterRow[]; matched: number; scanned: number }>(),
  /** Sends dead letters back, by default where x-death says they came from; removed only once the target holds them. */
  'deadLetters.requeue': command(
    v.object({
      vhost,
      queue: name,
      positions,
      /** Null: the origin queue of each, through the default exchange. */
      target: v.optional(v.nullable(v.object({ exchange: name, routingKey: name })), null),
      keepDeathHeaders: v.optional(v.boolean(), true),
    }),
  )<{ requeued: number; missing: number; unrouted: number }>(),

  'vhosts.list': query(list)<Page<VhostRow>>(),
  'vhosts.put': command(
    v.object({
      name: ownName,
      description: v.optional(v.string(), ''),
      tags: v.optional(v.array(v.string()), []),
      tracing: v.optional(v.boolean(), false),
    }),
  )<void>(),
  'vhosts.delete': command(v.object({ name: vhost }))<void>(),

  'users.list': query(list)<Page<UserRow>>(),
  'users.put': command(
    v.object({
      name: ownName,
      /** Either a password, or a hash with its algorithm, or neither to keep what is there. */
      password: v.optional(v.string()),
      passwordHash: v.optional(v.string()),
      hashingAlgorithm: v.optional(v.string()),
      tags: v.optional(v.array(v.string()), []),
    }),
  )<void>(),
  'users.delete': command(v.object({ name }))<void>(),
  'permissions.list': query(v.object({ ...listFields, user: v.optional(name) }))<Page<PermissionRow>>(),
  'permissions.put': command(
    v.object({ user: name, vhost, configure: v.string(), write: v.string(), read: v.string() }),
  )<void>(),
  'permissions.delete': command(v.object({ user: name, vhost }))<void>(),
  'topicPermissions.list': query(v.object({ ...listFields, user: v.optional(name) }))<
    Page<TopicPermissionRow>
  >(),
  'topicPermissions.put': command(
    v.object({ user: name, vhost, exchange: name, write: v.string(), read: v.string() }),
  )<void>(),
  'topicPermissions.delete': command(v.object({ user: name, vhost, exchange: v.optional(name) }))<void>(),

  'policies.list': query(list)<Page<PolicyRow>>(),
  'policies.put': command(v.object(policyFields))<void>(),
  'policies.delete': command(v.object({ vhost, name, operator: v.optional(v.boolean(), false) }))<void>(),

  'parameters.list': query(v.object({ ...listFields, component: v.optional(name) }))<Page<ParameterRow>>(),
  'parameters.put': command(v.object({ vhost, component: name, name, value: fieldValue }))<void>(),
  'parameters.delete': command(v.object({ vhost, component: name, name }))<void>(),
  'globalParameters.list': query(list)<Page<GlobalParameterRow>>(),
  'globalParameters.put': command(v.object({ name, value: fieldValue }))<void>(),
  'globalParameters.delete': command(v.object({ name }))<void>(),
  'vhostLimits.list': query(list)<Page<LimitsRow>>(),
  'vhostLimits.put': command(v.object({ vhost, name, value: v.unknown() }))<void>(),
  'vhostLimits.delete': command(v.object({ vhost, name }))<void>(),
  'userLimits.list': query(v.object({ ...listFields, user: v.optional(name) }))<Page<LimitsRow>>(),
  'userLimits.put': command(v.object({ user: name, name, value: v.unknown() }))<void>(),
  'userLimits.delete': command(v.object({ user: name, name }))<void>(),

  /** RabbitMQ's definitions JSON, whole broker or one virtual host (R40). */
  'definitions.export': query(v.object({ vhost: v.optional(vhost) }))<Record<string, unknown>>(),
  'definitions.import': command(
    v.object({ vhost: v.optional(vhost), definitions: v.record(v.string(), v.unknown()) }),
  )<ImportReport>(),
} as const;

export type NodeProcedures = typeof nodeProcedures;
export type NodeProcedureName = keyof NodeProcedures;
