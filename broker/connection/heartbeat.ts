// Heartbeats both ways [AMQP 4.2.7]: one is sent when half the interval passed with nothing else sent, and a
// peer that was silent for two intervals is gone.
import type { Clock, Timer } from '../base/clock.ts';

export interface Beating {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  sendHeartbeat(): void;
  missedHeartbeats(): void;
}

export class Heartbeat {
  #timer: Timer | null = null;

  start(clock: Clock, intervalMs: number, peer: Beating): void {
    let received = peer.bytesReceived;
    let sent = peer.bytesSent;
    let silentChecks = 0;
    const check = () => {
      if (peer.bytesSent === sent) peer.sendHeartbeat();
      sent = peer.bytesSent;
      silentChecks = peer.bytesReceived === received ? silentChecks + 1 : 0;
      received = peer.bytesReceived;
      if (silentChecks >= 4) return peer.missedHeartbeats();
      this.#timer = clock.after(intervalMs / 2, check);
    };
    this.#timer = clock.after(intervalMs / 2, check);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
