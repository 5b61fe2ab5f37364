// Exchanges at length: declaration, chains and circles of bindings, alternates, headers by type, and returns.
import type { FieldTable, TypedValue } from '../../../broker/amqp/field-table.ts';
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function channel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

async function queues(c: Party, ...names: string[]): Promise<void> {
  for (const queue of names) await c.call(1, 'queue.declare', { queue, exclusive: true });
}

async function exchanges(c: Party, type: string, ...names: string[]): Promise<void> {
  for (const exchange of names) await c.call(1, 'exchange.declare', { exchange, type });
}

async function away(c: Party, ...names: string[]): Promise<void> {
  for (const exchange of names) await c.call(1, 'exchange.delete', { exchange });
  await c.close();
}

async function fetch(c: Party, ...names: string[]): Promise<void> {
  for (const queue of names) await c.call(1, 'basic.get', { queue, noAck: true });
}

export const routing: Conversations = {
  'redeclare with other auto-delete is 406': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'direct', 'x1');
    await c.call(1, 'exchange.declare', { exchange: 'x1', type: 'direct', autoDelete: true });
    await s.http('DELETE', 'exchanges/%2F/x1');
  },
  'redeclare: the type is looked at first': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'direct', 'x2');
    await c.call(1, 'exchange.declare', {
      exchange: 'x2',
      type: 'topic',
      durable: true,
      internal: true,
      autoDelete: true,
    });
    await s.http('DELETE', 'exchanges/%2F/x2');
  },
  'redeclare with other unknown arguments is fine': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'x3', type: 'direct', arguments: { note: 'a' } });
    await c.call(1, 'exchange.declare', { exchange: 'x3', type: 'direct', arguments: { note: 'b' } });
    await away(c, 'x3');
  },
  'redeclare with an alternate it lacks is 406': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'direct', 'x4');
    await c.call(1, 'exchange.declare', {
      exchange: 'x4',
      type: 'direct',
      arguments: { 'alternate-exchange': 'a' },
    });
    await s.http('DELETE', 'exchanges/%2F/x4');
  },
  'an alternate that is no text': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', {
      exchange: 'x5',
      type: 'direct',
      arguments: { 'alternate-exchange': 5 },
    });
  },
  'a predeclared exchange as another type': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'amq.direct', type: 'topic', durable: true });
  },
  'a predeclared exchange as not durable': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'amq.topic', type: 'topic' });
  },
  'passive asks for no type': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'amq.direct', type: 'no-such-type', passive: true });
    await c.close();
  },
  'a type in capitals is unknown': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'x6', type: 'Direct' });
  },
  'an empty type is unknown': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'x7', type: '' });
  },
  'deleting an exchange of the reserved names that is not there': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.delete', { exchange: 'amq.never' });
  },
  'publishing to the trace exchange': async (s) => {
    const c = await channel(s);
    c.publish(1, 'amq.rabbitmq.trace', 'k', 'x');
    await c.hear();
  },
  'binding to the trace exchange': async (s) => {
    const c = await channel(s);
    await queues(c, 'x8');
    await c.call(1, 'queue.bind', { queue: 'x8', exchange: 'amq.rabbitmq.trace', routingKey: '#' });
    await c.close();
  },
  'exchange to exchange: from and to the default one': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.bind', { source: '', destination: 'amq.direct', routingKey: 'k' });
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'exchange.bind', { source: 'amq.direct', destination: '', routingKey: 'k' });
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'exchange.unbind', { source: '', destination: 'amq.direct', routingKey: 'k' });
  },
  'exchange to exchange: both missing, the first is named': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.bind', { source: 'x-no-source', destination: 'x-no-destination' });
  },
  'binding: queue and exchange missing, one is named': async (s) => {
    const c = await channel(s);
    await c.call(1, 'queue.bind', { queue: 'x-no-queue', exchange: 'x-no-exchange' });
  },
  'exchange to exchange: with no-wait, and to itself': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x9');
    await queues(c, 'x9q');
    await c.call(1, 'queue.bind', { queue: 'x9q', exchange: 'x9' });
    c.send(1, 'exchange.bind', { source: 'x9', destination: 'x9', noWait: true });
    c.publish(1, 'x9', '', 'once');
    await fetch(c, 'x9q', 'x9q');
    c.send(1, 'exchange.unbind', { source: 'x9', destination: 'x9', noWait: true });
    await away(c, 'x9');
  },
  'exchange to exchange: a diamond delivers once': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x10a', 'x10b', 'x10c', 'x10d');
    await queues(c, 'x10q');
    for (const [source, destination] of [
      ['x10a', 'x10b'],
      ['x10a', 'x10c'],
      ['x10b', 'x10d'],
      ['x10c', 'x10d'],
    ] as const)
      await c.call(1, 'exchange.bind', { source, destination });
    await c.call(1, 'queue.bind', { queue: 'x10q', exchange: 'x10d' });
    c.publish(1, 'x10a', '', 'once');
    await fetch(c, 'x10q', 'x10q');
    await away(c, 'x10a', 'x10b', 'x10c', 'x10d');
  },
  'exchange to exchange: keys are looked at by each exchange': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'topic', 'x11a');
    await exchanges(c, 'direct', 'x11b');
    await queues(c, 'x11q', 'x11r');
    await c.call(1, 'exchange.bind', { source: 'x11a', destination: 'x11b', routingKey: 'a.*' });
    await c.call(1, 'queue.bind', { queue: 'x11q', exchange: 'x11b', routingKey: 'a.b' });
    await c.call(1, 'queue.bind', { queue: 'x11r', exchange: 'x11b', routingKey: 'a.*' });
    for (const key of ['a.b', 'a.c', 'a.*']) {
      c.publish(1, 'x11a', key, key);
      await fetch(c, 'x11q', 'x11r');
    }
    await away(c, 'x11a', 'x11b');
  },
  'exchange to exchange: into an internal one': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'x12', type: 'fanout', internal: true });
    await queues(c, 'x12q');
    await c.call(1, 'queue.bind', { queue: 'x12q', exchange: 'x12' });
    await c.call(1, 'exchange.bind', { source: 'amq.direct', destination: 'x12', routingKey: 'x12' });
    c.publish(1, 'amq.direct', 'x12', 'inside');
    await fetch(c, 'x12q');
    await away(c, 'x12');
  },
  'exchange to exchange: routed to an exchange that has no binding is unroutable': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x13a', 'x13b');
    await c.call(1, 'exchange.bind', { source: 'x13a', destination: 'x13b' });
    c.publish(1, 'x13a', 'k', 'back', {}, { mandatory: true });
    await c.hear();
    await away(c, 'x13a', 'x13b');
  },
  'alternate: the chain is followed': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x14c');
    for (const [exchange, alternate] of [
      ['x14b', 'x14c'],
      ['x14a', 'x14b'],
    ] as const)
      await c.call(1, 'exchange.declare', {
        exchange,
        type: 'direct',
        arguments: { 'alternate-exchange': alternate },
      });
    await queues(c, 'x14q');
    await c.call(1, 'queue.bind', { queue: 'x14q', exchange: 'x14c' });
    c.publish(1, 'x14a', 'nobody', 'at last', {}, { mandatory: true });
    await fetch(c, 'x14q');
    await away(c, 'x14a', 'x14b', 'x14c');
  },
  'alternate: a circle ends, the message comes back': async (s) => {
    const c = await channel(s);
    for (const [exchange, alternate] of [
      ['x15a', 'x15b'],
      ['x15b', 'x15a'],
    ] as const)
      await c.call(1, 'exchange.declare', {
        exchange,
        type: 'direct',
        arguments: { 'alternate-exchange': alternate },
      });
    c.publish(1, 'x15a', 'nobody', 'back', {}, { mandatory: true });
    await c.hear();
    await away(c, 'x15a', 'x15b');
  },
  'alternate: one that is missing does not matter': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', {
      exchange: 'x16',
      type: 'direct',
      arguments: { 'alternate-exchange': 'x16-missing' },
    });
    c.publish(1, 'x16', 'nobody', 'back', {}, { mandatory: true });
    await c.hear();
    await away(c, 'x16');
  },
  'alternate: not where anything matched': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x17a');
    await c.call(1, 'exchange.declare', {
      exchange: 'x17',
      type: 'direct',
      arguments: { 'alternate-exchange': 'x17a' },
    });
    await queues(c, 'x17q', 'x17r');
    await c.call(1, 'queue.bind', { queue: 'x17q', exchange: 'x17', routingKey: 'k' });
    await c.call(1, 'queue.bind', { queue: 'x17r', exchange: 'x17a' });
    c.publish(1, 'x17', 'k', 'matched');
    await fetch(c, 'x17q', 'x17r');
    await away(c, 'x17', 'x17a');
  },
  'alternate: not where the binding leads to an exchange that has none': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'fanout', 'x18a', 'x18b');
    await c.call(1, 'exchange.declare', {
      exchange: 'x18',
      type: 'fanout',
      arguments: { 'alternate-exchange': 'x18a' },
    });
    await queues(c, 'x18q');
    await c.call(1, 'queue.bind', { queue: 'x18q', exchange: 'x18a' });
    await c.call(1, 'exchange.bind', { source: 'x18', destination: 'x18b' });
    c.publish(1, 'x18', 'k', 'x', {}, { mandatory: true });
    await c.silenceOr(1, 300);
    await fetch(c, 'x18q');
    await away(c, 'x18', 'x18a', 'x18b');
  },
  'alternate: the default exchange can be one': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', {
      exchange: 'x19',
      type: 'direct',
      arguments: { 'alternate-exchange': '' },
    });
    await queues(c, 'x19q');
    c.publish(1, 'x19', 'x19q', 'by name', {}, { mandatory: true });
    await fetch(c, 'x19q');
    await away(c, 'x19');
  },
  'alternate: an internal one': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.declare', { exchange: 'x20a', type: 'fanout', internal: true });
    await c.call(1, 'exchange.declare', {
      exchange: 'x20',
      type: 'direct',
      arguments: { 'alternate-exchange': 'x20a' },
    });
    await queues(c, 'x20q');
    await c.call(1, 'queue.bind', { queue: 'x20q', exchange: 'x20a' });
    c.publish(1, 'x20', 'nobody', 'x');
    await fetch(c, 'x20q');
    await away(c, 'x20', 'x20a');
  },
  'CC: keys of other exchanges are looked at too': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'topic', 'x21');
    await queues(c, 'x21q', 'x21r');
    await c.call(1, 'queue.bind', { queue: 'x21q', exchange: 'x21', routingKey: 'a.*' });
    await c.call(1, 'queue.bind', { queue: 'x21r', exchange: 'x21', routingKey: 'b.*' });
    c.publish(1, 'x21', 'none', 'x', { headers: { CC: ['a.1', 'b.1', 'a.2'] } });
    await fetch(c, 'x21q', 'x21r', 'x21q');
    await away(c, 'x21');
  },
  'CC: empty, and with things that are no text': async (s) => {
    const c = await channel(s);
    await queues(c, 'x22q');
    c.publish(1, '', 'x22q', 'empty', { headers: { CC: [] } });
    await fetch(c, 'x22q');
    c.publish(1, '', 'x22q', 'odd', { headers: { CC: [1, 'x22q', null] } });
    await fetch(c, 'x22q');
    c.publish(1, '', 'x22q', 'number', { headers: { BCC: 5 } });
    await c.hear();
  },
  'CC in small letters means nothing': async (s) => {
    const c = await channel(s);
    await queues(c, 'x23q');
    c.publish(1, '', 'nobody', 'x', { headers: { cc: ['x23q'] } }, { mandatory: true });
    await c.hear();
    await c.close();
  },
  'a return shows what was sent, without BCC': async (s) => {
    const c = await channel(s);
    c.publish(
      1,
      'amq.direct',
      'x24-nobody',
      'back',
      { headers: { CC: ['x24-also'], BCC: ['x24-blind'], mine: 1 }, contentType: 'a/b' },
      { mandatory: true },
    );
    await c.hear();
    await c.close();
  },
  'a return of an empty body, and of a large one': async (s) => {
    const c = await channel(s);
    c.publish(1, 'amq.direct', 'x25-nobody', '', {}, { mandatory: true });
    await c.hear();
    c.publish(1, 'amq.direct', 'x25-nobody', 'y'.repeat(300_000), {}, { mandatory: true });
    await c.hear();
    await c.close();
  },
  'a return with a reply-to address': async (s) => {
    const c = await channel(s);
    await c.call(1, 'basic.consume', { queue: 'amq.rabbitmq.reply-to', consumerTag: 'a', noAck: true });
    c.publish(1, 'amq.direct', 'x26', 'back', { replyTo: 'amq.rabbitmq.reply-to' }, { mandatory: true });
    await c.hear();
    await c.close();
  },
  'immediate is refused before the exchange is looked for': async (s) => {
    const c = await channel(s);
    c.publish(1, 'x-missing', 'k', 'x', {}, { immediate: true });
    await c.hear();
  },
  'a routing key of 255 bytes': async (s) => {
    const c = await channel(s);
    await exchanges(c, 'topic', 'x27');
    await queues(c, 'x27q');
    const key = `${'a.'.repeat(127)}b`;
    await c.call(1, 'queue.bind', { queue: 'x27q', exchange: 'x27', routingKey: key });
    c.publish(1, 'x27', key, 'long');
    await fetch(c, 'x27q');
    await away(c, 'x27');
  },
  'bound twice with other arguments, one copy': async (s) => {
    const c = await channel(s);
    await queues(c, 'x28q');
    for (const args of [{ a: 1 }, { a: 2 }, {}] as Arguments[])
      await c.call(1, 'queue.bind', {
        queue: 'x28q',
        exchange: 'amq.direct',
        routingKey: 'x28',
        arguments: args,
      });
    c.publish(1, 'amq.direct', 'x28', 'one');
    await fetch(c, 'x28q', 'x28q');
    await c.call(1, 'queue.unbind', {
      queue: 'x28q',
      exchange: 'amq.direct',
      routingKey: 'x28',
      arguments: { a: 1 },
    });
    await c.call(1, 'queue.unbind', { queue: 'x28q', exchange: 'amq.direct', routingKey: 'x28' });
    c.publish(1, 'amq.direct', 'x28', 'still');
    await fetch(c, 'x28q');
    await c.call(1, 'queue.unbind', {
      queue: 'x28q',
      exchange: 'amq.direct',
      routingKey: 'x28',
      arguments: { a: 2 },
    });
    c.publish(1, 'amq.direct', 'x28', 'gone');
    await fetch(c, 'x28q');
    await c.close();
  },
  'headers: x-match that is no text': async (s) => {
    const c = await channel(s);
    await queues(c, 'x29q');
    await c.call(1, 'queue.bind', { queue: 'x29q', exchange: 'amq.headers', arguments: { 'x-match': 5 } });
  },
  'headers: x-match in capitals': async (s) => {
    const c = await channel(s);
    await queues(c, 'x30q');
    await c.call(1, 'queue.bind', {
      queue: 'x30q',
      exchange: 'amq.headers',
      arguments: { 'x-match': 'ALL' },
    });
  },
  'headers: x-match between exchanges': async (s) => {
    const c = await channel(s);
    await c.call(1, 'exchange.bind', {
      source: 'amq.headers',
      destination: 'amq.fanout',
      arguments: { 'x-match': 'none' },
    });
  },
  'x-match means nothing to other types': async (s) => {
    const c = await channel(s);
    await queues(c, 'x31q');
    await c.call(1, 'queue.bind', { queue: 'x31q', exchange: 'amq.direct', arguments: { 'x-match': 'odd' } });
    await c.close();
  },
};

const text = (value: string): TypedValue => ({ type: 'S', value: Buffer.from(value) });
const one = (value: TypedValue): FieldTable => new Map([['h', value]]);

/** Bound to the first, published with the second: does it match? */
const matching: [string, TypedValue, TypedValue][] = [
  ['octet and long long', { type: 'B', value: 5 }, { type: 'l', value: 5 }],
  ['signed and unsigned', { type: 'b', value: 5 }, { type: 'i', value: 5 }],
  ['negative signed octet and long', { type: 'b', value: -5 }, { type: 'I', value: -5 }],
  ['integer and double', { type: 'I', value: 5 }, { type: 'd', value: 5 }],
  ['float and double', { type: 'f', value: 0.5 }, { type: 'd', value: 0.5 }],
  ['float and double that differ', { type: 'f', value: 0.1 }, { type: 'd', value: 0.1 }],
  ['integer and timestamp', { type: 'I', value: 5 }, { type: 'T', value: 5 }],
  ['timestamps', { type: 'T', value: 5 }, { type: 'T', value: 5 }],
  ['integer and text', { type: 'I', value: 5 }, text('5')],
  ['text and bytes', text('abc'), { type: 'x', value: Buffer.from('abc') }],
  ['bytes', { type: 'x', value: Buffer.from('abc') }, { type: 'x', value: Buffer.from('abc') }],
  ['true and 1', { type: 't', value: true }, { type: 'I', value: 1 }],
  ['false and false', { type: 't', value: false }, { type: 't', value: false }],
  ['void and void', { type: 'V', value: null }, { type: 'V', value: null }],
  ['text and void', text('a'), { type: 'V', value: null }],
  [
    'decimals',
    { type: 'D', value: { scale: 1, unscaled: 15 } },
    { type: 'D', value: { scale: 1, unscaled: 15 } },
  ],
  [
    'decimals of other scales',
    { type: 'D', value: { scale: 1, unscaled: 15 } },
    { type: 'D', value: { scale: 2, unscaled: 150 } },
  ],
  ['lists', { type: 'A', value: [text('a')] }, { type: 'A', value: [text('a')] }],
  [
    'lists with integers of other widths',
    { type: 'A', value: [{ type: 'I', value: 1 }] },
    { type: 'A', value: [{ type: 'l', value: 1 }] },
  ],
  ['tables', { type: 'F', value: one(text('a')) }, { type: 'F', value: one(text('a')) }],
  ['texts in other cases', text('Red'), text('red')],
  ['empty texts', text(''), text('')],
];
for (const [index, [name, bound, sent]] of matching.entries())
  routing[`headers by type: ${name}`] = async (s) => {
    const c = await channel(s);
    const queue = `hm${index}`;
    await queues(c, queue);
    await c.call(1, 'queue.bind', {
      queue,
      exchange: 'amq.headers',
      arguments: new Map([...one(bound), [`only-${queue}`, text(queue)]]),
    });
    c.client.publish(1, { exchange: 'amq.headers' }, Buffer.from('x'), {
      headers: new Map([...one(sent), [`only-${queue}`, text(queue)]]),
    });
    const heard = await c.call(1, 'basic.get', { queue, noAck: true });
    s.say(heard.kind === 'method' ? heard.method.name : heard.kind);
    await c.close();
  };
