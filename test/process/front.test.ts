// The relay front before brokers it does not run (R17, R33c, R33e): real nodes, real signals, and RabbitMQ where it is
// installed. Nobody is on two backends, nobody is left on one that hangs.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../peers/free-port.ts';
import { rabbitmqInstalled, startRabbitMq } from '../peers/rabbitmq.ts';
import { FrontProcess } from './front-process.ts';
import { NodeProcess } from './node-process.ts';
import { runWarren } from './warren-process.ts';

const quick = ['--interval', '100', '--fast-interval', '20', '--timeout', '300'];

async function startNode(amqpPort = 0): Promise<NodeProcess> {
  const node = await NodeProcess.start({ amqpPort });
  onTestFinished(() => node.dispose());
  return node;
}

async function startFront(nodes: Record<string, number>, args: string[] = quick): Promise<FrontProcess> {
  const named = Object.entries(nodes).map(([name, port]) => `${name}=127.0.0.1:${port}`);
  const front = await FrontProcess.start(named, args);
  onTestFinished(() => front.stop());
  return front;
}

/** A client on the front, and when it was cut off. */
async function client(front: FrontProcess) {
  const connection = await ClientConnection.open({ ...front.address, heartbeatSeconds: 0 });
  const closed = new Promise<number>((resolve) => (connection.onClosed = () => resolve(Date.now())));
  onTestFinished(() => connection.destroy());
  return { connection, closed };
}

/** Resolves when the message, persistent and through the front, is confirmed. */
async function publish(front: FrontProcess, body: Buffer, queue = 'front.q'): Promise<void> {
  const connection = await ClientConnection.open(front.address);
  try {
    const channel = await connection.openChannel();
    await channel.declareQueue(queue, { durable: true });
    await channel.selectConfirms();
    const confirmed = new Promise<void>((resolve) => (channel.onConfirmed = () => resolve()));
    channel.publish('', queue, body, { deliveryMode: 2 }, true);
    await confirmed;
  } finally {
    await connection.close();
  }
}

async function countAt(port: number, queue = 'front.q'): Promise<number> {
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  try {
    const channel = await connection.openChannel();
    return (await channel.declareQueue(queue, { durable: true })).messageCount;
  } finally {
    await connection.close();
  }
}

/** Something that listens and is no broker. */
async function listener(accepted: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    accepted(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe('relay front', () => {
  test('SIGKILL of the active: its clients are cut off, the next ones are on the other, and stay there', async () => {
    const [a, b] = [await startNode(), await startNode()];
    const front = await startFront({ a: a.amqpPort, b: b.amqpPort });
    await front.until('a active', ({ active }) => active === 'a');
    await publish(front, Buffer.alloc(3_000_000, 7));
    expect(await countAt(a.amqpPort)).toBe(1);
    const before = await client(front);
    const killedAt = Date.now();
    await a.kill();
    expect((await before.closed) - killedAt).toBeLessThan(5000);
    const { lastOutageMs, moves } = await front.until('b active', ({ active }) => active === 'b');
    expect(lastOutageMs).toBeLessThan(5000);
    expect(moves).toBe(1);
    await publish(front, Buffer.from('second'));
    expect(await countAt(b.amqpPort)).toBe(1);
    const again = await startNode(a.amqpPort);
    const after = await client(front);
    const { active, connections } = await front.until(
      'a up',
      ({ backends }) => backends[0]!.verdict === 'up',
    );
    expect([active, connections]).toEqual(['b', 1]);
    // Failback is somebody's decision; its clients are cut off as well.
    expect(await front.use('a', { origin: 'http://example.org' })).toBe(403);
    expect(await front.use('nobody')).toBe(409);
    expect(await front.use('a')).toBe(200);
    await after.closed;
    await publish(front, Buffer.from('third'));
    expect(await countAt(again.amqpPort)).toBe(1);
  }, 60_000);

  test('SIGSTOP of the active: it accepts and does not answer, so its clients are cut off', async () => {
    const [a, b] = [await startNode(), await startNode()];
    const front = await startFront({ a: a.amqpPort, b: b.amqpPort });
    await front.until('a active', ({ active }) => active === 'a');
    const { closed } = await client(front);
    a.child.kill('SIGSTOP');
    await closed;
    const { backends } = await front.until('b active', ({ active }) => active === 'b');
    expect(backends[0]!.reason).toMatch(/accepts and does not answer: no connection.start in 300 ms/);
    // It goes on, and nobody is there any more.
    a.child.kill('SIGCONT');
    await front.until('a up', (status) => status.backends[0]!.verdict === 'up' && status.active === 'b');
  }, 60_000);

  test('automatic failback goes back once the first was well for a while', async () => {
    const [a, b] = [await startNode(), await startNode()];
    const args = [...quick, '--failback', 'automatic', '--failback-after', '500'];
    const front = await startFront({ a: a.amqpPort, b: b.amqpPort }, args);
    await front.until('a active', ({ active }) => active === 'a');
    await a.kill();
    await front.until('b active', ({ active }) => active === 'b');
    await startNode(a.amqpPort);
    const { activeSince, backends } = await front.until('a active', ({ active }) => active === 'a');
    expect(activeSince! - backends[0]!.verdictSince!).toBeGreaterThan(300);
  }, 60_000);

  test('without a backend, and beyond the limit of connections, a client is closed at once', async () => {
    const port = await freePort();
    const front = await startFront({ a: port }, [...quick, '--connections-max', '2']);
    await expect(ClientConnection.open(front.address)).rejects.toThrow();
    await startNode(port);
    await front.until('a active', ({ active }) => active === 'a');
    await client(front);
    await client(front);
    await expect(ClientConnection.open(front.address)).rejects.toThrow();
    expect(await front.status()).toMatchObject({ connections: 2, accepted: 2, refused: 2 });
  }, 60_000);

  test('what is no broker is down, with the reason', async () => {
    const ports = {
      silent: await listener(() => undefined),
      closes: await listener((socket) => socket.destroy()),
      talks: await listener((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      other: await listener((socket) => socket.end(Buffer.from('AMQP\0\x01\0\0', 'latin1'))),
      gone: await freePort(),
    };
    const front = await startFront(ports);
    const { active, backends } = await front.until('all asked', (status) =>
      status.backends.every(({ verdict }) => verdict === 'down'),
    );
    expect(active).toBe(null);
    const reasons = backends.map(({ reason }) => reason);
    expect(reasons[0]).toMatch(/does not answer/);
    expect(reasons[1]).toMatch(/closed the connection|ECONNRESET/);
    expect(reasons[2]).toMatch(/does not speak AMQP/);
    expect(reasons[3]).toMatch(/another version/);
    expect(reasons[4]).toMatch(/ECONNREFUSED/);
  }, 60_000);

  test('`login` finds what a handshake does not: a refused user', async () => {
    const node = await startNode();
    const right = await startFront({ a: node.amqpPort }, [...quick, '--check', 'login']);
    await right.until('up', ({ active }) => active === 'a');
    const wrong = await startFront({ a: node.amqpPort }, [
      ...quick,
      ...['--check', 'login', '--check-user', 'guest:wrong', '--timeout', '5000'],
    ]);
    const { backends } = await wrong.until('down', (status) => status.backends[0]!.verdict === 'down');
    expect(backends[0]!.reason).toMatch(/refused: 403 ACCESS_REFUSED/);
  }, 60_000);

  test('a side that does not read holds the other up; half a connection still delivers', async () => {
    let backend: Socket | null = null;
    const port = await listener((socket) => {
      // Checks by TCP say nothing; the client under test does.
      socket.once('data', () => (backend = socket.pause()));
    });
    const front = await startFront({ a: port }, [...quick, '--check', 'tcp']);
    await front.until('up', ({ active }) => active === 'a');
    const socket = connect({ ...front.address, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    const chunk = Buffer.alloc(1 << 20, 1);
    socket.write(chunk);
    await eventually('reached', () => backend);
    // The backend reads nothing: what the front takes of 64 MiB is what buffers hold, its own and the system's.
    for (let sent = 1; sent < 64; sent++) socket.write(chunk);
    let before = -1;
    await eventually('held up', async () => {
      const { bytesFromClients } = await front.status();
      const steady = bytesFromClients === before;
      before = bytesFromClients;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return steady;
    });
    expect(before).toBeLessThan(32 << 20);
    let received = 0;
    backend!.on('data', (bytes: Buffer) => (received += bytes.length)).resume();
    socket.end();
    await new Promise((resolve) => backend!.once('end', resolve));
    backend!.end('goodbye');
    let answer = '';
    for await (const bytes of socket) answer += String(bytes);
    expect(answer).toBe('goodbye');
    expect(received).toBeGreaterThan(60 << 20);
    await front.until('over', ({ connections }) => connections === 0);
  }, 60_000);

  test('a wrong command line is refused with its reason', async () => {
    const refused = async (...args: string[]) => {
      const { code, output } = await runWarren(['front', ...args]);
      expect(code).toBe(2);
      return output;
    };
    expect(await refused()).toMatch(/--node: name at least one broker/);
    expect(await refused('--node', 'nowhere')).toMatch(/'nowhere' is not ADDRESS:PORT/);
    expect(await refused('--node', 'x=h:1', '--node', 'x=h:2')).toMatch(/the same name/);
    expect(await refused('--node', 'h:1', '--check', 'icmp')).toMatch(/'icmp' is not one of/);
    expect(await refused('--node', 'h:1', '--fall', '0')).toMatch(/--fall: '0'/);
    expect((await runWarren(['front', '--help'])).output).toMatch(/--failback-after/);
  }, 60_000);
});

test.skipIf(!rabbitmqInstalled)(
  "RabbitMQ behind the front: checked by handshake and by login, and when it goes the other broker serves (needs Debian's rabbitmq-server)",
  async () => {
    const rabbit = await startRabbitMq({ management: false });
    onTestFinished(() => rabbit.stop());
    const node = await startNode();
    for (const check of ['handshake', 'login']) {
      const front = await startFront({ rabbit: rabbit.amqpPort, warren: node.amqpPort }, [
        ...quick,
        ...['--check', check, '--timeout', '2000'],
      ]);
      await front.until('rabbit active', ({ active }) => active === 'rabbit');
      await publish(front, Buffer.from(check), `front.${check}`);
      expect(await countAt(rabbit.amqpPort, `front.${check}`)).toBe(1);
      expect(await countAt(node.amqpPort, `front.${check}`)).toBe(0);
      await front.stop();
    }
    const front = await startFront({ rabbit: rabbit.amqpPort, warren: node.amqpPort });
    await front.until('rabbit active', ({ active }) => active === 'rabbit');
    const { closed } = await client(front);
    process.kill(-rabbit.pid, 'SIGKILL');
    await closed;
    await front.until('warren active', ({ active }) => active === 'warren');
    await publish(front, Buffer.from('after'), 'front.after');
    expect(await countAt(node.amqpPort, 'front.after')).toBe(1);
  },
  120_000,
);
