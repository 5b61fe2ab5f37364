// npm run test:oracle: has every conversation with Debian's RabbitMQ and with Warren, compares them, and keeps what
// RabbitMQ said for the tests. Names after `--` choose conversations by a part of their name; then nothing is kept.
import { writeFileSync } from 'node:fs';
import { rabbitmqInstalled, startRabbitMq } from '../peers/rabbitmq.ts';
import { startNode } from '../node-under-test.ts';
import { converse, transcriptOf, type Transcripts } from './converse.ts';
import { alone, conversations } from './conversations/all.ts';
import type { Conversations } from './conversations/conversations.ts';
import { deviations } from './deviations.ts';
import { messageBytesMax, type Peer } from './script.ts';

if (!rabbitmqInstalled) {
  console.error('rabbitmq-server is not installed: nothing to compare with');
  process.exit(1);
}

const parts = process.argv.slice(2);
const chosen = (all: Conversations) =>
  Object.fromEntries(
    Object.entries(all).filter(([name]) => parts.length === 0 || parts.some((part) => name.includes(part))),
  );
const [together, oneByOne] = [chosen(conversations), chosen(alone)];

async function haveAll(peer: Peer): Promise<Transcripts> {
  const transcripts = await converse(together, peer);
  for (const [name, talk] of Object.entries(oneByOne)) transcripts[name] = await transcriptOf(talk, peer);
  return transcripts;
}

/** Prints the first differences; answers how many conversations differ that deviations.md does not list. */
function compare(theirs: Transcripts, ours: Transcripts): number {
  const listed = deviations();
  let unexpected = 0;
  for (const [name, expected] of Object.entries(theirs)) {
    const given = ours[name]!;
    if (JSON.stringify(expected) === JSON.stringify(given)) {
      if (!listed.has(name)) continue;
      unexpected++;
      console.log(`NO LONGER DIFFERS, but is listed: ${name}`);
      continue;
    }
    if (!listed.has(name)) unexpected++;
    console.log(`${listed.has(name) ? 'listed' : 'NOT LISTED'}: ${name}`);
    for (let i = 0; i < Math.max(expected.length, given.length); i++)
      if (expected[i] !== given[i]) console.log(`  RabbitMQ ${expected[i]}\n  Warren   ${given[i]}`);
  }
  return unexpected;
}

const oracle = await startRabbitMq({ messageBytesMax });
const theirs = await haveAll(oracle).finally(() => oracle.stop());
const node = await startNode({ limits: { messageBytesMax } });
const ours = await haveAll(node).finally(() => node.dispose());

const unexpected = compare(theirs, ours);
if (parts.length === 0) {
  const inOrder = Object.fromEntries(
    [...Object.keys(together), ...Object.keys(oneByOne)].map((name) => [name, theirs[name]]),
  );
  writeFileSync(
    new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url),
    JSON.stringify(inOrder, null, 1) + '\n',
  );
}
console.log(
  `${Object.keys(theirs).length} conversations, ${deviations().size} listed deviations, ${unexpected} not as expected`,
);
process.exit(unexpected > 0 ? 1 : 0);
