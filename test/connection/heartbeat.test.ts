// When a peer counts as gone [AMQP 4.2.7], on a clock that the test moves.
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../broker/base/clock.ts';
import { Heartbeat, type Beating } from '../../broker/connection/heartbeat.ts';

class SteppedClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];
  now = () => this.#now;
  monotonic = () => this.#now;

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  after(delayMs: number, callback: () => void) {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return { cancel: () => void this.#timers.splice(this.#timers.indexOf(timer), 1) };
  }

  advance(byMs: number): void {
    const end = this.#now + byMs;
    for (;;) {
      const [due] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!due) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }
}

class Peer implements Beating {
  bytesReceived = 0;
  bytesSent = 0;
  bytesTaken = 0;
  overfull = false;
  listening = true;
  gone = false;
  beats = 0;

  sendHeartbeat(): void {
    this.beats++;
  }

  missedHeartbeats(): void {
    this.gone = true;
  }
}

function started() {
  const clock = new SteppedClock();
  const peer = new Peer();
  new Heartbeat().start(clock, 1000, peer);
  return { clock, peer };
}

describe('R2: heartbeats', () => {
  test('a peer silent for two intervals is gone; beats were sent meanwhile', () => {
    const { clock, peer } = started();
    clock.advance(1900);
    expect(peer.gone).toBe(false);
    expect(peer.beats).toBe(3);
    clock.advance(200);
    expect(peer.gone).toBe(true);
  });

  test('anything heard counts as a beat', () => {
    const { clock, peer } = started();
    for (let i = 0; i < 10; i++) {
      clock.advance(900);
      peer.bytesReceived++;
    }
    expect(peer.gone).toBe(false);
  });

  test('a publisher that an alarm keeps from being read is not gone', () => {
    const { clock, peer } = started();
    peer.listening = false;
    clock.advance(60_000);
    expect(peer.gone).toBe(false);
    peer.listening = true;
    clock.advance(2100);
    expect(peer.gone).toBe(true);
  });

  test('one that is not read for what it leaves unread lives while it reads', () => {
    const { clock, peer } = started();
    peer.overfull = true;
    for (let i = 0; i < 10; i++) {
      clock.advance(1500);
      peer.bytesTaken++;
    }
    expect(peer.gone).toBe(false);
    clock.advance(2600);
    expect(peer.gone).toBe(true);
  });
});
