// Direct reply-to: the pseudo-queue, the addresses, and every way to be wrong about them.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

const pseudo = 'amq.rabbitmq.reply-to';

async function asking(s: Script, name = 'asker'): Promise<Party> {
  const c = await s.open(name);
  await c.openChannel(1);
  await c.call(1, 'basic.consume', { queue: pseudo, consumerTag: 'answers', noAck: true });
  return c;
}

/** A server with the address that came in the question's reply-to. */
async function asked(s: Script, asker: Party, queue: string): Promise<{ server: Party; address: string }> {
  const server = await s.open('server');
  await server.openChannel(1);
  await server.call(1, 'queue.declare', { queue, exclusive: true });
  await server.call(1, 'basic.consume', { queue, consumerTag: 'questions', noAck: true });
  asker.publish(1, '', queue, 'question', { replyTo: pseudo, correlationId: '7' });
  const heard = await server.client.hear();
  const address = heard.kind === 'method' ? (heard.properties?.replyTo ?? '') : '';
  s.say(address.replace(/reply-to\..+/, 'reply-to.*'));
  return { server, address };
}

export const replies: Conversations = {
  'several answers to one question': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r1');
    server.publish(1, '', address, 'first', { correlationId: '7' }, { mandatory: true });
    server.publish(1, '', address, 'second', { headers: { a: 1 } });
    await asker.hear(2);
    await server.silence();
  },
  'an answer to somebody who has gone is dropped': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r2');
    await asker.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    server.publish(1, '', address, 'late', {}, { mandatory: true });
    await server.silence(500);
  },
  'an answer with confirms': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r3');
    await server.call(1, 'confirm.select');
    server.publish(1, '', address, 'sure', {}, { mandatory: true });
    await server.hear();
    await asker.hear();
  },
  'asking whether somebody is there': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r4');
    await server.call(1, 'queue.declare', { queue: address, passive: true });
    await server.call(1, 'queue.declare', { queue: address });
    await asker.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await server.call(1, 'queue.declare', { queue: address, passive: true });
  },
  'an address that is made up': async (s) => {
    const c = await asking(s);
    c.publish(1, '', `${pseudo}.made-up`, 'x', {}, { mandatory: true });
    await c.silence(300);
    await c.call(1, 'queue.declare', { queue: `${pseudo}.made-up`, passive: true });
  },
  'cancelled, then asked again': async (s) => {
    const c = await asking(s);
    await c.call(1, 'basic.cancel', { consumerTag: 'answers' });
    await c.call(1, 'basic.consume', { queue: pseudo, consumerTag: 'answers', noAck: true });
    await c.call(1, 'basic.cancel', { consumerTag: 'answers' });
    c.publish(1, '', 'nowhere', 'x', { replyTo: pseudo });
    await c.hear();
  },
  'the server makes the tag': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'basic.consume', { queue: pseudo, noAck: true });
    await c.call(1, 'basic.consume', { queue: pseudo, noAck: true });
  },
  'the tag of another consumer': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'r5', exclusive: true });
    await c.call(1, 'basic.consume', { queue: 'r5', consumerTag: 't' });
    await c.call(1, 'basic.consume', { queue: pseudo, consumerTag: 't', noAck: true });
  },
  'its tag for another consumer': async (s) => {
    const c = await asking(s, '');
    await c.call(1, 'queue.declare', { queue: 'r6', exclusive: true });
    await c.call(1, 'basic.consume', { queue: 'r6', consumerTag: 'answers' });
    await c.close();
  },
  'acknowledged and a second one: which is said': async (s) => {
    const c = await asking(s, '');
    await c.call(1, 'basic.consume', { queue: pseudo, consumerTag: 'more', noAck: false });
  },
  'one for each channel': async (s) => {
    const c = await asking(s, '');
    await c.openChannel(2);
    await c.call(2, 'basic.consume', { queue: pseudo, consumerTag: 'answers', noAck: true });
    c.publish(2, '', 'nobody', 'x', { replyTo: pseudo }, { mandatory: true });
    const heard = await c.client.hear();
    s.say(heard.kind === 'method' ? `${heard.channel} ${heard.method.name}` : heard.kind);
    await c.close();
  },
  'get, purge and delete of the pseudo-queue': async (s) => {
    const c = await asking(s, '');
    for (const [number, name] of (['basic.get', 'queue.purge', 'queue.delete'] as const).entries()) {
      await c.openChannel(number + 2);
      await c.call(number + 2, name, { queue: pseudo });
    }
    await c.close();
  },
  'binding the pseudo-queue': async (s) => {
    const c = await asking(s, '');
    await c.call(1, 'queue.bind', { queue: pseudo, exchange: 'amq.direct', routingKey: 'k' });
  },
  'declaring the pseudo-queue, not passively': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: pseudo, durable: true });
    await c.call(1, 'queue.declare', { queue: pseudo, exclusive: true });
    await c.close();
  },
  'publishing to the pseudo-queue by its name': async (s) => {
    const c = await asking(s, '');
    c.publish(1, '', pseudo, 'x', {}, { mandatory: true });
    await c.hear();
    await c.close();
  },
  'through another exchange the address is nothing': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r7');
    server.publish(1, 'amq.direct', address, 'x', {}, { mandatory: true });
    const heard = await server.client.hear();
    s.say(heard.kind === 'method' ? heard.method.name : heard.kind);
  },
  'delivery tags of answers and of others': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r8');
    await asker.call(1, 'queue.declare', { queue: 'r8b', exclusive: true });
    server.publish(1, '', address, 'first');
    await asker.hear();
    server.publish(1, '', address, 'second');
    await asker.hear();
    asker.publish(1, '', 'r8b', 'queued');
    await asker.call(1, 'basic.get', { queue: 'r8b' });
    server.publish(1, '', address, 'third');
    await asker.hear();
    await asker.call(1, 'basic.ack', { deliveryTag: 2 });
  },
  'the answer’s own reply-to is its sender’s': async (s) => {
    const asker = await asking(s);
    const { server, address } = await asked(s, asker, 'r9');
    server.publish(1, '', address, 'x', { replyTo: 'somewhere-else' });
    await asker.hear();
    server.publish(1, '', address, 'x', { replyTo: pseudo });
    await server.hear();
  },
};
