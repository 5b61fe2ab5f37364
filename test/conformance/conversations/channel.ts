// Channels: numbers, reuse, what is dropped while one closes, content on channels that are not open.
import type { Conversations } from './conversations.ts';

export const channel: Conversations = {
  'a number above channel-max, when few are open': async (s) => {
    const c = await s.open('', { channelMax: 10 });
    await c.openChannel(65_535);
    await c.call(65_535, 'queue.declare', { queue: 'ch1', exclusive: true });
    await c.close();
  },
  'a closed channel makes room for another': async (s) => {
    const c = await s.open('', { channelMax: 1 });
    await c.openChannel(1);
    await c.call(1, 'channel.close', { replyCode: 200 });
    await c.openChannel(2);
    await c.close();
  },
  'a channel that failed counts until close-ok': async (s) => {
    const c = await s.open('', { channelMax: 1 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'ch-missing', passive: true });
    await c.call(2, 'channel.open');
  },
  'a channel that failed cannot be opened before close-ok': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'ch-missing', passive: true });
    c.send(1, 'channel.open');
    await c.silence();
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.close();
  },
  'both sides close at once': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'ch-missing', passive: true });
    await c.call(1, 'channel.close', { replyCode: 200 });
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.close();
  },
  'publishes on a failed channel are dropped': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.openChannel(2);
    await c.call(2, 'queue.declare', { queue: 'ch2', exclusive: true });
    await c.call(1, 'queue.declare', { queue: 'ch-missing', passive: true });
    c.publish(1, '', 'ch2', 'dropped');
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'basic.get', { queue: 'ch2', noAck: true });
    await c.close();
  },
  'a channel error in the middle of a publish': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'basic.publish', { exchange: 'ch-nowhere' });
    c.client.contentHeader(1, 10);
    c.client.frame(3, 1, Buffer.from('12345'));
    await c.silence();
    c.client.frame(3, 1, Buffer.from('67890'));
    await c.hear();
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.close();
  },
  'closing a channel in the middle of a publish': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'basic.publish', { exchange: 'amq.direct' });
    await c.call(1, 'channel.close', { replyCode: 200 });
  },
  'closing the connection in the middle of a publish': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'basic.publish', { exchange: 'amq.direct' });
    await c.call(0, 'connection.close', { replyCode: 200 });
  },
  'a close-ok nobody asked for': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'channel.close-ok');
    await c.silence();
    await c.call(1, 'channel.open');
  },
  'a flow-ok nobody asked for': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'channel.flow-ok', { active: true });
    await c.hear();
  },
  'a cancel-ok nobody asked for': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'basic.cancel-ok', { consumerTag: 'x' });
    await c.hear();
  },
  'close-ok on a channel that was never opened': async (s) => {
    const c = await s.open();
    c.send(9, 'channel.close-ok');
    await c.silence();
    await c.openChannel(9);
    await c.close();
  },
  'close on a channel that was never opened': async (s) => {
    const c = await s.open();
    await c.call(9, 'channel.close', { replyCode: 200 });
  },
  'a whole publish on a channel that was never opened': async (s) => {
    const c = await s.open();
    c.publish(9, 'amq.direct', 'k', 'x');
    await c.hear();
  },
  'a content header on a channel that was never opened': async (s) => {
    const c = await s.open();
    c.client.contentHeader(9, 1);
    await c.hear();
  },
  'a body on a channel that was never opened': async (s) => {
    const c = await s.open();
    c.client.frame(3, 9, Buffer.from('x'));
    await c.hear();
  },
  'a connection method on a channel': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'connection.close', { replyCode: 200 });
  },
  'a channel method on channel 0': async (s) => {
    const c = await s.open();
    await c.call(0, 'channel.open');
  },
  'a connection error names its method and closes all': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.openChannel(2);
    await c.call(2, 'queue.declare', { queue: 'ch3', exclusive: true });
    await c.call(1, 'basic.qos', { prefetchSize: 1 });
    c.send(0, 'connection.close-ok');
    const other = await s.open('other');
    await other.openChannel(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await other.call(1, 'queue.declare', { queue: 'ch3', passive: true });
  },
  'a heartbeat on a channel is refused': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(8, 1, Buffer.alloc(0));
    await c.hear();
  },
  'a heartbeat with a payload': async (s) => {
    const c = await s.open();
    c.client.frame(8, 0, Buffer.from('beat'));
    await c.openChannel(1);
  },
  'a frame of an unknown type': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(5, 1, Buffer.from('what'));
    await c.hear();
  },
  'a frame of an unknown type on channel 0': async (s) => {
    const c = await s.open();
    c.client.frame(5, 0, Buffer.from('what'));
    await c.hear();
  },
  'a content header on channel 0': async (s) => {
    const c = await s.open();
    c.client.contentHeader(0, 1);
    await c.hear();
  },
  'a body on channel 0': async (s) => {
    const c = await s.open();
    c.client.frame(3, 0, Buffer.from('stray'));
    await c.hear();
  },
  'an empty method frame': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.alloc(0));
    await c.hear();
  },
  'a method cut short': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.from([0, 50, 0, 10, 0, 0, 9, 0x61]));
    await c.hear();
  },
  'a method with bytes to spare': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.from([0, 90, 0, 10, 1, 2, 3]));
    await c.hear();
  },
  'a table with an unknown field type': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    const table = Buffer.from([0, 0, 0, 3, 1, 0x61, 0x21]);
    c.client.frame(1, 1, Buffer.concat([Buffer.from([0, 50, 0, 10, 0, 0, 1, 0x71, 0]), table]));
    await c.hear();
  },
  'access.request, of 0-9-0, is answered': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'access.request', { realm: '/data', active: true });
    await c.close();
  },
};
