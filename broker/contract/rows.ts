// What the console and the HTTP API show of a node: plain data, no behaviour. Times are Unix milliseconds,
// sizes bytes, rates events per second over the last sampling interval.

/** Field-table values as plain data; what JSON cannot say is tagged with its AMQP type. */
export type FieldValue =
  string | number | boolean | null | FieldValue[] | { [key: string]: FieldValue } | Uint8Array;

export type Arguments = Record<string, FieldValue>;

export interface Page<Row> {
  readonly items: Row[];
  /** Rows before filtering. */
  readonly totalCount: number;
  /** Rows that match the filter. */
  readonly filteredCount: number;
  /** 1-based. */
  readonly page: number;
  readonly pageSize: number;
}

/** Message rates of an object; each is events per second. */
export interface MessageRates {
  publish: number;
  confirm: number;
  deliver: number;
  deliverNoAck: number;
  get: number;
  getNoAck: number;
  getEmpty: number;
  ack: number;
  redeliver: number;
  returnUnroutable: number;
  dropUnroutable: number;
}

/** Totals since the node started, of the same events. */
export type MessageTotals = MessageRates;

export type QueueType = 'classic' | 'quorum' | 'stream';
export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers' | (string & {});

export interface QueueRow {
  vhost: string;
  name: string;
  type: QueueType;
  durable: boolean;
  exclusive: boolean;
  autoDelete: boolean;
  arguments: Arguments;
  policy: string | null;
  operatorPolicy: string | null;
  /** What the two policies say together. */
  policyDefinition: Arguments;
  effectiveArguments: Arguments;
  state: 'running' | 'idle' | 'stopped';
  messagesReady: number;
  messagesUnacknowledged: number;
  messages: number;
  messagesPersistent: number;
  bytesReady: number;
  bytesUnacknowledged: number;
  consumers: number;
  /** Of the consumers, how many could take a message now; 0..1. */
  consumerCapacity: number;
  ownerConnection: string | null;
  exclusiveConsumerTag: string | null;
  singleActiveConsumerTag: string | null;
  /** Age of the head message in milliseconds, null when empty. */
  oldestMessageAgeMs: number | null;
  /** The timestamp property of the head message, Unix seconds; null when it has none or the queue is empty. */
  headMessageTimestamp: number | null;
  idleSince: number | null;
  /** Messages handed out a second, by every way: deliver and get, with and without acknowledgement. */
  outRate: number;
  rates: MessageRates;
  totals: MessageTotals;
}

export interface ExchangeRow {
  vhost: string;
  name: string;
  type: ExchangeType;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  arguments: Arguments;
  policy: string | null;
  /** Where unrouted messages go, by its own argument or by policy. */
  alternateExchange: string | null;
  publishInRate: number;
  publishOutRate: number;
  publishInTotal: number;
  publishOutTotal: number;
  /** Messages that matched no binding since the node started (R28). */
  unroutedTotal: number;
  unroutedRate: number;
}

export interface BindingRow {
  vhost: string;
  source: string;
  destination: string;
  destinationType: 'queue' | 'exchange';
  routingKey: string;
  arguments: Arguments;
  /** RabbitMQ's name of this binding among those of its pair: the key, or key~hash of the arguments. */
  propertiesKey: string;
}

export interface ConnectionRow {
  /** `127.0.0.1:50000 -> 127.0.0.1:5672`: unique among live connections. */
  name: string;
  user: string;
  vhost: string;
  state: 'starting' | 'running' | 'blocking' | 'blocked' | 'closing';
  protocol: string;
  /** SASL mechanism it logged in with. */
  mechanism: string;
  tls: boolean;
  peerHost: string;
  peerPort: number;
  host: string;
  port: number;
  connectedAt: number;
  channels: number;
  channelMax: number;
  frameMax: number;
  heartbeatSeconds: number;
  clientProperties: Arguments;
  bytesReceived: number;
  bytesSent: number;
  receiveRate: number;
  sendRate: number;
  /** Bytes waiting to be written to the socket. */
  sendPending: number;
}

export interface ChannelRow {
  connection: string;
  number: number;
  /** `<connection name> (<number>)`. */
  name: string;
  user: string;
  vhost: string;
  confirm: boolean;
  transactional: boolean;
  prefetchCount: number;
  globalPrefetchCount: number;
  messagesUnacknowledged: number;
  messagesUnconfirmed: number;
  messagesUncommitted: number;
  acksUncommitted: number;
  consumers: number;
  flowBlocked: boolean;
  rates: MessageRates;
  totals: MessageTotals;
}

export interface ConsumerRow {
  vhost: string;
  queue: string;
  tag: string;
  connection: string;
  channel: number;
  ackRequired: boolean;
  exclusive: boolean;
  prefetchCount: number;
  priority: number;
  active: boolean;
  /** Of a queue that has one active consumer at a time. */
  singleActive: boolean;
  user: string;
  arguments: Arguments;
  messagesUnacknowledged: number;
}

export interface VhostRow {
  name: string;
  description: string;
  tags: string[];
  tracing: boolean;
  messages: number;
  messagesReady: number;
  messagesUnacknowledged: number;
  queues: number;
  exchanges: number;
  connections: number;
  bytesReceived: number;
  bytesSent: number;
  receiveRate: number;
  sendRate: number;
  rates: MessageRates;
  totals: MessageTotals;
}

export interface UserRow {
  name: string;
  tags: string[];
  passwordHash: string;
  hashingAlgorithm: string;
  /** True for a user that may connect from loopback only. */
  loopbackOnly: boolean;
  permissions: number;
  /** max-connections, max-channels; negative or absent: none. */
  limits: Record<string, number>;
}

export interface PermissionRow {
  user: string;
  vhost: string;
  configure: string;
  write: string;
  read: string;
}

export interface TopicPermissionRow {
  user: string;
  vhost: string;
  exchange: string;
  write: string;
  read: string;
}

export interface PolicyRow {
  vhost: string;
  name: string;
  pattern: string;
  applyTo: 'queues' | 'exchanges' | 'all';
  priority: number;
  definition: Arguments;
  operator: boolean;
}

export interface ParameterRow {
  vhost: string;
  component: string;
  name: string;
  value: FieldValue;
}

export interface GlobalParameterRow {
  name: string;
  value: FieldValue;
}

/** Limits of a virtual host (max-connections, max-queues) or of a user (max-connections, max-channels). */
export interface LimitsRow {
  /** Of the virtual host or user. */
  name: string;
  limits: Record<string, number>;
}

export interface Alarm {
  kind: 'memory' | 'disk' | 'journal' | 'standby';
  message: string;
  since: number;
}

export interface JournalStatus {
  /** Which promise a confirm keeps. */
  confirmMode: 'synced' | 'written';
  state: 'ready' | 'recovering' | 'faulted';
  fault: string | null;
  segments: number;
  bytes: number;
  liveRecords: number;
  /** Pieces found damaged since the start, and set aside. */
  damagedPieces: number;
  /** Waiting messages that could not be read back from the disk. */
  lostMessages: number;
  /** fdatasync calls per second and their 99th percentile in milliseconds over the last interval. */
  syncRate: number;
  syncP99Ms: number;
  writtenBytesRate: number;
}

export interface Overview {
  nodeName: string;
  clusterName: string;
  productVersion: string;
  startedAt: number;
  uptimeMs: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  diskFreeBytes: number;
  diskFreeLimitBytes: number;
  cpuFraction: number;
  fileDescriptors: number;
  listeners: { protocol: string; host: string; port: number; tls: boolean }[];
  alarms: Alarm[];
  journal: JournalStatus;
  counts: {
    connections: number;
    channels: number;
    consumers: number;
    exchanges: number;
    queues: number;
    bindings: number;
    vhosts: number;
    users: number;
  };
  messagesReady: number;
  messagesUnacknowledged: number;
  messages: number;
  rates: MessageRates;
  totals: MessageTotals;
  connectionsCreated: number;
  connectionsClosed: number;
  channelsCreated: number;
  channelsClosed: number;
  queuesDeclared: number;
  queuesCreated: number;
  queuesDeleted: number;
  /** Of the seven counts above. */
  churnRates: Record<string, number>;
  /** Routing keys lately dropped, newest first (R28). */
  blackholes: BlackholeRow[];
}

export interface BlackholeRow {
  vhost: string;
  exchange: string;
  routingKey: string;
  count: number;
  lastAt: number;
}

/** One sample of the overview's charts; arrays share an index, one entry per second, oldest first. */
export interface RateHistory {
  at: number[];
  publish: number[];
  confirm: number[];
  deliver: number[];
  ack: number[];
  unrouted: number[];
  ready: number[];
  unacknowledged: number[];
  syncP99Ms: number[];
  memoryBytes: number[];
  connections: number[];
}

/** One thing that is not as it should be, over all virtual hosts. */
export interface HealthCause {
  kind:
    | 'alarm' // publishers are held back: `detail` says why
    | 'journal-fault' // nothing is confirmed any more
    | 'growing-unread' // messages come in and nobody consumes
    | 'growing' // consumers take less than comes in
    | 'stuck' // every consumer holds all it may and acknowledges nothing
    | 'unroutable' // messages match no binding
    | 'memory' // near the limit at which publishers are held back
    | 'unread'; // messages wait without a consumer, but no more come
  severity: 'bad' | 'warn' | 'info';
  /** How many queues or exchanges, and the one that weighs most. */
  objects: number;
  vhost: string | null;
  name: string | null;
  messages: number;
  ratePerSecond: number;
  detail: string | null;
}

/** A message as the browser shows it. Bodies come by range; `bodyStart` holds the first bytes only. */
export interface MessageRow {
  /** Stable while the message is in this queue; the handle that commands take. */
  position: number;
  /** 0 is the head of the queue. */
  index: number;
  state: 'ready' | 'unacknowledged';
  exchange: string;
  routingKey: string;
  redelivered: boolean;
  deliveryCount: number;
  enqueuedAt: number;
  expiresAt: number | null;
  persistent: boolean;
  /** Whether it would be there after the node is killed, and if not, why (R27). */
  survivesRestart: boolean;
  survivesReason: string;
  properties: MessageProperties;
  bodyBytes: number;
  bodyStart: Uint8Array;
  bodyTruncated: boolean;
  /** `connection (channel)` and tag of the consumer that holds it, when unacknowledged. */
  heldBy: string | null;
}

/** basic's properties by their names in the specification. */
export interface MessageProperties {
  contentType?: string;
  contentEncoding?: string;
  headers?: Arguments;
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  expiration?: string;
  messageId?: string;
  timestamp?: number;
  type?: string;
  userId?: string;
  appId?: string;
  clusterId?: string;
}

export interface XDeath {
  queue: string;
  reason: string;
  count: number;
  /** Unix seconds, as the header carries it. */
  time: number;
  exchange: string;
  routingKeys: string[];
  originalExpiration?: string;
}

/** Dead letters of one cause and origin, in one queue. */
export interface DeadLetterGroup {
  vhost: string;
  /** Queue that holds them now. */
  queue: string;
  /** Reason of the newest death: rejected, expired, maxlen, delivery_limit. */
  reason: string;
  /** Queue they died in, and the exchange and routing key they had come by: where a requeue suggests to send them. */
  originQueue: string;
  originExchange: string;
  originRoutingKey: string;
  count: number;
  oldestAt: number;
  newestAt: number;
  cycles: number;
}

export interface DeadLetterRow extends MessageRow {
  deaths: XDeath[];
}

export interface TopologyGraph {
  vhost: string;
  exchanges: ExchangeRow[];
  queues: QueueRow[];
  bindings: BindingRow[];
  /** Routing keys lately dropped here, newest first (R28). */
  blackholes: BlackholeRow[];
  /** Changes whenever something was declared, bound or deleted; rates do not change it. */
  revision: number;
}

export interface ImportReport {
  created: number;
  unchanged: number;
  warnings: string[];
}
