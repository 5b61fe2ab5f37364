// The source's connection to the node it drains into: one question at a time, each answered or the link is lost.
import type { Clock } from '../base/clock.ts';
import type { Connection, Network } from '../base/network.ts';
import type { PeerAddress } from '../contract/rpc.ts';
import type { DrainAnswer, DrainRequest } from '../pair/drain-protocol.ts';
import { readMessages, send } from '../pair/peer-protocol.ts';

const openTimeoutMs = 2000;
/** The target's disk may be busy for long; a target that is gone closes the connection, or is killed. */
const answerTimeoutMs = 60_000;

export type Answer = Omit<DrainAnswer, 'kind' | 'id'>;
type Question = Extract<DrainRequest, { id: number }>;
type Unnumbered<Q> = Q extends { id: number } ? Omit<Q, 'id'> : never;

/** The link broke, or the other node cannot take anything now: the same may go through later. */
export class LinkLost extends Error {
  override name = 'LinkLost';
}

export class DrainLink {
  readonly #socket: Connection;
  readonly #clock: Clock;
  #lastId = 0;
  #waiting: { id: number; resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;

  /** Rejects with LinkLost. */
  static async open(
    { network, clock }: { network: Network; clock: Clock },
    address: PeerAddress,
  ): Promise<DrainLink> {
    const socket = network.connect(address);
    const link = new DrainLink(socket, clock);
    const timer = clock.after(openTimeoutMs, () => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('connect', resolve);
        socket.on('close', () => reject(new LinkLost('the other node cannot be reached')));
      });
    } finally {
      timer.cancel();
    }
    send(socket, { kind: 'hello', token: address.token });
    return link;
  }

  private constructor(socket: Connection, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    // The close that follows says it.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#waiting?.reject(new LinkLost('the link to the other node broke')));
    readMessages(socket, (message) => {
      if (message.kind !== 'drain-answer' || message.id !== this.#waiting?.id)
        throw new Error(`unexpected ${message.kind}`);
      const { count, problem, again } = message;
      this.#waiting.resolve({ count, problem, again });
    });
  }

  /** Rejects with LinkLost when no answer comes, or when the other node could not tell. */
  async ask(question: Unnumbered<Question>): Promise<Answer> {
    if (this.#socket.destroyed) throw new LinkLost('the link to the other node broke');
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve, reject) => (this.#waiting = { id, resolve, reject }));
    const timer = this.#clock.after(answerTimeoutMs, () => this.#socket.destroy());
    try {
      send(this.#socket, { ...question, id } as Question);
      const answer = await answered;
      if (answer.count < 0) throw new LinkLost(answer.problem ?? 'the other node cannot tell');
      return answer;
    } finally {
      timer.cancel();
      this.#waiting = null;
    }
  }

  tell(message: Extract<DrainRequest, { kind: 'drain-settled' }>): void {
    send(this.#socket, message);
  }

  close(): void {
    this.#socket.destroy();
  }
}
