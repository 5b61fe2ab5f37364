import { alone as wholeBroker } from './alone.ts';
import { arguments_ } from './arguments.ts';
import { basic } from './basic.ts';
import { confirmAndTx } from './confirm-and-tx.ts';
import { channel } from './channel.ts';
import { connection } from './connection.ts';
import type { Conversations } from './conversations.ts';
import { consumers } from './consumers.ts';
import { content } from './content.ts';
import { deadLetter } from './dead-letter.ts';
import { exchange } from './exchange.ts';
import { deaths } from './deaths.ts';
import { handshake } from './handshake.ts';
import { malformed } from './malformed.ts';
import { naming } from './naming.ts';
import { permissions } from './permissions.ts';
import { policies } from './policies.ts';
import { queue } from './queue.ts';

import { routing } from './routing.ts';
import { replies } from './replies.ts';
import { transactions } from './transactions.ts';

const groups: Record<string, Conversations> = {
  connection,
  handshake,
  channel,
  permissions,
  exchange,
  queue,
  naming,
  arguments: arguments_,
  routing,
  policies,
  basic,
  content,
  consumers,
  replies,
  confirmAndTx,
  transactions,
  deadLetter,
  malformed,
  deaths,
};

/** Any number of these may go on at once. */
export const conversations: Conversations = named(groups);
/** Each of these wants the broker for itself; the last of them ends it. */
export const alone: Conversations = named({ alone: wholeBroker });

function named(grouped: Record<string, Conversations>): Conversations {
  return Object.fromEntries(
    Object.entries(grouped).flatMap(([group, members]) =>
      Object.entries(members).map(([name, talk]) => [`${group}: ${name}`, talk]),
    ),
  );
}
