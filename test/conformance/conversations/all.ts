import { basic } from './basic.ts';
import { confirmAndTx } from './confirm-and-tx.ts';
import { connection } from './connection.ts';
import type { Conversations } from './conversations.ts';
import { deadLetter } from './dead-letter.ts';
import { exchange } from './exchange.ts';
import { malformed } from './malformed.ts';
import { queue } from './queue.ts';

const groups: Record<string, Conversations> = {
  connection,
  exchange,
  queue,
  basic,
  confirmAndTx,
  deadLetter,
  malformed,
};

export const conversations: Conversations = Object.fromEntries(
  Object.entries(groups).flatMap(([group, members]) =>
    Object.entries(members).map(([name, talk]) => [`${group}: ${name}`, talk]),
  ),
);
