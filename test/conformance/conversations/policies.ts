// Policies: which one governs, what it changes, and when. Each conversation has a virtual host of its own.
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function queues(c: Party, ...names: string[]): Promise<void> {
  for (const queue of names) await c.call(1, 'queue.declare', { queue, exclusive: true });
}

async function fetch(c: Party, ...names: string[]): Promise<void> {
  for (const queue of names) await c.call(1, 'basic.get', { queue, noAck: true });
}

type Policy = { pattern: string; definition: Arguments; priority?: number; 'apply-to'?: string };

async function governed(
  s: Script,
  name: string,
  policies: Record<string, Policy>,
  operator: Record<string, Policy> = {},
): Promise<Party> {
  await s.vhost(name);
  for (const [policy, body] of Object.entries(policies))
    await s.http('PUT', `policies/${name}/${policy}`, body);
  for (const [policy, body] of Object.entries(operator))
    await s.http('PUT', `operator-policies/${name}/${policy}`, body);
  const c = await s.open('', { vhost: name });
  await c.openChannel(1);
  return c;
}

const settle = (ms = 150) => new Promise((resolve) => setTimeout(resolve, ms));

export const policies: Conversations = {
  'policy: the highest priority wins, alone': async (s) => {
    const c = await governed(s, 'pol1', {
      all: { pattern: '.*', definition: { 'max-length': 1, 'message-ttl': 60_000 }, priority: 1 },
      some: { pattern: '^q', definition: { 'max-length': 2 }, priority: 2 },
    });
    await queues(c, 'q');
    for (const body of ['1', '2', '3']) c.publish(1, '', 'q', body);
    await settle();
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol1');
  },
  'policy: the argument and the policy, the lower length counts': async (s) => {
    const c = await governed(s, 'pol2', { p: { pattern: '.*', definition: { 'max-length': 1 } } });
    await c.call(1, 'queue.declare', { queue: 'q', exclusive: true, arguments: { 'x-max-length': 2 } });
    for (const body of ['1', '2', '3']) c.publish(1, '', 'q', body);
    await settle();
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol2');
  },
  'policy: the operator’s lower length counts': async (s) => {
    const c = await governed(
      s,
      'pol3',
      { p: { pattern: '.*', definition: { 'max-length': 3 } } },
      { o: { pattern: '.*', definition: { 'max-length': 1 }, 'apply-to': 'queues' } },
    );
    await queues(c, 'q');
    for (const body of ['1', '2', '3']) c.publish(1, '', 'q', body);
    await settle();
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol3');
  },
  'policy: dead-letter exchange and key': async (s) => {
    const c = await governed(s, 'pol4', {
      p: { pattern: '^q$', definition: { 'dead-letter-exchange': '', 'dead-letter-routing-key': 'd' } },
    });
    await queues(c, 'q', 'd');
    c.publish(1, '', 'q', 'x');
    await c.call(1, 'basic.get', { queue: 'q' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await settle();
    await fetch(c, 'd');
    await s.http('DELETE', 'vhosts/pol4');
  },
  'policy: the queue’s own dead-letter exchange goes before': async (s) => {
    const c = await governed(s, 'pol5', {
      p: { pattern: '^q$', definition: { 'dead-letter-exchange': 'amq.fanout' } },
    });
    await queues(c, 'd');
    await c.call(1, 'queue.declare', {
      queue: 'q',
      exclusive: true,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd' },
    });
    c.publish(1, '', 'q', 'x');
    await c.call(1, 'basic.get', { queue: 'q' });
    c.send(1, 'basic.reject', { deliveryTag: 1 });
    await settle();
    await fetch(c, 'd');
    await s.http('DELETE', 'vhosts/pol5');
  },
  'policy: alternate exchange': async (s) => {
    const c = await governed(s, 'pol6', {
      p: {
        pattern: '^x$',
        definition: { 'alternate-exchange': 'amq.fanout' },
        'apply-to': 'exchanges',
      },
    });
    await c.call(1, 'exchange.declare', { exchange: 'x', type: 'direct' });
    await queues(c, 'q');
    await c.call(1, 'queue.bind', { queue: 'q', exchange: 'amq.fanout' });
    c.publish(1, 'x', 'nobody', 'caught');
    await settle();
    await fetch(c, 'q');
    await s.http('DELETE', 'vhosts/pol6');
  },
  'policy: set while messages wait, the excess goes': async (s) => {
    const c = await governed(s, 'pol7', {});
    await queues(c, 'q');
    for (const body of ['1', '2', '3']) c.publish(1, '', 'q', body);
    await settle();
    await s.http('PUT', 'policies/pol7/p', { pattern: '.*', definition: { 'max-length': 1 } });
    await settle(400);
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'policies/pol7/p');
    await settle(400);
    for (const body of ['4', '5']) c.publish(1, '', 'q', body);
    await settle();
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol7');
  },
  'policy: a time to live for what comes later': async (s) => {
    const c = await governed(s, 'pol8', {});
    await queues(c, 'q');
    c.publish(1, '', 'q', 'before');
    await settle();
    await s.http('PUT', 'policies/pol8/p', { pattern: '.*', definition: { 'message-ttl': 100 } });
    await settle(400);
    c.publish(1, '', 'q', 'after');
    await settle(400);
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol8');
  },
  'policy: overflow reject-publish': async (s) => {
    const c = await governed(s, 'pol9', {
      p: { pattern: '.*', definition: { 'max-length': 1, overflow: 'reject-publish' } },
    });
    await queues(c, 'q');
    await c.call(1, 'confirm.select');
    for (const body of ['1', '2']) {
      c.publish(1, '', 'q', body);
      await c.hear();
    }
    await s.http('DELETE', 'vhosts/pol9');
  },
  'policy: expires': async (s) => {
    const c = await governed(s, 'pol10', { p: { pattern: '.*', definition: { expires: 200 } } });
    await c.call(1, 'queue.declare', { queue: 'q' });
    await settle(700);
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol10');
  },
  'policy: for queues only leaves exchanges alone': async (s) => {
    const c = await governed(s, 'pol11', {
      p: { pattern: '.*', definition: { 'max-length': 1 }, 'apply-to': 'exchanges' },
    });
    await queues(c, 'q');
    for (const body of ['1', '2']) c.publish(1, '', 'q', body);
    await settle();
    await c.call(1, 'queue.declare', { queue: 'q', passive: true });
    await s.http('DELETE', 'vhosts/pol11');
  },
};
