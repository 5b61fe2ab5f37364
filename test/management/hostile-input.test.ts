// Input of the HTTP API that is wrong, hostile or too much: a clear answer that names what and where, nothing half
// made, nothing kept.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';
import { asGuest, rawHttp, type Answer, type RawRequest } from './raw-http.ts';

let node: NodeUnderTest;
const errors: string[] = [];

beforeAll(async () => {
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: (message: string) => errors.push(message) };
  node = await startNode({ log });
});
afterAll(async () => {
  await node.dispose();
  expect(errors).toEqual([]);
});

const api = (given: RawRequest): Promise<Answer> =>
  rawHttp(node.managementPort, { ...given, headers: { ...asGuest, ...given.headers } });

async function exported(): Promise<string> {
  const { text } = await api({ path: '/api/definitions' });
  return text;
}

const importing = (body: string | Buffer): Promise<Answer> =>
  api({ method: 'POST', path: '/api/definitions', body, headers: { 'content-type': 'application/json' } });

const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const queue = (more: string) =>
  `{"queues":[{"name":"good","vhost":"/","durable":true,"arguments":{}},${more}]}`;

describe('R40: a hostile definitions file changes nothing and is told why', () => {
  const cases: Record<string, [body: string, reason: RegExp]> = {
    'not JSON': ['{"queues": [', /failed_to_parse_json/],
    'nothing but a list': ['[]', /failed_to_parse_json/],
    'a section that is no list': ['{"queues": {}}', /definitions: queues: /],
    'a name that is a number': [queue('{"name":7,"vhost":"/"}'), /definitions: queues\.1\.name: /],
    'a name too long': [queue(`{"name":"${'n'.repeat(256)}","vhost":"/"}`), /queues\.1\.name: .*255 bytes/],
    'a flag that is text': [queue('{"name":"q","vhost":"/","durable":"yes"}'), /queues\.1\.durable: /],
    'a virtual host nobody knows': [queue('{"name":"q","vhost":"nowhere"}'), /queues\.1: no virtual host/],
    'a virtual host left out': [queue('{"name":"q"}'), /queues\.1: no virtual host/],
    'arguments nested without end': [
      queue(`{"name":"q","vhost":"/","arguments":${nested(200)}}`),
      /queues\.1\.arguments.*nested deeper than 100/,
    ],
    'arguments nested until the stack would burst': [
      queue(`{"name":"q","vhost":"/","arguments":${nested(200_000)}}`),
      /nested deeper than 100/,
    ],
    'a name within arguments too long': [
      queue(`{"name":"q","vhost":"/","arguments":{"a":{"${'k'.repeat(300)}":1}}}`),
      /queues\.1\.arguments/,
    ],
    'the key __proto__': [
      queue('{"name":"q","vhost":"/","arguments":{"__proto__":{"x-max-length":1}}}'),
      /queues\.1\.arguments\.__proto__: .*not allowed/,
    ],
    'the key constructor': [
      queue('{"name":"q","vhost":"/","arguments":{"constructor":{"prototype":1}}}'),
      /queues\.1\.arguments\.constructor: .*not allowed/,
    ],
    'an argument that cannot be': [
      queue('{"name":"q","vhost":"/","arguments":{"x-message-ttl":-1}}'),
      /queues\.1: .*x-message-ttl/,
    ],
    'a queue type nobody knows': [
      queue('{"name":"q","vhost":"/","arguments":{"x-queue-type":"telepathic"}}'),
      /queues\.1: .*unsupported queue type 'telepathic'/,
    ],
    'a reserved name': [queue('{"name":"amq.mine","vhost":"/"}'), /queues\.1: .*reserved prefix/],
    'an exchange type nobody knows': [
      '{"exchanges":[{"name":"e0","vhost":"/","type":"direct"},{"name":"e1","vhost":"/","type":"telepathy"}]}',
      /exchanges\.1: .*'telepathy'/,
    ],
    'a binding from nowhere': [
      '{"queues":[{"name":"good","vhost":"/"}],"bindings":[{"source":"void","vhost":"/","destination":"good","destination_type":"queue","routing_key":""}]}',
      /bindings\.0: no exchange 'void'/,
    ],
    'a binding to nowhere': [
      '{"bindings":[{"source":"amq.direct","vhost":"/","destination":"void","destination_type":"queue","routing_key":""}]}',
      /bindings\.0: no queue 'void'/,
    ],
    'a permission for nobody': [
      '{"permissions":[{"user":"nobody","vhost":"/","configure":"","write":"","read":""}]}',
      /permissions\.0: no user 'nobody'/,
    ],
    'a pattern that is none': [
      '{"permissions":[{"user":"guest","vhost":"/","configure":"(","write":"","read":""}]}',
      /permissions\.0\.configure: .*regular expression/,
    ],
    'a user named with a zero': [
      '{"users":[{"name":"a\\u0000b","password":"x","tags":""}]}',
      /users\.0\.name/,
    ],
  };

  for (const [name, [body, reason]] of Object.entries(cases))
    test(name, async () => {
      const before = await exported();
      const answer = await importing(body);
      expect(answer.text).toMatch(reason);
      expect(answer.status).toBe(400);
      expect(answer.text.length).toBeLessThan(2000);
      expect(await exported()).toBe(before);
      expect(({} as Record<string, unknown>)['x-max-length']).toBeUndefined();
    });

  test('fifty megabytes are refused with 413', async () => {
    const answer = await importing(Buffer.alloc(50 << 20, ' '));
    expect(answer.status).toBe(413);
  });

  test('what is left out and why comes back with the answer; a file without such is 204', async () => {
    const good = '{"queues":[{"name":"there","vhost":"/","durable":true,"arguments":{}}]}';
    expect((await importing(good)).status).toBe(204);
    const other = '{"queues":[{"name":"there","vhost":"/","durable":false,"arguments":{}}]}';
    const answer = await importing(other);
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/queue 'there': .*inequivalent arg 'durable'/);
  });
});

describe('R40: objects over HTTP', () => {
  test('a queue with a name in its arguments that fits no table is refused whole', async () => {
    const body = JSON.stringify({ durable: true, arguments: { a: { ['k'.repeat(300)]: 1 } } });
    const answer = await api({ method: 'PUT', path: '/api/queues/%2F/half', body });
    expect(answer.status).toBe(400);
    expect((await api({ path: '/api/queues/%2F/half' })).status).toBe(404);
  });

  test('arguments named as what every object has are kept out of it', async () => {
    const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
    const channel = await connection.openChannel();
    const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty'];
    await channel.declareQueue('object-names', {
      arguments: new Map(names.map((name) => [name, { type: 'I', value: 1 }])),
    });
    const { text } = await api({ path: '/api/queues/%2F/object-names' });
    for (const name of names) expect(text).toContain(`"${name}":1`);
    await connection.close();
  });

  test('a virtual host or user named with a zero is refused', async () => {
    expect((await api({ method: 'PUT', path: '/api/vhosts/a%00b' })).status).toBe(400);
    const body = '{"tags":"","password":"x"}';
    expect((await api({ method: 'PUT', path: '/api/users/a%00b', body })).status).toBe(400);
  });
});

describe('R15: who asks over HTTP', () => {
  test('a wrong password is 401 after a short delay, and a right one is not delayed', async () => {
    const wrong = { authorization: `Basic ${Buffer.from('guest:wrong').toString('base64')}` };
    const startedAt = performance.now();
    const answer = await rawHttp(node.managementPort, { path: '/api/whoami', headers: wrong });
    expect(answer.status).toBe(401);
    expect(performance.now() - startedAt).toBeGreaterThan(400);
    expect((await api({ path: '/api/whoami' })).status).toBe(200);
  });

  test('no password is 401, and what cannot be one is 400 as in RabbitMQ', async () => {
    const answers: [authorization: string, status: number][] = [
      ['', 401],
      ['Bearer x', 401],
      ['Basic', 400],
      ['Basic ???', 400],
      [`Basic ${'A'.repeat(4000)}`, 400],
    ];
    for (const [authorization, status] of answers) {
      const answer = await rawHttp(node.managementPort, {
        path: '/api/overview',
        headers: { authorization },
      });
      expect(answer.status).toBe(status);
    }
  });

  test('who is not known gets no body read: a large one is 401 at once', async () => {
    const answer = await rawHttp(node.managementPort, {
      method: 'POST',
      path: '/api/definitions',
      headers: { 'content-length': String(20 << 20) },
      body: '',
    }).catch((error: Error) => error);
    expect(answer).not.toBeInstanceOf(Error);
    expect((answer as Answer).status).toBe(401);
  });
});

describe('R40: paths', () => {
  const tricks: [path: string, statuses: number[]][] = [
    ['/api/queues/%2F/..%2F..%2Fusers', [404]],
    ['/api/queues/%2F/../../../etc/passwd', [404]],
    ['/api/queues/%2F/%00', [404]],
    ['/api/queues/%2F/%zz', [400, 404]],
    ['/api/queues/%ff%fe/x', [400, 404]],
    ['/api//overview', [404]],
    ['/api/overview/..', [404]],
    [`/api/queues/%2F/${'n'.repeat(3000)}`, [400, 404]],
    ['/api/__proto__', [404]],
    ['/api/queues/__proto__/constructor', [404]],
    ['/api/queues?sort=__proto__.constructor', [200]],
    ['/api/queues?columns=__proto__,constructor', [200]],
    ['/api/queues?page=-1', [400]],
    ['/api/queues?page=1&page_size=100000', [400]],
    ['/api/queues?page=1&name=(&use_regex=true', [400]],
  ];
  test.each(tricks)('%s', async (path, statuses) => {
    const answer = await api({ path });
    expect(statuses).toContain(answer.status);
    expect(() => JSON.parse(answer.text) as unknown).not.toThrow();
  });

  test('%2F is the virtual host /, and a name may hold one', async () => {
    expect((await api({ method: 'PUT', path: '/api/queues/%2F/a%2Fb', body: '{}' })).status).toBe(201);
    const { text } = await api({ path: '/api/queues/%2F/a%2Fb' });
    expect(JSON.parse(text)).toMatchObject({ name: 'a/b', vhost: '/' });
  });
});

describe('R26: getting messages', () => {
  test('an answer has a bound: fewer messages come than asked for', async () => {
    const connection = await ClientConnection.open({ host: '127.0.0.1', port: node.amqpPort });
    const channel = await connection.openChannel();
    await channel.declareQueue('large', { durable: false });
    for (let i = 0; i < 50; i++) channel.publish('', 'large', Buffer.alloc(1 << 20, 'x'));
    await channel.prefetch(1);
    const body = '{"count":10000,"ackmode":"ack_requeue_true","encoding":"auto"}';
    const answer = await api({ method: 'POST', path: '/api/queues/%2F/large/get', body });
    expect(answer.status).toBe(200);
    expect(answer.text.length).toBeLessThan(40 << 20);
    const { items } = await node.node.management.call(
      'queues.list',
      { vhost: '/', filter: 'large' },
      { user: 'guest' },
    );
    expect(items[0]!.messagesReady).toBe(50);
    await connection.close();
  });
});
