// Dead letters: cause, keys, headers, counts, cycles.
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

/** `source` with its arguments, and a queue `dead` that takes what its exchange gets under any key. */
async function setUp(s: Script, name: string, args: Arguments): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'exchange.declare', { exchange: `${name}.x`, type: 'fanout', autoDelete: true });
  await c.call(1, 'queue.declare', { queue: `${name}.dead`, exclusive: true });
  await c.call(1, 'queue.bind', { queue: `${name}.dead`, exchange: `${name}.x` });
  await c.call(1, 'queue.declare', {
    queue: `${name}.source`,
    exclusive: true,
    arguments: { 'x-dead-letter-exchange': `${name}.x`, ...args },
  });
  return c;
}

/** Dead letters travel on their own time: asks until one is there. */
async function fetchDead(c: Party, queue: string): Promise<void> {
  for (let i = 0; i < 40; i++) {
    c.send(1, 'queue.declare', { queue, passive: true });
    const heard = await c.client.hear();
    if (
      heard.kind === 'method' &&
      heard.method.name === 'queue.declare-ok' &&
      heard.method.args.messageCount > 0
    )
      break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await c.call(1, 'basic.get', { queue, noAck: true });
}

/** RabbitMQ hands a publish to the queue's own process: what looks at the queue has to wait for it. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

export const deadLetter: Conversations = {
  'rejected without requeue': async (s) => {
    const c = await setUp(s, 'd1', {});
    c.publish(1, '', 'd1.source', 'x', { headers: { mine: 1 }, deliveryMode: 2 });
    await c.call(1, 'basic.get', { queue: 'd1.source' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetchDead(c, 'd1.dead');
    await c.close();
  },
  'nacked without requeue, several': async (s) => {
    const c = await setUp(s, 'd2', {});
    c.publish(1, '', 'd2.source', '1');
    c.publish(1, '', 'd2.source', '2');
    await c.call(1, 'basic.get', { queue: 'd2.source' });
    await c.call(1, 'basic.get', { queue: 'd2.source' });
    c.send(1, 'basic.nack', { deliveryTag: 2, multiple: true });
    await fetchDead(c, 'd2.dead');
    await fetchDead(c, 'd2.dead');
    await c.close();
  },
  'expired in the queue': async (s) => {
    const c = await setUp(s, 'd3', { 'x-message-ttl': 20 });
    c.publish(1, '', 'd3.source', 'x');
    await fetchDead(c, 'd3.dead');
    await c.close();
  },
  'expired by its own expiration, which goes': async (s) => {
    const c = await setUp(s, 'd4', {});
    c.publish(1, '', 'd4.source', 'x', { expiration: '20' });
    await fetchDead(c, 'd4.dead');
    await c.close();
  },
  'over the length': async (s) => {
    const c = await setUp(s, 'd5', { 'x-max-length': 1 });
    c.publish(1, '', 'd5.source', 'old');
    c.publish(1, '', 'd5.source', 'new');
    await fetchDead(c, 'd5.dead');
    await c.close();
  },
  'reject-publish-dlx sends the new one away': async (s) => {
    const c = await setUp(s, 'd6', { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' });
    await c.call(1, 'confirm.select');
    c.publish(1, '', 'd6.source', 'old');
    await c.hear();
    c.publish(1, '', 'd6.source', 'new');
    await c.hear();
    await fetchDead(c, 'd6.dead');
    await c.close();
  },
  'with a routing key of its own, CC goes': async (s) => {
    const c = await setUp(s, 'd7', { 'x-dead-letter-routing-key': 'grave' });
    c.publish(1, '', 'd7.source', 'x', { headers: { CC: ['other'] } });
    await c.call(1, 'basic.get', { queue: 'd7.source' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetchDead(c, 'd7.dead');
    await c.close();
  },
  'CC is kept and listed, BCC is not': async (s) => {
    const c = await setUp(s, 'd8', {});
    c.publish(1, '', 'd8.source', 'x', { headers: { CC: ['copy'], BCC: ['blind'] } });
    await c.call(1, 'basic.get', { queue: 'd8.source' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetchDead(c, 'd8.dead');
    await c.close();
  },
  'dying twice in the same way counts': async (s) => {
    const c = await setUp(s, 'd9', {});
    c.publish(1, '', 'd9.source', 'x');
    await c.call(1, 'basic.get', { queue: 'd9.source' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetchDead(c, 'd9.dead');
    await c.call(1, 'queue.bind', { queue: 'd9.source', exchange: 'amq.direct', routingKey: 'd9' });
    await c.close();
  },
  'round and round by rejection': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'd10.a',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd10.b' },
    });
    await c.call(1, 'queue.declare', {
      queue: 'd10.b',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd10.a', 'x-message-ttl': 10 },
    });
    c.publish(1, '', 'd10.a', 'x');
    await c.call(1, 'basic.consume', { queue: 'd10.a', consumerTag: 'r' }, 2);
    for (let tag = 1; tag <= 2; tag++) {
      c.send(1, 'basic.reject', { deliveryTag: tag });
      await c.hear();
    }
    await c.close();
  },
  'a cycle without rejection is broken': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'd11',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd11', 'x-message-ttl': 10 },
    });
    c.publish(1, '', 'd11', 'x');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await c.call(1, 'queue.declare', { queue: 'd11', passive: true });
    await c.close();
  },
  'a missing dead letter exchange drops them': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'd12',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': 'd12.nowhere' },
    });
    c.publish(1, '', 'd12', 'x');
    await c.call(1, 'basic.get', { queue: 'd12' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await c.call(1, 'queue.declare', { queue: 'd12', passive: true });
    await c.close();
  },
  'deleting a queue does not dead-letter': async (s) => {
    const c = await setUp(s, 'd13', {});
    c.publish(1, '', 'd13.source', 'x');
    await settle();
    await c.call(1, 'queue.delete', { queue: 'd13.source' });
    await c.call(1, 'basic.get', { queue: 'd13.dead', noAck: true });
    await c.close();
  },
  'purging does not dead-letter': async (s) => {
    const c = await setUp(s, 'd14', {});
    c.publish(1, '', 'd14.source', 'x');
    await settle();
    await c.call(1, 'queue.purge', { queue: 'd14.source' });
    await c.call(1, 'basic.get', { queue: 'd14.dead', noAck: true });
    await c.close();
  },
  'two causes make two entries': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'd15.dead', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'd15.b',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd15.dead' },
    });
    await c.call(1, 'queue.declare', {
      queue: 'd15.a',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd15.b', 'x-message-ttl': 10 },
    });
    c.publish(1, '', 'd15.a', 'x');
    await c.call(1, 'basic.consume', { queue: 'd15.b', consumerTag: 'r' }, 2);
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetchDead(c, 'd15.dead');
    await c.close();
  },
};
