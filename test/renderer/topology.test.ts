// What is drawn of a virtual host, and where: every way of a message, nothing on top of another, nothing moved that
// was placed (R8, R28).
import { describe, expect, test } from 'vitest';
import type {
  BindingRow,
  BlackholeRow,
  ExchangeRow,
  MessageRates,
  QueueRow,
  TopologyGraph,
} from '../../broker/contract/rows.ts';
import { arrange } from '../../renderer/topology/arrange.ts';
import { flowsOf, widthOf } from '../../renderer/topology/flows.ts';
import { nodeHeight, nodeOf, nodeWidth, shapeOf, shortened } from '../../renderer/topology/graph.ts';
import { freePlace, placesFor } from '../../renderer/topology/placing.ts';

const noRates: MessageRates = {
  publish: 0,
  confirm: 0,
  deliver: 0,
  deliverNoAck: 0,
  get: 0,
  getNoAck: 0,
  getEmpty: 0,
  ack: 0,
  redeliver: 0,
  returnUnroutable: 0,
  dropUnroutable: 0,
};

const exchange = (name: string, more: Partial<ExchangeRow> = {}): ExchangeRow => ({
  vhost: '/',
  name,
  type: 'topic',
  durable: true,
  autoDelete: false,
  internal: false,
  arguments: {},
  policy: null,
  alternateExchange: null,
  publishInRate: 0,
  publishOutRate: 0,
  publishInTotal: 0,
  publishOutTotal: 0,
  unroutedTotal: 0,
  unroutedRate: 0,
  ...more,
});

const queue = (name: string, more: Partial<QueueRow> = {}): QueueRow => ({
  vhost: '/',
  name,
  type: 'classic',
  durable: true,
  exclusive: false,
  autoDelete: false,
  arguments: {},
  policy: null,
  operatorPolicy: null,
  policyDefinition: {},
  effectiveArguments: {},
  state: 'running',
  messagesReady: 0,
  messagesUnacknowledged: 0,
  messages: 0,
  messagesPersistent: 0,
  bytesReady: 0,
  bytesUnacknowledged: 0,
  consumers: 0,
  consumerCapacity: 0,
  ownerConnection: null,
  exclusiveConsumerTag: null,
  singleActiveConsumerTag: null,
  oldestMessageAgeMs: null,
  headMessageTimestamp: null,
  idleSince: null,
  outRate: 0,
  rates: noRates,
  totals: noRates,
  ...more,
});

const binding = (
  source: string,
  destination: string,
  routingKey = '',
  more: Partial<BindingRow> = {},
): BindingRow => ({
  vhost: '/',
  source,
  destination,
  destinationType: 'queue',
  routingKey,
  arguments: {},
  propertiesKey: routingKey || '~',
  ...more,
});

const hole = (name: string, routingKey: string): BlackholeRow => ({
  vhost: '/',
  exchange: name,
  routingKey,
  count: 1,
  lastAt: 0,
});

const graph = (parts: Partial<TopologyGraph>): TopologyGraph => ({
  vhost: '/',
  exchanges: [],
  queues: [],
  bindings: [],
  blackholes: [],
  revision: 1,
  ...parts,
});

const all = { builtIn: false, deadLetters: true };

describe('the shape', () => {
  test('one edge per pair, with its first key and how many more', () => {
    const { edges } = shapeOf(
      graph({
        exchanges: [exchange('orders'), exchange('audit', { type: 'headers' })],
        queues: [queue('eu'), queue('all')],
        bindings: [
          binding('orders', 'eu', 'eu.#'),
          binding('orders', 'eu', 'uk.#'),
          binding('audit', 'all', '', { arguments: { 'x-match': 'any', level: 'high' } }),
          binding('', 'eu', 'eu'),
        ],
      }),
      all,
    );
    expect(edges.map(({ id, label, bindings }) => [id, label, bindings.length])).toEqual([
      ['exchange:orders -> queue:eu', 'eu.# +1', 2],
      ['exchange:audit -> queue:all', 'level=high', 1],
    ]);
  });

  test('predeclared exchanges only when bound, dropping, or asked for', () => {
    const exchanges = ['', 'amq.topic', 'amq.direct', 'amq.fanout', 'own'].map((name) => exchange(name));
    const parts = {
      exchanges,
      queues: [queue('q')],
      bindings: [binding('amq.topic', 'q')],
      blackholes: [hole('amq.direct', 'lost')],
    };
    const names = (options: typeof all) =>
      shapeOf(graph(parts), options)
        .nodes.filter(({ kind }) => kind === 'exchange')
        .map(({ name }) => name);
    expect(names(all)).toEqual(['amq.topic', 'amq.direct', 'own']);
    expect(names({ ...all, builtIn: true })).toEqual(['amq.topic', 'amq.direct', 'amq.fanout', 'own']);
  });

  test('R28: what an exchange drops is drawn as a place of its own', () => {
    const { nodes, edges } = shapeOf(
      graph({ exchanges: [exchange('')], blackholes: [hole('', 'nobody'), hole('', 'nothing')] }),
      all,
    );
    expect(nodes.map(({ id }) => id)).toEqual(['exchange:', 'blackhole:']);
    expect(edges).toMatchObject([{ kind: 'dropped', source: 'exchange:', target: 'blackhole:' }]);
  });

  test('alternate exchanges and dead letters are ways as well, while both ends are there', () => {
    const parts = {
      exchanges: [exchange('shipping', { alternateExchange: 'rest' }), exchange('rest'), exchange('dlx')],
      queues: [
        queue('work', { effectiveArguments: { 'x-dead-letter-exchange': 'dlx' } }),
        queue('retry', {
          effectiveArguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'work' },
        }),
        queue('lost', { effectiveArguments: { 'x-dead-letter-exchange': 'gone' } }),
      ],
    };
    const ways = (options: typeof all) =>
      shapeOf(graph(parts), options).edges.map(({ kind, source, target }) => [kind, source, target]);
    expect(ways(all)).toEqual([
      ['alternate', 'exchange:shipping', 'exchange:rest'],
      ['dead-letter', 'queue:work', 'exchange:dlx'],
      ['dead-letter', 'queue:retry', 'queue:work'],
    ]);
    expect(ways({ ...all, deadLetters: false })).toHaveLength(1);
  });

  test('names with colons are found again, long keys keep both ends', () => {
    expect(nodeOf('queue:a:b')).toEqual({ kind: 'queue', name: 'a:b' });
    expect(shortened('orders.created.in.europe.today', 20)).toBe('orders.create….today');
    expect(shortened('short', 20)).toBe('short');
  });
});

describe('flows', () => {
  const shape = (parts: Partial<TopologyGraph>) => {
    const whole = graph(parts);
    return Object.fromEntries(flowsOf(whole, shapeOf(whole, all).edges));
  };
  const flowing = (publish: number) => ({ rates: { ...noRates, publish } });

  test('are known where one end tells, and at most something where it does not', () => {
    const flows = shape({
      exchanges: [
        exchange('a', { publishInRate: 100 }),
        exchange('b', { publishInRate: 50 }),
        exchange('f', { type: 'fanout', publishInRate: 7 }),
      ],
      queues: [
        queue('only-a', flowing(30)),
        queue('both', flowing(80)),
        queue('f1', flowing(9)),
        queue('quiet'),
      ],
      bindings: [
        binding('a', 'only-a', '1'),
        binding('a', 'both', '2'),
        binding('b', 'both', '3'),
        binding('f', 'f1'),
        binding('a', 'quiet', '4'),
      ],
    });
    expect(flows).toEqual({
      'exchange:a -> queue:only-a': { rate: 30, most: 30 },
      'exchange:a -> queue:both': { rate: null, most: 80 },
      'exchange:b -> queue:both': { rate: null, most: 50 },
      'exchange:f -> queue:f1': { rate: 7, most: 7 },
      'exchange:a -> queue:quiet': { rate: 0, most: 0 },
    });
  });

  test('a wider line is more', () => {
    const widths = [0, 1, 10, 1000, 1e9].map((most) => widthOf({ rate: most, most }));
    expect(widths.toSorted((a, b) => a - b)).toEqual(widths);
    expect(widths.at(-1)).toBe(5);
  });
});

describe('places', () => {
  const overlaps = (places: { x: number; y: number }[]) =>
    places.some((a, i) =>
      places.some((b, j) => i < j && Math.abs(a.x - b.x) < nodeWidth && Math.abs(a.y - b.y) < nodeHeight),
    );

  test('an arrangement puts sources before targets and nothing on top of another', () => {
    const ids = [
      'exchange:x',
      'exchange:y',
      ...Array.from({ length: 30 }, (_, n) => `queue:${n}`),
      'queue:alone',
    ];
    const ways = ids
      .filter((id) => /^queue:\d/.test(id))
      .map((target, n) => ({
        source: n % 2 ? 'exchange:x' : 'exchange:y',
        target,
        kind: 'binding' as const,
      }));
    const layout = arrange(ids, ways);
    expect(Object.keys(layout).sort()).toEqual([...ids].sort());
    expect(overlaps(Object.values(layout))).toBe(false);
    for (const { source, target } of ways) expect(layout[source]!.x).toBeLessThan(layout[target]!.x);
  });

  test('an arrangement of many parts has the form of a screen', () => {
    const ids = Array.from({ length: 20 }, (_, n) => [`exchange:${n}`, `queue:${n}a`, `queue:${n}b`]).flat();
    const ways = Array.from({ length: 20 }, (_, n) =>
      ['a', 'b'].map((end) => ({
        source: `exchange:${n}`,
        target: `queue:${n}${end}`,
        kind: 'binding' as const,
      })),
    ).flat();
    const places = Object.values(arrange(ids, ways));
    const width = Math.max(...places.map(({ x }) => x)) + nodeWidth;
    const height = Math.max(...places.map(({ y }) => y)) + nodeHeight;
    expect(width / height).toBeGreaterThan(0.8);
    expect(width / height).toBeLessThan(2.6);
  });

  test('dead letters going round in a circle do not upset it', () => {
    const ways = [
      { source: 'exchange:x', target: 'queue:q', kind: 'binding' as const },
      { source: 'queue:q', target: 'exchange:x', kind: 'dead-letter' as const },
      { source: 'exchange:x', target: 'exchange:x', kind: 'alternate' as const },
    ];
    expect(Object.keys(arrange(['exchange:x', 'queue:q'], ways))).toHaveLength(2);
    expect(arrange([], [])).toEqual({});
  });

  test('what is new is placed beside what it hangs on; what was placed stays', () => {
    const shape = shapeOf(
      graph({
        exchanges: [exchange('x')],
        queues: [queue('old'), queue('new'), queue('alone')],
        bindings: [binding('x', 'old'), binding('x', 'new')],
      }),
      all,
    );
    const known = { 'exchange:x': { x: 0, y: 0 }, 'queue:old': { x: nodeWidth + 130, y: 0 } };
    const places = placesFor(shape, known, { x: -500, y: -500 });
    expect(places['exchange:x']).toEqual(known['exchange:x']);
    expect(places['queue:old']).toEqual(known['queue:old']);
    expect(places['queue:new']!.x).toBe(nodeWidth + 130);
    expect(places['queue:alone']).toEqual({ x: -500, y: -500 });
    expect(overlaps(Object.values(places))).toBe(false);
  });

  test('a free place is the wanted one where it is free', () => {
    expect(freePlace([], { x: 5, y: 5 })).toEqual({ x: 5, y: 5 });
    expect(freePlace([{ x: 5, y: 5 }], { x: 5, y: 5 }).y).toBeGreaterThan(5 + nodeHeight);
  });
});
