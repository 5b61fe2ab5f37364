// Who may do what: configure, write and read on queues and exchanges, topic permissions, virtual hosts.
import type { MethodName } from '../../../broker/amqp/methods.ts';
import type { Loose, Party, Rights, Script } from '../script.ts';
import type { Conversations } from './conversations.ts';

/** guest sets things up in a virtual host of its own; the user with these rights then tries. */
async function stage(s: Script, name: string, rights: Rights): Promise<{ guest: Party; user: Party }> {
  await s.vhost(name);
  await s.user(name, rights, { vhost: name });
  const guest = await s.open('guest', { vhost: name });
  await guest.openChannel(1);
  await guest.call(1, 'queue.declare', { queue: 'q', autoDelete: true });
  await guest.call(1, 'exchange.declare', { exchange: 'x', type: 'topic', autoDelete: true });
  await guest.call(1, 'exchange.declare', { exchange: 'y', type: 'fanout', autoDelete: true });
  const user = await s.open('user', { vhost: name, user: name, password: name });
  await user.openChannel(1);
  return { guest, user };
}

async function unstage(s: Script, name: string): Promise<void> {
  await s.http('DELETE', `vhosts/${name}`);
  await s.http('DELETE', `users/${name}`);
}

const cases: [string, Rights, MethodName, Record<string, unknown>][] = [
  ['declare a queue', {}, 'queue.declare', { queue: 'new' }],
  ['declare a queue that exists', {}, 'queue.declare', { queue: 'q', autoDelete: true }],
  ['declare a queue passively', {}, 'queue.declare', { queue: 'q', passive: true }],
  ['declare a missing queue passively', {}, 'queue.declare', { queue: 'none', passive: true }],
  ['declare a server-named queue', { configure: '^q$' }, 'queue.declare', { queue: '' }],
  ['declare a reserved name', {}, 'queue.declare', { queue: 'amq.reserved' }],
  ['delete a queue', { write: '.*', read: '.*' }, 'queue.delete', { queue: 'q' }],
  ['delete a missing queue', {}, 'queue.delete', { queue: 'none' }],
  ['purge a queue', { configure: '.*', write: '.*' }, 'queue.purge', { queue: 'q' }],
  ['purge a missing queue', {}, 'queue.purge', { queue: 'none' }],
  ['bind, no write', { read: '.*' }, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'k' }],
  ['bind, no read', { write: '.*' }, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'k' }],
  ['bind', { write: '^q$', read: '^x$' }, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'k' }],
  ['bind to the default exchange', {}, 'queue.bind', { queue: 'q', exchange: '', routingKey: 'k' }],
  [
    'bind to the default exchange, with write',
    { write: '^q$' },
    'queue.bind',
    { queue: 'q', exchange: '', routingKey: 'k' },
  ],
  ['bind a missing queue', {}, 'queue.bind', { queue: 'none', exchange: 'x' }],
  ['unbind, no write', { read: '.*' }, 'queue.unbind', { queue: 'q', exchange: 'x', routingKey: 'k' }],
  ['unbind, no read', { write: '.*' }, 'queue.unbind', { queue: 'q', exchange: 'x', routingKey: 'k' }],
  ['consume', { configure: '.*', write: '.*' }, 'basic.consume', { queue: 'q', consumerTag: 't' }],
  ['consume with read', { read: '^q$' }, 'basic.consume', { queue: 'q', consumerTag: 't' }],
  ['consume from a missing queue', {}, 'basic.consume', { queue: 'none', consumerTag: 't' }],
  [
    'consume direct replies',
    {},
    'basic.consume',
    { queue: 'amq.rabbitmq.reply-to', consumerTag: 't', noAck: true },
  ],
  ['get', { configure: '.*', write: '.*' }, 'basic.get', { queue: 'q' }],
  ['get with read', { read: '^q$' }, 'basic.get', { queue: 'q' }],
  ['declare an exchange', {}, 'exchange.declare', { exchange: 'new', type: 'direct' }],
  [
    'declare an exchange that exists',
    {},
    'exchange.declare',
    { exchange: 'y', type: 'fanout', autoDelete: true },
  ],
  ['declare an exchange passively', {}, 'exchange.declare', { exchange: 'y', type: 'fanout', passive: true }],
  ['declare an exchange of an unknown type', {}, 'exchange.declare', { exchange: 'new', type: 'odd' }],
  ['declare a reserved exchange', {}, 'exchange.declare', { exchange: 'amq.new', type: 'direct' }],
  ['delete an exchange', { write: '.*', read: '.*' }, 'exchange.delete', { exchange: 'y' }],
  ['delete a missing exchange', {}, 'exchange.delete', { exchange: 'none' }],
  ['delete a predeclared exchange', {}, 'exchange.delete', { exchange: 'amq.direct' }],
  ['bind exchanges, no write', { read: '.*' }, 'exchange.bind', { source: 'x', destination: 'y' }],
  ['bind exchanges, no read', { write: '.*' }, 'exchange.bind', { source: 'x', destination: 'y' }],
  ['bind exchanges', { write: '^y$', read: '^x$' }, 'exchange.bind', { source: 'x', destination: 'y' }],
  ['bind exchanges to the default one', {}, 'exchange.bind', { source: 'x', destination: '' }],
  [
    'bind exchanges from the default one',
    { write: '^y$' },
    'exchange.bind',
    { source: '', destination: 'y' },
  ],
  ['unbind exchanges, no write', { read: '.*' }, 'exchange.unbind', { source: 'x', destination: 'y' }],
  ['unbind exchanges, no read', { write: '.*' }, 'exchange.unbind', { source: 'x', destination: 'y' }],
  [
    'dead-letter exchange, no read on the queue',
    { configure: '.*', write: '.*' },
    'queue.declare',
    { queue: 'new', exclusive: true, arguments: { 'x-dead-letter-exchange': 'y' } },
  ],
  [
    'dead-letter exchange, no write on it',
    { configure: '.*', read: '.*' },
    'queue.declare',
    { queue: 'new', exclusive: true, arguments: { 'x-dead-letter-exchange': 'y' } },
  ],
  [
    'dead-letter exchange',
    { configure: '^new$', read: '^new$', write: '^y$' },
    'queue.declare',
    { queue: 'new', exclusive: true, arguments: { 'x-dead-letter-exchange': 'y' } },
  ],
  [
    'dead-letter exchange that is the default one',
    { configure: '.*', read: '.*', write: '^y$' },
    'queue.declare',
    { queue: 'new', exclusive: true, arguments: { 'x-dead-letter-exchange': '' } },
  ],
  [
    'dead-letter exchange and a wrong argument',
    { configure: '.*' },
    'queue.declare',
    { queue: 'new', exclusive: true, arguments: { 'x-dead-letter-exchange': 'y', 'x-max-length': -1 } },
  ],
  [
    'alternate exchange, no read on the exchange',
    { configure: '.*', write: '.*' },
    'exchange.declare',
    { exchange: 'new', type: 'direct', autoDelete: true, arguments: { 'alternate-exchange': 'y' } },
  ],
  [
    'alternate exchange, no write on it',
    { configure: '.*', read: '.*' },
    'exchange.declare',
    { exchange: 'new', type: 'direct', autoDelete: true, arguments: { 'alternate-exchange': 'y' } },
  ],
  [
    'alternate exchange',
    { configure: '^new$', read: '^new$', write: '^y$' },
    'exchange.declare',
    { exchange: 'new', type: 'direct', autoDelete: true, arguments: { 'alternate-exchange': 'y' } },
  ],
];

export const permissions: Conversations = {
  'publish without write': async (s) => {
    const { user } = await stage(s, 'perm-publish', { configure: '.*', read: '.*' });
    user.publish(1, 'x', 'k', 'no');
    await user.hear();
    await unstage(s, 'perm-publish');
  },
  'publish to a missing exchange without write': async (s) => {
    const { user } = await stage(s, 'perm-publish-none', {});
    user.publish(1, 'none', 'k', 'no');
    await user.hear();
    await unstage(s, 'perm-publish-none');
  },
  'publish to the default exchange is a right to amq.default': async (s) => {
    const { user } = await stage(s, 'perm-default', { write: '^amq\\.default$' });
    user.publish(1, '', 'q', 'yes', {}, { mandatory: true });
    await user.silence();
    user.publish(1, 'y', 'q', 'no');
    await user.hear();
    await unstage(s, 'perm-default');
  },
  'publish to the default exchange without the right': async (s) => {
    const { user } = await stage(s, 'perm-default-no', { write: '^q$' });
    user.publish(1, '', 'q', 'no');
    await user.hear();
    await unstage(s, 'perm-default-no');
  },
  'a pattern matches anywhere in the name': async (s) => {
    const { user } = await stage(s, 'perm-part', { configure: 'mine' });
    await user.call(1, 'queue.declare', { queue: 'it-is-mine-alone', exclusive: true });
    await user.call(1, 'queue.declare', { queue: 'yours', exclusive: true });
    await unstage(s, 'perm-part');
  },
  'rights that were taken away': async (s) => {
    const { user } = await stage(s, 'perm-taken', { configure: '.*' });
    await user.call(1, 'queue.declare', { queue: 'first', exclusive: true });
    await s.http('PUT', 'permissions/perm-taken/perm-taken', { configure: '', write: '', read: '' });
    await user.openChannel(2);
    await user.call(2, 'queue.declare', { queue: 'second', exclusive: true });
    await unstage(s, 'perm-taken');
  },
  'topic: publishing a key that is not allowed': async (s) => {
    const { user } = await stage(s, 'perm-topic', { write: '.*', read: '.*', configure: '.*' });
    await s.http('PUT', 'topic-permissions/perm-topic/perm-topic', {
      exchange: 'x',
      write: '^ok\\.',
      read: '^see\\.',
    });
    user.publish(1, 'x', 'ok.1', 'yes', {}, { mandatory: true });
    await user.hear();
    user.publish(1, 'y', 'any', 'another exchange', {}, { mandatory: true });
    await user.hear();
    user.publish(1, 'x', 'no.1', 'no');
    await user.hear();
    await unstage(s, 'perm-topic');
  },
  'topic: binding a key that is not allowed': async (s) => {
    const { user } = await stage(s, 'perm-topic-bind', { write: '.*', read: '.*', configure: '.*' });
    await s.http('PUT', 'topic-permissions/perm-topic-bind/perm-topic-bind', {
      exchange: 'x',
      write: '^ok\\.',
      read: '^see\\.',
    });
    await user.call(1, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'see.1' });
    await user.call(1, 'queue.unbind', { queue: 'q', exchange: 'x', routingKey: 'see.2' });
    await user.call(1, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'hide.1' });
    user.send(1, 'channel.close-ok');
    await user.openChannel(1);
    await user.call(1, 'exchange.bind', { source: 'x', destination: 'y', routingKey: 'hide.2' });
    user.send(1, 'channel.close-ok');
    await user.openChannel(1);
    await user.call(1, 'queue.unbind', { queue: 'q', exchange: 'x', routingKey: 'hide.3' });
    await unstage(s, 'perm-topic-bind');
  },
  'topic: variables in the pattern': async (s) => {
    const { user } = await stage(s, 'perm-topic-var', { write: '.*', read: '.*', configure: '.*' });
    await s.http('PUT', 'topic-permissions/perm-topic-var/perm-topic-var', {
      exchange: 'x',
      write: '^{vhost}\\.{username}\\.',
      read: '.*',
    });
    user.publish(1, 'x', 'perm-topic-var.perm-topic-var.1', 'yes', {}, { mandatory: true });
    await user.hear();
    user.publish(1, 'x', 'perm-topic-var.other.1', 'no');
    await user.hear();
    await unstage(s, 'perm-topic-var');
  },
  'topic: CC keys are not looked at': async (s) => {
    const { user } = await stage(s, 'perm-topic-cc', { write: '.*', read: '.*', configure: '.*' });
    await s.http('PUT', 'topic-permissions/perm-topic-cc/perm-topic-cc', {
      exchange: 'x',
      write: '^ok$',
      read: '.*',
    });
    await user.call(1, 'queue.bind', { queue: 'q', exchange: 'x', routingKey: 'no' });
    user.publish(1, 'x', 'ok', 'copied', { headers: { CC: ['no'] } }, { mandatory: true });
    await user.silence();
    await unstage(s, 'perm-topic-cc');
  },
  'user-id: the own name passes, an impersonator may use another': async (s) => {
    const { user, guest } = await stage(s, 'perm-uid', { write: '.*' });
    user.publish(1, '', 'q', 'own', { userId: 'perm-uid' });
    await user.silence();
    await guest.call(1, 'basic.get', { queue: 'q', noAck: true });
    await s.http('PUT', 'users/perm-uid', { password: 'perm-uid', tags: 'impersonator' });
    const again = await s.open('again', { vhost: 'perm-uid', user: 'perm-uid', password: 'perm-uid' });
    await again.openChannel(1);
    again.publish(1, '', 'q', 'as another', { userId: 'somebody' });
    await again.silence();
    await guest.call(1, 'basic.get', { queue: 'q', noAck: true });
    await unstage(s, 'perm-uid');
  },
  'a user without any permission is refused the virtual host': async (s) => {
    await s.user('perm-none', null);
    const c = await s.socket();
    c.client.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
    await c.client.expect('connection.start');
    c.client.startOk({ user: 'perm-none', password: 'perm-none' });
    const { args } = await c.client.expect('connection.tune');
    c.send(0, 'connection.tune-ok', args);
    await c.call(0, 'connection.open', { virtualHost: '/' });
    await s.http('DELETE', 'users/perm-none');
  },
  'update-secret and what may be done afterwards': async (s) => {
    const { user } = await stage(s, 'perm-secret', { configure: '.*' });
    await user.call(0, 'connection.update-secret', { newSecret: Buffer.from('wrong'), reason: 'test' });
    await user.call(1, 'queue.declare', { queue: 'after', exclusive: true });
    await unstage(s, 'perm-secret');
  },
};

for (const [index, [name, rights, method, args]] of cases.entries())
  permissions[name] = async (s) => {
    const host = `perm-${index}`;
    const { user } = await stage(s, host, rights);
    await user.call(1, method, args as Loose<typeof method>);
    await unstage(s, host);
  };
