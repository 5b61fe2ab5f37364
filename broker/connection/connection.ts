// A client's connection: owns the socket, the output and the channels; negotiates, decodes, and turns the
// peer's errors into the close that the specification asks for. One connection's fault reaches no other.
import type { Socket } from 'node:net';
import { emptyTable, type FieldTable } from '../amqp/field-table.ts';
import { FrameDecoder, FrameType, type FrameHandler } from '../amqp/frame-decoder.ts';
import { isFrame, unexpectedFrame, unknownFrame } from '../amqp/frame-check.ts';
import { FrameWriter } from '../amqp/frame-writer.ts';
import { decodeMethod, methods, type Method, type MethodArguments } from '../amqp/methods.ts';
import { ChannelError, ConnectionError, ReplyCode } from '../amqp/reply-codes.ts';
import { AuthenticationFailure, type User } from '../auth/access-control.ts';
import { mechanisms, type Mechanism } from '../auth/sasl.ts';
import type { Timer } from '../base/clock.ts';
import type { BrokerServices, ChannelHost } from '../channel/channel-host.ts';
import type { BodyHolder } from '../channel/body-room.ts';
import type { ChannelConsumer } from '../channel/channel-consumer.ts';
import { Channel } from '../channel/channel.ts';
import type { TickSharer, TickTask } from '../channel/end-of-tick.ts';
import { JournalFault } from '../journal/journal.ts';
import type { Queue } from '../vhost/queue/queue.ts';
import type { Vhost } from '../vhost/vhost.ts';
import { channelRefusal, connectionRefusal } from './connection-limits.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { DiskFlow, Holdable } from './disk-flow.ts';
import {
  checkTune,
  frameMaxBeforeTune,
  hasCapability,
  isAcceptedHeader,
  protocolHeader,
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
/** Frames between two looks at the time. */
const framesPerLook = 16;

export class Connection implements ChannelHost, BodyHolder, FrameHandler, TickTask, TickSharer, Holdable {
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
  receivedAt = 0;
  bytesReceived = 0;
  bytesSent = 0;
  cancelNotify = false;
  readonly #registry: ConnectionRegistry;
  readonly #flow: DiskFlow;
  readonly #socket: Socket;
  readonly #greeting: Buffer;
  readonly #decoder: FrameDecoder;
  readonly #heartbeat = new Heartbeat();
  #user: User | null = null;
  #vhost: Vhost | null = null;
  #header = Buffer.alloc(0);
  #timer: Timer | null;
  #waiting = false;
  /** More waits for the disk than may. */
  #held = false;
  /** It is about to be closed: its publishes are held, then its deliveries too. */
  #leaving: 'no' | 'held' | 'quiet' = 'no';
  /** It published while memory or disk were low: nothing more is read of it until they are not. */
  #heldBack = false;
  #publisher = false;
  /** A body waits for room: what is to be done when there is. */
  #roomAwaited: (() => void) | null = null;
  bodyFrames = 0;
  /** What the socket had not sent at the end of the last tick. */
  #unsent = 0;
  /** It has had its share of the tick: its next frames wait for the next one. */
  #hadItsShare = false;
  #tick = -1;
  #shareEndsAt = 0;
  #framesToLook = framesPerLook;
  readonly #toWake = new Set<ChannelConsumer>();
  readonly #whenClosed: (() => void)[] = [];

  /** `greeting`: the frame of connection.start. */
  constructor(
    socket: Socket,
    greeting: Buffer,
    services: BrokerServices,
    registry: ConnectionRegistry,
    flow: DiskFlow,
  ) {
    this.#greeting = greeting;
    this.services = services;
    this.#registry = registry;
    this.#flow = flow;
    this.#socket = socket;
    this.peerHost = socket.remoteAddress ?? '';
    this.peerPort = socket.remotePort ?? 0;
    this.host = socket.localAddress ?? '';
    this.port = socket.localPort ?? 0;
    this.name = `${this.peerHost}:${this.peerPort} -> ${this.host}:${this.port}`;
    this.connectedAt = services.clock.now();
    this.writer = new FrameWriter(services.outputBuffers, () => services.endOfTick.output(this));
    this.#decoder = new FrameDecoder(this, frameMaxBeforeTune);
    this.#timer = services.clock.after(services.limits.handshakeTimeoutMs, () => this.#handshakeTimedOut());
    registry.add(this);
    services.totals.connectionsCreated++;
    socket.setNoDelay(true);
    socket.on('drain', () => this.#sent());
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
    return (
      this.#leaving !== 'quiet' && this.#unsent + this.writer.size <= this.services.limits.unsentBytesMax
    );
  }

  /** A client that asks for more and more without reading the answers is not read either. */
  get overfull(): boolean {
    return this.#unsent + this.writer.size > this.services.limits.unreadBytesMax;
  }

  /** Frames wait while the disk works, publishers are held back, answers lie unread, or it is others' turn. */
  get stopped(): boolean {
    if (this.#leaving !== 'no' && this.#publisher && this.state === 'running') return true;
    const heldBack = this.#heldBack && this.state === 'running';
    if (this.#hadItsShare || this.#waiting || this.#held || this.#roomAwaited !== null) return true;
    return heldBack || this.overfull;
  }

  /** Whether silence means anything: nothing is heard from a client that is not read. */
  get listening(): boolean {
    return !this.#waiting && !this.#held && !this.#heldBack && this.#roomAwaited === null;
  }

  /** Of `bytesSent`, what has left for the client. */
  get bytesTaken(): number {
    return this.bytesSent - this.#socket.writableLength;
  }

  // ---- Bytes in ----

  /** Bytes from the client; the chunk is the caller's again when this returns. */
  received(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    this.receivedAt = this.services.clock.now();
    this.#beginTurn();
    this.#guard(() => {
      if (this.state === 'header') this.#readHeader(chunk);
      else this.#decoder.push(chunk);
    });
    this.#lookAtTime();
    if (this.#publisher && this.#flow.holds(this)) this.#held = true;
    if (this.stopped) this.#socket.pause();
  }

  /** All chunks that are read in one tick are of one turn. */
  #beginTurn(): void {
    const { endOfTick, clock } = this.services;
    if (endOfTick.tick === this.#tick) return;
    this.#tick = endOfTick.tick;
    this.#shareEndsAt = clock.monotonic() + endOfTick.shareMs;
    endOfTick.begin();
  }

  #lookAtTime(): void {
    this.#framesToLook = framesPerLook;
    if (this.#hadItsShare || this.services.clock.monotonic() < this.#shareEndsAt) return;
    this.#hadItsShare = true;
    this.services.endOfTick.goOnNext(this);
  }

  nextTick(): void {
    this.#hadItsShare = false;
    this.#beginTurn();
    this.#resume();
  }

  diskCaughtUp(): void {
    this.#held = false;
    this.#resume();
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
    this.writer.raw(this.#greeting);
    const rest = this.#header.subarray(protocolHeader.length);
    this.#header = Buffer.alloc(0);
    if (rest.length > 0) this.#decoder.push(rest);
  }

  frame(type: number, channel: number, bytes: Buffer, start: number, end: number): void {
    if (--this.#framesToLook === 0) this.#lookAtTime();
    const ending = this.state === 'closing' || this.state === 'closed';
    let open: Channel | undefined;
    try {
      if (!ending && !isFrame(type, end - start)) throw unknownFrame(type, bytes, start, end);
      if (channel === 0) return this.#connectionFrame(type, bytes, start, end, ending);
      if (ending) return;
      if (this.state !== 'running' || type === FrameType.HEARTBEAT)
        throw unexpectedFrame(type, bytes, start, end);
      open = this.channels.get(channel);
      if (!open) this.#openChannel(type, channel, bytes, start, end);
      else if (type === FrameType.METHOD) open.method(bytes, start, end);
      else if (type === FrameType.HEADER) {
        this.#publisher = true;
        open.header(bytes, start, end);
        if (this.#registry.blocked !== null) this.#holdBack(this.#registry.blocked);
      } else open.body(bytes, start, end);
    } catch (error) {
      if (open && error instanceof ChannelError) {
        this.services.log.warn(`${open.name}, user ${this.userName}: ${error.message}`);
        open.fail(error);
      } else this.#caught(error);
    }
  }

  #connectionFrame(type: number, bytes: Buffer, start: number, end: number, ending: boolean): void {
    if (type !== FrameType.METHOD) {
      if (ending || type === FrameType.HEARTBEAT) return;
      throw unexpectedFrame(type, bytes, start, end);
    }
    if (ending && end - start < 4) return;
    const method = decodeMethod(bytes, start, end);
    if (method.name === 'connection.close' && (ending || this.state === 'running'))
      return this.#closedByPeer();
    if (!ending) this.#connectionMethod(method);
    else if (method.name === 'connection.close-ok') this.#end();
  }

  #openChannel(type: number, number: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.METHOD)
      throw new ConnectionError(
        ReplyCode.UNEXPECTED_FRAME,
        'expected method frame, got non method frame instead',
      );
    const method = decodeMethod(bytes, start, end);
    if (method.name !== 'channel.open')
      throw new ConnectionError(ReplyCode.CHANNEL_ERROR, "expected 'channel.open'", ...idOf(method));
    // The number itself may be any: RabbitMQ counts the channels that are open.
    if (this.channels.size >= this.channelMax)
      throw new ConnectionError(
        ReplyCode.NOT_ALLOWED,
        `number of channels opened (${this.channels.size}) has reached the negotiated channel_max (${this.channelMax})`,
      );
    const refusal = channelRefusal(this.#registry, this.services.access.user(this.userName) ?? this.user);
    if (refusal !== null) throw new ConnectionError(ReplyCode.NOT_ALLOWED, refusal);
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
    const openId = methods['connection.open'].id;
    if (!vhost) throw new ConnectionError(ReplyCode.NOT_ALLOWED, `vhost ${name} not found`, ...openId);
    const refusal = connectionRefusal(this.#registry, vhost, access.user(this.userName) ?? this.user);
    if (refusal !== null) throw new ConnectionError(ReplyCode.NOT_ALLOWED, refusal, ...openId);
    if (!access.mayOpen(this.userName, name))
      throw new ConnectionError(
        ReplyCode.NOT_ALLOWED,
        `access to vhost '${name}' refused for user '${this.userName}'`,
        ...openId,
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
    if (this.state === 'closed') return;
    if (this.state !== 'closing') this.#guard(then);
    this.#resume();
  }

  /** Goes on with what was kept, then with the socket, unless something else still stops it. */
  #resume(): void {
    if (this.stopped || this.state === 'closed') return;
    this.receivedAt = this.services.clock.now();
    this.#guard(() => this.#decoder.resume());
    if (!this.stopped) this.#socket.resume();
  }

  wakeLater(consumer: ChannelConsumer): void {
    this.#toWake.add(consumer);
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
    this.#resume();
  }

  // ---- Room for large bodies ----

  /** Throws ChannelError 311. */
  takeRoom(bytes: number, given: () => void): boolean {
    const taken = this.services.bodyRoom.take(this, bytes);
    if (!taken) this.#roomAwaited = given;
    return taken;
  }

  giveRoomBack(bytes: number): void {
    this.services.bodyRoom.giveBack(this, bytes);
  }

  roomGiven(): void {
    const given = this.#roomAwaited;
    this.#roomAwaited = null;
    given?.();
    // Not within the call by which another gives its room back.
    this.services.clock.soon(() => this.#resume());
  }

  roomOverdue(): void {
    const text = 'a body under way did not go on for too long, while others waited for its room';
    this.#fail(new ConnectionError(ReplyCode.RESOURCE_ERROR, text));
  }

  // ---- Bytes out ----

  endOfTick(): void {
    const { outputBuffers } = this.services;
    const { size } = this.writer;
    const { parts, filled } = this.writer.take();
    if (this.#socket.destroyed || size === 0) return outputBuffers.giveBack(filled);
    this.bytesSent += size;
    const last = parts.pop()!;
    if (parts.length > 0) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.write(last, () => outputBuffers.giveBack(filled));
    if (parts.length > 0) this.#socket.uncork();
    this.#sent();
  }

  /** Some or all of the output has gone: who waited for that goes on, as far as there is room. */
  #sent(): void {
    this.#unsent = this.#socket.writableLength;
    if (this.mayDeliver && this.#toWake.size > 0) {
      const queues = new Set<Queue>();
      for (const consumer of this.#toWake) {
        consumer.queue.consumers.mayTakeAgain(consumer);
        queues.add(consumer.queue);
      }
      this.#toWake.clear();
      for (const queue of queues) queue.deliver();
    }
    if (this.#socket.isPaused()) this.#resume();
  }

  sendHeartbeat(): void {
    this.writer.heartbeat();
  }

  missedHeartbeats(): void {
    this.services.log.warn(`${this.name}: missed heartbeats from client, timeout ${this.heartbeatSeconds}s`);
    this.#socket.destroy();
  }

  // ---- Errors and the end ----

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#caught(error);
    }
  }

  /** The one place where the peer's faults, and ours, become a close. */
  #caught(error: unknown): void {
    if (error instanceof ConnectionError) this.#fail(error);
    else if (error instanceof ChannelError) this.#fail(new ConnectionError(error.replyCode, error.message));
    else if (error instanceof JournalFault)
      this.#fail(new ConnectionError(ReplyCode.RESOURCE_ERROR, error.message));
    else {
      this.services.log.error(`${this.name}: ${error instanceof Error ? error.stack : String(error)}`);
      this.#fail(new ConnectionError(ReplyCode.INTERNAL_ERROR, 'a fault of the broker; its log has more'));
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
    this.#resume();
  }

  /** Before it is closed on purpose: nothing it publishes is taken any more. What it published before is confirmed. */
  hold(): void {
    this.#leaving = 'held';
    if (this.stopped) this.#socket.pause();
  }

  /** Nor does it get more deliveries; what it acknowledges still counts, so that it does not come again elsewhere. */
  holdDeliveries(): void {
    this.#leaving = 'quiet';
  }

  /** Whether something would come again if it were closed now. */
  get unsettled(): boolean {
    for (const { unacked, confirms } of this.channels.values()) {
      if (confirms && confirms.unconfirmed > 0) return true;
      // A client that is not read cannot acknowledge either.
      if (unacked.count > 0 && !this.#publisher) return true;
    }
    return false;
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

  /** Ends it without a further word. */
  cut(): void {
    this.#socket.destroy();
  }

  /** The client closes the socket when it has close-ok; one that does not is cut off. */
  #closedByPeer(): void {
    this.#releaseChannels();
    this.state = 'closed';
    this.writer.method(0, 'connection.close-ok', {});
    this.#cutOffLater();
  }

  /** What was said in this tick has not left yet, and nothing can follow the end. */
  #end(): void {
    this.endOfTick();
    this.#socket.end();
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
    this.#roomAwaited = null;
    this.services.bodyRoom.withdraw(this);
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
    this.#flow.forget(this);
    this.services.totals.connectionsClosed++;
    for (const resolve of this.#whenClosed) resolve();
  }
}

function idOf(method: Method): readonly [number, number] {
  return methods[method.name].id;
}
