// What a channel needs from below and from its connection; handed in by the composition root, no globals.
import type { FrameWriter } from '../amqp/frame-writer.ts';
import type { OutputBuffers } from '../amqp/output-buffers.ts';
import type { AccessControl, User } from '../auth/access-control.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Journal } from '../journal/journal.ts';
import type { QueueOwner } from '../vhost/queue/queue.ts';
import type { VhostRegistry } from '../vhost/vhost-registry.ts';
import type { Vhost } from '../vhost/vhost.ts';
import type { BodySource } from './publishing.ts';
import type { ChannelConsumer } from './channel-consumer.ts';
import type { DirectReplies } from './direct-replies.ts';
import type { BodyRoom } from './body-room.ts';
import type { EndOfTick } from './end-of-tick.ts';

export interface BrokerServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Journal;
  readonly vhosts: VhostRegistry;
  readonly access: AccessControl;
  readonly endOfTick: EndOfTick;
  readonly outputBuffers: OutputBuffers;
  readonly replies: DirectReplies;
  readonly bodyRoom: BodyRoom;
  readonly limits: BrokerLimits;
  readonly productVersion: string;
  readonly nodeName: string;
  /** Called as totals of the node grow. */
  readonly totals: NodeTotals;
}

export interface BrokerLimits {
  channelMax: number;
  frameMax: number;
  heartbeatSeconds: number;
  handshakeTimeoutMs: number;
  messageBytesMax: number;
  /** Of all large bodies on their way in or to the disk; a publisher who finds no room is not read meanwhile. */
  bodyRoomBytesMax: number;
  /** Who has room and uses none of it for so long, while others wait, is closed. */
  bodyRoomIdleMsMax: number;
  /** A connection with more unsent bytes gets no deliveries until they have gone. */
  unsentBytesMax: number;
  /** A connection with more unsent bytes is not read until they have gone, and gets no direct replies. */
  unreadBytesMax: number;
  consumersPerChannelMax: number;
  /** Of one listener. */
  connectionsMax: number;
}

export const defaultLimits: BrokerLimits = {
  channelMax: 2047,
  frameMax: 131072,
  heartbeatSeconds: 60,
  handshakeTimeoutMs: 10_000,
  messageBytesMax: 128 << 20,
  bodyRoomBytesMax: 128 << 20,
  bodyRoomIdleMsMax: 30_000,
  unsentBytesMax: 4 << 20,
  unreadBytesMax: 64 << 20,
  consumersPerChannelMax: 65_536,
  connectionsMax: 10_000,
};

/** Events of the whole node since it started. */
export class NodeTotals {
  publish = 0;
  confirm = 0;
  deliver = 0;
  deliverNoAck = 0;
  get = 0;
  getNoAck = 0;
  getEmpty = 0;
  ack = 0;
  redeliver = 0;
  returnUnroutable = 0;
  dropUnroutable = 0;
  connectionsCreated = 0;
  connectionsClosed = 0;
  channelsCreated = 0;
  channelsClosed = 0;
}

/** The channel's side of its connection. */
export interface ChannelHost extends QueueOwner, BodySource {
  readonly services: BrokerServices;
  readonly vhost: Vhost;
  readonly user: User;
  readonly writer: FrameWriter;
  readonly cancelNotify: boolean;
  /** Unix milliseconds when the bytes under way came in. */
  readonly receivedAt: number;
  /** False while too much is unsent or the client stopped the flow. */
  readonly mayDeliver: boolean;
  /** The client leaves so much unread that nothing more is kept for it. */
  readonly overfull: boolean;
  /** Stops reading frames until the promise settles: replies stay in order while the disk works. */
  waitFor(promise: Promise<void> | undefined, then: () => void): void;
  /** Remembers a consumer to wake when the connection's output has drained. */
  wakeLater(consumer: ChannelConsumer): void;
  channelClosed(number: number): void;
}
