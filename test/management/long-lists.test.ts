// Lists of very many rows over the HTTP API: complete, and made a few in each turn, so that others are served meanwhile.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type NodeUnderTest } from '../node-under-test.ts';

const count = 3000;
/** The steps of a turn, with the rows of a step. */
const rowsPerTurnMax = 32 * 8;
let node: NodeUnderTest;

beforeAll(async () => {
  node = await startNode();
  const vhost = node.node.services.vhosts.get('/')!;
  for (let i = 0; i < count; i++) {
    const name = `q.${String(i).padStart(5, '0')}`;
    const request = { name, durable: false, exclusive: false, autoDelete: false, arguments: new Map() };
    vhost.declareQueue(request, null);
    const ends = { source: 'amq.topic', destination: name, destinationType: 'queue' as const };
    void vhost.bind({ ...ends, routingKey: `${i}.#`, arguments: new Map() }, null);
  }
});

afterAll(() => node.dispose());

/** What is answered, and the most queues' rows that were made in one turn of the event loop. */
async function asked(path: string): Promise<{ text: string; most: number }> {
  const { rates } = node.node.management;
  const messageRates = rates.messageRates.bind(rates);
  let [made, most] = [0, 0];
  rates.messageRates = (counters) => {
    made++;
    return messageRates(counters);
  };
  let answered = false;
  const turn = () => {
    most = Math.max(most, made);
    made = 0;
    if (!answered) setImmediate(turn);
  };
  setImmediate(turn);
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const answer = await fetch(`http://127.0.0.1:${node.managementPort}${path}`, {
    headers: { authorization },
  });
  const text = await answer.text();
  answered = true;
  rates.messageRates = messageRates;
  expect([answer.status, path]).toEqual([200, path]);
  return { text, most };
}

describe('a list of very many rows', () => {
  test('queues: made, shaped and written in slices, all of them in order', async () => {
    const { text, most } = await asked('/api/queues');
    const names = (JSON.parse(text) as { name: string }[]).map(({ name }) => name);
    expect(names).toHaveLength(count);
    expect(names).toEqual(names.toSorted());
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(rowsPerTurnMax);
  });

  test('bindings: those of the default exchange as well', async () => {
    const { text } = await asked('/api/bindings');
    expect(JSON.parse(text) as object[]).toHaveLength(2 * count);
  });

  test('a page of them is cut from all, sorted by what was asked for', async () => {
    const { text, most } = await asked('/api/queues?page=2&page_size=10&sort=name&sort_reverse=true');
    const page = JSON.parse(text) as { items: { name: string }[]; total_count: number };
    expect(page.total_count).toBe(count);
    expect(page.items.map(({ name }) => name)).toEqual(
      Array.from({ length: 10 }, (_, i) => `q.${String(count - 11 - i).padStart(5, '0')}`),
    );
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(rowsPerTurnMax);
  });

  test('metrics of each queue', async () => {
    const { text, most } = await asked('/metrics/per-object');
    expect(text.match(/^rabbitmq_queue_messages_ready\{/gm)).toHaveLength(count);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(rowsPerTurnMax);
  });
});
