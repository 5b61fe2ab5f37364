// The handshake step by step: headers, SASL responses, methods out of their turn, odd values in tune-ok.
import type { FieldTable } from '../../../broker/amqp/field-table.ts';
import type { MethodName } from '../../../broker/amqp/methods.ts';
import { allCapabilities } from '../raw-client.ts';
import type { Loose, Party, Script } from '../script.ts';
import type { Conversations } from './conversations.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const noCapabilities: FieldTable = new Map();

/** A socket that was offered connection.start. */
async function started(s: Script): Promise<Party> {
  const c = await s.socket();
  c.client.write(protocolHeader);
  await c.client.expect('connection.start');
  return c;
}

/** Logged in, and offered connection.tune. */
async function offeredTune(s: Script): Promise<Party> {
  const c = await started(s);
  c.client.startOk({});
  await c.client.expect('connection.tune');
  return c;
}

/** Tuned, with connection.open to come. */
async function tuned(s: Script): Promise<Party> {
  const c = await offeredTune(s);
  c.send(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 131_072 });
  return c;
}

export const handshake: Conversations = {
  'a header in two pieces is put together': async (s) => {
    const c = await s.socket();
    c.client.write(protocolHeader.subarray(0, 3));
    await new Promise((resolve) => setTimeout(resolve, 50));
    c.client.write(protocolHeader.subarray(3));
    const { args } = await c.client.expect('connection.start');
    s.say(`${args.versionMajor}-${args.versionMinor}`);
  },
  'an empty PLAIN response is refused': async (s) => {
    const c = await started(s);
    c.client.startOk({ response: Buffer.alloc(0) });
    await c.hear();
  },
  'PLAIN with an authorisation identity': async (s) => {
    const c = await started(s);
    c.client.startOk({ response: Buffer.from('other\0guest\0guest') });
    await c.hear();
  },
  'an unknown user is refused as a wrong password is': async (s) => {
    const c = await started(s);
    c.client.startOk({ user: 'nobody', password: 'guest' });
    await c.hear(2);
  },
  'an empty password is refused': async (s) => {
    const c = await started(s);
    c.client.startOk({ password: '' });
    await c.hear();
  },
  'AMQPLAIN with a wrong password is refused with 403': async (s) => {
    const c = await started(s);
    const response = Buffer.from('\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05wrong', 'latin1');
    c.client.startOk({ mechanism: 'AMQPLAIN', response });
    await c.hear();
  },
  'AMQPLAIN with a wrong password ends in silence without the capability': async (s) => {
    const c = await started(s);
    const response = Buffer.from('\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05wrong', 'latin1');
    c.client.startOk({ mechanism: 'AMQPLAIN', response, capabilities: noCapabilities });
    await c.hear();
  },
  'AMQPLAIN without a password': async (s) => {
    const c = await started(s);
    c.client.startOk({ mechanism: 'AMQPLAIN', response: Buffer.from('\x05LOGINS\0\0\0\x05guest', 'latin1') });
    await c.hear();
  },
  'a mechanism in lower case is unknown': async (s) => {
    const c = await started(s);
    c.client.startOk({ mechanism: 'plain' });
    await c.hear();
  },
  'any locale will do': async (s) => {
    const c = await started(s);
    c.send(0, 'connection.start-ok', {
      clientProperties: new Map([['capabilities', { type: 'F', value: allCapabilities }]]),
      mechanism: 'PLAIN',
      response: Buffer.from('\0guest\0guest'),
      locale: 'xx_YY',
    });
    await c.hear();
  },
  'an unknown virtual host with an empty name': async (s) => {
    const c = await tuned(s);
    await c.call(0, 'connection.open', { virtualHost: '' });
  },
  'opened, closed by the client before any channel': async (s) => {
    const c = await tuned(s);
    await c.call(0, 'connection.open', { virtualHost: '/' });
    await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
  },
  'closing twice is answered twice': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
    await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
  },
  'an unasked connection.close-ok is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.close-ok');
  },
  'start-ok a second time is refused': async (s) => {
    const c = await s.open();
    c.client.startOk({});
    await c.hear();
  },
  'tune-ok a second time is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 131_072 });
  },
  'secure-ok when nobody asked is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.secure-ok', { response: Buffer.from('x') });
  },
  'a server’s method on channel 0 is refused': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.blocked', { reason: 'mine' });
  },
  'after a connection error the client’s close is answered': async (s) => {
    const c = await s.open();
    await c.call(0, 'connection.open', { virtualHost: '/' });
    await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
  },
  'after a connection error what comes on channels is dropped': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(0, 'connection.open', { virtualHost: '/' });
    c.send(1, 'queue.declare', { queue: 'hs-dropped' });
    await c.silence();
    await c.call(0, 'connection.close-ok');
    const other = await s.open('other');
    await other.openChannel(1);
    await other.call(1, 'queue.declare', { queue: 'hs-dropped', passive: true });
  },
  'a heartbeat is sent when the client asked for one': async (s) => {
    const c = await s.open('', { heartbeat: 1 });
    await c.hear();
  },
  'a client that asked for heartbeats and sends none is cut off': async (s) => {
    const c = await s.open('', { heartbeat: 1 });
    for (;;) {
      const heard = await c.client.hear();
      if (heard.kind !== 'heartbeat') {
        s.say(heard.kind);
        return;
      }
    }
  },
  'the smallest frame and one channel': async (s) => {
    const c = await s.open('', { frameMax: 4096, channelMax: 1 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'hs-small', exclusive: true });
    c.publish(1, '', 'hs-small', 'y'.repeat(4096 - 8));
    await c.call(1, 'basic.get', { queue: 'hs-small', noAck: true });
    c.publish(1, '', 'hs-small', 'z'.repeat(4096 - 7));
    await c.call(1, 'basic.get', { queue: 'hs-small', noAck: true });
    await c.call(2, 'channel.open');
  },
  'a table larger than the smallest frame cannot come': async (s) => {
    const c = await s.open('', { frameMax: 4096 });
    await c.openChannel(1);
    c.client.frame(1, 1, Buffer.alloc(4097));
    await c.hear();
  },
  'a frame of exactly the negotiated size passes': async (s) => {
    const c = await s.open('', { frameMax: 4096 });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'hs-exact', exclusive: true });
    c.send(1, 'basic.publish', { routingKey: 'hs-exact' });
    c.client.contentHeader(1, 4096);
    c.client.frame(3, 1, Buffer.alloc(4096, 'a'));
    await c.call(1, 'basic.get', { queue: 'hs-exact', noAck: true });
    await c.close();
  },
  'a frame above 4096 before tune': async (s) => {
    const c = await started(s);
    c.client.frame(1, 0, Buffer.alloc(4097));
    await c.hear();
  },
  'deliveries are split at the negotiated size': async (s) => {
    const big = await s.open('big');
    await big.openChannel(1);
    await big.call(1, 'queue.declare', { queue: 'hs-split', autoDelete: true });
    big.publish(1, '', 'hs-split', 'x'.repeat(9000));
    const small = await s.open('small', { frameMax: 4096 });
    await small.openChannel(1);
    small.send(1, 'basic.consume', { queue: 'hs-split', consumerTag: 't', noAck: true });
    await small.hear();
    for (let i = 0; i < 5; i++) s.say(`frame of ${await small.client.hearFrameSize()}`);
    await small.close();
    await big.close();
  },
};

const early: [string, (s: Script) => Promise<Party>, MethodName, Loose<never>][] = [
  ['start-ok', started, 'connection.open', { virtualHost: '/' } as Loose<never>],
  ['start-ok', started, 'connection.tune-ok', {} as Loose<never>],
  ['start-ok', started, 'connection.secure-ok', {} as Loose<never>],
  ['tune-ok', offeredTune, 'connection.open', { virtualHost: '/' } as Loose<never>],
  ['tune-ok', offeredTune, 'connection.start-ok', { mechanism: 'PLAIN' } as Loose<never>],
  ['open', tuned, 'connection.tune-ok', { channelMax: 1, frameMax: 4096 } as Loose<never>],
  ['open', tuned, 'connection.update-secret', {} as Loose<never>],
];
for (const [due, upTo, name, args] of early)
  handshake[`${name} where ${due} is due`] = async (s) => {
    const c = await upTo(s);
    await c.call(0, name as never, args);
  };

const onChannel: [string, (s: Script) => Promise<Party>][] = [
  ['start-ok', started],
  ['tune-ok', offeredTune],
  ['open', tuned],
];
for (const [due, upTo] of onChannel)
  handshake[`a channel opened where ${due} is due`] = async (s) => {
    const c = await upTo(s);
    await c.call(1, 'channel.open');
  };

handshake['close where open is due'] = async (s) => {
  const c = await tuned(s);
  await c.call(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
};

for (const [name, header] of [
  ['0-8', [1, 1, 8, 0]],
  ['8-0 of 0-9-1 spelling', [1, 1, 9, 1]],
  ['1.0', [0, 1, 0, 0]],
  ['SASL of 1.0', [3, 1, 0, 0]],
  ['0-10', [1, 1, 0, 10]],
  ['0-9-0 in the new spelling', [0, 0, 9, 0]],
  ['0-9-2', [0, 0, 9, 2]],
] as const)
  handshake[`header of ${name}`] = async (s) => {
    const c = await s.socket();
    c.client.write(Buffer.concat([Buffer.from('AMQP'), Buffer.from(header)]));
    const heard = await c.client.hear();
    s.say(
      heard.kind === 'header'
        ? `protocol header ${[...heard.bytes.subarray(4)].join(' ')}`
        : heard.kind === 'method'
          ? heard.method.name
          : heard.kind,
    );
    if (heard.kind === 'header') await c.hear();
  };

for (const [name, args] of [
  ['frame-max 0', { channelMax: 2047, frameMax: 0 }],
  ['frame-max 4095', { channelMax: 2047, frameMax: 4095 }],
  ['channel-max 2048', { channelMax: 2048, frameMax: 131_072 }],
  ['frame-max 131073', { channelMax: 2047, frameMax: 131_073 }],
] as const)
  handshake[`tune-ok with ${name} is refused`] = async (s) => {
    const c = await offeredTune(s);
    await c.call(0, 'connection.tune-ok', args);
  };
