// Consumers: priorities, single active consumers, exclusivity, prefetch, cancels, and messages that come back.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function withQueue(
  s: Script,
  queue: string,
  bodies: string[] = [],
  args: Record<string, string | number | boolean> = {},
): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: args });
  for (const body of bodies) c.publish(1, '', queue, body);
  return c;
}

export const consumers: Conversations = {
  'priority: the lower one is served while the higher one is full': async (s) => {
    const c = await withQueue(s, 'co1');
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co1', consumerTag: 'low', arguments: { 'x-priority': -1 } });
    await c.call(1, 'basic.consume', { queue: 'co1', consumerTag: 'high', arguments: { 'x-priority': 5 } });
    await c.call(1, 'basic.consume', { queue: 'co1', consumerTag: 'none' });
    for (const body of ['1', '2', '3', '4']) {
      c.publish(1, '', 'co1', body);
      await c.silenceOr(1);
    }
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.hear();
    await c.close();
  },
  'priority: equals take turns, a lower one waits': async (s) => {
    const c = await withQueue(s, 'co2');
    for (const [tag, priority] of [
      ['a', 1],
      ['b', 1],
      ['c', 0],
    ] as const)
      await c.call(1, 'basic.consume', {
        queue: 'co2',
        consumerTag: tag,
        noAck: true,
        arguments: { 'x-priority': priority },
      });
    for (const body of ['1', '2', '3', '4']) {
      c.publish(1, '', 'co2', body);
      await c.hear();
    }
    await c.close();
  },
  'single active: its prefetch holds back, the others get nothing': async (s) => {
    const c = await withQueue(s, 'co3', [], { 'x-single-active-consumer': true });
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co3', consumerTag: 'one' });
    await c.call(1, 'basic.consume', { queue: 'co3', consumerTag: 'two' });
    c.publish(1, '', 'co3', '1');
    c.publish(1, '', 'co3', '2');
    await c.hear();
    await c.silence();
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.hear();
    await c.close();
  },
  'single active: cancelled with something out, the next one goes on': async (s) => {
    const c = await withQueue(s, 'co4', [], { 'x-single-active-consumer': true });
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co4', consumerTag: 'one' });
    await c.call(1, 'basic.consume', { queue: 'co4', consumerTag: 'two' });
    for (const body of ['1', '2']) c.publish(1, '', 'co4', body);
    await c.hear();
    await c.call(1, 'basic.cancel', { consumerTag: 'one' });
    await c.hear();
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await c.silence();
    c.send(1, 'basic.ack', { deliveryTag: 2 });
    await c.hear();
    await c.close();
  },
  'single active: its channel closes, the next one gets all, redelivered': async (s) => {
    const c = await withQueue(s, 'co5', [], { 'x-single-active-consumer': true });
    await c.openChannel(2);
    await c.call(2, 'basic.consume', { queue: 'co5', consumerTag: 'one' });
    await c.call(1, 'basic.consume', { queue: 'co5', consumerTag: 'two' });
    for (const body of ['1', '2']) c.publish(1, '', 'co5', body);
    await c.hear(2);
    c.send(2, 'channel.close', { replyCode: 200 });
    await c.hearSorted(3);
    await c.close();
  },
  'single active: the third in line after the second went': async (s) => {
    const c = await withQueue(s, 'co6', [], { 'x-single-active-consumer': true });
    for (const tag of ['one', 'two', 'three'])
      await c.call(1, 'basic.consume', { queue: 'co6', consumerTag: tag, noAck: true });
    await c.call(1, 'basic.cancel', { consumerTag: 'two' });
    c.publish(1, '', 'co6', '1');
    await c.hear();
    await c.call(1, 'basic.cancel', { consumerTag: 'one' });
    c.publish(1, '', 'co6', '2');
    await c.hear();
    await c.close();
  },
  'single active: priorities do not matter': async (s) => {
    const c = await withQueue(s, 'co7', [], { 'x-single-active-consumer': true });
    await c.call(1, 'basic.consume', { queue: 'co7', consumerTag: 'low', noAck: true });
    await c.call(1, 'basic.consume', {
      queue: 'co7',
      consumerTag: 'high',
      noAck: true,
      arguments: { 'x-priority': 9 },
    });
    await c.call(1, 'basic.consume', {
      queue: 'co7',
      consumerTag: 'higher',
      noAck: true,
      arguments: { 'x-priority': 19 },
    });
    c.publish(1, '', 'co7', '1');
    await c.hear();
    await c.call(1, 'basic.cancel', { consumerTag: 'low' });
    c.publish(1, '', 'co7', '2');
    await c.hear();
    await c.close();
  },
  'single active: get is allowed': async (s) => {
    const c = await withQueue(s, 'co8', ['1'], { 'x-single-active-consumer': true });
    await c.call(1, 'basic.get', { queue: 'co8', noAck: true });
    await c.close();
  },
  'single active: deleting the queue tells all': async (s) => {
    const c = await withQueue(s, 'co9', [], { 'x-single-active-consumer': true });
    await c.call(1, 'basic.consume', { queue: 'co9', consumerTag: 'one' });
    await c.call(1, 'basic.consume', { queue: 'co9', consumerTag: 'two' });
    c.send(1, 'queue.delete', { queue: 'co9' });
    await c.hearSorted(3);
    await c.close();
  },
  'exclusive: free again after the cancel': async (s) => {
    const c = await withQueue(s, 'co10');
    await c.call(1, 'basic.consume', { queue: 'co10', consumerTag: 'one', exclusive: true });
    await c.call(1, 'basic.cancel', { consumerTag: 'one' });
    await c.call(1, 'basic.consume', { queue: 'co10', consumerTag: 'two' });
    await c.close();
  },
  'exclusive: get is allowed': async (s) => {
    const c = await withQueue(s, 'co11');
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co11', consumerTag: 'one', exclusive: true });
    for (const body of ['1', '2']) c.publish(1, '', 'co11', body);
    await c.hear();
    await c.call(1, 'basic.get', { queue: 'co11', noAck: true });
    await c.close();
  },
  'exclusive: a second one of the same channel': async (s) => {
    const c = await withQueue(s, 'co12');
    await c.call(1, 'basic.consume', { queue: 'co12', consumerTag: 'one', exclusive: true });
    await c.call(1, 'basic.consume', { queue: 'co12', consumerTag: 'two', exclusive: true });
  },
  'no-local is not looked at': async (s) => {
    const c = await withQueue(s, 'co13', ['mine']);
    await c.call(1, 'basic.consume', { queue: 'co13', consumerTag: 't', noLocal: true, noAck: true }, 2);
    await c.close();
  },
  'consume with no-wait': async (s) => {
    const c = await withQueue(s, 'co14', ['1']);
    c.send(1, 'basic.consume', { queue: 'co14', consumerTag: 't', noAck: true, noWait: true });
    await c.hear();
    c.send(1, 'basic.cancel', { consumerTag: 't', noWait: true });
    await c.call(1, 'basic.consume', { queue: 'co14', consumerTag: 't' });
    await c.close();
  },
  'the same tag on two channels': async (s) => {
    const c = await withQueue(s, 'co15');
    await c.openChannel(2);
    await c.call(1, 'basic.consume', { queue: 'co15', consumerTag: 'same', noAck: true });
    await c.call(2, 'basic.consume', { queue: 'co15', consumerTag: 'same', noAck: true });
    for (const body of ['1', '2']) {
      c.publish(1, '', 'co15', body);
      await c.hear();
    }
    await c.close();
  },
  'a tag of 255 bytes, and one with odd bytes': async (s) => {
    const c = await withQueue(s, 'co16', ['1']);
    await c.call(1, 'basic.consume', { queue: 'co16', consumerTag: 't'.repeat(255) }, 2);
    await c.call(1, 'basic.consume', { queue: 'co16', consumerTag: ' \n"蛇' });
    await c.close();
  },
  'a reused tag is seen before the queue that is missing': async (s) => {
    const c = await withQueue(s, 'co17');
    await c.call(1, 'basic.consume', { queue: 'co17', consumerTag: 't' });
    await c.call(1, 'basic.consume', { queue: 'co-missing', consumerTag: 't' });
  },
  'what a cancelled consumer holds can still be acknowledged': async (s) => {
    const c = await withQueue(s, 'co18', ['1', '2']);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co18', consumerTag: 't' }, 2);
    await c.call(1, 'basic.cancel', { consumerTag: 't' });
    await c.call(1, 'queue.declare', { queue: 'co18', passive: true });
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.call(1, 'basic.get', { queue: 'co18', noAck: true });
    await c.close();
  },
  'prefetch: a consumer keeps what it began with': async (s) => {
    const c = await withQueue(s, 'co19', ['1', '2', '3', '4']);
    await c.call(1, 'basic.qos', { prefetchCount: 2 });
    await c.call(1, 'basic.consume', { queue: 'co19', consumerTag: 't' }, 3);
    await c.call(1, 'basic.qos', { prefetchCount: 4 });
    await c.silence();
    await c.close();
  },
  'prefetch: raising the channel’s lets more come': async (s) => {
    const c = await withQueue(s, 'co20', ['1', '2', '3', '4']);
    await c.call(1, 'basic.qos', { prefetchCount: 1, global: true });
    await c.call(1, 'basic.consume', { queue: 'co20', consumerTag: 't' }, 2);
    await c.call(1, 'basic.qos', { prefetchCount: 3, global: true }, 3);
    await c.silence();
    await c.call(1, 'basic.qos', { prefetchCount: 0, global: true }, 2);
    await c.close();
  },
  'prefetch: setting the consumers’ takes the channel’s away': async (s) => {
    const c = await withQueue(s, 'co21', ['1', '2', '3', '4']);
    await c.call(1, 'basic.qos', { prefetchCount: 1, global: true });
    await c.call(1, 'basic.consume', { queue: 'co21', consumerTag: 't' }, 2);
    await c.call(1, 'basic.qos', { prefetchCount: 1, global: false }, 4);
    await c.silence();
    await c.close();
  },
  'prefetch: both count': async (s) => {
    const c = await withQueue(s, 'co22', ['1', '2', '3', '4', '5', '6']);
    await c.call(1, 'basic.qos', { prefetchCount: 2 });
    await c.call(1, 'basic.qos', { prefetchCount: 3, global: true });
    await c.call(1, 'basic.consume', { queue: 'co22', consumerTag: 'a' }, 3);
    await c.call(1, 'basic.consume', { queue: 'co22', consumerTag: 'b' }, 2);
    await c.silence();
    await c.close();
  },
  'prefetch: get does not count for the channel’s': async (s) => {
    const c = await withQueue(s, 'co23', ['1', '2', '3']);
    await c.call(1, 'basic.qos', { prefetchCount: 1, global: true });
    await c.call(1, 'basic.get', { queue: 'co23' });
    await c.call(1, 'basic.consume', { queue: 'co23', consumerTag: 't' }, 2);
    await c.silence();
    await c.close();
  },
  'prefetch: two acknowledged at once let two come': async (s) => {
    const c = await withQueue(s, 'co24', ['1', '2', '3', '4', '5']);
    await c.call(1, 'basic.qos', { prefetchCount: 2 });
    await c.call(1, 'basic.consume', { queue: 'co24', consumerTag: 't' }, 3);
    c.send(1, 'basic.ack', { deliveryTag: 2, multiple: true });
    await c.hear(2);
    await c.silence();
    await c.close();
  },
  'prefetch: rejected and requeued comes again, to the same': async (s) => {
    const c = await withQueue(s, 'co25', ['1', '2']);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'co25', consumerTag: 't' }, 2);
    c.send(1, 'basic.nack', { deliveryTag: 1, requeue: true });
    await c.hear();
    c.send(1, 'basic.nack', { deliveryTag: 2, requeue: false });
    await c.hear();
    await c.close();
  },
  'requeued to the other consumer when the first is gone': async (s) => {
    const c = await withQueue(s, 'co26');
    await c.openChannel(2);
    await c.call(2, 'basic.qos', { prefetchCount: 1 });
    await c.call(2, 'basic.consume', { queue: 'co26', consumerTag: 'first' });
    c.publish(1, '', 'co26', '1');
    await c.hear();
    await c.call(1, 'basic.consume', { queue: 'co26', consumerTag: 'second' });
    await c.call(2, 'channel.close', { replyCode: 200 });
    await c.hear();
    await c.close();
  },
  'a connection that ends gives everything back in order': async (s) => {
    const keeper = await s.open('keeper');
    await keeper.openChannel(1);
    await keeper.call(1, 'queue.declare', { queue: 'co27', autoDelete: true });
    for (const body of ['1', '2', '3', '4']) keeper.publish(1, '', 'co27', body);
    const taker = await s.open('taker');
    await taker.openChannel(1);
    await taker.openChannel(2);
    await taker.call(1, 'basic.get', { queue: 'co27' });
    await taker.call(2, 'basic.get', { queue: 'co27' });
    await taker.call(1, 'basic.get', { queue: 'co27' });
    taker.client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (let i = 0; i < 4; i++) await keeper.call(1, 'basic.get', { queue: 'co27', noAck: true });
    await keeper.call(1, 'queue.delete', { queue: 'co27' });
    await keeper.close();
  },
  'requeued one by one, last first': async (s) => {
    const c = await withQueue(s, 'co28', ['1', '2', '3']);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co28' });
    for (const tag of [3, 1, 2]) c.send(1, 'basic.reject', { deliveryTag: tag, requeue: true });
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co28', noAck: true });
    await c.close();
  },
  'nack of all that is out': async (s) => {
    const c = await withQueue(s, 'co29', ['1', '2', '3']);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co29' });
    c.send(1, 'basic.nack', { deliveryTag: 0, multiple: true, requeue: true });
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co29', noAck: true });
    await c.close();
  },
  'acknowledging the second leaves the first out': async (s) => {
    const c = await withQueue(s, 'co30', ['1', '2', '3']);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co30' });
    c.send(1, 'basic.ack', { deliveryTag: 2 });
    c.send(1, 'basic.ack', { deliveryTag: 3, multiple: true });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'multiple up to a tag that is settled already': async (s) => {
    const c = await withQueue(s, 'co31', ['1', '2', '3']);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'co31' });
    c.send(1, 'basic.ack', { deliveryTag: 2 });
    await c.call(1, 'basic.ack', { deliveryTag: 2, multiple: true });
  },
  'multiple beyond the last tag': async (s) => {
    const c = await withQueue(s, 'co32', ['1']);
    await c.call(1, 'basic.get', { queue: 'co32' });
    await c.call(1, 'basic.ack', { deliveryTag: 5, multiple: true });
  },
  'the tag of a delivery without acknowledgement cannot be acknowledged': async (s) => {
    const c = await withQueue(s, 'co33', ['1', '2']);
    await c.call(1, 'basic.get', { queue: 'co33', noAck: true });
    await c.call(1, 'basic.get', { queue: 'co33' });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'a single tag 0': async (s) => {
    const c = await withQueue(s, 'co34', ['1']);
    await c.call(1, 'basic.get', { queue: 'co34' });
    await c.call(1, 'basic.ack', { deliveryTag: 0 });
  },
  'another channel’s tag': async (s) => {
    const c = await withQueue(s, 'co35', ['1']);
    await c.openChannel(2);
    await c.call(1, 'basic.get', { queue: 'co35' });
    await c.call(2, 'basic.ack', { deliveryTag: 1 });
  },
  'a failed channel gives back what it held': async (s) => {
    const c = await withQueue(s, 'co36', ['1', '2']);
    await c.openChannel(2);
    await c.call(2, 'basic.consume', { queue: 'co36', consumerTag: 't' }, 3);
    await c.call(2, 'basic.ack', { deliveryTag: 7 });
    await c.call(1, 'basic.get', { queue: 'co36', noAck: true });
    await c.call(1, 'basic.get', { queue: 'co36', noAck: true });
    await c.close();
  },
  'recover: what get took comes back to the queue': async (s) => {
    const c = await withQueue(s, 'co37', ['1', '2']);
    await c.call(1, 'basic.get', { queue: 'co37' });
    await c.call(1, 'basic.recover', { requeue: true });
    await c.call(1, 'basic.get', { queue: 'co37', noAck: true });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'recover with nothing out': async (s) => {
    const c = await withQueue(s, 'co38');
    await c.call(1, 'basic.recover', { requeue: true });
    await c.close();
  },
  'recover-async without requeue is not implemented': async (s) => {
    const c = await withQueue(s, 'co39');
    await c.call(1, 'basic.recover-async', { requeue: false });
  },
  'redelivered stays true': async (s) => {
    const c = await withQueue(s, 'co40', ['1']);
    for (let tag = 1; tag <= 3; tag++) {
      await c.call(1, 'basic.get', { queue: 'co40' });
      c.send(1, 'basic.reject', { deliveryTag: tag, requeue: true });
    }
    await c.call(1, 'basic.get', { queue: 'co40', noAck: true });
    await c.close();
  },
  'delivery tags are the channel’s, across queues and gets': async (s) => {
    const c = await withQueue(s, 'co41', ['1', '2']);
    await c.call(1, 'queue.declare', { queue: 'co41b', exclusive: true });
    c.publish(1, '', 'co41b', 'b');
    await c.call(1, 'basic.get', { queue: 'co41', noAck: true });
    await c.call(1, 'basic.get', { queue: 'co41b' });
    await c.call(1, 'basic.consume', { queue: 'co41', consumerTag: 't', noAck: true }, 2);
    await c.close();
  },
  'priorities of messages: requeued to its place among its equals': async (s) => {
    const c = await withQueue(s, 'co42', [], { 'x-max-priority': 3 });
    for (const [body, priority] of [
      ['a1', 1],
      ['a2', 1],
      ['b1', 2],
      ['b2', 2],
    ] as const)
      c.publish(1, '', 'co42', body, { priority });
    await c.call(1, 'basic.get', { queue: 'co42' });
    await c.call(1, 'basic.get', { queue: 'co42' });
    c.send(1, 'basic.nack', { deliveryTag: 2, multiple: true, requeue: true });
    for (let i = 0; i < 4; i++) await c.call(1, 'basic.get', { queue: 'co42', noAck: true });
    await c.close();
  },
  'cancel told to each channel that consumed': async (s) => {
    const one = await s.open('one');
    await one.openChannel(1);
    await one.call(1, 'queue.declare', { queue: 'co43' });
    await one.call(1, 'basic.consume', { queue: 'co43', consumerTag: 'a' });
    const two = await s.open('two');
    await two.openChannel(1);
    await two.call(1, 'basic.consume', { queue: 'co43', consumerTag: 'b' });
    await two.call(1, 'basic.consume', { queue: 'co43', consumerTag: 'c' });
    await s.http('DELETE', 'queues/%2F/co43');
    await one.hear();
    await two.hearSorted(2);
    await two.call(1, 'basic.cancel', { consumerTag: 'b' });
    await one.close();
    await two.close();
  },
  'a cancelled tag can be used again': async (s) => {
    const c = await withQueue(s, 'co44');
    await c.call(1, 'basic.consume', { queue: 'co44', consumerTag: 't' });
    c.send(1, 'queue.delete', { queue: 'co44' });
    await c.hearSorted(2);
    await c.call(1, 'queue.declare', { queue: 'co44', exclusive: true });
    await c.call(1, 'basic.consume', { queue: 'co44', consumerTag: 't' });
    await c.close();
  },
};
