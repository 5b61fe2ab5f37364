// Names and the life of queues and exchanges: reserved, stripped, long, exclusive, auto-delete, and who is asked first.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function channel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

export const naming: Conversations = {
  'a server-named queue cannot be declared by its name': async (s) => {
    const c = await channel(s);
    c.send(1, 'queue.declare', { exclusive: true });
    const { args } = await c.client.expect('queue.declare-ok');
    await c.call(1, 'queue.declare', { queue: args.queue, passive: true });
    await c.call(1, 'queue.declare', { queue: args.queue, exclusive: true });
  },
  'a queue name of 255 bytes': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'n'.repeat(255), exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'n'.repeat(255) });
  },
  'a missing queue with a name of 255 bytes: the text is cut': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'm'.repeat(255), passive: true });
  },
  'names of other alphabets': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'Schlange-蛇-🐍', exclusive: true });
    c.publish(1, '', 'none', 'x', {}, { mandatory: true });
    await c.hear();
    await c.call(1, 'queue.declare', { queue: 'fehlt-蛇', passive: true });
  },
  'a name of line ends only is no name': async (s) => {
    const c = await channel(s);
    c.send(1, 'queue.declare', { queue: '\r\n', exclusive: true });
    await c.hear();
  },
  'line ends are not taken out of the names that get and consume give': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'nl1', exclusive: true });
    await c.call(1, 'basic.get', { queue: 'nl1\n' });
  },
  'line ends are taken out when deleting': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'nl2' });
    await c.call(1, 'queue.delete', { queue: 'nl2\r\n' });
    await c.call(1, 'queue.declare', { queue: 'nl2', passive: true });
  },
  'line ends are taken out when binding, not when purging': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'nl3', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'nl3\n', exchange: 'amq.direct\n', routingKey: 'a\nb' });
    c.publish(1, 'amq.direct', 'a\nb', 'kept in keys');
    await c.call(1, 'basic.get', { queue: 'nl3', noAck: true });
    await c.call(1, 'queue.purge', { queue: 'nl3\n' });
  },
  'line ends in exchange names': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'nl4\r\nx', type: 'fanout', autoDelete: true });
    await c.call(1, 'exchange.declare', { exchange: 'nl4x', type: 'fanout', passive: true });
    await c.call(1, 'exchange.declare', { exchange: 'nl4\nx', type: 'fanout', passive: true });
    c.publish(1, 'nl4\nx', '', 'not taken out when publishing');
    await c.hear();
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'exchange.delete', { exchange: 'nl4\rx' });
    await c.call(1, 'exchange.declare', { exchange: 'nl4x', type: 'fanout', passive: true });
  },
  'the last declared queue is each channel’s own': async (s) => {
    const c = await channel(s);
    await c.openChannel(2);
    await c.call(1, 'queue.declare', { queue: 'last1', exclusive: true });
    await c.call(2, 'queue.declare', { queue: 'last2', exclusive: true });
    await c.call(1, 'queue.delete', {});
    await c.call(2, 'queue.declare', { passive: true });
    await c.call(1, 'basic.get', {});
  },
  'a passive declaration counts as the last': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'last3', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'last4', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'last3', passive: true });
    c.publish(1, '', 'last3', 'x');
    await c.call(1, 'basic.get', { noAck: true });
    await c.close();
  },
  'a declaration with no-wait counts as the last': async (s) => {
    const c = await channel(s);
    c.send(1, 'queue.declare', { queue: 'last5', exclusive: true, noWait: true });
    await c.call(1, 'queue.purge', {});
    await c.close();
  },
  'binding with an empty queue and key takes the name for a key': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'last6', exclusive: true });
    await c.call(1, 'queue.bind', { exchange: 'amq.direct' });
    c.publish(1, 'amq.direct', 'last6', 'by name');
    await c.call(1, 'basic.get', { noAck: true });
    await c.call(1, 'queue.bind', { queue: 'last6', exchange: 'amq.direct' });
    c.publish(1, 'amq.direct', '', 'by the empty key');
    await c.call(1, 'basic.get', { noAck: true });
    await c.close();
  },
  'passive with an empty name': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { passive: true });
  },
  'consume, purge, delete and unbind with nothing declared': async (s) => {
    const c = await s.open();
    for (const [number, name] of (
      ['basic.consume', 'queue.purge', 'queue.delete', 'queue.unbind'] as const
    ).entries()) {
      await c.openChannel(number + 1);
      await c.call(number + 1, name, {});
    }
  },
  'exclusive and durable: it is not durable': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'ex1', exclusive: true, durable: true });
    const row = (await s.httpGet('queues/%2F/ex1')) as { durable: boolean; exclusive: boolean };
    s.say(`durable ${row.durable}, exclusive ${row.exclusive}`);
    await c.call(1, 'queue.declare', { queue: 'ex1', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'ex1', exclusive: true, durable: true });
    await c.close();
  },
  'exclusivity is looked at before durability': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'ex2', durable: true });
    await c.call(1, 'queue.declare', { queue: 'ex2', exclusive: true, autoDelete: true });
    await s.http('DELETE', 'queues/%2F/ex2');
  },
  'durability is looked at before auto-delete': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'ex3', durable: true });
    await c.call(1, 'queue.declare', { queue: 'ex3', autoDelete: true, arguments: { 'x-max-length': 1 } });
    await s.http('DELETE', 'queues/%2F/ex3');
  },
  'an exclusive queue is published to and bound from its own connection, dead after': async (s) => {
    const owner = await s.open('owner');
    await owner.openChannel(1);
    await owner.call(1, 'queue.declare', { queue: 'ex4', exclusive: true });
    const other = await s.open('other');
    await other.openChannel(1);
    other.publish(1, '', 'ex4', 'from outside', {}, { mandatory: true });
    await other.silence();
    await owner.call(1, 'basic.get', { queue: 'ex4', noAck: true });
    await other.call(1, 'queue.unbind', { queue: 'ex4', exchange: 'amq.direct', routingKey: 'k' });
    await owner.close();
    await other.close();
  },
  'auto-delete: never consumed, it stays': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'ad1', autoDelete: true });
    await c.call(1, 'channel.close', { replyCode: 200 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'ad1', passive: true });
    await c.call(1, 'queue.delete', { queue: 'ad1' });
    await c.close();
  },
  'auto-delete: goes when the channel of its last consumer closes': async (s) => {
    const c = await channel(s);
    await c.openChannel(2);
    await c.call(1, 'queue.declare', { queue: 'ad2', autoDelete: true });
    await c.call(2, 'basic.consume', { queue: 'ad2', consumerTag: 'a' });
    await c.call(1, 'basic.consume', { queue: 'ad2', consumerTag: 'b' });
    await c.call(2, 'channel.close', { replyCode: 200 });
    await c.call(1, 'queue.declare', { queue: 'ad2', autoDelete: true });
    await c.call(1, 'basic.cancel', { consumerTag: 'b' });
    await c.call(1, 'queue.declare', { queue: 'ad2', passive: true });
  },
  'auto-delete: the exchange goes with the queue’s binding': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'ad3', type: 'fanout', autoDelete: true });
    await c.call(1, 'queue.declare', { queue: 'ad3', autoDelete: true });
    await c.call(1, 'queue.bind', { queue: 'ad3', exchange: 'ad3' });
    await c.call(1, 'basic.consume', { queue: 'ad3', consumerTag: 'a' });
    await c.call(1, 'basic.cancel', { consumerTag: 'a' });
    await c.call(1, 'exchange.declare', { exchange: 'ad3', type: 'fanout', passive: true });
  },
  'auto-delete: a chain of exchanges goes together': async (s) => {
    const c = await channel(s);
    for (const name of ['ad4a', 'ad4b', 'ad4c'])
      await c.call(1, 'exchange.declare', { exchange: name, type: 'fanout', autoDelete: true });
    await c.call(1, 'queue.declare', { queue: 'ad4', exclusive: true });
    await c.call(1, 'exchange.bind', { source: 'ad4a', destination: 'ad4b' });
    await c.call(1, 'exchange.bind', { source: 'ad4b', destination: 'ad4c' });
    await c.call(1, 'queue.bind', { queue: 'ad4', exchange: 'ad4c' });
    await c.call(1, 'queue.delete', { queue: 'ad4' });
    for (const [index, name] of ['ad4a', 'ad4b', 'ad4c'].entries()) {
      await c.openChannel(2 + index);
      await c.call(2 + index, 'exchange.declare', { exchange: name, type: 'fanout', passive: true });
    }
  },
  'auto-delete: deleting the destination exchange takes the source along': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'ad5a', type: 'fanout', autoDelete: true });
    await c.call(1, 'exchange.declare', { exchange: 'ad5b', type: 'fanout' });
    await c.call(1, 'exchange.bind', { source: 'ad5a', destination: 'ad5b' });
    await c.call(1, 'exchange.delete', { exchange: 'ad5b' });
    await c.call(1, 'exchange.declare', { exchange: 'ad5a', type: 'fanout', passive: true });
  },
  'auto-delete: an exchange that was never bound stays': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'ad6', type: 'fanout', autoDelete: true });
    await c.call(1, 'exchange.bind', { source: 'amq.fanout', destination: 'ad6' });
    await c.call(1, 'exchange.unbind', { source: 'amq.fanout', destination: 'ad6' });
    await c.call(1, 'exchange.declare', { exchange: 'ad6', type: 'fanout', passive: true });
    await c.call(1, 'exchange.delete', { exchange: 'ad6' });
    await c.close();
  },
  'if-unused counts bindings from the exchange, not to it': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'iu1', type: 'fanout' });
    await c.call(1, 'exchange.bind', { source: 'amq.fanout', destination: 'iu1' });
    await c.call(1, 'exchange.delete', { exchange: 'iu1', ifUnused: true });
    await c.close();
  },
  'deleting a queue counts ready messages only': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'del1', exclusive: true });
    for (const body of ['1', '2', '3']) c.publish(1, '', 'del1', body);
    await c.call(1, 'basic.get', { queue: 'del1' });
    await c.call(1, 'queue.delete', { queue: 'del1', ifEmpty: true });
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'basic.get', { queue: 'del1' });
    await c.call(1, 'queue.delete', { queue: 'del1' });
    await c.call(1, 'basic.ack', { deliveryTag: 1 });
    await c.close();
  },
  'if-empty looks at ready messages only': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'del2', exclusive: true });
    c.publish(1, '', 'del2', 'x');
    await c.call(1, 'basic.get', { queue: 'del2' });
    await c.call(1, 'queue.delete', { queue: 'del2', ifEmpty: true });
    await c.close();
  },
  'purging leaves what is out for acknowledgement': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'purge1', exclusive: true });
    for (const body of ['1', '2', '3']) c.publish(1, '', 'purge1', body);
    await c.call(1, 'basic.get', { queue: 'purge1' });
    await c.call(1, 'queue.purge', { queue: 'purge1' });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await c.call(1, 'basic.get', { queue: 'purge1' });
    await c.close();
  },
  'x-expires: get and declare keep a queue alive, publishing does not': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'exp1', arguments: { 'x-expires': 400 } });
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await c.call(1, 'basic.get', { queue: 'exp1' });
    }
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      c.publish(1, '', 'exp1', 'x');
    }
    await c.call(1, 'queue.declare', { queue: 'exp1', passive: true });
  },
  'x-expires: not while there is a consumer': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'exp2', arguments: { 'x-expires': 200 } });
    await c.call(1, 'basic.consume', { queue: 'exp2', consumerTag: 't' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await c.call(1, 'queue.declare', { queue: 'exp2', passive: true });
    await c.call(1, 'basic.cancel', { consumerTag: 't' });
    await new Promise((resolve) => setTimeout(resolve, 600));
    await c.call(1, 'queue.declare', { queue: 'exp2', passive: true });
  },
  'a virtual host deleted under a connection': async (s) => {
    await s.vhost('gone');
    const c = await s.open('', { vhost: 'gone' });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'in-it' });
    await s.http('DELETE', 'vhosts/gone');
    // RabbitMQ says that it is deleted or that it is down, whichever its processes notice first.
    const heard = await c.client.hear();
    s.say(
      heard.kind === 'method' && heard.method.name === 'connection.close'
        ? heard.method.args.replyText.replace(/ is (deleted|down)$/, ' is gone')
        : heard.kind,
    );
  },
  'a connection closed by the management': async (s) => {
    await s.user('to-be-closed', { configure: '.*' });
    const c = await s.open('', { user: 'to-be-closed', password: 'to-be-closed' });
    await c.openChannel(1);
    await s.closeConnectionsOf('to-be-closed');
    await c.hear();
    c.send(0, 'connection.close-ok');
    await c.hear();
    await s.http('DELETE', 'users/to-be-closed');
  },
  'a connection closed by the management with a reason': async (s) => {
    await s.user('to-be-told', { configure: '.*' });
    const c = await s.open('', { user: 'to-be-told', password: 'to-be-told' });
    await s.closeConnectionsOf('to-be-told', 'because');
    await c.hear();
    await s.http('DELETE', 'users/to-be-told');
  },
  'a user deleted while connected': async (s) => {
    await s.user('short-lived', { configure: '.*' });
    const c = await s.open('', { user: 'short-lived', password: 'short-lived' });
    await c.openChannel(1);
    await s.http('DELETE', 'users/short-lived');
    await c.hear();
  },
};
