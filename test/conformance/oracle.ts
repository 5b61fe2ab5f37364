// npm run test:oracle: has every conversation, and asks every request of the management API, with Debian's RabbitMQ and
// with Warren, compares them, and keeps what RabbitMQ said for the tests; so too how it ends rabbitmqadmin's commands.
// Names after `--` choose conversations by a part of their name; then nothing of them is kept. `rabbitmqadmin` alone
// records its commands only.
import { writeFileSync } from 'node:fs';
import { rabbitmqInstalled, startRabbitMq } from '../peers/rabbitmq.ts';
import { startNode } from '../node-under-test.ts';
import { converse, transcriptOf, type Transcripts } from './converse.ts';
import { alone, conversations } from './conversations/all.ts';
import type { Conversations } from './conversations/conversations.ts';
import { deviations } from './deviations.ts';
import type { Peer } from '../peers/peer.ts';
import { messageBytesMax } from './script.ts';
import { recordOutcomes, rabbitmqadminInstalled } from '../interop/rabbitmqadmin.ts';
import { askAll, type Answers } from '../http/ask.ts';
import { compareTalk, deviatingRequests } from '../http/compare.ts';
import { talks } from '../http/requests/all.ts';

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

/** The same for the requests to the management API. */
function compareHttp(theirs: Answers, ours: Answers): number {
  const differed = new Set<string>();
  const unlisted: string[] = [];
  for (const [name, expected] of Object.entries(theirs)) {
    const found = compareTalk(name, expected, ours[name]!);
    unlisted.push(...found.unlisted);
    for (const request of found.listed) differed.add(request);
  }
  if (parts.length === 0)
    for (const request of deviatingRequests())
      if (!differed.has(request)) unlisted.push(`NO LONGER DIFFERS, but is listed: ${request}`);
  for (const line of unlisted) console.log(line);
  return unlisted.length;
}

const asked = Object.keys(talks).filter(
  (name) => parts.length === 0 || parts.some((part) => name.includes(part)),
);

async function haveAndAsk(peer: Peer) {
  // First the requests, some of which speak of all that there is.
  const answers = await askAll(peer, asked);
  return { answers, transcripts: await haveAll(peer) };
}

const oracle = await startRabbitMq({ messageBytesMax, statisticsIntervalMs: 1000 });
const { answers: theirAnswers, transcripts: theirs } = await haveAndAsk(oracle).finally(() => oracle.stop());
const node = await startNode({ limits: { messageBytesMax } });
const { answers: ourAnswers, transcripts: ours } = await haveAndAsk(node).finally(() => node.dispose());

const unexpected = compare(theirs, ours) + compareHttp(theirAnswers, ourAnswers);
if (parts.length === 0) {
  const inOrder = Object.fromEntries(
    [...Object.keys(together), ...Object.keys(oneByOne)].map((name) => [name, theirs[name]]),
  );
  writeFileSync(
    new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url),
    JSON.stringify(inOrder, null, 1) + '\n',
  );
  writeFileSync(
    new URL('../http/recorded/rabbitmq-3.10.8.json', import.meta.url),
    JSON.stringify(theirAnswers, null, 1) + '\n',
  );
}
// On a fresh RabbitMQ: it lists all that there is.
if (rabbitmqadminInstalled && (parts.length === 0 || parts.includes('rabbitmqadmin')))
  console.log(`${await recordOutcomes()} outcomes of rabbitmqadmin recorded; its test compares them`);
console.log(
  `${Object.keys(theirs).length} conversations, ${deviations().size} listed deviations; ` +
    `${Object.values(theirAnswers).flat().length} requests, ${deviatingRequests().size} listed deviations; ` +
    `${unexpected} not as expected`,
);
process.exit(unexpected > 0 ? 1 : 0);
