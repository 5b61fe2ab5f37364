// Sends the dead letters of a group back, in batches that can be watched and stopped. A message leaves only once the
// target holds it; what the target does not take stays and is stepped over.
import type { DeadLetterGroup } from '../../broker/contract/rows.ts';
import { connection } from '../rpc/connection.svelte.ts';
import { failureText } from '../state/actions.svelte.ts';
import { count, plural } from '../ui/format.ts';

export interface Outcome {
  requeued: number;
  missing: number;
  unrouted: number;
}

const batch = 500;

export class Redrive {
  exchange = $state('');
  routingKey = $state('');
  keepDeathHeaders = $state(true);
  progress = $state.raw<{ done: number; of: number } | null>(null);
  outcome = $state.raw<Outcome | null>(null);
  problem = $state<string | null>(null);
  #stopped = false;

  /** The suggestion is the queue each died in; it is the user's to change. */
  constructor({ originQueue }: DeadLetterGroup) {
    this.routingKey = originQueue;
  }

  get ready(): boolean {
    return this.progress === null && (this.exchange !== '' || this.routingKey !== '');
  }

  stop(): void {
    this.#stopped = true;
  }

  selected(group: DeadLetterGroup, positions: number[]): Promise<void> {
    return this.#run(positions.length, () => this.#send(group, positions));
  }

  /** The first `most` of the group, from the oldest. */
  first(group: DeadLetterGroup, most: number): Promise<void> {
    return this.#run(most, async (sofar) => {
      const { vhost, queue, reason, originQueue } = group;
      const handled = sofar.requeued + sofar.unrouted;
      if (handled >= most) return null;
      const limit = Math.min(batch, most - handled);
      const next = await connection.callNode('deadLetters.list', {
        vhost,
        queue,
        reason,
        originQueue,
        offset: sofar.unrouted,
        limit,
        bodyStartBytesMax: 0,
      });
      if (next.items.length === 0) return null;
      return this.#send(
        group,
        next.items.map(({ position }) => position),
      );
    });
  }

  #send({ vhost, queue }: DeadLetterGroup, positions: number[]): Promise<Outcome> {
    const { exchange, routingKey, keepDeathHeaders } = this;
    const target = { exchange, routingKey };
    return connection.callNode('deadLetters.requeue', { vhost, queue, positions, target, keepDeathHeaders });
  }

  /** `step` is called until it has nothing more, `of` are handled, or somebody stops it. */
  async #run(of: number, step: (sofar: Outcome) => Promise<Outcome | null>): Promise<void> {
    const sum: Outcome = { requeued: 0, missing: 0, unrouted: 0 };
    this.#stopped = false;
    this.problem = null;
    this.outcome = null;
    this.progress = { done: 0, of };
    try {
      while (!this.#stopped && sum.requeued + sum.missing + sum.unrouted < of) {
        const result = await step(sum);
        if (result === null) break;
        sum.requeued += result.requeued;
        sum.missing += result.missing;
        sum.unrouted += result.unrouted;
        this.progress = { done: sum.requeued + sum.unrouted, of };
      }
    } catch (error) {
      this.problem = failureText(error);
    } finally {
      this.progress = null;
      this.outcome = sum;
    }
  }
}

export function outcomeText({ requeued, missing, unrouted }: Outcome): string {
  const rest = [
    missing > 0 ? `${count(missing)} had gone already` : '',
    unrouted > 0 ? `${count(unrouted)} stayed: no queue took them` : '',
  ].filter((each) => each !== '');
  return `${plural(requeued, 'message')} requeued${rest.length > 0 ? `, ${rest.join(', ')}` : ''}`;
}
