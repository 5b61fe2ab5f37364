// Dead letters at length: every cause, what x-death says, keys, cycles, and what the queue's limits do.
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function channel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

async function declare(c: Party, queue: string, args: Arguments = {}): Promise<void> {
  await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: args });
}

/** A queue whose dead letters go to `target` through the default exchange. */
const to = (target: string, more: Arguments = {}): Arguments => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': target,
  ...more,
});

/** Waits until `count` are in the queue. */
async function arrived(c: Party, queue: string, count = 1): Promise<void> {
  for (let i = 0; i < 60; i++) {
    c.send(1, 'queue.declare', { queue, passive: true });
    const heard = await c.client.hear();
    if (heard.kind !== 'method' || heard.method.name !== 'queue.declare-ok') return;
    if (heard.method.args.messageCount >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function fetch(c: Party, queue: string): Promise<void> {
  await arrived(c, queue);
  await c.call(1, 'basic.get', { queue, noAck: true });
}

/** Takes the head and rejects it. */
async function kill(c: Party, queue: string): Promise<void> {
  await arrived(c, queue);
  const heard = await c.call(1, 'basic.get', { queue });
  if (heard.kind === 'method' && heard.method.name === 'basic.get-ok')
    c.send(1, 'basic.reject', { deliveryTag: heard.method.args.deliveryTag });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const deaths: Conversations = {
  'the same death again: counted, the first time kept, moved to the front': async (s) => {
    const c = await channel(s);
    await declare(c, 'z1a', to('z1b'));
    await declare(c, 'z1b', to('z1a'));
    c.publish(1, '', 'z1a', 'x', { headers: { mine: 'kept' } });
    for (const queue of ['z1a', 'z1b', 'z1a', 'z1b', 'z1a']) await kill(c, queue);
    await fetch(c, 'z1b');
    await c.close();
  },
  'two reasons of one queue are two entries': async (s) => {
    const c = await channel(s);
    await declare(c, 'z2a', to('z2b', { 'x-message-ttl': 200 }));
    await declare(c, 'z2b', to('z2a'));
    c.publish(1, '', 'z2a', 'x');
    await kill(c, 'z2a');
    await kill(c, 'z2b');
    await arrived(c, 'z2b');
    await fetch(c, 'z2b');
    await c.close();
  },
  'rejected with its own expiration: kept in x-death, taken away': async (s) => {
    const c = await channel(s);
    await declare(c, 'z3', to('z3d'));
    await declare(c, 'z3d');
    c.publish(1, '', 'z3', 'x', { expiration: '60000' });
    await kill(c, 'z3');
    await fetch(c, 'z3d');
    await c.close();
  },
  'expired by the queue’s time, with a longer one of its own': async (s) => {
    const c = await channel(s);
    await declare(c, 'z4', to('z4d', { 'x-message-ttl': 20 }));
    await declare(c, 'z4d');
    c.publish(1, '', 'z4', 'x', { expiration: '60000' });
    await fetch(c, 'z4d');
    await c.close();
  },
  'expired by its own time, shorter than the queue’s': async (s) => {
    const c = await channel(s);
    await declare(c, 'z5', to('z5d', { 'x-message-ttl': 60_000 }));
    await declare(c, 'z5d');
    c.publish(1, '', 'z5', 'x', { expiration: '20' });
    await fetch(c, 'z5d');
    await c.close();
  },
  'expiration 0 with nobody waiting': async (s) => {
    const c = await channel(s);
    await declare(c, 'z6', to('z6d'));
    await declare(c, 'z6d');
    c.publish(1, '', 'z6', 'x', { expiration: '0' });
    await fetch(c, 'z6d');
    await c.close();
  },
  'expiration 0 with a consumer waiting': async (s) => {
    const c = await channel(s);
    await declare(c, 'z7', to('z7d'));
    await declare(c, 'z7d');
    await c.call(1, 'basic.consume', { queue: 'z7', consumerTag: 't' });
    c.publish(1, '', 'z7', 'x', { expiration: '0' });
    await c.hear();
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await fetch(c, 'z7d');
    await c.close();
  },
  'time 0 of the queue, requeued by its consumer': async (s) => {
    const c = await channel(s);
    await declare(c, 'z8', to('z8d', { 'x-message-ttl': 0 }));
    await declare(c, 'z8d');
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
    await c.call(1, 'basic.consume', { queue: 'z8', consumerTag: 't' });
    c.publish(1, '', 'z8', '1');
    await c.hear();
    c.publish(1, '', 'z8', '2');
    await fetch(c, 'z8d');
    await c.close();
  },
  'a shorter time behind a longer one waits': async (s) => {
    const c = await channel(s);
    await declare(c, 'z9', to('z9d'));
    await declare(c, 'z9d');
    c.publish(1, '', 'z9', 'long', { expiration: '60000' });
    c.publish(1, '', 'z9', 'short', { expiration: '20' });
    await pause(300);
    await c.call(1, 'queue.declare', { queue: 'z9', passive: true });
    await c.call(1, 'basic.get', { queue: 'z9', noAck: true });
    await fetch(c, 'z9d');
    await c.close();
  },
  'what is out for acknowledgement does not expire': async (s) => {
    const c = await channel(s);
    await declare(c, 'z10', to('z10d', { 'x-message-ttl': 50 }));
    await declare(c, 'z10d');
    c.publish(1, '', 'z10', 'x');
    await c.call(1, 'basic.get', { queue: 'z10' });
    await pause(200);
    await c.call(1, 'basic.get', { queue: 'z10d' });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await fetch(c, 'z10d');
    await c.close();
  },
  'over the bytes: as many as it takes': async (s) => {
    const c = await channel(s);
    await declare(c, 'z11', to('z11d', { 'x-max-length-bytes': 10 }));
    await declare(c, 'z11d');
    for (const body of ['aaaa', 'bbbb', 'cccccccc']) c.publish(1, '', 'z11', body);
    await arrived(c, 'z11d', 2);
    await fetch(c, 'z11d');
    await fetch(c, 'z11d');
    await c.call(1, 'basic.get', { queue: 'z11', noAck: true });
    await c.close();
  },
  'one message larger than the bytes': async (s) => {
    const c = await channel(s);
    await declare(c, 'z12', to('z12d', { 'x-max-length-bytes': 3 }));
    await declare(c, 'z12d');
    c.publish(1, '', 'z12', 'too large');
    await fetch(c, 'z12d');
    await c.close();
  },
  'length counts ready messages only': async (s) => {
    const c = await channel(s);
    await declare(c, 'z13', to('z13d', { 'x-max-length': 1 }));
    await declare(c, 'z13d');
    c.publish(1, '', 'z13', '1');
    await c.call(1, 'basic.get', { queue: 'z13' });
    c.publish(1, '', 'z13', '2');
    await pause(100);
    await c.call(1, 'queue.declare', { queue: 'z13', passive: true });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    await pause(100);
    await c.call(1, 'queue.declare', { queue: 'z13', passive: true });
    c.publish(1, '', 'z13', '3');
    await arrived(c, 'z13d', 2);
    await fetch(c, 'z13d');
    await fetch(c, 'z13d');
    await c.close();
  },
  'length 0 hands to a waiting consumer': async (s) => {
    const c = await channel(s);
    await declare(c, 'z14', to('z14d', { 'x-max-length': 0 }));
    await declare(c, 'z14d');
    c.publish(1, '', 'z14', '1');
    await fetch(c, 'z14d');
    await c.call(1, 'basic.consume', { queue: 'z14', consumerTag: 't' });
    c.publish(1, '', 'z14', '2');
    await c.hear();
    await c.close();
  },
  'length with priorities: the lowest goes first': async (s) => {
    const c = await channel(s);
    await declare(c, 'z15', to('z15d', { 'x-max-length': 2, 'x-max-priority': 5 }));
    await declare(c, 'z15d');
    for (const [body, priority] of [
      ['low', 1],
      ['high', 5],
      ['mid', 3],
      ['lowest', 0],
    ] as const)
      c.publish(1, '', 'z15', body, { priority });
    await arrived(c, 'z15d', 2);
    await fetch(c, 'z15d');
    await fetch(c, 'z15d');
    await fetch(c, 'z15');
    await fetch(c, 'z15');
    await c.close();
  },
  'reject-publish counts bytes': async (s) => {
    const c = await channel(s);
    await declare(c, 'z16', { 'x-max-length-bytes': 5, 'x-overflow': 'reject-publish' });
    await c.call(1, 'confirm.select');
    for (const body of ['aaa', 'bbb', 'cc', 'd']) {
      c.publish(1, '', 'z16', body);
      await c.hear();
      await pause(50);
    }
    await c.call(1, 'queue.declare', { queue: 'z16', passive: true });
    await c.close();
  },
  'reject-publish: a waiting consumer does not help': async (s) => {
    const c = await channel(s);
    await declare(c, 'z17', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await c.call(1, 'confirm.select');
    await c.call(1, 'basic.consume', { queue: 'z17', consumerTag: 't' });
    for (const body of ['1', '2']) {
      c.publish(1, '', 'z17', body);
      await c.hearSorted(2);
    }
    await c.close();
  },
  'reject-publish does not dead-letter': async (s) => {
    const c = await channel(s);
    await declare(c, 'z18', to('z18d', { 'x-max-length': 1, 'x-overflow': 'reject-publish' }));
    await declare(c, 'z18d');
    await c.call(1, 'confirm.select');
    for (const body of ['1', '2']) {
      c.publish(1, '', 'z18', body);
      await c.hear();
    }
    await pause(100);
    await c.call(1, 'queue.declare', { queue: 'z18d', passive: true });
    await c.close();
  },
  'reject-publish: a dead letter that does not fit is dropped': async (s) => {
    const c = await channel(s);
    await declare(c, 'z19', to('z19d'));
    await declare(c, 'z19d', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    for (const body of ['1', '2']) c.publish(1, '', 'z19', body);
    await kill(c, 'z19');
    await kill(c, 'z19');
    await pause(100);
    await c.call(1, 'queue.declare', { queue: 'z19d', passive: true });
    await c.close();
  },
  'through a topic exchange with its own key': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'z20x', type: 'topic', autoDelete: true });
    await declare(c, 'z20d');
    await c.call(1, 'queue.bind', { queue: 'z20d', exchange: 'z20x', routingKey: 'amq.#' });
    await c.call(1, 'queue.bind', { queue: 'z20d', exchange: 'z20x', routingKey: 'z20' });
    await declare(c, 'z20', { 'x-dead-letter-exchange': 'z20x' });
    c.publish(1, '', 'z20', 'by its own key');
    await kill(c, 'z20');
    await fetch(c, 'z20d');
    await c.call(1, 'queue.bind', { queue: 'z20', exchange: 'amq.direct', routingKey: 'amq.key' });
    c.publish(1, 'amq.direct', 'amq.key', 'by the key it came with');
    await kill(c, 'z20');
    await fetch(c, 'z20d');
    await c.close();
  },
  'through a headers exchange': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'z21x', type: 'headers', autoDelete: true });
    await declare(c, 'z21d');
    await c.call(1, 'queue.bind', {
      queue: 'z21d',
      exchange: 'z21x',
      arguments: { 'x-match': 'all', colour: 'red' },
    });
    await declare(c, 'z21', { 'x-dead-letter-exchange': 'z21x' });
    c.publish(1, '', 'z21', 'matches', { headers: { colour: 'red' } });
    await kill(c, 'z21');
    await fetch(c, 'z21d');
    await c.close();
  },
  'to several queues': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'z22x', type: 'fanout', autoDelete: true });
    for (const queue of ['z22d', 'z22e']) {
      await declare(c, queue);
      await c.call(1, 'queue.bind', { queue, exchange: 'z22x' });
    }
    await declare(c, 'z22', { 'x-dead-letter-exchange': 'z22x' });
    c.publish(1, '', 'z22', 'x');
    await kill(c, 'z22');
    await fetch(c, 'z22d');
    await fetch(c, 'z22e');
    await c.close();
  },
  'an internal exchange may take dead letters': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', {
      exchange: 'z23x',
      type: 'fanout',
      internal: true,
      autoDelete: true,
    });
    await declare(c, 'z23d');
    await c.call(1, 'queue.bind', { queue: 'z23d', exchange: 'z23x' });
    await declare(c, 'z23', { 'x-dead-letter-exchange': 'z23x' });
    c.publish(1, '', 'z23', 'x');
    await kill(c, 'z23');
    await fetch(c, 'z23d');
    await c.close();
  },
  'the alternate exchange of the dead-letter exchange': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'z24a', type: 'fanout', autoDelete: true });
    await c.call(1, 'exchange.declare', {
      exchange: 'z24x',
      type: 'direct',
      arguments: { 'alternate-exchange': 'z24a' },
    });
    await declare(c, 'z24d');
    await c.call(1, 'queue.bind', { queue: 'z24d', exchange: 'z24a' });
    await declare(c, 'z24', { 'x-dead-letter-exchange': 'z24x' });
    c.publish(1, '', 'z24', 'x');
    await kill(c, 'z24');
    await fetch(c, 'z24d');
    await c.call(1, 'exchange.delete', { exchange: 'z24x' });
    await c.close();
  },
  'CC and BCC: copies die with the keys they came by': async (s) => {
    const c = await channel(s);
    await declare(c, 'z25d');
    await declare(c, 'z25a', to('z25d'));
    await declare(c, 'z25b', to('z25d'));
    await declare(c, 'z25c', to('z25d'));
    c.publish(1, '', 'z25a', 'x', { headers: { CC: ['z25b'], BCC: ['z25c'] } });
    for (const queue of ['z25a', 'z25b', 'z25c']) {
      await kill(c, queue);
      await fetch(c, 'z25d');
    }
    await c.close();
  },
  'CC is used again when the letter has no key of its own': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'z26x', type: 'direct', autoDelete: true });
    await declare(c, 'z26d');
    await c.call(1, 'queue.bind', { queue: 'z26d', exchange: 'z26x', routingKey: 'copy' });
    await declare(c, 'z26', { 'x-dead-letter-exchange': 'z26x' });
    c.publish(1, '', 'z26', 'x', { headers: { CC: ['copy', 'other'] } });
    await kill(c, 'z26');
    await fetch(c, 'z26d');
    await c.close();
  },
  'a client’s own x-death is continued': async (s) => {
    const c = await channel(s);
    await declare(c, 'z27', to('z27d'));
    await declare(c, 'z27d');
    c.publish(1, '', 'z27', 'x', {
      headers: {
        'x-death': [
          { queue: 'elsewhere', reason: 'expired', count: 4, exchange: 'e', 'routing-keys': ['k'] },
          { queue: 'z27', reason: 'rejected', count: 7, exchange: 'old', 'routing-keys': ['old'] },
        ],
      },
    });
    await kill(c, 'z27');
    await fetch(c, 'z27d');
    await c.close();
  },
  'an x-death that is no list': async (s) => {
    const c = await channel(s);
    await declare(c, 'z28', to('z28d'));
    await declare(c, 'z28d');
    c.publish(1, '', 'z28', 'x', { headers: { 'x-death': 'nonsense' } });
    await kill(c, 'z28');
    await fetch(c, 'z28d');
    await c.close();
  },
  'an x-death of odd things': async (s) => {
    const c = await channel(s);
    await declare(c, 'z29', to('z29d'));
    await declare(c, 'z29d');
    c.publish(1, '', 'z29', 'x', { headers: { 'x-death': [{ queue: 5, reason: true }] } });
    await kill(c, 'z29');
    await fetch(c, 'z29d');
    await c.close();
  },
  'x-first-death stays what it was': async (s) => {
    const c = await channel(s);
    await declare(c, 'z30a', to('z30b', { 'x-message-ttl': 20 }));
    await declare(c, 'z30b', to('z30c'));
    await declare(c, 'z30c');
    c.publish(1, '', 'z30a', 'x');
    await kill(c, 'z30b');
    await fetch(c, 'z30c');
    await c.close();
  },
  'a circle of expiry through two queues is broken': async (s) => {
    const c = await channel(s);
    await declare(c, 'z31a', to('z31b', { 'x-message-ttl': 20 }));
    await declare(c, 'z31b', to('z31a', { 'x-message-ttl': 20 }));
    c.publish(1, '', 'z31a', 'x');
    await pause(400);
    await c.call(1, 'queue.declare', { queue: 'z31a', passive: true });
    await c.call(1, 'queue.declare', { queue: 'z31b', passive: true });
    await c.close();
  },
  'a circle with a rejection in it goes on': async (s) => {
    const c = await channel(s);
    await declare(c, 'z32a', to('z32b', { 'x-message-ttl': 100 }));
    await declare(c, 'z32b', to('z32a'));
    c.publish(1, '', 'z32a', 'x');
    await kill(c, 'z32b');
    await fetch(c, 'z32b');
    await c.close();
  },
  'over the length into itself is broken': async (s) => {
    const c = await channel(s);
    await declare(c, 'z33', to('z33', { 'x-max-length': 1 }));
    for (const body of ['1', '2']) c.publish(1, '', 'z33', body);
    await pause(200);
    await c.call(1, 'queue.declare', { queue: 'z33', passive: true });
    await c.call(1, 'basic.get', { queue: 'z33', noAck: true });
    await c.close();
  },
  'the source of a letter is its exchange, also the default one': async (s) => {
    const c = await channel(s);
    await declare(c, 'z34', to('z34d'));
    await declare(c, 'z34d');
    await c.call(1, 'queue.bind', { queue: 'z34', exchange: 'amq.topic', routingKey: 'a.#' });
    c.publish(1, 'amq.topic', 'a.b', 'x', {
      contentType: 'text/plain',
      timestamp: 1_700_000_000,
      priority: 3,
    });
    await kill(c, 'z34');
    await fetch(c, 'z34d');
    await c.close();
  },
  'letters keep their order': async (s) => {
    const c = await channel(s);
    await declare(c, 'z35', to('z35d', { 'x-message-ttl': 50 }));
    await declare(c, 'z35d');
    for (const body of ['1', '2', '3']) c.publish(1, '', 'z35', body);
    await arrived(c, 'z35d', 3);
    c.send(1, 'basic.consume', { queue: 'z35d', consumerTag: 't', noAck: true });
    await c.client.hear();
    for (let i = 0; i < 3; i++) {
      const heard = await c.client.hear();
      s.say(heard.kind === 'method' ? (heard.body?.toString() ?? '') : heard.kind);
    }
    await c.close();
  },
  'rejected by a cancelled consumer': async (s) => {
    const c = await channel(s);
    await declare(c, 'z36', to('z36d'));
    await declare(c, 'z36d');
    c.publish(1, '', 'z36', 'x');
    await c.call(1, 'basic.consume', { queue: 'z36', consumerTag: 't' }, 2);
    await c.call(1, 'basic.cancel', { consumerTag: 't' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await fetch(c, 'z36d');
    await c.close();
  },
  'expired letters of a queue that expires itself are lost': async (s) => {
    const c = await channel(s);
    await declare(c, 'z37d');
    await c.call(1, 'queue.declare', {
      queue: 'z37',
      arguments: to('z37d', { 'x-expires': 100 }),
    });
    c.publish(1, '', 'z37', 'x');
    await pause(400);
    await c.call(1, 'queue.declare', { queue: 'z37d', passive: true });
    await c.close();
  },
  'priority: a lower one expires when a higher one waits before it': async (s) => {
    const c = await channel(s);
    await declare(c, 'z38', to('z38d', { 'x-max-priority': 5 }));
    await declare(c, 'z38d');
    c.publish(1, '', 'z38', 'high stays', { priority: 5 });
    c.publish(1, '', 'z38', 'low goes', { priority: 1, expiration: '30' });
    await fetch(c, 'z38d');
    await c.call(1, 'queue.declare', { queue: 'z38', passive: true });
    await c.close();
  },
};
