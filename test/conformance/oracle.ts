// npm run test:oracle: has every conversation with Debian's RabbitMQ and with Warren, compares them, and keeps what
// RabbitMQ said for the tests.
import { writeFileSync } from 'node:fs';
import { rabbitmqInstalled, startRabbitMq } from '../peers/rabbitmq.ts';
import { startNode } from '../node-under-test.ts';
import { converse } from './converse.ts';
import { conversations } from './conversations/all.ts';
import { deviations } from './deviations.ts';

if (!rabbitmqInstalled) {
  console.error('rabbitmq-server is not installed: nothing to compare with');
  process.exit(1);
}
const oracle = await startRabbitMq();
const theirs = await converse(conversations, oracle);
await oracle.stop();
const node = await startNode();
const ours = await converse(conversations, node);
await node.dispose();

const listed = deviations();
let unexpected = 0;
for (const name of Object.keys(conversations)) {
  const [expected, given] = [theirs[name]!, ours[name]!];
  if (JSON.stringify(expected) === JSON.stringify(given)) {
    if (listed.has(name)) console.log(`no longer differs, but is listed: ${name}`);
    continue;
  }
  if (!listed.has(name)) unexpected++;
  console.log(`${listed.has(name) ? 'listed' : 'NOT LISTED'}: ${name}`);
  for (let i = 0; i < Math.max(expected.length, given.length); i++)
    if (expected[i] !== given[i]) console.log(`  RabbitMQ ${expected[i]}\n  Warren   ${given[i]}`);
}
writeFileSync(
  new URL('./recorded/rabbitmq-3.10.8.json', import.meta.url),
  JSON.stringify(theirs, null, 1) + '\n',
);
console.log(
  `${Object.keys(conversations).length} conversations, ${listed.size} listed deviations, ${unexpected} not listed`,
);
process.exit(unexpected > 0 ? 1 : 0);
