// Confirms and transactions: numbering, several at once, what is refused, what a rollback gives back.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function withQueue(
  s: Script,
  queue: string,
  args: Record<string, string | number> = {},
): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: args });
  return c;
}

/** RabbitMQ hands a publish to the queue's own process: what looks at the queue has to wait for it. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

export const transactions: Conversations = {
  'confirms: numbered from the select on': async (s) => {
    const c = await withQueue(s, 't1');
    c.publish(1, '', 't1', 'before');
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't1', 'first');
    await c.hear();
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't1', 'second');
    await c.hear();
    await c.close();
  },
  'confirms: each channel has its own numbers': async (s) => {
    const c = await withQueue(s, 't2');
    await c.openChannel(2);
    await c.call(1, 'confirm.select');
    await c.call(2, 'confirm.select');
    c.publish(1, '', 't2', 'a');
    await c.hear();
    c.publish(2, '', 't2', 'b');
    await c.hear();
    await c.close();
  },
  'confirms: two queues, one of them full: one nack, the other keeps it': async (s) => {
    const c = await withQueue(s, 't3', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await c.call(1, 'queue.declare', { queue: 't3b', exclusive: true });
    for (const queue of ['t3', 't3b'])
      await c.call(1, 'queue.bind', { queue, exchange: 'amq.direct', routingKey: 't3' });
    await c.call(1, 'confirm.select');
    c.publish(1, 'amq.direct', 't3', '1', {}, { mandatory: true });
    await c.hear();
    c.publish(1, 'amq.direct', 't3', '2', {}, { mandatory: true });
    await c.hear();
    await c.silence();
    for (const queue of ['t3', 't3', 't3b', 't3b']) await c.call(1, 'basic.get', { queue, noAck: true });
    await c.close();
  },
  'confirms: refused and mandatory is not returned': async (s) => {
    const c = await withQueue(s, 't4', { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't4', '1', {}, { mandatory: true });
    await c.hear();
    await c.silence();
    await c.close();
  },
  'confirms: refused without confirms is dropped': async (s) => {
    const c = await withQueue(s, 't5', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    c.publish(1, '', 't5', '1');
    c.publish(1, '', 't5', '2');
    await settle();
    await c.call(1, 'queue.declare', { queue: 't5', passive: true });
    await c.close();
  },
  'confirms: dropped for length is confirmed': async (s) => {
    const c = await withQueue(s, 't6', { 'x-max-length': 1 });
    await c.call(1, 'confirm.select');
    for (const body of ['1', '2']) {
      c.publish(1, '', 't6', body);
      await c.hear();
    }
    await c.call(1, 'basic.get', { queue: 't6', noAck: true });
    await c.close();
  },
  'confirms: TTL 0 is confirmed': async (s) => {
    const c = await withQueue(s, 't7', { 'x-message-ttl': 0 });
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't7', '1');
    await c.hear();
    await c.close();
  },
  'confirms: persistent to a durable queue': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 't8', durable: true });
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't8', '1', { deliveryMode: 2 });
    await c.hear();
    await c.call(1, 'queue.delete', { queue: 't8' });
    await c.close();
  },
  'confirms: nothing more after the channel failed': async (s) => {
    const c = await withQueue(s, 't9');
    await c.call(1, 'confirm.select');
    c.publish(1, '', 't9', '1');
    await c.hear();
    c.publish(1, 't-nowhere', 'k', '2');
    c.publish(1, '', 't9', '3');
    await c.hear();
    await c.silence();
  },
  'confirms: many, and the last number': async (s) => {
    const c = await withQueue(s, 't10');
    await c.call(1, 'confirm.select');
    for (let i = 0; i < 50; i++) c.publish(1, '', 't10', String(i));
    const seen = new Set<number>();
    while (seen.size < 50) {
      const heard = await c.client.hear();
      if (heard.kind !== 'method' || heard.method.name !== 'basic.ack') break;
      const { deliveryTag, multiple } = heard.method.args;
      for (let tag = multiple ? 1 : deliveryTag; tag <= deliveryTag; tag++) seen.add(tag);
    }
    s.say(`${seen.size} confirmed, the last ${Math.max(...seen)}`);
    await c.silence();
    await c.close();
  },
  'tx: selected twice': async (s) => {
    const c = await withQueue(s, 't20');
    await c.call(1, 'tx.select');
    await c.call(1, 'tx.select');
    await c.call(1, 'tx.commit');
    await c.close();
  },
  'tx: a publish to a missing exchange fails at once': async (s) => {
    const c = await withQueue(s, 't21');
    await c.call(1, 'tx.select');
    c.publish(1, 't-nowhere', 'k', 'x');
    await c.hear();
  },
  'tx: routed when published, not when committed': async (s) => {
    const c = await withQueue(s, 't22');
    await c.call(1, 'tx.select');
    c.publish(1, 'amq.direct', 't22', 'before the binding', {}, { mandatory: true });
    await c.call(1, 'queue.bind', { queue: 't22', exchange: 'amq.direct', routingKey: 't22' });
    c.publish(1, 'amq.direct', 't22', 'after the binding');
    await c.call(1, 'tx.commit', {}, 2);
    await c.call(1, 'basic.get', { queue: 't22', noAck: true });
    await c.call(1, 'basic.get', { queue: 't22', noAck: true });
    await c.close();
  },
  'tx: a queue deleted before the commit': async (s) => {
    const c = await withQueue(s, 't23');
    await c.call(1, 'tx.select');
    c.publish(1, '', 't23', 'x', {}, { mandatory: true });
    await c.call(1, 'queue.delete', { queue: 't23' });
    c.send(1, 'tx.commit');
    await c.hear(2);
  },
  'tx: acknowledged, then committed': async (s) => {
    const c = await withQueue(s, 't24');
    for (const body of ['1', '2']) c.publish(1, '', 't24', body);
    await c.call(1, 'basic.get', { queue: 't24' });
    await c.call(1, 'tx.select');
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.call(1, 'tx.commit');
    await c.call(1, 'basic.recover', { requeue: true });
    await c.call(1, 'basic.get', { queue: 't24', noAck: true });
    await c.close();
  },
  'tx: acknowledged twice in one transaction': async (s) => {
    const c = await withQueue(s, 't25');
    c.publish(1, '', 't25', '1');
    await c.call(1, 'basic.get', { queue: 't25' });
    await c.call(1, 'tx.select');
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'tx: rolled back, the acknowledgement can be given again': async (s) => {
    const c = await withQueue(s, 't26');
    for (const body of ['1', '2']) c.publish(1, '', 't26', body);
    await c.call(1, 'tx.select');
    await c.call(1, 'basic.get', { queue: 't26' });
    await c.call(1, 'basic.get', { queue: 't26' });
    c.send(1, 'basic.ack', { deliveryTag: 2 });
    await c.call(1, 'tx.rollback');
    c.send(1, 'basic.ack', { deliveryTag: 2, multiple: true });
    await c.call(1, 'tx.commit');
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'tx: rejected with requeue comes back at the commit': async (s) => {
    const c = await withQueue(s, 't27');
    c.publish(1, '', 't27', '1');
    await c.call(1, 'tx.select');
    await settle();
    await c.call(1, 'basic.get', { queue: 't27' });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await c.call(1, 'basic.get', { queue: 't27' });
    await c.call(1, 'tx.commit');
    await c.call(1, 'basic.get', { queue: 't27' });
    await c.close();
  },
  'tx: nack of several, committed': async (s) => {
    const c = await withQueue(s, 't28', {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 't28d',
    });
    await c.call(1, 'queue.declare', { queue: 't28d', exclusive: true });
    for (const body of ['1', '2', '3']) c.publish(1, '', 't28', body);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 't28' });
    await c.call(1, 'tx.select');
    c.send(1, 'basic.nack', { deliveryTag: 2, multiple: true });
    c.send(1, 'basic.ack', { deliveryTag: 3 });
    await c.call(1, 'basic.get', { queue: 't28d' });
    await c.call(1, 'tx.commit');
    await settle();
    await c.call(1, 'queue.declare', { queue: 't28d', passive: true });
    await c.close();
  },
  'tx: the channel closed, nothing was published': async (s) => {
    const c = await withQueue(s, 't29');
    await c.openChannel(2);
    await c.call(2, 'tx.select');
    c.publish(2, '', 't29', 'lost');
    await c.call(2, 'channel.close', { replyCode: 200 });
    await settle();
    await c.call(1, 'queue.declare', { queue: 't29', passive: true });
    await c.close();
  },
  'tx: prefetch credit comes back at the commit': async (s) => {
    const c = await withQueue(s, 't30');
    for (const body of ['1', '2']) c.publish(1, '', 't30', body);
    await c.call(1, 'tx.select');
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 't30', consumerTag: 't' }, 2);
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.silence();
    await c.call(1, 'tx.commit');
    await c.hear();
    await c.close();
  },
  'tx: refused by a full queue': async (s) => {
    const c = await withQueue(s, 't31', { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    await c.call(1, 'tx.select');
    c.publish(1, '', 't31', 'x');
    c.send(1, 'tx.commit');
    await c.hear();
  },
  'tx: confirms afterwards are refused, also when nothing was done': async (s) => {
    const c = await withQueue(s, 't32');
    await c.call(1, 'tx.select');
    await c.call(1, 'tx.rollback');
    await c.call(1, 'confirm.select', { noWait: true });
  },
  'tx: persistent': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 't33', durable: true });
    await c.call(1, 'tx.select');
    for (const body of ['1', '2']) c.publish(1, '', 't33', body, { deliveryMode: 2 });
    await c.call(1, 'tx.commit');
    await c.call(1, 'queue.delete', { queue: 't33' });
    await c.close();
  },
};
