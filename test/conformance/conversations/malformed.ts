// Frames that are no frames of AMQP, or not at this time: what closes, with which code, and what is heard of it.
import { encodeMethod } from '../../../broker/amqp/methods.ts';
import type { Party, Script } from '../script.ts';
import type { Conversations } from './conversations.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');

async function withChannel(s: Script): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  return c;
}

/** A connection that has heard start. */
async function started(s: Script): Promise<Party> {
  const c = await s.socket();
  c.client.write(protocolHeader);
  await c.client.expect('connection.start');
  return c;
}

async function tuned(s: Script): Promise<Party> {
  const c = await started(s);
  c.client.startOk({});
  await c.client.expect('connection.tune');
  return c;
}

function declare(name: Buffer, args: Buffer = Buffer.alloc(4)): Buffer {
  return Buffer.concat([Buffer.from([0, 50, 0, 10, 0, 0, name.length]), name, Buffer.from([4]), args]);
}

function table(...fields: Buffer[]): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(Buffer.concat(fields).length);
  return Buffer.concat([size, ...fields]);
}

/** A content header with property bytes as given. */
function header(bodySize: number, properties: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(60, 0);
  head.writeUInt32BE(bodySize, 8);
  return Buffer.concat([head, properties]);
}

/** Publishes to a queue with these property bytes and an empty body, and then asks for an answer. */
async function publishWith(s: Script, queue: string, properties: Buffer): Promise<void> {
  const c = await withChannel(s);
  await c.call(1, 'queue.declare', { queue, exclusive: true });
  c.send(1, 'basic.publish', { routingKey: queue });
  c.client.frame(2, 1, header(0, properties));
  c.send(1, 'basic.qos', { prefetchCount: 1 });
  await c.hear();
}

const text = (value: string) => Buffer.from(value, 'latin1');

export const malformed: Conversations = {
  'a method cut within its arguments is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.from([0, 50, 0, 10, 0, 0, 9, 65]));
    await c.hear();
  },
  'a method with bytes behind its arguments is refused': async (s) => {
    const c = await withChannel(s);
    const qos = { prefetchSize: 0, prefetchCount: 1, global: false };
    c.client.frame(1, 1, Buffer.concat([encodeMethod('basic.qos', qos), text('more')]));
    await c.hear();
  },
  'a publish cut within its arguments is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.from([0, 60, 0, 40, 0, 0, 0, 9, 65]));
    await c.hear();
  },
  'a publish with bytes behind its arguments is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.from([0, 60, 0, 40, 0, 0, 0, 0, 0, 0, 0]));
    await c.hear();
  },
  'an acknowledgement with bytes behind its arguments is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.from([0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]));
    await c.hear();
  },
  'a method frame with no method in it is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.from([0, 50]));
    await c.hear();
  },
  'a method frame with nothing in it is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, Buffer.alloc(0));
    await c.hear();
  },
  'an argument table with an unknown type is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, declare(text('m1'), table(text('\x01aZ\x01'))));
    await c.hear();
  },
  'an argument table longer than its method is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, declare(text('m2'), Buffer.from([0, 0, 1, 0, 1, 97])));
    await c.hear();
  },
  'an argument table that ends within a value is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, declare(text('m3'), table(text('\x01aI\0\0'))));
    await c.hear();
  },
  'an argument table of negative size is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, declare(text('m4'), Buffer.from([255, 255, 255, 255])));
    await c.hear();
  },
  'a queue name that is not UTF-8': async (s) => {
    const c = await withChannel(s);
    c.client.frame(1, 1, declare(Buffer.from([0xff, 0xfe, 0x41])));
    await c.hear();
  },
  'a frame of an unknown type is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(5, 1, text('x'));
    await c.hear();
  },
  'a frame of type 0 is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(0, 1, text('x'));
    await c.hear();
  },
  'a frame of an unknown type on channel 0 is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(5, 0, text('x'));
    await c.hear();
  },
  'a frame of an unknown type on a channel that is not open is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(5, 9, text('x'));
    await c.hear();
  },
  'a frame of negative size is refused': async (s) => {
    const c = await withChannel(s);
    c.client.write(Buffer.from([1, 0, 1, 255, 255, 255, 255]));
    await c.hear();
  },
  'a heartbeat on a channel is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(8, 1, Buffer.alloc(0));
    await c.hear();
  },
  'a heartbeat on a channel that is not open is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(8, 9, Buffer.alloc(0));
    await c.hear();
  },
  'a heartbeat with a payload': async (s) => {
    const c = await withChannel(s);
    c.client.frame(8, 0, text('alive'));
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
  },
  'a content header on channel 0 is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(2, 0, header(3, Buffer.alloc(2)));
    await c.hear();
  },
  'a content body on channel 0 is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(3, 0, text('abc'));
    await c.hear();
  },
  'a content header on a channel that is not open is refused': async (s) => {
    const c = await withChannel(s);
    c.client.frame(2, 9, header(3, Buffer.alloc(2)));
    await c.hear();
  },
  'a content header too short is refused': async (s) => {
    const c = await withChannel(s);
    c.send(1, 'basic.publish', { routingKey: 'nowhere' });
    c.client.frame(2, 1, Buffer.from([0, 60, 0, 0, 0]));
    await c.hear();
  },
  'a content header with a weight': async (s) => {
    const c = await withChannel(s);
    c.send(1, 'basic.publish', { routingKey: 'nowhere' });
    const weighed = header(0, Buffer.alloc(2));
    weighed.writeUInt16BE(7, 2);
    c.client.frame(2, 1, weighed);
    await c.call(1, 'basic.qos', { prefetchCount: 1 });
  },
  'a content header without property flags is refused': async (s) => {
    await publishWith(s, 'm10', Buffer.alloc(0));
  },
  'property flags that go on in a second word are refused': async (s) => {
    await publishWith(s, 'm11', Buffer.from([0x80, 0x01, 0, 0, 1, 97]));
  },
  'a property flag that means nothing is refused': async (s) => {
    await publishWith(s, 'm12', Buffer.from([0x80, 0x02, 1, 97]));
  },
  'properties announced and not there are refused': async (s) => {
    await publishWith(s, 'm13', Buffer.from([0xa0, 0x00]));
  },
  'a property longer than its frame is refused': async (s) => {
    await publishWith(s, 'm14', Buffer.from([0x80, 0x00, 200, 97]));
  },
  'bytes behind the properties are refused': async (s) => {
    await publishWith(s, 'm15', Buffer.from([0x80, 0x00, 1, 97, 98, 99]));
  },
  'bytes behind no properties': async (s) => {
    await publishWith(s, 'm16', Buffer.from([0, 0, 98, 99]));
  },
  'a headers table with an unknown type is refused': async (s) => {
    await publishWith(s, 'm17', Buffer.concat([Buffer.from([0x20, 0x00]), table(text('\x01aZ\x01'))]));
  },
  'a headers table that ends within a value is refused': async (s) => {
    await publishWith(
      s,
      'm18',
      Buffer.concat([Buffer.from([0x20, 0x00]), table(text('\x01aS\0\0\0\x09abc'))]),
    );
  },
  'a headers table with a name that is not UTF-8': async (s) => {
    await publishWith(
      s,
      'm19',
      Buffer.concat([Buffer.from([0x20, 0x00]), table(text('\x01\xffI\0\0\0\x01'))]),
    );
  },
  'a correlation id that is not UTF-8': async (s) => {
    await publishWith(s, 'm20', Buffer.from([0x04, 0x00, 2, 0xff, 0xfe]));
  },
  'headers nested a hundred deep': async (s) => {
    let nested = table();
    for (let i = 0; i < 99; i++) nested = table(text('\x01aF'), nested);
    await publishWith(s, 'm21', Buffer.concat([Buffer.from([0x20, 0x00]), nested]));
  },
  'a channel number above the negotiated one is refused': async (s) => {
    const c = await withChannel(s);
    await c.call(3000, 'channel.open');
  },
  'start-ok a second time is refused': async (s) => {
    const c = await withChannel(s);
    c.client.startOk({});
    await c.hear();
  },
  'tune-ok before start-ok is refused': async (s) => {
    const c = await started(s);
    await c.call(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 131072 });
  },
  'open before tune-ok is refused': async (s) => {
    const c = await tuned(s);
    await c.call(0, 'connection.open', { virtualHost: '/' });
  },
  'a channel before the connection is open is refused': async (s) => {
    const c = await tuned(s);
    await c.call(1, 'channel.open');
  },
  'a frame above 4096 bytes before tune is refused': async (s) => {
    const c = await started(s);
    c.client.frame(1, 0, Buffer.alloc(4200));
    await c.hear();
  },
  'a malformed start-ok is refused': async (s) => {
    const c = await started(s);
    c.client.frame(1, 0, Buffer.from([0, 10, 0, 11, 0, 0, 0, 9, 1]));
    await c.hear();
  },
  'a wrong frame end before tune is refused': async (s) => {
    const c = await started(s);
    c.client.frame(1, 0, Buffer.from([0, 10, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0]), 0);
    await c.hear();
  },
  'an unknown method before tune is refused': async (s) => {
    const c = await started(s);
    c.client.frame(1, 0, Buffer.from([0, 10, 0, 99]));
    await c.hear();
  },
  'an unknown frame type before tune is refused': async (s) => {
    const c = await started(s);
    c.client.frame(7, 0, text('x'));
    await c.hear();
  },
  'a malformed AMQPLAIN response is refused': async (s) => {
    const c = await started(s);
    c.client.startOk({ mechanism: 'AMQPLAIN', response: text('\x05LOGINS\0\0\xff\xffguest') });
    await c.hear();
  },
  'a malformed PLAIN response is refused': async (s) => {
    const c = await started(s);
    c.client.startOk({ response: text('guest') });
    await c.hear();
  },
  'a bad frame on one connection leaves another alone': async (s) => {
    const good = await s.open('good');
    await good.openChannel(1);
    await good.call(1, 'queue.declare', { queue: 'm30', exclusive: true });
    const bad = await s.open('bad');
    await bad.openChannel(1);
    bad.client.frame(1, 1, Buffer.from([0, 60, 0, 10, 0, 0, 0, 0, 0, 1, 0]), 0xaa);
    await bad.hear();
    good.publish(1, '', 'm30', 'still here');
    await good.call(1, 'basic.get', { queue: 'm30', noAck: true });
    await good.close();
  },
};
