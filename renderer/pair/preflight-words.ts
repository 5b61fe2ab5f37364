// A look ahead as points of a dialog (R33e).
import type { Preflight } from '../../broker/contract/pair-rows.ts';
import { count } from '../ui/format.ts';

const queuesMax = 5;

/** The sentences, and behind what is said of stranded messages the queues that most of them are in. */
export function pointsOf({ sentences, stranded }: Preflight): string[] {
  if (stranded.length === 0) return sentences;
  const named = stranded.slice(0, queuesMax).map(({ queue, messages }) => `${queue} ${count(messages)}`);
  const more = stranded.length - named.length;
  const tail = more > 0 ? `, and ${more} more` : '';
  const place = sentences.findIndex((sentence) => / in \d+ queues? /.test(sentence));
  return sentences.toSpliced(place + 1, 0, `By queue: ${named.join(', ')}${tail}.`);
}
