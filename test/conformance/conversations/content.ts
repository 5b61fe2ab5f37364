// Content: properties of every kind, sizes, expirations, and what is wrong with them.
import type { TypedValue } from '../../../broker/amqp/field-table.ts';
import type { BasicProperties } from '../../../broker/amqp/properties.ts';
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function withQueue(s: Script, queue: string): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'queue.declare', { queue, exclusive: true });
  return c;
}

export const content: Conversations = {
  'a body of many frames, of any size': async (s) => {
    const c = await s.open('', { frameMax: 4096 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'cn1', exclusive: true });
    c.send(1, 'basic.publish', { routingKey: 'cn1' });
    c.client.contentHeader(1, 10);
    for (const part of ['a', 'bc', '', 'defg', 'hij']) c.client.frame(3, 1, Buffer.from(part));
    await c.call(1, 'basic.get', { queue: 'cn1', noAck: true });
    await c.close();
  },
  'an empty body frame where no body is due': async (s) => {
    const c = await withQueue(s, 'cn2');
    c.send(1, 'basic.publish', { routingKey: 'cn2' });
    c.client.contentHeader(1, 0);
    c.client.frame(3, 1, Buffer.alloc(0));
    await c.hear();
  },
  'contents of two channels, frame by frame': async (s) => {
    const c = await withQueue(s, 'cn3');
    await c.openChannel(2);
    c.send(1, 'basic.publish', { routingKey: 'cn3' });
    c.send(2, 'basic.publish', { routingKey: 'cn3' });
    c.client.contentHeader(2, 3);
    c.client.contentHeader(1, 3);
    c.client.frame(3, 1, Buffer.from('one'));
    c.client.frame(3, 2, Buffer.from('two'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    c.send(1, 'basic.consume', { queue: 'cn3', consumerTag: 't', noAck: true });
    await c.client.hear();
    const bodies = [await c.client.hear(), await c.client.hear()].map((heard) =>
      heard.kind === 'method' ? heard.body?.toString() : heard.kind,
    );
    s.say(bodies.sort().join(' '));
    await c.close();
  },
  'a heartbeat in the middle of a content': async (s) => {
    const c = await withQueue(s, 'cn4');
    c.send(1, 'basic.publish', { routingKey: 'cn4' });
    c.client.frame(8, 0, Buffer.alloc(0));
    c.client.contentHeader(1, 2);
    c.client.frame(8, 0, Buffer.alloc(0));
    c.client.frame(3, 1, Buffer.from('ok'));
    await c.call(1, 'basic.get', { queue: 'cn4', noAck: true });
    await c.close();
  },
  'a second header where a body is due': async (s) => {
    const c = await withQueue(s, 'cn5');
    c.send(1, 'basic.publish', { routingKey: 'cn5' });
    c.client.contentHeader(1, 2);
    c.client.contentHeader(1, 2);
    await c.hear();
  },
  'a second publish where a header is due': async (s) => {
    const c = await withQueue(s, 'cn6');
    c.send(1, 'basic.publish', { routingKey: 'cn6' });
    c.send(1, 'basic.publish', { routingKey: 'cn6' });
    await c.hear();
  },
  'a header cut short': async (s) => {
    const c = await withQueue(s, 'cn7');
    c.send(1, 'basic.publish', { routingKey: 'cn7' });
    c.client.frame(2, 1, Buffer.from([0, 60, 0, 0, 0, 0]));
    await c.hear();
  },
  'a weight that is not 0': async (s) => {
    const c = await withQueue(s, 'cn8');
    c.send(1, 'basic.publish', { routingKey: 'cn8' });
    const head = Buffer.alloc(14);
    head.writeUInt16BE(60, 0);
    head.writeUInt16BE(1, 2);
    c.client.frame(2, 1, head);
    await c.hear();
  },
  'a message of the largest size': async (s) => {
    const c = await withQueue(s, 'cn9');
    c.publish(1, '', 'cn9', 'x'.repeat(1_048_576));
    await c.call(1, 'basic.get', { queue: 'cn9', noAck: true });
    await c.close();
  },
  'a message one byte too large is 406': async (s) => {
    const c = await withQueue(s, 'cn10');
    c.publish(1, '', 'cn10', 'x'.repeat(1_048_577));
    await c.hear();
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'cn10', passive: true });
    await c.close();
  },
  'too large is said before the exchange is missed': async (s) => {
    const c = await withQueue(s, 'cn11');
    c.publish(1, 'cn-nowhere', 'cn11', 'x'.repeat(1_048_577));
    await c.hear();
  },
  'properties of empty texts': async (s) => {
    const c = await withQueue(s, 'cn12');
    c.publish(1, '', 'cn12', 'x', {
      contentType: '',
      correlationId: '',
      messageId: '',
      appId: '',
      type: '',
      headers: {},
    });
    await c.call(1, 'basic.get', { queue: 'cn12', noAck: true });
    await c.close();
  },
  'texts of other alphabets': async (s) => {
    const c = await withQueue(s, 'cn13');
    c.publish(1, '', 'cn13', 'x', { correlationId: '蛇', headers: { Schlüssel: 'größer' } });
    await c.call(1, 'basic.get', { queue: 'cn13', noAck: true });
    await c.close();
  },
  'delivery modes and priorities that are odd': async (s) => {
    const c = await withQueue(s, 'cn14');
    for (const properties of [
      { deliveryMode: 0 },
      { deliveryMode: 3 },
      { deliveryMode: 255 },
      { priority: 255 },
      { timestamp: 0 },
    ]) {
      c.publish(1, '', 'cn14', 'x', properties);
      await c.call(1, 'basic.get', { queue: 'cn14', noAck: true });
    }
    await c.close();
  },
  'properties cut short': async (s) => {
    const c = await withQueue(s, 'cn15');
    c.send(1, 'basic.publish', { routingKey: 'cn15' });
    const head = Buffer.alloc(16);
    head.writeUInt16BE(60, 0);
    head.writeUInt16BE(0x8000, 12);
    head.writeUInt8(200, 14);
    c.client.frame(2, 1, head);
    await c.hear();
  },
  'properties of a second flag word': async (s) => {
    const c = await withQueue(s, 'cn16');
    c.send(1, 'basic.publish', { routingKey: 'cn16' });
    const head = Buffer.alloc(16);
    head.writeUInt16BE(60, 0);
    head.writeUInt16BE(0x0001, 12);
    c.client.frame(2, 1, head);
    await c.hear();
  },
};

const expirations: string[] = ['', '0', '+5', ' 5', '5 ', '5ms', '1.5', '1e3', '0x10', '-0', '007'];
expirations.push('315360000000', '315360000001', '99999999999999999999', 'ten', '"5"');
for (const [index, expiration] of expirations.entries())
  content[`expiration ${JSON.stringify(expiration)}`] = async (s) => {
    const c = await withQueue(s, `ce${index}`);
    await c.call(1, 'confirm.select');
    c.publish(1, '', `ce${index}`, 'x', { expiration });
    await c.hear();
    await c.close();
  };

/** One header of each wire type comes out as it went in. */
const headers: [string, TypedValue][] = [
  ['t', { type: 't', value: true }],
  ['b', { type: 'b', value: -100 }],
  ['B', { type: 'B', value: 200 }],
  ['s', { type: 's', value: -30_000 }],
  ['u', { type: 'u', value: 60_000 }],
  ['I', { type: 'I', value: -2_000_000_000 }],
  ['i', { type: 'i', value: 4_000_000_000 }],
  ['l', { type: 'l', value: -9_007_199_254_740_991 }],
  ['f', { type: 'f', value: 0.5 }],
  ['d', { type: 'd', value: 0.1 }],
  ['D', { type: 'D', value: { scale: 2, unscaled: 314 } }],
  ['S', { type: 'S', value: Buffer.from('text') }],
  ['S of bytes that are no text', { type: 'S', value: Buffer.from([255, 0, 128]) }],
  ['x', { type: 'x', value: Buffer.from([1, 2, 255]) }],
  [
    'A',
    {
      type: 'A',
      value: [
        { type: 'I', value: 1 },
        { type: 'A', value: [] },
      ],
    },
  ],
  ['F', { type: 'F', value: new Map([['k', { type: 't', value: false }]]) }],
  ['T', { type: 'T', value: 1_700_000_000 }],
  ['V', { type: 'V', value: null }],
];
for (const [index, [name, value]] of headers.entries())
  content[`a header of type ${name}, byte for byte`] = async (s) => {
    const c = await withQueue(s, `ch${index}`);
    const properties: BasicProperties = { headers: new Map([['h', value]]) };
    c.client.publish(1, { routingKey: `ch${index}` }, Buffer.from('x'), properties);
    await c.call(1, 'basic.get', { queue: `ch${index}` });
    c.send(1, 'basic.reject', { deliveryTag: 1, requeue: true });
    c.send(1, 'basic.get', { queue: `ch${index}`, noAck: true });
    s.say(await c.client.hearHeaderBytes());
    await c.close();
  };
