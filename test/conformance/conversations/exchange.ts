// The exchange class, and what is routed where.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function channel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

export const exchange: Conversations = {
  'declare, redeclare, passive, delete': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e1', type: 'direct', durable: true });
    await c.call(1, 'exchange.declare', { exchange: 'e1', type: 'direct', durable: true });
    await c.call(1, 'exchange.declare', { exchange: 'e1', type: 'topic', passive: true });
    await c.call(1, 'exchange.delete', { exchange: 'e1' });
    await c.call(1, 'exchange.delete', { exchange: 'e1' });
    await c.close();
  },
  'redeclare with another type is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e2', type: 'direct', autoDelete: true });
    await c.call(1, 'exchange.declare', { exchange: 'e2', type: 'fanout', autoDelete: true });
    await s.http('DELETE', 'exchanges/%2F/e2');
  },
  'redeclare with other durability is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e3', type: 'direct', durable: true });
    await c.call(1, 'exchange.declare', { exchange: 'e3', type: 'direct' });
    await s.http('DELETE', 'exchanges/%2F/e3');
  },
  'redeclare with another alternate exchange is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', {
      exchange: 'e4',
      type: 'direct',
      arguments: { 'alternate-exchange': 'a' },
    });
    await c.call(1, 'exchange.declare', {
      exchange: 'e4',
      type: 'direct',
      arguments: { 'alternate-exchange': 'b' },
    });
    await s.http('DELETE', 'exchanges/%2F/e4');
  },
  'redeclare internal differently is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e4i', type: 'direct', internal: true });
    await c.call(1, 'exchange.declare', { exchange: 'e4i', type: 'direct' });
    await s.http('DELETE', 'exchanges/%2F/e4i');
  },
  'an unknown type is 503': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e5', type: 'telepathy' });
  },
  'passive declare of a missing exchange is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e-missing', type: 'direct', passive: true });
  },
  'a reserved name is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'amq.mine', type: 'direct' });
  },
  'predeclared exchanges may be declared as they are': async (s) => {
    const c = await channel(s);
    for (const [name, type] of [
      ['amq.direct', 'direct'],
      ['amq.fanout', 'fanout'],
      ['amq.topic', 'topic'],
      ['amq.headers', 'headers'],
      ['amq.match', 'headers'],
    ] as const)
      await c.call(1, 'exchange.declare', { exchange: name, type, durable: true });
    await c.call(1, 'exchange.declare', { exchange: 'amq.rabbitmq.trace', type: 'topic', passive: true });
    await c.close();
  },
  'deleting a predeclared exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.delete', { exchange: 'amq.direct' });
  },
  'declaring the default exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: '', type: 'direct' });
  },
  'deleting the default exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.delete', { exchange: '' });
  },
  'passive declare of the default exchange': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: '', type: 'direct', passive: true });
  },
  'publishing to an internal exchange is 403': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e6', type: 'fanout', internal: true, autoDelete: true });
    c.publish(1, 'e6', '', 'x');
    await c.hear();
    await s.http('DELETE', 'exchanges/%2F/e6');
  },
  'publishing to a missing exchange is 404': async (s) => {
    const c = await channel(s);
    c.publish(1, 'e-missing', '', 'x');
    await c.hear();
  },
  'deleting an exchange in use with if-unused is 406': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e7', type: 'fanout' });
    await c.call(1, 'queue.declare', { queue: 'e7.q', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'e7.q', exchange: 'e7' });
    await c.call(1, 'exchange.delete', { exchange: 'e7', ifUnused: true });
    await s.http('DELETE', 'exchanges/%2F/e7');
  },
  'an auto-delete exchange goes with its last binding': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e8', type: 'fanout', autoDelete: true });
    await c.call(1, 'queue.declare', { queue: 'e8.q', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'e8.q', exchange: 'e8' });
    await c.call(1, 'queue.unbind', { queue: 'e8.q', exchange: 'e8' });
    await c.call(1, 'exchange.declare', { exchange: 'e8', type: 'fanout', passive: true });
  },
  'exchange to exchange: bind, route, unbind': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e9a', type: 'topic' });
    await c.call(1, 'exchange.declare', { exchange: 'e9b', type: 'fanout' });
    await c.call(1, 'exchange.bind', { source: 'e9a', destination: 'e9b', routingKey: 'a.#' });
    await c.call(1, 'exchange.bind', { source: 'e9a', destination: 'e9b', routingKey: 'a.#' });
    await c.call(1, 'queue.declare', { queue: 'e9.q', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'e9.q', exchange: 'e9b' });
    c.publish(1, 'e9a', 'a.b.c', 'through');
    await c.call(1, 'basic.get', { queue: 'e9.q', noAck: true });
    await c.call(1, 'exchange.unbind', { source: 'e9a', destination: 'e9b', routingKey: 'a.#' });
    await c.call(1, 'exchange.unbind', { source: 'e9a', destination: 'e9b', routingKey: 'a.#' });
    c.publish(1, 'e9a', 'a.b.c', 'gone');
    await c.call(1, 'basic.get', { queue: 'e9.q', noAck: true });
    await c.call(1, 'exchange.delete', { exchange: 'e9a' });
    await c.call(1, 'exchange.delete', { exchange: 'e9b' });
    await c.close();
  },
  'exchange bind with a missing source is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.bind', { source: 'e-missing', destination: 'amq.direct', routingKey: 'k' });
  },
  'exchange bind with a missing destination is 404': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.bind', { source: 'amq.direct', destination: 'e-missing', routingKey: 'k' });
  },
  'an exchange bound in a circle delivers once': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e10a', type: 'fanout' });
    await c.call(1, 'exchange.declare', { exchange: 'e10b', type: 'fanout' });
    await c.call(1, 'exchange.bind', { source: 'e10a', destination: 'e10b' });
    await c.call(1, 'exchange.bind', { source: 'e10b', destination: 'e10a' });
    await c.call(1, 'queue.declare', { queue: 'e10.q', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'e10.q', exchange: 'e10a' });
    await c.call(1, 'queue.bind', { queue: 'e10.q', exchange: 'e10b' });
    c.publish(1, 'e10a', '', 'round');
    await c.call(1, 'basic.get', { queue: 'e10.q', noAck: true });
    await c.call(1, 'basic.get', { queue: 'e10.q', noAck: true });
    await c.call(1, 'exchange.delete', { exchange: 'e10a' });
    await c.call(1, 'exchange.delete', { exchange: 'e10b' });
    await c.close();
  },
  'an alternate exchange takes what is not routed': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'e11.ae', type: 'fanout' });
    await c.call(1, 'exchange.declare', {
      exchange: 'e11',
      type: 'direct',
      arguments: { 'alternate-exchange': 'e11.ae' },
    });
    await c.call(1, 'queue.declare', { queue: 'e11.q', exclusive: true });
    await c.call(1, 'queue.bind', { queue: 'e11.q', exchange: 'e11.ae' });
    c.publish(1, 'e11', 'nobody', 'stray', {}, { mandatory: true });
    await c.call(1, 'basic.get', { queue: 'e11.q', noAck: true });
    await c.call(1, 'exchange.delete', { exchange: 'e11' });
    await c.call(1, 'exchange.delete', { exchange: 'e11.ae' });
    await c.close();
  },
  'declare with no-wait says nothing': async (s) => {
    const c = await channel(s);
    c.send(1, 'exchange.declare', { exchange: 'e12', type: 'direct', noWait: true });
    await c.call(1, 'exchange.declare', { exchange: 'e12', type: 'direct', passive: true });
    c.send(1, 'exchange.delete', { exchange: 'e12', noWait: true });
    await c.close();
  },
  'a message is returned when mandatory and unroutable': async (s) => {
    const c = await channel(s);
    c.publish(
      1,
      'amq.direct',
      'nobody-listens',
      'back',
      { messageId: 'm-1', headers: { a: 1 } },
      { mandatory: true },
    );
    await c.hear();
    await c.close();
  },
  'immediate is not implemented': async (s) => {
    const c = await channel(s);
    c.publish(1, 'amq.direct', 'k', 'now', {}, { immediate: true });
    await c.hear();
  },
};

const routing: [
  string,
  string,
  [string, string, Record<string, string | number | boolean | null>?][],
  [string, Record<string, string | number | boolean | null>?][],
][] = [
  [
    'direct routes by equal keys',
    'direct',
    [
      ['a', 'k1'],
      ['b', 'k2'],
      ['c', 'k1'],
    ],
    [['k1'], ['k2'], ['k3'], ['']],
  ],
  [
    'fanout routes to all once',
    'fanout',
    [
      ['a', 'x'],
      ['a', 'y'],
      ['b', ''],
    ],
    [['anything'], ['']],
  ],
  [
    'topic routes by words and wildcards',
    'topic',
    [
      ['hash', '#'],
      ['one', '*'],
      ['mid', 'a.*.c'],
      ['tail', 'a.#'],
      ['both', '#.b.#'],
      ['exact', 'a.b.c'],
      ['empty', ''],
    ],
    [['a.b.c'], ['a'], ['a.b'], ['b'], [''], ['a..c'], ['a.b.c.d'], ['x.b.y'], ['.'], ['a.']],
  ],
  [
    'topic wildcards only stand alone',
    'topic',
    [
      ['part', 'a*.b'],
      ['glued', 'a#'],
      ['twice', '#.#'],
      ['stars', '*.*'],
    ],
    [['ax.b'], ['a*.b'], ['a#'], ['abc'], ['a.b']],
  ],
  [
    'headers route by x-match all',
    'headers',
    [
      ['two', '', { 'x-match': 'all', a: 1, b: 'x' }],
      ['one', '', { a: 1 }],
      ['none', '', { 'x-match': 'all' }],
    ],
    [['', { a: 1, b: 'x' }], ['', { a: 1 }], ['', { a: '1' }], ['', { a: 1.5 }], ['']],
  ],
  [
    'headers route by x-match any',
    'headers',
    [
      ['two', '', { 'x-match': 'any', a: 1, b: 'x' }],
      ['none', '', { 'x-match': 'any' }],
    ],
    [['', { a: 1 }], ['', { b: 'x', a: 2 }], ['', { c: 1 }], ['']],
  ],
  [
    'headers: x- keys count only with -with-x',
    'headers',
    [
      ['without', '', { 'x-match': 'all', 'x-a': 1 }],
      ['with', '', { 'x-match': 'all-with-x', 'x-a': 1 }],
      ['any', '', { 'x-match': 'any-with-x', 'x-a': 1, b: 2 }],
    ],
    [['', { 'x-a': 1 }], ['', { 'x-a': 2 }], ['', { b: 2 }], ['']],
  ],
  [
    'headers: a void value means present',
    'headers',
    [
      ['void', '', { 'x-match': 'all', a: null }],
      ['bool', '', { a: true }],
    ],
    [
      ['', { a: 5 }],
      ['', { a: true }],
      ['', { b: 1 }],
    ],
  ],
];

for (const [index, [name, type, bindings, publishes]] of routing.entries())
  exchange[name] = async (s) => {
    const source = `route${index}`;
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: source, type });
    const queues = [...new Set(bindings.map(([queue]) => queue))];
    for (const queue of queues)
      await c.call(1, 'queue.declare', { queue: `${source}.${queue}`, exclusive: true });
    for (const [queue, routingKey, args] of bindings)
      await c.call(1, 'queue.bind', {
        queue: `${source}.${queue}`,
        exchange: source,
        routingKey,
        arguments: args ?? {},
      });
    for (const [number, [key, headers]] of publishes.entries()) {
      c.publish(1, source, key, `message ${number}`, headers ? { headers } : {});
      for (const queue of queues) await c.call(1, 'basic.get', { queue: `${source}.${queue}`, noAck: true });
    }
    await c.call(1, 'exchange.delete', { exchange: source });
    await c.close();
  };
