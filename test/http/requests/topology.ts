// Exchanges, queues, bindings and messages over HTTP: declared, compared, listed, paged, published, fetched, deleted.
import type { HttpTalks } from '../http-script.ts';

type Rows = { name: string }[];
const names = (rows: Rows) => rows.map((row) => row.name);
const pageOfNames = (page: { items: Rows }) => ({ ...page, items: names(page.items) });

export const topology: HttpTalks = {
  'exchanges: declared, compared, listed, deleted': async (api) => {
    await api.vhost('hx1');
    await api.put('exchanges/hx1/x', {
      type: 'topic',
      durable: true,
      arguments: { 'alternate-exchange': 'y' },
    });
    await api.put('exchanges/hx1/x', {
      type: 'topic',
      durable: true,
      arguments: { 'alternate-exchange': 'y' },
    });
    await api.put('exchanges/hx1/x', { type: 'direct' });
    await api.get('exchanges/hx1/x');
    await api.get('exchanges/hx1');
    await api.get('exchanges/hx1', { pick: names });
    await api.delete('exchanges/hx1/x');
    await api.delete('exchanges/hx1/x');
    await api.get('exchanges/hx1/x');
    await api.get('exchanges/nowhere');
    await api.get('exchanges/nowhere/x');
  },
  'exchanges: with defaults, and with booleans as text': async (api) => {
    await api.vhost('hx2');
    await api.put('exchanges/hx2/a', {});
    await api.put('exchanges/hx2/b', {
      type: 'fanout',
      durable: 'false',
      auto_delete: 'true',
      internal: 'true',
    });
    await api.get('exchanges/hx2/b');
    await api.put('exchanges/hx2/c', { type: 'fanout', durable: 'maybe' });
    await api.put('exchanges/hx2/d', { type: 'fanout', arguments: { a: [1, 'x', { b: true }], c: 1.5 } });
    await api.get('exchanges/hx2/d');
  },
  'exchanges: wrong ones': async (api) => {
    await api.vhost('hx3');
    await api.put('exchanges/hx3/x', { type: 'telepathy' });
    await api.put('exchanges/hx3/amq.mine', { type: 'direct' });
    await api.put('exchanges/hx3/amq.default', { type: 'direct' });
    await api.delete('exchanges/hx3/amq.direct');
    await api.delete('exchanges/hx3/amq.default');
    await api.put('exchanges/hx3/x', { type: 'direct', arguments: { 'alternate-exchange': 5 } });
    await api.put('exchanges/hx3/x', { type: 'direct', arguments: 'none' });
    await api.request('PUT', 'exchanges/hx3/x', { text: '{' });
    await api.put('exchanges/nowhere/x', { type: 'direct' });
    await api.get('exchanges/hx3/amq.default');
    await api.request('POST', 'exchanges/hx3/x', { body: {} });
  },
  'exchanges: if-unused': async (api) => {
    await api.vhost('hx4');
    await api.put('exchanges/hx4/x', { type: 'fanout' });
    await api.put('queues/hx4/q', {});
    await api.post('bindings/hx4/e/x/q/q', {});
    await api.delete('exchanges/hx4/x?if-unused=true');
    await api.delete('queues/hx4/q');
    await api.delete('exchanges/hx4/x?if-unused=true');
  },
  'queues: declared, compared, listed, deleted': async (api) => {
    await api.vhost('hq1');
    await api.put('queues/hq1/q', { durable: true, arguments: { 'x-max-length': 10 } });
    await api.put('queues/hq1/q', { durable: true, arguments: { 'x-max-length': 10 } });
    await api.put('queues/hq1/q', { durable: true, arguments: { 'x-max-length': 11 } });
    await api.put('queues/hq1/q', { durable: false });
    await api.eventually('queues/hq1/q', (row: { messages?: number }) => row.messages !== undefined);
    await api.eventually('queues/hq1', (rows: { messages?: number }[]) => rows[0]?.messages !== undefined);
    await api.delete('queues/hq1/q');
    await api.delete('queues/hq1/q');
    await api.get('queues/hq1/q');
    await api.get('queues/nowhere');
    await api.get('queues/nowhere/q');
    await api.put('queues/nowhere/q', {});
    await api.delete('queues/nowhere/q');
  },
  'queues: with defaults, and wrong ones': async (api) => {
    await api.vhost('hq2');
    await api.put('queues/hq2/a', {});
    await api.put('queues/hq2/b', { auto_delete: 'true', durable: 'false' });
    await api.put('queues/hq2/c', { durable: 'yes' });
    await api.put('queues/hq2/amq.mine', {});
    await api.put('queues/hq2/d', { arguments: { 'x-max-length': -1 } });
    await api.put('queues/hq2/e', { arguments: { 'x-queue-type': 'odd' } });
    await api.put('queues/hq2/f', { arguments: { 'x-dead-letter-exchange': '', 'x-overflow': 'drop-head' } });
    await api.request('PUT', 'queues/hq2/g', { text: 'x' });
    await api.request('PUT', 'queues/hq2/h', { text: '' });
    await api.put('queues/hq2/i', { node: 'nowhere@none' });
    await api.get('queues/hq2', { pick: names });
  },
  'queues: if-empty and if-unused': async (api) => {
    await api.vhost('hq3');
    await api.put('queues/hq3/q', {});
    await api.post('exchanges/hq3/amq.default/publish', {
      properties: {},
      routing_key: 'q',
      payload: 'x',
      payload_encoding: 'string',
    });
    await api.delete('queues/hq3/q?if-empty=true');
    await api.delete('queues/hq3/q/contents');
    await api.delete('queues/hq3/q?if-empty=true&if-unused=true');
    await api.delete('queues/hq3/q/contents');
  },
  'queues: actions': async (api) => {
    await api.vhost('hq4');
    await api.put('queues/hq4/q', {});
    await api.post('queues/hq4/q/actions', { action: 'sync' });
    await api.post('queues/hq4/q/actions', { action: 'cancel_sync' });
    await api.post('queues/hq4/q/actions', { action: 'dance' });
    await api.post('queues/hq4/q/actions', {});
    await api.post('queues/hq4/none/actions', { action: 'sync' });
  },
  'queues: paged, filtered, sorted, cut': async (api) => {
    await api.vhost('hq5');
    for (const name of ['b.2', 'a.1', 'c.3', 'B.4']) await api.quietly('PUT', `queues/hq5/${name}`, {});
    await api.get('queues/hq5', { pick: names });
    await api.get('queues/hq5?page=1&page_size=2', { pick: pageOfNames });
    await api.get('queues/hq5?page=2&page_size=3', { pick: pageOfNames });
    await api.get('queues/hq5?page=1', { pick: pageOfNames });
    await api.get('queues/hq5?page=1&page_size=10&name=B', { pick: pageOfNames });
    await api.get('queues/hq5?page=1&page_size=10&name=b', { pick: pageOfNames });
    await api.get('queues/hq5?page=1&page_size=10&name=%5E%5Bab%5D&use_regex=true', { pick: pageOfNames });
    await api.get('queues/hq5?page=1&page_size=10&name=nothing', { pick: pageOfNames });
    await api.get('queues/hq5?page=1&page_size=10&name=&use_regex=false', { pick: pageOfNames });
    await api.get('queues/hq5?name=b', { pick: names });
    await api.get('queues/hq5?sort=name&sort_reverse=true', { pick: names });
    await api.get('queues/hq5?sort=name&sort_reverse=false', { pick: names });
    await api.get('queues/hq5?sort=nothing', { pick: names });
    await api.get('queues/hq5?page=1&page_size=2&sort=name&sort_reverse=true', { pick: pageOfNames });
    await api.get('queues/hq5?columns=name,durable');
    await api.get('queues/hq5?page=1&page_size=1&columns=name');
    await api.get('queues/hq5/a.1?columns=name,vhost,nothing');
    await api.get('queues/hq5?page=3&page_size=2');
    await api.get('queues/hq5?page=0&page_size=2');
    await api.get('queues/hq5?page=-1&page_size=2');
    await api.get('queues/hq5?page=one&page_size=2');
    await api.get('queues/hq5?page=1&page_size=0');
    await api.get('queues/hq5?page=1&page_size=501');
    await api.get('queues/hq5?page=1&page_size=ten');
    await api.get('queues/hq5?page_size=2', { pick: names });
    await api.get('queues/hq5?page=1&page_size=10&name=%5B&use_regex=true');
    await api.get('exchanges/hq5?page=1&page_size=3', { pick: pageOfNames });
  },
  'bindings: made, listed, deleted': async (api) => {
    await api.vhost('hb1');
    await api.put('exchanges/hb1/x', { type: 'headers' });
    await api.put('exchanges/hb1/y', { type: 'fanout' });
    await api.put('queues/hb1/q', {});
    await api.post('bindings/hb1/e/x/q/q', { routing_key: 'a.b/#c', arguments: {} });
    await api.post('bindings/hb1/e/x/q/q', {});
    await api.post('bindings/hb1/e/x/q/q', { routing_key: 'k', arguments: { 'x-match': 'any', h: 1 } });
    await api.post('bindings/hb1/e/x/e/y', { routing_key: 'k2' });
    await api.get('bindings/hb1');
    await api.get('bindings/hb1/e/x/q/q');
    await api.get('bindings/hb1/e/x/e/y');
    await api.get('exchanges/hb1/x/bindings/source');
    await api.get('exchanges/hb1/y/bindings/destination');
    await api.get('queues/hb1/q/bindings');
    await api.get('bindings/hb1/e/x/e/y/k2');
    await api.get('bindings/hb1/e/x/q/q/~');
    await api.get('bindings/hb1/e/x/q/q/a.b%252F%2523c');
    await api.get('bindings/hb1/e/amq.default/q/q');
    await api.get('bindings/hb1/e//q/q/q');
    await api.delete('bindings/hb1/e/x/e/y/k2');
    await api.delete('bindings/hb1/e/x/e/y/k2');
    await api.delete('bindings/hb1/e/x/q/q/~');
    await api.get('bindings/hb1/e/x/q/q', { pick: (rows: unknown[]) => rows.length });
    await api.get('bindings/hb1/e/x/q/none');
    await api.get('bindings/hb1/e/none/q/q');
    await api.get('bindings/nowhere');
  },
  'bindings: wrong ones': async (api) => {
    await api.vhost('hb2');
    await api.put('queues/hb2/q', {});
    await api.put('exchanges/hb2/h', { type: 'headers' });
    await api.post('bindings/hb2/e/none/q/q', { routing_key: 'k' });
    await api.post('bindings/hb2/e/h/q/none', { routing_key: 'k' });
    await api.post('bindings/hb2/e/amq.default/q/q', { routing_key: 'k' });
    await api.post('bindings/hb2/e/h/q/q', { routing_key: 'k', arguments: { 'x-match': 'odd' } });
    await api.post('bindings/hb2/e/h/z/q', { routing_key: 'k' });
    await api.post('bindings/nowhere/e/h/q/q', { routing_key: 'k' });
    await api.request('POST', 'bindings/hb2/e/h/q/q', { text: '{' });
    await api.delete('bindings/hb2/e/amq.default/q/q/q');
  },
  'messages: published and fetched': async (api) => {
    await api.vhost('hm1');
    await api.put('queues/hm1/q', {});
    const publish = (body: Record<string, unknown>) =>
      api.post('exchanges/hm1/amq.default/publish', {
        properties: {},
        routing_key: 'q',
        payload: 'text',
        payload_encoding: 'string',
        ...body,
      });
    const fetch = (body: Record<string, unknown>) =>
      api.post('queues/hm1/q/get', { count: 5, ackmode: 'ack_requeue_false', encoding: 'auto', ...body });
    await publish({});
    await publish({ payload: btoa('\u00ff\u0000bytes'), payload_encoding: 'base64' });
    await publish({ routing_key: 'nowhere' });
    await publish({
      properties: {
        delivery_mode: 2,
        headers: { a: 1, b: 'two', c: [1, { d: true }], e: 1.5, f: null },
        content_type: 'text/plain',
        content_encoding: 'utf-8',
        priority: 3,
        correlation_id: 'c',
        reply_to: 'r',
        expiration: '60000',
        message_id: 'm',
        timestamp: 1_700_000_000,
        type: 't',
        user_id: 'guest',
        app_id: 'app',
        cluster_id: 'cl',
      },
    });
    await fetch({ ackmode: 'ack_requeue_true' });
    await fetch({ ackmode: 'reject_requeue_true', count: 1 });
    await fetch({ truncate: 2, count: 1, ackmode: 'ack_requeue_true' });
    await fetch({ encoding: 'base64', count: 1, ackmode: 'ack_requeue_true' });
    await fetch({ ackmode: 'reject_requeue_false', count: 1 });
    await fetch({});
    await fetch({});
    await fetch({ count: 0 });
  },
  'messages: wrong ones': async (api) => {
    await api.vhost('hm2');
    await api.put('queues/hm2/q', {});
    const good = { properties: {}, routing_key: 'q', payload: 'x', payload_encoding: 'string' };
    await api.post('exchanges/hm2/none/publish', good);
    await api.post('exchanges/nowhere/amq.default/publish', good);
    for (const key of Object.keys(good))
      await api.post('exchanges/hm2/amq.default/publish', { ...good, [key]: undefined });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, payload_encoding: 'rot13' });
    await api.post('exchanges/hm2/amq.default/publish', {
      ...good,
      payload: '%%%',
      payload_encoding: 'base64',
    });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, properties: { user_id: 'somebody' } });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, properties: { expiration: 'soon' } });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, properties: { priority: 'high' } });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, properties: { unknown: 'x' } });
    await api.post('exchanges/hm2/amq.default/publish', { ...good, properties: 'none' });
    await api.post('exchanges/hm2/amq.rabbitmq.trace/publish', good);
    const get = { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' };
    await api.post('queues/hm2/none/get', get);
    await api.post('queues/nowhere/q/get', get);
    for (const key of Object.keys(get)) await api.post('queues/hm2/q/get', { ...get, [key]: undefined });
    await api.post('queues/hm2/q/get', { ...get, ackmode: 'perhaps' });
    await api.post('queues/hm2/q/get', { ...get, encoding: 'rot13' });
    await api.post('queues/hm2/q/get', { ...get, count: 'many' });
    await api.post('queues/hm2/q/get', { ...get, count: -1 });
    await api.post('queues/hm2/q/get', { ...get, truncate: 'x' });
    await api.request('GET', 'queues/hm2/q/get');
    await api.request('GET', 'exchanges/hm2/amq.default/publish');
    await api.request('GET', 'queues/hm2/q/contents');
  },
  'definitions: out and in, of a virtual host': async (api) => {
    await api.vhost('hd1');
    await api.put('exchanges/hd1/x', { type: 'topic', arguments: { 'alternate-exchange': 'amq.fanout' } });
    await api.put('queues/hd1/q', { arguments: { 'x-max-length': 10, 'x-dead-letter-exchange': 'x' } });
    await api.post('bindings/hd1/e/x/q/q', { routing_key: 'k', arguments: { n: 1 } });
    await api.put('policies/hd1/p', {
      pattern: '^q',
      definition: { 'message-ttl': 5 },
      'apply-to': 'queues',
    });
    const definitions = await api.get('definitions/hd1');
    await api.vhost('hd2');
    await api.post('definitions/hd2', definitions);
    await api.get('definitions/hd2');
    await api.post('definitions/hd2', definitions);
    await api.get('definitions/nowhere');
    await api.post('definitions/nowhere', definitions);
  },
  'definitions: in, of the whole broker': async (api) => {
    for (const user of ['hd3']) api.atEnd(() => api.quietly('DELETE', `users/${user}`));
    api.atEnd(() => api.quietly('DELETE', 'vhosts/hd3'));
    await api.post('definitions', {
      users: [{ name: 'hd3', password: 'hd3', tags: 'management' }],
      vhosts: [{ name: 'hd3' }],
      permissions: [{ user: 'hd3', vhost: 'hd3', configure: '.*', write: '.*', read: '.*' }],
      queues: [{ name: 'q', vhost: 'hd3', durable: true, auto_delete: false, arguments: {} }],
      exchanges: [
        {
          name: 'x',
          vhost: 'hd3',
          type: 'fanout',
          durable: true,
          auto_delete: false,
          internal: false,
          arguments: {},
        },
      ],
      bindings: [
        {
          source: 'x',
          vhost: 'hd3',
          destination: 'q',
          destination_type: 'queue',
          routing_key: '',
          arguments: {},
        },
      ],
    });
    await api.get('whoami', { as: 'hd3:hd3' });
    await api.get('queues/hd3', { as: 'hd3:hd3', pick: names });
    await api.get('bindings/hd3', { as: 'hd3:hd3' });
  },
  'definitions: wrong ones': async (api) => {
    await api.vhost('hd4');
    await api.request('POST', 'definitions', { text: '{' });
    await api.request('POST', 'definitions', { text: '[]' });
    await api.post('definitions', {});
    await api.post('definitions', { queues: [{ name: 'q' }] });
    await api.post('definitions', {
      queues: [{ name: 'q', vhost: 'hd-nowhere', durable: true, auto_delete: false, arguments: {} }],
    });
    await api.post('definitions', {
      exchanges: [
        {
          name: 'x',
          vhost: 'hd4',
          type: 'odd',
          durable: true,
          auto_delete: false,
          internal: false,
          arguments: {},
        },
      ],
    });
    await api.post('definitions/hd4', {
      bindings: [
        {
          source: 'none',
          destination: 'none',
          destination_type: 'queue',
          routing_key: '',
          arguments: {},
        },
      ],
    });
    await api.post('definitions', { users: [{ name: 'hd4' }] });
  },
};
