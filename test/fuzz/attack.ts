// One connection's worth of attack, decided by the seed and its number alone, and the judgement of what came of
// it. A connection that survives a mutation gets the next one, up to a few.
import { encodeMethod } from '../../broker/amqp/methods.ts';
import type { Conversation } from './corpus.ts';
import { mutations } from './mutations.ts';
import { Random } from './random.ts';
import { bytesOf, readingOf, type WireFrame } from './wire-frame.ts';
import { WirePeer } from './wire-peer.ts';

/** What a client's fault may be called [AMQP 1.2.1]; 541 is the broker's own and never right. */
const connectionCodes = new Set([501, 502, 503, 504, 505, 530, 540]);
const channelCodes = new Set([311, 312, 313, 403, 404, 405, 406]);
/** On channel 0, or before the connection is open, a channel's code closes the connection. */
const refusalCodes = new Set([402, 403, 404, 405, 406]);

const roundsMax = 5;
const headerBytes = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const frameMaxOffered = 131_072;
const probeChannel = 60_000;

export interface AttackSetting {
  port: number;
  seed: number;
  corpus: readonly Conversation[];
  /** The node's own limit for a handshake. */
  handshakeTimeoutMs: number;
  /** How long the node may take for an answer that is due. */
  patienceMs: number;
}

export interface Outcome {
  /** Mutations sent. */
  rounds: number;
  /** What was done, and what came of it, for the counts. */
  kinds: string[];
  result: string;
  /** What is wrong with it, null when all is well. */
  failure: string | null;
}

export class Attack {
  readonly index: number;
  readonly #setting: AttackSetting;
  readonly #random: Random;
  readonly #kinds: string[] = [];
  /** Called when all that is left is to wait. */
  readonly #waits: () => void;
  #peer!: WirePeer;

  constructor(index: number, setting: AttackSetting, waits: () => void) {
    this.index = index;
    this.#setting = setting;
    this.#random = Random.of(setting.seed, index);
    this.#waits = waits;
  }

  async run(): Promise<Outcome> {
    this.#peer = await WirePeer.connect(this.#setting.port);
    try {
      const random = this.#random;
      if (random.oneIn(20)) return await this.#beforeAnything();
      const conversation = random.pick(this.#setting.corpus);
      return random.oneIn(10)
        ? await this.#duringHandshake(conversation)
        : await this.#afterHandshake(conversation);
    } finally {
      this.#peer.destroy();
    }
  }

  /** Anything but the protocol header. */
  async #beforeAnything(): Promise<Outcome> {
    const random = this.#random;
    this.#kinds.push('instead of the protocol header');
    const altered = Buffer.from(headerBytes);
    altered[random.below(8)] = random.below(256);
    const bytes = random.pick([
      altered,
      random.bytes(random.between(1, 400)),
      headerBytes.subarray(0, random.below(8)),
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      Buffer.concat([headerBytes, random.bytes(random.between(1, 400))]),
    ]);
    this.#peer.raw(bytes);
    this.#waits();
    const { handshakeTimeoutMs, patienceMs } = this.#setting;
    if (!(await this.#peer.until(() => this.#peer.ended, handshakeTimeoutMs + patienceMs)))
      return this.#failed('a connection without a handshake is still there');
    return this.#judged(this.#peer.refused ? 'protocol header' : 'ended');
  }

  async #duringHandshake({ frames, handshake }: Conversation): Promise<Outcome> {
    const at = this.#random.below(handshake);
    const { bytes, used } = this.#mutate(frames, at);
    this.#peer.raw(headerBytes);
    const before = frames.slice(0, at).map(bytesOf);
    const after = frames.slice(at + used, handshake + 2).map(bytesOf);
    this.#peer.send(Buffer.concat([...before, bytes, ...after]), this.#random);
    const settled = await this.#peer.until(() => this.#peer.opened || this.#peer.ended, 50);
    if (settled && this.#peer.opened) return this.#goodbye();
    this.#waits();
    const { handshakeTimeoutMs, patienceMs } = this.#setting;
    if (!(await this.#peer.until(() => this.#peer.ended, handshakeTimeoutMs + patienceMs)))
      return this.#peer.opened ? this.#goodbye() : this.#failed('a handshake neither ended nor cut off');
    return this.#judged('refused in the handshake');
  }

  async #afterHandshake(first: Conversation): Promise<Outcome> {
    const random = this.#random;
    this.#peer.raw(headerBytes);
    let { frames } = first;
    const { handshake } = first;
    let sent = frames.slice(0, handshake).map(bytesOf);
    for (let round = 0; round < roundsMax; round++) {
      const at = random.between(handshake, frames.length - 1);
      const { bytes, used } = this.#mutate(frames, at);
      const before = frames.slice(handshake, at).map(bytesOf);
      const after = frames.slice(at + used, at + used + random.below(4)).map(bytesOf);
      this.#peer.send(Buffer.concat([...sent, ...before, bytes, ...after]), random);
      const end = await this.#settle(probeChannel + round);
      if (end) return end;
      // The next conversation goes on beside what this one has left.
      frames = onOtherChannels(random.pick(this.#setting.corpus).frames, (round + 1) * 100);
      sent = [];
    }
    return this.#goodbye();
  }

  #mutate(frames: readonly WireFrame[], at: number): { bytes: Buffer; used: number } {
    const kind = this.#random.pick(Object.keys(mutations));
    this.#kinds.push(kind);
    return mutations[kind]!(frames, at, this.#random);
  }

  /** Waits for what the bytes so far must lead to. Null when the connection is well and may go on. */
  async #settle(channel: number): Promise<Outcome | null> {
    const peer = this.#peer;
    const reading = readingOf(peer.sent, frameMaxOffered);
    const over = () => peer.ended || peer.closeAnswered || peer.connectionClose !== undefined;
    if (reading === 'unfinished') {
      // It may wait for the rest of a frame, or have found a fault before that.
      await peer.until(over, 10);
      return over() ? this.#ending() : this.#judged('left waiting for the rest of a frame');
    }
    const open = bytesOf({ type: 1, channel, payload: encodeMethod('channel.open', { reserved1: '' }) });
    peer.send(open, this.#random);
    const answered = () => peer.channels.has(channel) || over();
    if (!(await peer.until(answered, this.#setting.patienceMs))) return this.#failed('no answer');
    return over() ? this.#ending() : null;
  }

  /** The node has said its last word: its side of the socket ends, too. */
  async #ending(): Promise<Outcome> {
    const peer = this.#peer;
    if (!(await peer.until(() => peer.ended, this.#setting.patienceMs)))
      return this.#failed('closed, but the socket stays open');
    return this.#judged(peer.closeAnswered ? 'closed by its own close' : 'closed');
  }

  /** A connection that is well is closed in order. */
  async #goodbye(): Promise<Outcome> {
    const peer = this.#peer;
    const close = encodeMethod('connection.close', {
      replyCode: 200,
      replyText: '',
      classId: 0,
      methodId: 0,
    });
    peer.send(bytesOf({ type: 1, channel: 0, payload: close }), this.#random);
    const done = () => peer.closeAnswered || peer.ended;
    const outcome = () => this.#judged(peer.connectionClose ? 'closed' : 'survived');
    if (await peer.until(done, 50)) return outcome();
    // A mutated size may have swallowed it.
    if (readingOf(peer.sent, frameMaxOffered) !== 'whole')
      return this.#judged('left waiting for the rest of a frame');
    const late = await peer.until(done, this.#setting.patienceMs);
    return late ? outcome() : this.#failed('close is not answered');
  }

  #judged(result: string): Outcome {
    const peer = this.#peer;
    if (peer.nonsense !== null) return this.#failed(`the node sent nonsense: ${peer.nonsense}`);
    for (const { what, replyCode, replyText } of peer.closes) {
      const known =
        what === 'channel'
          ? channelCodes.has(replyCode)
          : connectionCodes.has(replyCode) || refusalCodes.has(replyCode);
      if (!known) return this.#failed(`${what}.close ${replyCode} ${replyText}`);
    }
    const silent = peer.ended && peer.opened && !peer.closeAnswered && !peer.connectionClose;
    if (silent) return this.#failed('an open connection was cut without a word');
    const code = peer.connectionClose?.replyCode;
    return this.#outcome(code === undefined ? result : `${result} ${code}`, null);
  }

  #failed(failure: string): Outcome {
    const sent = this.#peer.sent.toString('hex');
    return this.#outcome('failed', `${failure}; kinds ${this.#kinds.join(', ')}; sent ${sent.slice(-1500)}`);
  }

  #outcome(result: string, failure: string | null): Outcome {
    return { rounds: this.#kinds.length, kinds: this.#kinds, result, failure };
  }
}

function onOtherChannels(frames: readonly WireFrame[], by: number): WireFrame[] {
  return frames.map((frame) => (frame.channel === 0 ? frame : { ...frame, channel: frame.channel + by }));
}
