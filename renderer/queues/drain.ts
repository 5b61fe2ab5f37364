// How long until a queue is empty, as its rates are now.
import { duration, rate } from '../ui/format.ts';

export interface Flow {
  messagesReady: number;
  consumers: number;
  inRate: number;
  outRate: number;
}

/** A short sentence, or null when there is nothing to tell. */
export function drainText({ messagesReady, consumers, inRate, outRate }: Flow): string | null {
  if (messagesReady === 0) return null;
  const drained = outRate - inRate;
  // Within a tenth of what flows, rates of one second say nothing.
  if (Math.abs(drained) <= Math.max(inRate, outRate) * 0.1) {
    if (outRate > 0) return 'Steady';
    return consumers === 0 ? 'No consumer' : 'Nothing flows';
  }
  if (drained < 0) return `Grows by ${rate(-drained)}`;
  return `Empty in ${duration((messagesReady / drained) * 1000)}`;
}
