// Clients that know nothing of Warren, in the languages this machine has: each publishes, consumes, gets, is confirmed
// and refused as against RabbitMQ (R1, R8, R25, R26, R29). Those of Node are in node-clients.test.ts.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
let node: NodeUnderTest;
let port: string;

beforeAll(async () => {
  node = await startNode();
  port = String(node.amqpPort);
});
afterAll(() => node.dispose());

interface ForeignClient {
  /** With the Debian package that brings it: a skipped test says what to install. */
  name: string;
  /** What must exist for it to run. */
  needs: string[];
  interpreter: string;
  file: string;
}

const python = (library: string, file: string): ForeignClient => ({
  name: `${library} (python3-${library === 'py-amqp' ? 'amqp' : library})`,
  needs: [`/usr/lib/python3/dist-packages/${library === 'py-amqp' ? 'amqp' : library}`],
  interpreter: '/usr/bin/python3',
  file,
});

const foreign: ForeignClient[] = [
  python('pika', 'pika_client.py'),
  python('py-amqp', 'py_amqp_client.py'),
  python('kombu', 'kombu_client.py'),
  {
    name: 'bunny (ruby-bunny)',
    needs: ['/var/lib/dpkg/info/ruby-bunny.list'],
    interpreter: '/usr/bin/ruby',
    file: 'bunny_client.rb',
  },
  {
    name: 'php-amqplib (php-amqplib, php-cli)',
    needs: ['/usr/share/php/PhpAmqpLib'],
    interpreter: '/usr/bin/php',
    file: 'php_client.php',
  },
];
const goPath = '/usr/share/gocode';
const goInstalled =
  existsSync('/usr/bin/go') && existsSync(join(goPath, 'src/github.com/rabbitmq/amqp091-go'));

/** Its script asserts every step and ends in "ok". */
async function expectOk(command: string, args: string[]): Promise<void> {
  const { stdout } = await run(command, args, { timeout: 25_000 });
  expect(stdout.trim().split('\n').at(-1)).toBe('ok');
}

describe('clients of other languages', () => {
  for (const { name, needs, interpreter, file } of foreign)
    test.skipIf(![interpreter, ...needs].every((path) => existsSync(path)))(name, () =>
      expectOk(interpreter, [script(file), port]),
    );

  // The compiler needs a while where it has nothing cached.
  test.skipIf(!goInstalled)(
    'amqp091-go (golang-go, golang-github-rabbitmq-amqp091-go-dev)',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'warren-go-'));
      try {
        const program = join(folder, 'client');
        const env = { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOCACHE: join(folder, 'cache') };
        await run('/usr/bin/go', ['build', '-o', program, script('go_client.go')], { env });
        await expectOk(program, [port]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    180_000,
  );
});

// They know neither confirms, returns nor queue arguments, and show no properties: amqplib reads those.
describe.skipIf(!existsSync('/usr/bin/amqp-publish'))('amqp-tools (amqp-tools)', () => {
  const url = () => `amqp://guest:guest@127.0.0.1:${port}`;
  const tool = (name: string, ...args: string[]) => run(`/usr/bin/amqp-${name}`, ['-u', url(), ...args]);

  test('declares, publishes, gets, consumes, deletes', async () => {
    expect((await tool('declare-queue', '-q', 'tools')).stdout.trim()).toBe('tools');
    await tool('publish', '-r', 'tools', '-p', '-b', 'from the shell');
    expect((await tool('get', '-q', 'tools')).stdout).toBe('from the shell');
    await expect(tool('get', '-q', 'tools')).rejects.toMatchObject({ code: 2 });
    await tool('publish', '-r', 'tools', '-b', 'once more');
    expect((await tool('consume', '-q', 'tools', '-c', '1', 'cat')).stdout).toBe('once more');
    expect((await tool('delete-queue', '-q', 'tools')).stdout.trim()).toBe('0');
    await expect(tool('get', '-q', 'tools')).rejects.toThrow(/404/);
  });

  test('every property it can set arrives', async () => {
    const connection = await amqplib.connect(url());
    const channel = await connection.createChannel();
    await channel.assertQueue('tools.properties');
    const set = [
      '-p',
      '-C',
      'text/plain',
      '-E',
      'utf-8',
      '-t',
      'reply',
      '-H',
      'colour: red',
      '-H',
      'size: 1',
    ];
    await tool('publish', '-r', 'tools.properties', ...set, '-b', 'body');
    const got = await channel.get('tools.properties', { noAck: true });
    expect(got && got.properties).toMatchObject({
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      replyTo: 'reply',
      headers: { colour: 'red', size: '1' },
    });
    await channel.deleteQueue('tools.properties');
    await connection.close();
  });

  test.each([
    ['direct', 'k', 'k', 'j'],
    ['fanout', '', 'any', null],
    ['topic', 'a.*.#', 'a.b.c', 'a'],
    ['headers', '', '', null],
  ])('through a %s exchange', async (kind, binding, key, other) => {
    const connection = await amqplib.connect(url());
    const channel = await connection.createChannel();
    const queue = `tools.${kind}`;
    await channel.assertQueue(queue);
    const matching = kind === 'headers' ? { 'x-match': 'all', colour: 'red' } : {};
    await channel.bindQueue(queue, `amq.${kind}`, binding, matching);
    const publish = (routingKey: string, colour: string, body: string) =>
      tool('publish', '-e', `amq.${kind}`, '-r', routingKey, '-H', `colour: ${colour}`, '-b', body);
    if (other !== null) await publish(other, 'red', 'lost');
    if (kind === 'headers') await publish(key, 'blue', 'lost');
    await publish(key, 'red', kind);
    expect((await tool('consume', '-q', queue, '-c', '1', 'cat')).stdout).toBe(kind);
    await channel.deleteQueue(queue);
    await connection.close();
  });

  test('a virtual host that does not exist is refused with 530', async () => {
    await expect(run('/usr/bin/amqp-get', ['-u', `${url()}/nowhere`, '-q', 'q'])).rejects.toThrow(
      /530.*nowhere/,
    );
  });
});
