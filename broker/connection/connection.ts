// A client's connection: owns the socket, the output and the channels; negotiates, decodes, and turns the
// peer's errors into the close that the specification asks for. One connection's fault reaches no other.
import type { Socket } from 'node:net';
import { octetsText } from '../amqp/erlang-text.ts';
import { emptyTable, type FieldTable } from '../amqp/field-table.ts';
import { FrameDecoder, FrameType, type FrameHandler } from '../amqp/frame-decoder.ts';
import { FrameWriter } from '../amqp/frame-writer.ts';
import { decodeMethod, methods, type Method, type MethodArguments } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { AuthenticationFailure, type User } from '../auth/access-control.ts';
import { mechanisms, type Mechanism } from '../auth/sasl.ts';
import type { Timer } from '../base/clock.ts';
import type { BrokerServices, ChannelHost } from '../channel/channel-host.ts';
import { Channel } from '../channel/channel.ts';
import type { TickTask } from '../channel/end-of-tick.ts';
import { JournalFault } from '../journal/journal.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Vhost } from '../vhost/vhost.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import {
  checkTune,
  frameMaxBeforeTune,
  hasCapability,
  isAcceptedHeader,
  protocolHeader,
  serverProperties,
} from './handshake.ts';
import { Heartbeat } from './heartbeat.ts';

/** By RabbitMQ's names, which its error texts use. */
type State = 'header' | 'starting' | 'tuning' | 'opening' | 'running' | 'closing' | 'closed';

/** How long a refused login waits, so that guessing is slow. */
const refusalDelayMs = 1000;
const silentRefusalDelayMs = 3000;
const closeTimeoutMs = 5000;
/** For a client that never got in. */
const refusedTimeoutMs = 2000;

export class Connection implements ChannelHost, FrameHandler, TickTask {
  readonly services: BrokerServices;
  readonly name: string;
  readonly peerHost: string;
  readonly peerPort: number;
  readonly host: string;
  readonly port: number;
  readonly connectedAt: number;
  readonly channels = new Map<number, Channel>();
  readonly writer: FrameWriter;
  state: State = 'header';
  clientProperties: FieldTable = emptyTable;
  mechanism = '';
  channelMax = 0;
  frameMax = 0;
  heartbeatSeconds = 0;
  bytesReceived = 0;
  bytesSent = 0;
  cancelNotify = false;
  readonly #registry: ConnectionRegistry;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #heartbeat = new Heartbeat();
  #user: User | null = null;
  #vhost: Vhost | null = null;
  #header = Buffer.alloc(0);
  #timer: Timer | null;
  #waiting = false;
  /** It published while memory or disk were low: nothing more is read of it until they are not. */
  #heldBack = false;
  #congested = false;
  readonly #toWake = new Set<Queue>();
  readonly #whenClosed: (() => void)[] = [];

  constructor(socket: Socket, services: BrokerServices, registry: ConnectionRegistry) {
    this.services = services;
    this.#registry = registry;
    this.#socket = socket;
    this.peerHost = socket.remoteAddress ?? '';
    this.peerPort = socket.remotePort ?? 0;
    this.host = socket.localAddress ?? '';
    this.port = socket.localPort ?? 0;
    this.name = `${this.peerHost}:${this.peerPort} -> ${this.host}:${this.port}`;
    this.connectedAt = services.clock.now();
    this.writer = new FrameWriter(() => services.endOfTick.output(this));
    this.#decoder = new FrameDecoder(this, frameMaxBeforeTune);
    this.#timer = services.clock.after(services.limits.handshakeTimeoutMs, () => this.#handshakeTimedOut());
    registry.add(this);
    services.totals.connectionsCreated++;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => services.log.debug(`${this.name}: ${error.message}`));
    socket.on('close', () => this.#ended());
  }

  get user(): User {
    return this.#user!;
  }

  get vhost(): Vhost {
    return this.#vhost!;
  }

  get userName(): string {
    return this.#user?.name ?? '';
  }

  get vhostName(): string {
    return this.#vhost?.name ?? '';
  }

  get sendPending(): number {
    return this.#socket.writableLength + this.writer.size;
  }

  get blocked(): boolean {
    return this.#heldBack;
  }

  /** Whether it will be blocked when it publishes. */
  get blocking(): boolean {
    return this.#registry.blocked !== null && !this.#heldBack;
  }

  get mayDeliver(): boolean {
    return !this.#congested;
  }

  /** Frames wait while the disk works or publishers are held back. */
  get stopped(): boolean {
    return this.#waiting || this.#heldBack;
  }

  // ---- Bytes in ----

  #received(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    this.#guard(() => {
      if (this.state === 'header') this.#readHeader(chunk);
      else this.#decoder.push(chunk);
    });
    if (this.stopped) this.#socket.pause();
  }

  #readHeader(chunk: Buffer): void {
    this.#header = Buffer.concat([this.#header, chunk]);
    const known = this.#header.subarray(0, protocolHeader.length);
    if (known.length < protocolHeader.length && known.equals(protocolHeader.subarray(0, known.length)))
      return;
    if (
      known.length < protocolHeader.length &&
      known.subarray(0, 4).equals(protocolHeader.subarray(0, known.length))
    )
      return;
    if (!isAcceptedHeader(known)) {
      this.#socket.end(protocolHeader);
      this.state = 'closed';
      return this.#cutOffLater();
    }
    this.state = 'starting';
    this.writer.method(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: serverProperties(this.services),
      mechanisms: Buffer.from(mechanisms.join(' ')),
      locales: Buffer.from('en_US'),
    });
    const rest = this.#header.subarray(protocolHeader.length);
    this.#header = Buffer.alloc(0);
    if (rest.length > 0) this.#decoder.push(rest);
  }

  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (channel === 0) return this.#connectionFrame(type, bytes, start, end);
    if (this.state === 'closing' || this.state === 'closed') return;
    if (this.state !== 'running') throw unexpectedFrame(type, bytes.subarray(start, end));
    const open = this.channels.get(channel);
    if (!open) return this.#openChannel(type, channel, bytes, start, end);
    try {
      if (type === FrameType.METHOD) open.method(bytes, start, end);
      else if (type === FrameType.HEADER) {
        open.header(bytes, start, end);
        if (this.#registry.blocked !== null) this.#holdBack(this.#registry.blocked);
      } else if (type === FrameType.BODY) open.body(bytes, start, end);
      else throw frameFault(type, bytes.subarray(start, end));
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      this.services.log.warn(`${open.name}, user ${this.userName}: ${error.message}`);
      open.fail(error);
    }
  }

  #connectionFrame(type: number, bytes: Buffer, start: number, end: number): void {
    const ending = this.state === 'closing' || this.state === 'closed';
    if (type !== FrameType.METHOD) {
      if (ending || (type === FrameType.HEARTBEAT && end === start)) return;
      if (type === FrameType.HEARTBEAT) throw unknownFrame(type, bytes.subarray(start, end));
      throw frameFault(type, bytes.subarray(start, end));
    }
    const method = decodeMethod(bytes, start, end);
    if (method.name === 'connection.close' && (ending || this.state === 'running'))
      return this.#closedByPeer();
    if (!ending) this.#connectionMethod(method);
    else if (method.name === 'connection.close-ok') this.#socket.end();
  }

  #openChannel(type: number, number: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.HEADER || type === FrameType.BODY)
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        'expected method frame, got non method frame instead',
      );
    if (type !== FrameType.METHOD) throw frameFault(type, bytes.subarray(start, end));
    const method = decodeMethod(bytes, start, end);
    if (method.name !== 'channel.open')
      throw new ConnectionError(
        ReplyCode.CHANNEL_ERROR,
        "expected 'channel.open'",
        ...methods[method.name].id,
      );
    // The number itself may be any: RabbitMQ counts the channels that are open.
    if (this.channels.size >= this.channelMax)
      throw new ConnectionError(
        ReplyCode.NOT_ALLOWED,
        `number of channels opened (${this.channels.size}) has reached the negotiated channel_max (${this.channelMax})`,
      );
    this.channels.set(number, new Channel(number, this));
    this.services.totals.channelsCreated++;
    this.writer.method(number, 'channel.open-ok', { reserved1: Buffer.alloc(0) });
  }

  // ---- The connection class ----

  #connectionMethod(method: Method): void {
    switch (method.name) {
      case 'connection.start-ok':
        this.#expect('starting', method);
        return this.#startOk(method.args);
      case 'connection.tune-ok':
        this.#expect('tuning', method);
        return this.#tuneOk(method.args);
      case 'connection.open':
        this.#expect('opening', method);
        return this.#open(method.args);
      case 'connection.update-secret':
        this.#expect('running', method);
        return this.writer.method(0, 'connection.update-secret-ok', {});
      default:
        throw this.#unexpected(method);
    }
  }

  #expect(state: State, method: Method): void {
    if (this.state !== state) throw this.#unexpected(method);
  }

  #unexpected(method: Method): ConnectionError {
    const text = `unexpected method in connection state ${this.state}`;
    return new ConnectionError(ReplyCode.CHANNEL_ERROR, text, ...methods[method.name].id);
  }

  #startOk(args: MethodArguments<'connection.start-ok'>): void {
    this.clientProperties = args.clientProperties;
    this.mechanism = args.mechanism;
    this.cancelNotify = hasCapability(args.clientProperties, 'consumer_cancel_notify');
    if (!(mechanisms as readonly string[]).includes(args.mechanism))
      throw new ConnectionError(
        ReplyCode.COMMAND_INVALID,
        `unknown authentication mechanism '${args.mechanism}'`,
      );
    try {
      const { access } = this.services;
      this.#user = access.authenticate(args.mechanism as Mechanism, args.response, this.peerHost);
    } catch (error) {
      if (!(error instanceof AuthenticationFailure)) throw error;
      return this.#refuseLogin(error, args.mechanism);
    }
    const { channelMax, frameMax, heartbeatSeconds } = this.services.limits;
    this.state = 'tuning';
    this.writer.method(0, 'connection.tune', { channelMax, frameMax, heartbeat: heartbeatSeconds });
  }

  /** The client learns that it was refused, not why; and not at once. */
  #refuseLogin(failure: AuthenticationFailure, mechanism: string): void {
    this.services.log.warn(`${this.name}: ${failure.message}`);
    this.#waiting = true;
    const tell = hasCapability(this.clientProperties, 'authentication_failure_close');
    this.#timer?.cancel();
    this.#timer = this.services.clock.after(tell ? refusalDelayMs : silentRefusalDelayMs, () => {
      this.#waiting = false;
      if (!tell) return this.#socket.destroy();
      this.#socket.resume();
      this.#fail(
        new ConnectionError(
          ReplyCode.ACCESS_REFUSED,
          `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
        ),
      );
    });
  }

  #tuneOk(args: MethodArguments<'connection.tune-ok'>): void {
    const { channelMax, frameMax, heartbeat } = args;
    const tuned = checkTune(this.services.limits, { channelMax, frameMax, heartbeatSeconds: heartbeat });
    this.channelMax = tuned.channelMax;
    this.frameMax = tuned.frameMax;
    this.heartbeatSeconds = tuned.heartbeatSeconds;
    // The size field counts the payload; RabbitMQ tolerates the overhead on top.
    this.#decoder.frameMax = tuned.frameMax === 0 ? 0xffff_ffff : tuned.frameMax;
    this.writer.frameMax = tuned.frameMax;
    if (heartbeat > 0) this.#heartbeat.start(this.services.clock, heartbeat * 1000, this);
    this.state = 'opening';
  }

  #open(args: MethodArguments<'connection.open'>): void {
    const name = args.virtualHost;
    const { vhosts, access, replies } = this.services;
    const vhost = vhosts.get(name);
    if (!vhost) throw new ConnectionError(ReplyCode.NOT_ALLOWED, `vhost ${name} not found`, 10, 40);
    if (!access.mayOpen(this.userName, name))
      throw new ConnectionError(
        ReplyCode.NOT_ALLOWED,
        `access to vhost '${name}' refused for user '${this.userName}'`,
        10,
        40,
      );
    vhost.replyRouter ??= (message) => replies.deliver(message);
    this.#vhost = vhost;
    this.#timer?.cancel();
    this.#timer = null;
    this.state = 'running';
    this.writer.method(0, 'connection.open-ok', { reserved1: '' });
    this.services.log.info(`${this.name}: user ${this.userName} opened vhost ${name}`);
  }

  // ---- What channels ask ----

  waitFor(promise: Promise<void> | undefined, then: () => void): void {
    if (!promise) return then();
    this.#waiting = true;
    promise.then(
      () => this.#goOn(then),
      (error: unknown) =>
        this.#goOn(() => {
          throw error;
        }),
    );
  }

  #goOn(then: () => void): void {
    this.#waiting = false;
    this.#readOn(then);
  }

  #readOn(then: () => void): void {
    if (this.state === 'closed') return;
    this.#guard(() => {
      then();
      this.#decoder.resume();
    });
    if (!this.stopped) this.#socket.resume();
  }

  wakeLater(queue: Queue): void {
    this.#toWake.add(queue);
  }

  channelClosed(number: number): void {
    this.channels.delete(number);
    this.services.totals.channelsClosed++;
  }

  /** Content while an alarm is on: the client is told, if it wants to know, and its next frames wait. */
  #holdBack(reason: string): void {
    if (this.#heldBack) return;
    this.#heldBack = true;
    if (hasCapability(this.clientProperties, 'connection.blocked'))
      this.writer.method(0, 'connection.blocked', { reason });
  }

  /** All alarms are over. */
  letGo(): void {
    if (!this.#heldBack) return;
    this.#heldBack = false;
    if (hasCapability(this.clientProperties, 'connection.blocked'))
      this.writer.method(0, 'connection.unblocked', {});
    this.#readOn(() => undefined);
  }

  // ---- Bytes out ----

  endOfTick(): void {
    if (this.#socket.destroyed || this.writer.size === 0) {
      this.writer.take();
      return;
    }
    this.bytesSent += this.writer.size;
    const parts = this.writer.take();
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    if (parts.length > 1) this.#socket.uncork();
    if (this.#socket.writableLength > this.services.limits.unsentBytesMax) this.#congested = true;
  }

  #drained(): void {
    this.#congested = false;
    const queues = [...this.#toWake];
    this.#toWake.clear();
    for (const queue of queues) queue.wake();
  }

  sendHeartbeat(): void {
    this.writer.heartbeat();
  }

  missedHeartbeats(): void {
    this.services.log.warn(`${this.name}: missed heartbeats from client, timeout ${this.heartbeatSeconds}s`);
    this.#socket.destroy();
  }

  // ---- Errors and the end ----

  /** The one place where the peer's faults, and ours, become a close. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof ConnectionError) this.#fail(error);
      else if (error instanceof ChannelError) this.#fail(new ConnectionError(error.replyCode, error.message));
      else if (error instanceof JournalFault)
        this.#fail(new ConnectionError(ReplyCode.RESOURCE_ERROR, error.message));
      else {
        this.services.log.error(`${this.name}: ${error instanceof Error ? error.stack : String(error)}`);
        this.#fail(new ConnectionError(ReplyCode.INTERNAL_ERROR, 'INTERNAL_ERROR'));
      }
    }
  }

  #fail(error: ConnectionError): void {
    if (this.state === 'closing' || this.state === 'closed') return;
    this.services.log.warn(`${this.name}, user ${this.userName}: ${error.message}`);
    if (this.state === 'header') return void this.#socket.destroy();
    this.#beginClose(error.replyCode, error.message, error.classId, error.methodId);
  }

  #beginClose(replyCode: number, replyText: string, classId: number, methodId: number): void {
    this.#releaseChannels();
    const timeoutMs = this.state === 'running' ? closeTimeoutMs : refusedTimeoutMs;
    this.state = 'closing';
    this.writer.method(0, 'connection.close', { replyCode, replyText, classId, methodId });
    this.#cutOffLater(timeoutMs);
    this.#socket.resume();
  }

  /** Ends the connection from this side, 320 with a reason. Resolves when it has gone. */
  closeForced(reason: string): Promise<void> {
    if (this.state === 'closed') {
      this.#socket.destroy();
      return Promise.resolve();
    }
    const gone = new Promise<void>((resolve) => this.#whenClosed.push(resolve));
    if (this.state === 'running')
      this.#beginClose(ReplyCode.CONNECTION_FORCED, `CONNECTION_FORCED - ${reason}`, 0, 0);
    else if (this.state !== 'closing') this.#socket.destroy();
    return gone;
  }

  /** The client closes the socket when it has close-ok; one that does not is cut off. */
  #closedByPeer(): void {
    this.#releaseChannels();
    this.state = 'closed';
    this.writer.method(0, 'connection.close-ok', {});
    this.#cutOffLater();
  }

  #cutOffLater(timeoutMs = closeTimeoutMs): void {
    this.#timer?.cancel();
    this.#timer = this.services.clock.after(timeoutMs, () => this.#socket.destroy());
  }

  #handshakeTimedOut(): void {
    this.services.log.warn(`${this.name}: handshake_timeout in state ${this.state}`);
    this.#socket.destroy();
  }

  #releaseChannels(): void {
    for (const channel of this.channels.values()) channel.release();
    this.services.totals.channelsClosed += this.channels.size;
    this.channels.clear();
    this.#vhost?.connectionClosed(this);
  }

  #ended(): void {
    this.#releaseChannels();
    this.state = 'closed';
    this.#timer?.cancel();
    this.#heartbeat.stop();
    this.#registry.remove(this);
    this.services.totals.connectionsClosed++;
    for (const resolve of this.#whenClosed) resolve();
  }
}

/** A frame of a kind that is no frame here, or of no kind at all. */
function frameFault(type: number, payload: Buffer): ConnectionError {
  const known = (Object.values(FrameType) as number[]).includes(type);
  return known ? unexpectedFrame(type, payload) : unknownFrame(type, payload);
}

function unexpectedFrame(type: number, payload: Buffer): ConnectionError {
  return new ConnectionError(ReplyCode.UNEXPECTED_FRAME, `type ${type}, ${octetsText(payload)}`);
}

function unknownFrame(type: number, payload: Buffer): ConnectionError {
  return new ConnectionError(ReplyCode.FRAME_ERROR, `type ${type}, ${octetsText(payload)}: unknown_frame`);
}
