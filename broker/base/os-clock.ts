// The machine's own time.
import type { Clock } from './clock.ts';

/** Node's timers hold 31 bits; a longer wait is cut into pieces. */
const timeoutMaxMs = 0x7fff_ffff;

export const osClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const nowMs = Math.min(Math.max(0, leftMs), timeoutMaxMs);
      timer = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : callback()), nowMs);
      timer.unref();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (callback) => void setImmediate(callback),
};
