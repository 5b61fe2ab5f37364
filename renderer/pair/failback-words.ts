// What a failback setting comes to, in words, and the way of its time through a form field.
import type { FailbackRow } from '../../broker/contract/pair-rows.ts';
import { duration, moment } from '../ui/format.ts';

/** What happens next, and when. */
export function nextWords({ state, toId, dueAt, reason, settings }: FailbackRow, now: number): string {
  switch (state) {
    case 'draining':
      return `Failing back to node ${toId}: its messages are drained first`;
    case 'switching':
      return `Failing back to node ${toId}`;
    case 'cancelled':
      return `No failback: ${reason}`;
    case 'none':
      return `No failback: ${reason}`;
    case 'waiting': {
      if (dueAt === null)
        return `Fails back to node ${toId} once it stands by, after ${settings.healthySeconds} s`;
      if (dueAt <= now) return `Fails back to node ${toId} as soon as it can: ${reason}`;
      const when = dueAt - now > 3_600_000 ? `at ${moment(dueAt)}` : `in ${duration(dueAt - now)}`;
      return `Fails back to node ${toId} ${when}`;
    }
  }
}

/** For an input of type `datetime-local`, which knows the machine's own zone only. */
export function localText(at: number): string {
  const date = new Date(at);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Null for what is no time. */
export function timeOf(text: string): number | null {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : at;
}
