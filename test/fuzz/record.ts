// Records what clients say in the conformance conversations: the fuzzer's material. `node test/fuzz/record.ts` makes
// corpus/conversations.json anew; what is in it decides what a seed means, so it is kept with the tests.
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { transcriptOf } from '../conformance/converse.ts';
import { conversations } from '../conformance/conversations/all.ts';
import { startNode } from '../node-under-test.ts';
import { framesIn } from './wire-frame.ts';

const node = await startNode();
const streams: { name: string; chunks: Buffer[] }[] = [];
let current = '';

// A relay between the conversations and the node notes what goes in.
const relay = createServer((client) => {
  const upstream = connect(node.amqpPort, '127.0.0.1');
  const stream = { name: current, chunks: [] as Buffer[] };
  streams.push(stream);
  client.on('data', (chunk) => {
    stream.chunks.push(chunk);
    upstream.write(chunk);
  });
  upstream.pipe(client);
  client.on('error', () => upstream.destroy());
  client.on('close', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
});
await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
const peer = { ...node, amqpPort: (relay.address() as AddressInfo).port };

for (const [name, talk] of Object.entries(conversations)) {
  // The malformed ones are the fuzzer's own business.
  if (name.startsWith('malformed')) continue;
  current = name;
  await transcriptOf(talk, peer);
}
relay.close();
await node.dispose();

const recorded = streams.flatMap(({ name, chunks }) => {
  const { frames, rest } = framesIn(Buffer.concat(chunks).subarray(8));
  const sound = rest.length === 0 && frames.every((frame) => frame.end === undefined);
  // Other users than guest do not exist where these are said again.
  const asGuest = frames[0]?.payload.includes('guest') ?? false;
  // Megabytes of one letter teach nobody anything.
  const small = frames.reduce((sum, frame) => sum + frame.payload.length, 0) < 20_000;
  if (!sound || !small || !asGuest || frames.length < 5) return [];
  return [
    {
      name,
      frames: frames.map(({ type, channel, payload }) => [type, channel, payload.toString('base64')]),
    },
  ];
});
const lines = recorded.map((each) => JSON.stringify(each)).join(',\n');
writeFileSync(new URL('./corpus/conversations.json', import.meta.url), `[\n${lines}\n]\n`);
console.log(`${recorded.length} connections recorded`);
