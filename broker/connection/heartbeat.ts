// Heartbeats both ways [AMQP 4.2.7]: one is sent when half the interval passed with nothing else sent, and a
// peer that was silent for two intervals is gone.
import type { Clock, Timer } from '../base/clock.ts';

export interface Beating {
  readonly bytesReceived: number;
  /** Of what was sent, what has left: a peer that reads slowly is alive. */
  readonly bytesTaken: number;
  /** Not read because it reads too slowly. */
  readonly overfull: boolean;
  /** False while the peer is not read for reasons of ours. */
  readonly listening: boolean;
  readonly bytesSent: number;
  sendHeartbeat(): void;
  missedHeartbeats(): void;
}

export class Heartbeat {
  #timer: Timer | null = null;

  start(clock: Clock, intervalMs: number, peer: Beating): void {
    const heardOf = () => peer.bytesReceived + (peer.overfull ? peer.bytesTaken : 0);
    let heard = heardOf();
    let sent = peer.bytesSent;
    let silentChecks = 0;
    const check = () => {
      if (peer.bytesSent === sent) peer.sendHeartbeat();
      sent = peer.bytesSent;
      silentChecks = peer.listening && heardOf() === heard ? silentChecks + 1 : 0;
      heard = heardOf();
      if (silentChecks >= 4) return peer.missedHeartbeats();
      this.#timer = clock.after(intervalMs / 2, check);
    };
    this.#timer = clock.after(intervalMs / 2, check);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
