// The words requests are written in: each is sent, and its answer noted in a form that two servers can be compared by.
import type { Peer } from '../peers/peer.ts';

/** One request and its answer. Strings and booleans of the body stay, numbers become their type, what differs by
 * nature (names of nodes, times, hashes) is blanked. */
export interface Answer {
  request: string;
  status: number;
  body: unknown;
}

export interface RequestOptions {
  body?: unknown;
  /** Sent as it is, in the place of a JSON body. */
  text?: string;
  /** `user:password`, null for none at all; default guest. */
  as?: string | null;
  headers?: Record<string, string>;
  /** What of the body is noted; default all of it. */
  pick?: (body: never) => unknown;
}

export type HttpTalk = (api: HttpScript) => Promise<void>;
export type HttpTalks = Record<string, HttpTalk>;

export class HttpScript {
  readonly answers: Answer[] = [];
  readonly peer: Peer;
  readonly #atEnd: (() => Promise<void>)[] = [];

  constructor(peer: Peer) {
    this.peer = peer;
  }

  get(path: string, options?: RequestOptions): Promise<unknown> {
    return this.request('GET', path, options);
  }

  put(path: string, body: unknown = {}, options: RequestOptions = {}): Promise<unknown> {
    return this.request('PUT', path, { body, ...options });
  }

  post(path: string, body: unknown, options: RequestOptions = {}): Promise<unknown> {
    return this.request('POST', path, { body, ...options });
  }

  delete(path: string, options?: RequestOptions): Promise<unknown> {
    return this.request('DELETE', path, options);
  }

  /** Sends and notes. The answer's body, unchanged. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const { status, body } = await this.#send(method, path, options);
    const picked = options.pick && status < 300 ? options.pick(body as never) : body;
    const as = options.as === undefined ? '' : ` as ${options.as ?? 'nobody'}`;
    this.answers.push({ request: `${method} ${blankedText(path)}${as}`, status, body: noted(picked) });
    return body;
  }

  /** Sends and notes nothing. */
  async quietly(method: string, path: string, body?: unknown): Promise<unknown> {
    return (await this.#send(method, path, { body })).body;
  }

  /** Asks until the answer satisfies, then notes it. RabbitMQ's figures come with a delay. */
  async eventually(
    path: string,
    satisfied: (body: never) => boolean,
    options?: RequestOptions,
  ): Promise<unknown> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { body } = await this.#send('GET', path, options ?? {});
      if (satisfied(body as never) || Date.now() > deadline) return this.get(path, options);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** A virtual host of the script's own, open to guest, deleted at the end. */
  async vhost(name: string): Promise<void> {
    await this.quietly('DELETE', `vhosts/${name}`);
    await this.quietly('PUT', `vhosts/${name}`, {});
    await this.quietly('PUT', `permissions/${name}/guest`, { configure: '.*', write: '.*', read: '.*' });
    this.atEnd(() => this.quietly('DELETE', `vhosts/${name}`));
  }

  /** A user with its name for a password, deleted at the end. */
  async user(name: string, tags: string, vhost?: string, rights = '.*'): Promise<void> {
    await this.quietly('PUT', `users/${name}`, { password: name, tags });
    if (vhost !== undefined)
      await this.quietly('PUT', `permissions/${vhost}/${name}`, {
        configure: rights,
        write: rights,
        read: rights,
      });
    this.atEnd(() => this.quietly('DELETE', `users/${name}`));
  }

  atEnd(action: () => Promise<unknown>): void {
    this.#atEnd.unshift(async () => {
      await action();
    });
  }

  async end(): Promise<void> {
    for (const action of this.#atEnd) await action();
  }

  async #send(
    method: string,
    path: string,
    { body, text, as = 'guest:guest', headers = {} }: RequestOptions,
  ): Promise<{ status: number; body: unknown }> {
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const answer = await fetch(`http://127.0.0.1:${this.peer.managementPort}/api/${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(as === null ? {} : { authorization: `Basic ${btoa(as)}` }),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
    });
    const answered = await answer.text();
    try {
      return { status: answer.status, body: answered === '' ? null : (JSON.parse(answered) as unknown) };
    } catch {
      return { status: answer.status, body: answered };
    }
  }
}

/** Whose values differ from one server, start or second to the next. */
const differing = new Set([
  'cluster_name',
  'connected_at',
  'connection_name',
  'config_files',
  'db_dir',
  'enabled_plugins',
  'erlang_full_version',
  'erlang_version',
  'head_message_timestamp',
  'idle_since',
  'internal_cluster_id',
  'ip',
  'log_files',
  'node',
  'os_pid',
  'password_hash',
  'peer_host',
  'port',
  'product_name',
  'product_version',
  'product',
  'platform',
  'version',
  'copyright',
  'information',
  'management_version',
  'rabbit_version',
  'rabbitmq_version',
  'user_provided_name',
  'user_who_performed_action',
]);

function noted(value: unknown, key = ''): unknown {
  if (value === null) return null;
  if (differing.has(key)) return Array.isArray(value) ? '<list>' : `<${typeof value}>`;
  if (typeof value === 'number') return exact.has(key) ? value : '<number>';
  if (typeof value === 'string') return blankedText(value);
  if (Array.isArray(value)) return value.map((item) => noted(item, key));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [blankedText(name), noted(item, name)]),
  );
}

/** Numbers that say something. */
const exact = new Set([
  'count',
  'delivery_mode',
  'filtered_count',
  'item_count',
  'max-length',
  'max-connections',
  'max-queues',
  'max-channels',
  'message-ttl',
  'message_count',
  'page',
  'page_count',
  'page_size',
  'payload_bytes',
  'prefetch_count',
  'priority',
  'timestamp',
  'total_count',
  'value',
  'x-max-length',
  'x-message-ttl',
]);

export function blankedText(text: string): string {
  return text
    .replace(/\b(oracle\w+|warren)@[\w.-]+/g, '<node>')
    .replace(/127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+/g, '<connection>')
    .replace(/127\.0\.0\.1%3A\d+%20-%3E%20127\.0\.0\.1%3A\d+/g, '<connection>')
    .replace(/port-listener\/\d{4,}/, 'port-listener/<port>')
    .replace(/~[\w-]{6,}$/, '~<hash>')
    .replace(/amq\.(gen|ctag)-[\w-]+/g, 'amq.$1-*');
}
