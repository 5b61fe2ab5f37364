// The link that the lab breaks (R33f): bytes come through whole and in order whatever it does, until it is cut.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LinkProxy } from '../../broker/lab/link-proxy.ts';

let server: Server;
let served: Socket[];
let proxy: LinkProxy;

beforeEach(async () => {
  served = [];
  server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LinkProxy.open({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
});
afterEach(async () => {
  await proxy.close();
  for (const socket of served) socket.destroy();
  server.close();
});

async function connected(): Promise<{ client: Socket; peer: Socket; got: () => Buffer }> {
  const before = served.length;
  const client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => undefined);
  await once(client, 'connect');
  await expect.poll(() => served.length).toBeGreaterThan(before);
  const peer = served.at(-1)!;
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { client, peer, got: () => Buffer.concat(chunks) };
}

const pattern = (size: number) => Buffer.from(Array.from({ length: size }, (_, index) => (index * 7) % 251));

test('a megabyte comes through as it was, and the end with it', async () => {
  const { client, peer, got } = await connected();
  const ended = once(peer, 'end');
  client.end(pattern(1_000_000));
  await ended;
  expect(got().equals(pattern(1_000_000))).toBe(true);
});

test('what the server says before it closes arrives', async () => {
  const { client, peer } = await connected();
  const heard: Buffer[] = [];
  client.on('data', (chunk: Buffer) => heard.push(chunk));
  const closed = once(client, 'close');
  peer.end('goodbye');
  await closed;
  expect(Buffer.concat(heard).toString()).toBe('goodbye');
});

test('delayed: later, and in order when the delay is taken away', async () => {
  proxy.link = { state: 'delayed', amount: 150 };
  const { client, got } = await connected();
  const at = Date.now();
  client.write('first ');
  await expect.poll(() => got().toString()).toBe('first ');
  expect(Date.now() - at).toBeGreaterThanOrEqual(145);
  proxy.link = { state: 'delayed', amount: 60_000 };
  client.write('second ');
  await new Promise((resolve) => setTimeout(resolve, 50));
  proxy.link = { state: 'plain', amount: 0 };
  client.write('third');
  await expect.poll(() => got().toString()).toBe('first second third');
});

test('frozen: nothing comes through, nothing is lost', async () => {
  const { client, got } = await connected();
  proxy.link = { state: 'frozen', amount: 0 };
  client.write(pattern(300_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(got().length).toBe(0);
  proxy.link = { state: 'plain', amount: 0 };
  await expect.poll(() => got().length).toBe(300_000);
  expect(got().equals(pattern(300_000))).toBe(true);
});

test('throttled: no faster than it says', async () => {
  const { client, got } = await connected();
  proxy.link = { state: 'throttled', amount: 100_000 };
  const at = Date.now();
  client.write(pattern(40_000));
  await expect.poll(() => got().length, { timeout: 5000 }).toBe(40_000);
  // The first piece goes at once.
  expect(Date.now() - at).toBeGreaterThanOrEqual(350);
  expect(got().equals(pattern(40_000))).toBe(true);
});

test('cut: open connections are closed, new ones as well, until it is plain again', async () => {
  const { client } = await connected();
  const closed = once(client, 'close');
  proxy.link = { state: 'cut', amount: 0 };
  await closed;
  const second = connect(proxy.port, '127.0.0.1');
  second.on('error', () => undefined);
  await once(second, 'close');
  proxy.link = { state: 'plain', amount: 0 };
  const { client: third, got } = await connected();
  third.write('again');
  await expect.poll(() => got().toString()).toBe('again');
});
