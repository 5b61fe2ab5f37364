// The queue class: declaration, equivalence, arguments, limits, expiry.
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function channel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

export const queue: Conversations = {
  'declare, redeclare, passive with counts, purge, delete': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q1', durable: true });
    await c.call(1, 'confirm.select');
    for (const body of ['one', 'two']) {
      c.publish(1, '', 'q1', body);
      await c.hear();
    }
    await c.call(1, 'queue.declare', { queue: 'q1', durable: true });
    await c.call(1, 'queue.declare', { queue: 'q1', passive: true });
    await c.call(1, 'queue.purge', { queue: 'q1' });
    await c.call(1, 'queue.purge', { queue: 'q1' });
    await c.call(1, 'queue.delete', { queue: 'q1' });
    await c.call(1, 'queue.delete', { queue: 'q1' });
    await c.close();
  },
  'the server names a queue, and the channel remembers it': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { exclusive: true });
    await c.call(1, 'queue.bind', { exchange: 'amq.direct', routingKey: 'remembered' });
    c.publish(1, 'amq.direct', 'remembered', 'x');
    await c.call(1, 'basic.get', { noAck: true });
    await c.call(1, 'queue.purge');
    await c.call(1, 'queue.delete');
    await c.close();
  },
  'no queue declared yet on this channel is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'basic.get', {});
  },
  'bind without a queue declared yet is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.bind', { exchange: 'amq.direct' });
  },
  'passive declare of a missing queue is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q-missing', passive: true });
  },
  'a reserved name is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'amq.mine' });
  },
  'redeclare with other durability is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q2', durable: true });
    await c.call(1, 'queue.declare', { queue: 'q2' });
    await s.http('DELETE', 'queues/%2F/q2');
  },
  'redeclare with other auto-delete is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q3' });
    await c.call(1, 'queue.declare', { queue: 'q3', autoDelete: true });
    await s.http('DELETE', 'queues/%2F/q3');
  },
  'redeclare an exclusive queue as not exclusive is 405': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q4', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'q4' });
  },
  'redeclare a shared queue as exclusive is 405': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q5' });
    await c.call(1, 'queue.declare', { queue: 'q5', exclusive: true });
    await s.http('DELETE', 'queues/%2F/q5');
  },
  'an exclusive queue of another connection is locked': async (s) => {
    const owner = await s.open('owner');
    await owner.openChannel(1);
    await owner.call(1, 'queue.declare', { queue: 'q6', exclusive: true });
    const other = await s.open('other');
    for (const [number, ask] of (
      [
        ['queue.declare', { queue: 'q6', exclusive: true }],
        ['queue.declare', { queue: 'q6', passive: true }],
        ['basic.get', { queue: 'q6' }],
        ['basic.consume', { queue: 'q6' }],
        ['queue.purge', { queue: 'q6' }],
        ['queue.delete', { queue: 'q6' }],
        ['queue.bind', { queue: 'q6', exchange: 'amq.direct' }],
      ] as const
    ).entries()) {
      await other.openChannel(number + 1);
      await other.call(number + 1, ask[0], ask[1]);
      other.send(number + 1, 'channel.close-ok');
    }
    await owner.close();
    await other.close();
  },
  'an exclusive queue goes with its connection': async (s) => {
    const owner = await s.open('owner');
    await owner.openChannel(1);
    await owner.call(1, 'queue.declare', { queue: 'q7', exclusive: true });
    await owner.close();
    const other = await s.open('other');
    await other.openChannel(1);
    await other.call(1, 'queue.declare', { queue: 'q7', passive: true });
  },
  'an auto-delete queue goes with its last consumer': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q8', autoDelete: true });
    await c.call(1, 'basic.consume', { queue: 'q8', consumerTag: 'only' });
    await c.call(1, 'basic.cancel', { consumerTag: 'only' });
    await c.call(1, 'queue.declare', { queue: 'q8', passive: true });
  },
  'redeclare compares arguments by value': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q9', exclusive: true, arguments: { 'x-message-ttl': 1000 } });
    await c.call(1, 'queue.declare', {
      queue: 'q9',
      exclusive: true,
      arguments: new Map([['x-message-ttl', { type: 'l', value: 1000 }]]),
    });
    await c.call(1, 'queue.declare', { queue: 'q9', exclusive: true, arguments: { 'x-message-ttl': 2000 } });
  },
  'redeclare without an argument it has is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q10', exclusive: true, arguments: { 'x-max-length': 5 } });
    await c.call(1, 'queue.declare', { queue: 'q10', exclusive: true });
  },
  'redeclare with an argument it lacks is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q11', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'q11',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': 'amq.direct' },
    });
  },
  'redeclare with an unknown argument is fine': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q12', exclusive: true, arguments: { 'my-note': 'a' } });
    await c.call(1, 'queue.declare', { queue: 'q12', exclusive: true, arguments: { 'my-note': 'b' } });
    await c.close();
  },
  'delete if-unused and if-empty': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q13', exclusive: true });
    c.publish(1, '', 'q13', 'x');
    await c.call(1, 'queue.delete', { queue: 'q13', ifEmpty: true });
    c.send(1, 'channel.close-ok');
    await c.openChannel(2);
    await c.call(2, 'basic.consume', { queue: 'q13', consumerTag: 'c', noAck: true }, 2);
    await c.call(2, 'queue.delete', { queue: 'q13', ifUnused: true });
    c.send(2, 'channel.close-ok');
    await c.openChannel(3);
    await c.call(3, 'queue.delete', { queue: 'q13', ifUnused: true, ifEmpty: true });
    await c.close();
  },
  'bind to a missing exchange is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q14', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'q14', exchange: 'e-missing' });
  },
  'bind a missing queue is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.bind', { queue: 'q-missing', exchange: 'amq.direct' });
  },
  'bind to the default exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q15', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'q15', exchange: '', routingKey: 'q15' });
  },
  'unbind from the default exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q16', exclusive: true });
    await c.call(1, 'queue.unbind', { queue: 'q16', exchange: '', routingKey: 'q16' });
  },
  'unbind what is not bound is fine': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q17', exclusive: true });
    await c.call(1, 'queue.unbind', { queue: 'q17', exchange: 'amq.direct', routingKey: 'never' });
    await c.close();
  },
  'unbind with a missing exchange': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q18', exclusive: true });
    await c.call(1, 'queue.unbind', { queue: 'q18', exchange: 'e-missing', routingKey: 'k' });
    await c.close();
  },
  'unbind a missing queue': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.unbind', { queue: 'q-missing', exchange: 'amq.direct', routingKey: 'k' });
    await c.close();
  },
  'a wrong x-match is refused': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q19', exclusive: true });
    await c.call(1, 'queue.bind', {
      queue: 'q19',
      exchange: 'amq.headers',
      arguments: { 'x-match': 'some' },
    });
  },
  'no-wait declarations say nothing': async (s) => {
    const c = await channel(s);
    c.send(1, 'queue.declare', { queue: 'q20', exclusive: true, noWait: true });
    c.send(1, 'queue.bind', { queue: 'q20', exchange: 'amq.direct', routingKey: 'q20', noWait: true });
    c.publish(1, 'amq.direct', 'q20', 'x');
    c.send(1, 'queue.purge', { queue: 'q20', noWait: true });
    await c.call(1, 'queue.declare', { queue: 'q20', passive: true });
    c.send(1, 'queue.delete', { queue: 'q20', noWait: true });
    await c.close();
  },
  'names lose carriage returns and line feeds': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q21\r\nx', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'q21x', passive: true });
    await c.close();
  },
  'max-length drops the head': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q22', exclusive: true, arguments: { 'x-max-length': 2 } });
    for (const body of ['1', '2', '3', '4']) c.publish(1, '', 'q22', body);
    await c.call(1, 'basic.get', { queue: 'q22', noAck: true });
    await c.call(1, 'basic.get', { queue: 'q22', noAck: true });
    await c.call(1, 'basic.get', { queue: 'q22', noAck: true });
    await c.close();
  },
  'max-length-bytes drops the head': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', {
      queue: 'q23',
      exclusive: true,
      arguments: { 'x-max-length-bytes': 10 },
    });
    for (const body of ['aaaa', 'bbbb', 'cccc']) c.publish(1, '', 'q23', body);
    await c.call(1, 'basic.get', { queue: 'q23', noAck: true });
    await c.call(1, 'queue.declare', { queue: 'q23', passive: true });
    await c.close();
  },
  'reject-publish nacks what does not fit': async (s) => {
    const c = await channel(s);
    await c.call(1, 'confirm.select');
    await c.call(1, 'queue.declare', {
      queue: 'q24',
      exclusive: true,
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    c.publish(1, '', 'q24', 'fits');
    await c.hear();
    c.publish(1, '', 'q24', 'too much');
    await c.hear();
    await c.call(1, 'basic.get', { queue: 'q24', noAck: true });
    await c.call(1, 'basic.get', { queue: 'q24', noAck: true });
    await c.close();
  },
  'a priority queue gives the highest first': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q25', exclusive: true, arguments: { 'x-max-priority': 5 } });
    for (const [body, priority] of [
      ['low', 1],
      ['none', undefined],
      ['high', 5],
      ['over', 200],
      ['mid', 3],
    ] as const)
      c.publish(1, '', 'q25', body, priority === undefined ? {} : { priority });
    for (let i = 0; i < 5; i++) await c.call(1, 'basic.get', { queue: 'q25', noAck: true });
    await c.close();
  },
  'a queue with x-expires is gone after it was not used': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q26', arguments: { 'x-expires': 100 } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await c.call(1, 'queue.declare', { queue: 'q26', passive: true });
  },
  'a message with TTL 0 and no consumer is gone': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: 'q27', exclusive: true, arguments: { 'x-message-ttl': 0 } });
    c.publish(1, '', 'q27', 'flash');
    await c.call(1, 'basic.get', { queue: 'q27', noAck: true });
    await c.close();
  },
};

const arguments_: [string, Arguments][] = [
  ['x-message-ttl negative', { 'x-message-ttl': -1 }],
  ['x-message-ttl text', { 'x-message-ttl': 'soon' }],
  ['x-message-ttl true', { 'x-message-ttl': true }],
  ['x-message-ttl fraction', { 'x-message-ttl': 1.5 }],
  ['x-expires zero', { 'x-expires': 0 }],
  ['x-expires negative', { 'x-expires': -5 }],
  ['x-max-length negative', { 'x-max-length': -1 }],
  ['x-max-length text', { 'x-max-length': 'many' }],
  ['x-max-length-bytes negative', { 'x-max-length-bytes': -1 }],
  ['x-max-priority too high', { 'x-max-priority': 300 }],
  ['x-max-priority negative', { 'x-max-priority': -1 }],
  ['x-overflow unknown', { 'x-overflow': 'explode' }],
  ['x-overflow number', { 'x-overflow': 3 }],
  ['x-dead-letter-exchange number', { 'x-dead-letter-exchange': 5 }],
  ['x-dead-letter-routing-key alone', { 'x-dead-letter-routing-key': 'k' }],
  [
    'x-dead-letter-routing-key number',
    { 'x-dead-letter-exchange': 'amq.direct', 'x-dead-letter-routing-key': 5 },
  ],
  ['x-single-active-consumer text', { 'x-single-active-consumer': 'yes' }],
  ['x-queue-mode unknown', { 'x-queue-mode': 'sleepy' }],
  ['x-queue-type unknown', { 'x-queue-type': 'imaginary' }],
  ['x-queue-type number', { 'x-queue-type': 3 }],
  ['x-max-age on a classic queue', { 'x-max-age': '1D' }],
  ['x-delivery-limit on a classic queue', { 'x-delivery-limit': 3 }],
];

for (const [index, [name, args]] of arguments_.entries())
  queue[`argument: ${name}`] = async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.declare', { queue: `arg${index}`, exclusive: true, arguments: args });
  };
