// Searching a queue: finds by key, properties and payload, goes on where it ended, and changes nothing.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MessageRow } from '../../broker/contract/rows.ts';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

interface Found {
  items: MessageRow[];
  scanned: number;
  next: number | null;
  ready: number;
}

let under: NodeUnderTest;

beforeEach(async () => {
  under = await startNode();
  await call('queues.declare', { vhost: '/', name: 'orders' });
});

afterEach(() => under.dispose());

const call = (
  name: 'queues.declare' | 'messages.publish' | 'messages.search' | 'messages.peek',
  input: object,
) => under.node.management.call(name, input, { user: 'guest' }) as Promise<unknown>;

const publish = (body: string | Uint8Array, properties: object = {}) =>
  call('messages.publish', {
    vhost: '/',
    exchange: '',
    routingKey: 'orders',
    properties,
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
  });

const search = (input: object) =>
  call('messages.search', { vhost: '/', queue: 'orders', ...input }) as Promise<Found>;

test('finds text in payloads and headers whatever the case of its letters A to Z, and only where it is asked', async () => {
  await publish('{"customer":"Zoë Müller"}');
  await publish('nothing here', { headers: { tenant: 'ACME' } });
  await publish(new Uint8Array([0xff, 0x00, 0x61, 0x63, 0x6d, 0x65]));
  const indexes = async (input: object) => (await search(input)).items.map(({ index }) => index);
  expect(await indexes({ text: 'ZOë MüLLER' })).toEqual([0]);
  expect(await indexes({ text: 'acme' })).toEqual([1, 2]);
  expect(await indexes({ text: 'acme', where: 'properties' })).toEqual([1]);
  expect(await indexes({ text: 'acme', where: 'payload' })).toEqual([2]);
  expect(await indexes({ text: 'ORDERS', where: 'routing-key' })).toEqual([0, 1, 2]);
  expect(await indexes({ text: 'not there' })).toEqual([]);
});

test('stops at the limit, says where to go on, and leaves the queue as it was', async () => {
  for (let index = 0; index < 5; index++) await publish(index % 2 === 0 ? 'wanted' : 'other');
  const first = await search({ text: 'wanted', limit: 2 });
  expect(first).toMatchObject({ scanned: 3, next: 3, ready: 5 });
  const rest = await search({ text: 'wanted', limit: 2, offset: first.next });
  expect(rest).toMatchObject({ scanned: 2, next: null });
  expect(rest.items.map(({ index }) => index)).toEqual([4]);
  const peeked = (await call('messages.peek', { vhost: '/', queue: 'orders' })) as { items: MessageRow[] };
  expect(peeked.items.map(({ redelivered }) => redelivered)).toEqual([false, false, false, false, false]);
});
