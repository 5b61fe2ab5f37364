// The connection and channel classes: handshake, negotiation, refusals, misuse.
import type { Conversations } from './conversations.ts';

const header = (...bytes: number[]) => Buffer.concat([Buffer.from('AMQP'), Buffer.from(bytes)]);

export const connection: Conversations = {
  'a wrong protocol header is answered with the right one': async (s) => {
    const c = await s.socket();
    c.client.write(Buffer.from('HTTP/1.1'));
    await c.hear(2);
  },
  'protocol header 0-9 is accepted': async (s) => {
    const c = await s.socket();
    c.client.write(header(1, 1, 0, 9));
    const heard = await c.client.hear();
    s.say(heard.kind === 'method' ? heard.method.name : heard.kind);
  },
  'protocol header of a later major is answered and closed': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 2, 0, 0));
    await c.hear(2);
  },
  'start offers mechanisms and locales': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    const { args } = await c.client.expect('connection.start');
    s.say(`${args.versionMajor}-${args.versionMinor} ${args.locales.toString()}`);
    s.say(
      args.mechanisms
        .toString()
        .split(' ')
        .filter((name) => name === 'PLAIN' || name === 'AMQPLAIN')
        .sort()
        .join(' '),
    );
    const capabilities = args.serverProperties.get('capabilities');
    if (capabilities?.type === 'F') s.say([...capabilities.value.keys()].sort().join(' '));
  },
  'tune proposes the known limits': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    await c.hear();
  },
  'AMQPLAIN logs in': async (s) => {
    const table = Buffer.from('\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05guest', 'latin1');
    const c = await s.open('', { mechanism: 'AMQPLAIN', response: table });
    await c.close();
  },
  'a wrong password is refused with 403': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({ password: 'wrong' });
    await c.hear();
  },
  'a wrong password of a client without the capability ends in silence': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({ password: 'wrong', capabilities: new Map() });
    await c.hear();
  },
  'an unknown mechanism is refused': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({ mechanism: 'KERBEROS' });
    await c.hear();
  },
  'an unknown virtual host is refused with 530': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    const { args } = await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', args);
    await c.call(0, 'connection.open', { virtualHost: 'nowhere' });
  },
  'a virtual host without permissions is refused with 530': async (s) => {
    await s.http('PUT', 'vhosts/closed');
    await s.http('DELETE', 'permissions/closed/guest');
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    const { args } = await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', args);
    await c.call(0, 'connection.open', { virtualHost: 'closed' });
  },
  'tune-ok above the offered channel-max is refused': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', { channelMax: 4000, frameMax: 131_072 });
    await c.hear();
  },
  'tune-ok without a channel-max is refused': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', { channelMax: 0, frameMax: 131_072 });
    await c.hear();
  },
  'tune-ok with a frame-max below the least is refused': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 1000 });
    await c.hear();
  },
  'tune-ok with a frame-max above the offered is refused': async (s) => {
    const c = await s.socket();
    c.client.write(header(0, 0, 9, 1));
    await c.client.expect('connection.start');
    c.client.startOk({});
    await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 200_000 });
    await c.hear();
  },
  'close is answered with close-ok and the end': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' }, 2);
  },
  'update-secret is answered': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.update-secret', { newSecret: Buffer.from('guest'), reason: 'rotation' });
    await c.close();
  },
  'an unexpected connection method is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.open', { virtualHost: '/' });
  },
  'a method of another class on channel 0 is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'queue.declare', { queue: 'zero' });
  },
  'a method on a channel that is not open is refused with 504': async (s) => {
    const c = await s.open();
    await c.call(7, 'queue.declare', { queue: 'unopened' });
  },
  'a channel opened twice is refused with 504': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'channel.open');
  },
  'channels above the negotiated number are refused with 530': async (s) => {
    const c = await s.open('', { channelMax: 2 });
    await c.openChannel(1);
    await c.openChannel(2);
    await c.call(3, 'channel.open');
  },
  'a channel closed by the client can be opened again': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'channel.close', { replyCode: 200 });
    await c.openChannel(1);
    await c.close();
  },
  'after a channel error what is on the way is dropped until close-ok': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'queue.declare', { queue: 'missing-queue', passive: true });
    c.send(1, 'queue.declare', { queue: 'never-made', exclusive: true });
    await c.hear();
    c.send(1, 'channel.close-ok');
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'never-made', passive: true });
    c.send(1, 'channel.close-ok');
    await c.close();
  },
  'an error on one channel leaves another alone': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.openChannel(2);
    await c.call(1, 'queue.declare', { queue: 'missing-queue', passive: true });
    c.send(1, 'channel.close-ok');
    await c.call(2, 'queue.declare', { queue: 'other-channel', exclusive: true });
    await c.close();
  },
  'channel.flow on is answered': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'channel.flow', { active: true });
    await c.close();
  },
  'channel.flow off is not implemented': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'channel.flow', { active: false });
  },
  'an unknown method is refused': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.from([0, 60, 0, 99]));
    await c.hear();
  },
  'an unknown class is refused': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.from([0, 99, 0, 10]));
    await c.hear();
  },
  'a server’s method from the client is refused': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.send(1, 'queue.declare-ok', { queue: 'odd' });
    await c.hear();
  },
  'a wrong frame end is refused with 501': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.from([0, 60, 0, 10, 0, 0, 0, 0, 0, 1, 0]), 0xaa);
    await c.hear();
  },
  'a frame above the negotiated size is refused with 501': async (s) => {
    const c = await s.open('', { frameMax: 4096 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'frames', exclusive: true });
    c.send(1, 'basic.publish', { routingKey: 'frames' });
    c.client.contentHeader(1, 5000);
    c.client.frame(3, 1, Buffer.alloc(5000));
    await c.hear();
  },
  'a heartbeat with channel 0 is taken silently': async (s) => {
    const c = await s.open();
    c.client.frame(8, 0, Buffer.alloc(0));
    await c.openChannel(1);
    await c.close();
  },
};
