// The basic class: publish, get, consume, acknowledge, prefetch, recover, content, direct reply-to.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function withQueue(s: Script, queue: string, bodies: string[] = []): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'queue.declare', { queue, exclusive: true });
  for (const body of bodies) c.publish(1, '', queue, body);
  return c;
}

/** RabbitMQ hands a publish to the queue's own process: what looks at the queue has to wait for it. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

export const basic: Conversations = {
  'get from empty, get with and without acknowledgement': async (s) => {
    const c = await withQueue(s, 'b1');
    await c.call(1, 'basic.get', { queue: 'b1' });
    c.publish(1, '', 'b1', 'one');
    c.publish(1, '', 'b1', 'two');
    await c.call(1, 'basic.get', { queue: 'b1' });
    await c.call(1, 'basic.get', { queue: 'b1', noAck: true });
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.call(1, 'queue.declare', { queue: 'b1', passive: true });
    await c.close();
  },
  'all properties come through': async (s) => {
    const c = await withQueue(s, 'b2');
    c.publish(1, '', 'b2', 'body', {
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      headers: {
        text: 'a',
        int: 5,
        big: 12_345_678_901,
        yes: true,
        nothing: null,
        list: [1, 'b', [true]],
        table: { inner: 1 },
        float: 1.25,
      },
      deliveryMode: 2,
      priority: 7,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      userId: 'guest',
      appId: 'app',
      clusterId: 'cluster',
    });
    await c.call(1, 'basic.get', { queue: 'b2', noAck: true });
    await c.close();
  },
  'a zero-length body': async (s) => {
    const c = await withQueue(s, 'b3', ['']);
    await c.call(1, 'basic.get', { queue: 'b3', noAck: true });
    await c.close();
  },
  'a body larger than a frame': async (s) => {
    const c = await s.open('', { frameMax: 4096 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'b4', exclusive: true });
    c.publish(1, '', 'b4', 'x'.repeat(20_000));
    await c.call(1, 'basic.get', { queue: 'b4', noAck: true });
    await c.close();
  },
  'consume, deliver, acknowledge': async (s) => {
    const c = await withQueue(s, 'b5', ['one', 'two']);
    await c.call(1, 'basic.consume', { queue: 'b5', consumerTag: 'tag' }, 3);
    c.send(1, 'basic.ack', { deliveryTag: 2, multiple: true });
    await c.call(1, 'basic.cancel', { consumerTag: 'tag' });
    await c.call(1, 'queue.declare', { queue: 'b5', passive: true });
    await c.close();
  },
  'the server makes a consumer tag': async (s) => {
    const c = await withQueue(s, 'b6');
    await c.call(1, 'basic.consume', { queue: 'b6' });
    await c.close();
  },
  'a consumer tag used twice is 530': async (s) => {
    const c = await withQueue(s, 'b7');
    await c.call(1, 'basic.consume', { queue: 'b7', consumerTag: 'same' });
    await c.call(1, 'basic.consume', { queue: 'b7', consumerTag: 'same' });
  },
  'cancelling an unknown tag is answered': async (s) => {
    const c = await withQueue(s, 'b8');
    await c.call(1, 'basic.cancel', { consumerTag: 'nobody' });
    await c.close();
  },
  'consuming from a missing queue is 404': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'basic.consume', { queue: 'b-missing' });
  },
  'an exclusive consumer keeps others out': async (s) => {
    const c = await withQueue(s, 'b9');
    await c.call(1, 'basic.consume', { queue: 'b9', consumerTag: 'alone', exclusive: true });
    await c.openChannel(2);
    await c.call(2, 'basic.consume', { queue: 'b9', consumerTag: 'late' });
  },
  'an exclusive consumer is refused beside others': async (s) => {
    const c = await withQueue(s, 'b10');
    await c.call(1, 'basic.consume', { queue: 'b10', consumerTag: 'first' });
    await c.call(1, 'basic.consume', { queue: 'b10', consumerTag: 'wants all', exclusive: true });
  },
  'an unknown delivery tag is 406': async (s) => {
    const c = await withQueue(s, 'b11');
    await c.call(1, 'basic.ack', { deliveryTag: 9 });
  },
  'a delivery tag acknowledged twice is 406': async (s) => {
    const c = await withQueue(s, 'b12', ['x']);
    await c.call(1, 'basic.get', { queue: 'b12' });
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
  },
  'acknowledging all with tag 0 when there is none': async (s) => {
    const c = await withQueue(s, 'b13');
    c.send(1, 'basic.ack', { deliveryTag: 0, multiple: true });
    await c.call(1, 'queue.declare', { queue: 'b13', passive: true });
    await c.close();
  },
  'nack of an unknown tag is 406': async (s) => {
    const c = await withQueue(s, 'b14');
    await c.call(1, 'basic.nack', { deliveryTag: 3, multiple: true });
  },
  'reject of an unknown tag is 406': async (s) => {
    const c = await withQueue(s, 'b15');
    await c.call(1, 'basic.reject', { deliveryTag: 3 });
  },
  'reject with requeue goes back to its place, redelivered': async (s) => {
    const c = await withQueue(s, 'b16', ['one', 'two', 'three']);
    await c.call(1, 'basic.get', { queue: 'b16' });
    await c.call(1, 'basic.get', { queue: 'b16' });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await c.call(1, 'basic.get', { queue: 'b16', noAck: true });
    c.send(1, 'basic.reject', { deliveryTag: 2, requeue: true });
    await c.call(1, 'basic.get', { queue: 'b16', noAck: true });
    await c.call(1, 'basic.get', { queue: 'b16', noAck: true });
    await c.close();
  },
  'nack multiple with requeue keeps the order': async (s) => {
    const c = await withQueue(s, 'b17', ['one', 'two', 'three']);
    for (let i = 0; i < 3; i++) await c.call(1, 'basic.get', { queue: 'b17' });
    c.send(1, 'basic.nack', { deliveryTag: 2, multiple: true, requeue: true });
    await c.call(1, 'basic.get', { queue: 'b17', noAck: true });
    await c.call(1, 'basic.get', { queue: 'b17', noAck: true });
    await c.call(1, 'basic.get', { queue: 'b17', noAck: true });
    await c.close();
  },
  'reject without requeue drops it': async (s) => {
    const c = await withQueue(s, 'b18', ['one', 'two']);
    await c.call(1, 'basic.get', { queue: 'b18' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await c.call(1, 'basic.get', { queue: 'b18', noAck: true });
    await c.close();
  },
  'closing the channel requeues what was not acknowledged': async (s) => {
    const c = await withQueue(s, 'b19', ['one', 'two']);
    await c.openChannel(2);
    await c.call(2, 'basic.get', { queue: 'b19' });
    await c.call(2, 'channel.close', { replyCode: 200 });
    await c.call(1, 'basic.get', { queue: 'b19', noAck: true });
    await c.close();
  },
  'recover with requeue redelivers': async (s) => {
    const c = await withQueue(s, 'b20', ['one', 'two']);
    await c.call(1, 'basic.consume', { queue: 'b20', consumerTag: 'r' }, 3);
    await c.call(1, 'basic.recover', { requeue: true }, 3);
    await c.close();
  },
  'recover without requeue is not implemented': async (s) => {
    const c = await withQueue(s, 'b21');
    await c.call(1, 'basic.recover', { requeue: false });
  },
  'recover-async says nothing': async (s) => {
    const c = await withQueue(s, 'b22', ['one']);
    await c.call(1, 'basic.get', { queue: 'b22' });
    c.send(1, 'basic.recover-async', { requeue: true });
    await c.call(1, 'basic.get', { queue: 'b22', noAck: true });
    await c.close();
  },
  'prefetch holds deliveries back until acknowledged': async (s) => {
    const c = await withQueue(s, 'b23', ['1', '2', '3']);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'b23', consumerTag: 'p' }, 2);
    await c.silence();
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    await c.hear();
    await c.silence();
    await c.close();
  },
  'per-consumer prefetch counts for each consumer of a channel': async (s) => {
    const c = await withQueue(s, 'b24', ['1', '2', '3']);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'b24', consumerTag: 'p1' }, 2);
    await c.call(1, 'basic.consume', { queue: 'b24', consumerTag: 'p2' }, 2);
    await c.silence();
    await c.close();
  },
  'global prefetch counts for the channel': async (s) => {
    const c = await withQueue(s, 'b25', ['1', '2', '3']);
    await c.call(1, 'basic.qos', { prefetchCount: 1, global: true });
    await c.call(1, 'basic.consume', { queue: 'b25', consumerTag: 'p1' }, 2);
    await c.call(1, 'basic.consume', { queue: 'b25', consumerTag: 'p2' });
    await c.silence();
    c.send(1, 'basic.ack', { deliveryTag: 1 });
    const heard = await c.client.hear();
    s.say(heard.kind === 'method' ? `${heard.method.name} ${heard.body?.toString()}` : heard.kind);
    await c.silence();
    await c.close();
  },
  'prefetch size is not implemented': async (s) => {
    const c = await withQueue(s, 'b26');
    await c.call(1, 'basic.qos', { prefetchSize: 100 });
  },
  'prefetch does not count automatic acknowledgement': async (s) => {
    const c = await withQueue(s, 'b27', ['1', '2']);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'b27', consumerTag: 'n', noAck: true }, 3);
    await c.close();
  },
  'two consumers take turns': async (s) => {
    const c = await withQueue(s, 'b28');
    await c.call(1, 'basic.consume', { queue: 'b28', consumerTag: 'a', noAck: true });
    await c.call(1, 'basic.consume', { queue: 'b28', consumerTag: 'b', noAck: true });
    for (const body of ['1', '2', '3', '4']) {
      c.publish(1, '', 'b28', body);
      await c.hear();
    }
    await c.close();
  },
  'a consumer of higher priority is served first': async (s) => {
    const c = await withQueue(s, 'b29');
    await c.call(1, 'basic.consume', { queue: 'b29', consumerTag: 'low', noAck: true });
    await c.call(1, 'basic.consume', {
      queue: 'b29',
      consumerTag: 'high',
      noAck: true,
      arguments: { 'x-priority': 10 },
    });
    for (const body of ['1', '2']) {
      c.publish(1, '', 'b29', body);
      await c.hear();
    }
    await c.close();
  },
  'a consumer priority that is no number is refused': async (s) => {
    const c = await withQueue(s, 'b30');
    await c.call(1, 'basic.consume', {
      queue: 'b30',
      consumerTag: 'x',
      arguments: { 'x-priority': 'first' },
    });
  },
  'single active consumer: the second waits for the first to go': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'b31',
      exclusive: true,
      arguments: { 'x-single-active-consumer': true },
    });
    await c.call(1, 'basic.consume', { queue: 'b31', consumerTag: 'one', noAck: true });
    await c.call(1, 'basic.consume', { queue: 'b31', consumerTag: 'two', noAck: true });
    for (const body of ['1', '2']) {
      c.publish(1, '', 'b31', body);
      await c.hear();
    }
    await c.call(1, 'basic.cancel', { consumerTag: 'one' });
    c.publish(1, '', 'b31', '3');
    await c.hear();
    await c.close();
  },
  'an exclusive consumer on a single active consumer queue is refused': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'b32',
      exclusive: true,
      arguments: { 'x-single-active-consumer': true },
    });
    await c.call(1, 'basic.consume', { queue: 'b32', consumerTag: 'one', exclusive: true });
  },
  'deleting a queue cancels its consumers': async (s) => {
    const c = await withQueue(s, 'b33');
    await c.call(1, 'basic.consume', { queue: 'b33', consumerTag: 'told' });
    await c.openChannel(2);
    c.send(2, 'queue.delete', { queue: 'b33' });
    await c.hearSorted(2);
    await c.close();
  },
  'a client without the capability is not told of cancels': async (s) => {
    const c = await s.open('', { capabilities: new Map() });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'b34', exclusive: true });
    await c.call(1, 'basic.consume', { queue: 'b34', consumerTag: 'untold' });
    await c.call(1, 'queue.delete', { queue: 'b34' });
    await c.silence();
    await c.close();
  },
  'a user id that is not the user’s is 406': async (s) => {
    const c = await withQueue(s, 'b35');
    c.publish(1, '', 'b35', 'x', { userId: 'somebody' });
    await c.hear();
  },
  'an expiration that is no number is 406': async (s) => {
    const c = await withQueue(s, 'b36');
    c.publish(1, '', 'b36', 'x', { expiration: 'tomorrow' });
    await c.hear();
  },
  'a negative expiration is 406': async (s) => {
    const c = await withQueue(s, 'b37');
    c.publish(1, '', 'b37', 'x', { expiration: '-1' });
    await c.hear();
  },
  'CC and BCC add routing keys, BCC goes': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    for (const queue of ['b38.a', 'b38.b', 'b38.c'])
      await c.call(1, 'queue.declare', { queue, exclusive: true });
    c.publish(1, '', 'b38.a', 'copies', { headers: { CC: ['b38.b', 'b38.a'], BCC: ['b38.c'] } });
    for (const queue of ['b38.a', 'b38.b', 'b38.c', 'b38.a'])
      await c.call(1, 'basic.get', { queue, noAck: true });
    await c.close();
  },
  'CC that is no list is refused': async (s) => {
    const c = await withQueue(s, 'b39');
    c.publish(1, '', 'b39', 'x', { headers: { CC: 'b39' } });
    await c.hear();
  },
  'direct reply-to carries an answer': async (s) => {
    const asker = await s.open('asker');
    await asker.openChannel(1);
    await asker.call(1, 'basic.consume', {
      queue: 'amq.rabbitmq.reply-to',
      consumerTag: 'answers',
      noAck: true,
    });
    const server = await s.open('server');
    await server.openChannel(1);
    await server.call(1, 'queue.declare', { queue: 'b40', exclusive: true });
    asker.publish(1, '', 'b40', 'question', { replyTo: 'amq.rabbitmq.reply-to', correlationId: '1' });
    await settle();
    server.send(1, 'basic.get', { queue: 'b40', noAck: true });
    const heard = await server.client.hear();
    const to = heard.kind === 'method' ? (heard.properties?.replyTo ?? 'none') : 'none';
    s.say(to.startsWith('amq.rabbitmq.reply-to.') ? 'a reply-to of its own' : to);
    server.publish(1, '', to, 'answer', { correlationId: '1' });
    await asker.client
      .hear()
      .then((answer) =>
        s.say(answer.kind === 'method' ? `${answer.method.name} ${answer.body?.toString()}` : answer.kind),
      );
    await asker.close();
    await server.close();
  },
  'direct reply-to wants automatic acknowledgement': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', consumerTag: 'x' });
  },
  'direct reply-to takes one consumer': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', consumerTag: 'x', noAck: true });
    await c.call(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', consumerTag: 'y', noAck: true });
  },
  'publishing with reply-to before consuming is 406': async (s) => {
    const c = await withQueue(s, 'b41');
    c.publish(1, '', 'b41', 'x', { replyTo: 'amq.rabbitmq.reply-to' });
    await c.hear();
  },
  'passive declare of the reply-to queue': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'amq.rabbitmq.reply-to', passive: true });
  },
  'a content header with no publish before it is 505': async (s) => {
    const c = await withQueue(s, 'b42');
    c.client.contentHeader(1, 5);
    await c.hear();
  },
  'a body with no header before it is 505': async (s) => {
    const c = await withQueue(s, 'b43');
    c.client.frame(3, 1, Buffer.from('stray'));
    await c.hear();
  },
  'a method where a header is due is 505': async (s) => {
    const c = await withQueue(s, 'b44');
    c.send(1, 'basic.publish', { routingKey: 'b44' });
    c.send(1, 'basic.qos', { prefetchCount: 1 });
    await c.hear();
  },
  'a body where a header is due is 505': async (s) => {
    const c = await withQueue(s, 'b45');
    c.send(1, 'basic.publish', { routingKey: 'b45' });
    c.client.frame(3, 1, Buffer.from('early'));
    await c.hear();
  },
  'a method where a body is due is 505': async (s) => {
    const c = await withQueue(s, 'b46');
    c.send(1, 'basic.publish', { routingKey: 'b46' });
    c.client.contentHeader(1, 5);
    c.send(1, 'basic.qos', { prefetchCount: 1 });
    await c.hear();
  },
  'a body longer than announced is 501': async (s) => {
    const c = await withQueue(s, 'b47');
    c.send(1, 'basic.publish', { routingKey: 'b47' });
    c.client.contentHeader(1, 3);
    c.client.frame(3, 1, Buffer.from('much longer'));
    await c.hear();
  },
  'a content header of another class is refused': async (s) => {
    const c = await withQueue(s, 'b48');
    c.send(1, 'basic.publish', { routingKey: 'b48' });
    const head = Buffer.alloc(14);
    head.writeUInt16BE(50, 0);
    c.client.frame(2, 1, head);
    await c.hear();
  },
  'a body size beyond all measure is refused': async (s) => {
    const c = await withQueue(s, 'b49');
    c.send(1, 'basic.publish', { routingKey: 'b49' });
    c.client.contentHeader(1, 1024 * 1024 * 1024 * 1024);
    await c.hear();
  },
};
