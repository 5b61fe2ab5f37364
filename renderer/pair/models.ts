// The three kinds of pair in words: what each promises, and what it costs (R33b, R33c, R33d).
import type { PairModel } from '../../broker/contract/host-procedures.ts';

export interface ModelWords {
  model: PairModel;
  name: string;
  promise: string;
  detail: string;
}

export const modelWords: readonly ModelWords[] = [
  {
    model: 'independent',
    name: 'Independent',
    promise: 'Takes over at once, without the messages.',
    detail:
      'Two nodes with messages of their own. What is declared on one is declared on both; what the failed node held is stranded on it, counted, until it serves again or is drained.',
  },
  {
    model: 'shared-store',
    name: 'Shared store',
    promise: 'Takes over with every confirmed message, after reading the store.',
    detail:
      'Both nodes over one folder, one of them at a time. The standby is cold: it opens the store when the other has gone, which takes longer the more is in it. A store that is lost is lost for both.',
  },
  {
    model: 'replicated',
    name: 'Replicated',
    promise: 'Takes over with every confirmed message; a confirm waits for both disks.',
    detail:
      'The standby keeps a copy of journal and definitions in a folder of its own. A copy that is behind does not take over by itself: it waits for the node that has everything.',
  },
];

export const wordsOf = (model: PairModel | null): ModelWords =>
  modelWords.find((each) => each.model === model) ?? modelWords[0]!;
