// The words conversations are written in. Everything heard goes into the transcript, in order; what may come in any
// order is asked for together and sorted.
import { fromPlain, type FieldTable, type TypedValue } from '../../broker/amqp/field-table.ts';
import { methods, type MethodArguments, type MethodName } from '../../broker/amqp/methods.ts';
import type { BasicProperties } from '../../broker/amqp/properties.ts';
import type { Arguments } from '../../broker/contract/rows.ts';
import type { Peer } from '../peers/peer.ts';
import { describe, RawClient, type Heard, type OpenOptions } from './raw-client.ts';

/** Arguments as a conversation writes them: plain tables, and zeroes left out. */
export type Loose<Name extends MethodName> = {
  [Field in keyof MethodArguments<Name>]?: MethodArguments<Name>[Field] extends Map<string, unknown>
    ? Arguments | MethodArguments<Name>[Field]
    : MethodArguments<Name>[Field];
};

/** What both sides take, so that a message may be too large and still small. */
export const messageBytesMax = 1 << 20;

/** One conversation: what is said; what is heard goes into the script's transcript. */
export type Talk = (script: Script) => Promise<void>;

/** Patterns of names; what is left out matches nothing. */
export interface Rights {
  configure?: string;
  write?: string;
  read?: string;
}

export class Script {
  readonly transcript: string[] = [];
  readonly peer: Peer;
  readonly #clients: RawClient[] = [];

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** A connection; its lines carry the name when there are several. */
  async open(name = '', options: OpenOptions = {}): Promise<Party> {
    const client = await RawClient.open(this.peer.amqpPort, options);
    return this.#party(client, name);
  }

  /** A socket that has said nothing yet. */
  async socket(name = ''): Promise<Party> {
    return this.#party(await RawClient.connect(this.peer.amqpPort), name);
  }

  say(line: string): void {
    this.transcript.push(line);
  }

  /** The management API, for what AMQP cannot do. */
  async http(method: string, path: string, body?: unknown, reason?: string): Promise<number> {
    const answer = await this.#request(method, path, body, reason);
    await answer.arrayBuffer();
    return answer.status;
  }

  async httpGet(path: string): Promise<unknown> {
    const answer = await this.#request('GET', path);
    return answer.json();
  }

  #request(method: string, path: string, body?: unknown, reason?: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.peer.managementPort}/api/${path}`, {
      method,
      headers: {
        authorization: `Basic ${btoa('guest:guest')}`,
        'content-type': 'application/json',
        ...(reason === undefined ? {} : { 'x-reason': reason }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  /** Closes every connection of a user, once the management knows of one. */
  async closeConnectionsOf(user: string, reason?: string): Promise<void> {
    for (let i = 0; i < 100; i++) {
      const rows = (await this.httpGet('connections')) as { name: string; user?: string }[];
      const names = rows.filter((row) => row.user === user).map((row) => row.name);
      for (const name of names)
        await this.http('DELETE', `connections/${encodeURIComponent(name)}`, undefined, reason);
      if (names.length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** A user with its password for a name, and its rights in one virtual host (none: no permissions at all). */
  async user(
    name: string,
    rights: Rights | null,
    options: { vhost?: string; tags?: string } = {},
  ): Promise<void> {
    const { vhost = '/', tags = '' } = options;
    await this.http('PUT', `users/${encodeURIComponent(name)}`, { password: name, tags });
    if (rights)
      await this.http('PUT', `permissions/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`, {
        configure: '',
        write: '',
        read: '',
        ...rights,
      });
  }

  /** A virtual host of its own for the conversation, open to guest. */
  async vhost(name: string): Promise<void> {
    await this.http('DELETE', `vhosts/${encodeURIComponent(name)}`);
    await this.http('PUT', `vhosts/${encodeURIComponent(name)}`, {});
    await this.http('PUT', `permissions/${encodeURIComponent(name)}/guest`, {
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  }

  end(): void {
    for (const client of this.#clients) client.destroy();
  }

  #party(client: RawClient, name: string): Party {
    this.#clients.push(client);
    return new Party(client, name === '' ? '' : `${name}: `, this.transcript);
  }
}

export class Party {
  readonly client: RawClient;
  readonly #prefix: string;
  readonly #transcript: string[];

  constructor(client: RawClient, prefix: string, transcript: string[]) {
    this.client = client;
    this.#prefix = prefix;
    this.#transcript = transcript;
  }

  send<Name extends MethodName>(channel: number, name: Name, args: Loose<Name> = {}): void {
    this.client.send(channel, name, filled(name, args));
  }

  /** Sends and notes the next `answers` things heard. */
  async call<Name extends MethodName>(
    channel: number,
    name: Name,
    args: Loose<Name> = {},
    answers = 1,
  ): Promise<Heard> {
    this.send(channel, name, args);
    return this.hear(answers);
  }

  publish(
    channel: number,
    exchange: string,
    routingKey: string,
    body = '',
    properties: Omit<BasicProperties, 'headers'> & { headers?: Arguments } = {},
    flags: { mandatory?: boolean; immediate?: boolean } = {},
  ): void {
    const { headers, ...rest } = properties;
    const given: BasicProperties = headers ? { ...rest, headers: tableOf(headers) } : rest;
    this.client.publish(channel, { exchange, routingKey, ...flags }, Buffer.from(body, 'latin1'), given);
  }

  /** The last line noted. */
  last(): string {
    return this.#transcript.at(-1) ?? '';
  }

  /** Notes the next `count` things heard, in the order they came. Returns the last. */
  async hear(count = 1): Promise<Heard> {
    let last: Heard = { kind: 'silence' };
    for (let i = 0; i < count; i++) {
      last = await this.client.hear();
      this.#transcript.push(this.#prefix + describe(last));
      if (last.kind === 'end' || last.kind === 'silence') break;
    }
    return last;
  }

  /** Notes the next `count` things heard, sorted: their order is not promised. */
  async hearSorted(count: number): Promise<void> {
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      const heard = await this.client.hear();
      lines.push(this.#prefix + describe(heard));
      if (heard.kind === 'end' || heard.kind === 'silence') break;
    }
    this.#transcript.push(...lines.sort());
  }

  /** Notes that nothing comes for a while. */
  async silence(waitMs = 150): Promise<void> {
    const heard = await this.client.hear(waitMs);
    this.#transcript.push(this.#prefix + describe(heard));
  }

  /** Notes what comes, up to `count` things, or that nothing does. */
  async silenceOr(count: number, waitMs = 150): Promise<void> {
    for (let i = 0; i < count; i++) {
      const heard = await this.client.hear(waitMs);
      this.#transcript.push(this.#prefix + describe(heard));
      if (heard.kind === 'silence') return;
    }
  }

  async openChannel(channel: number): Promise<void> {
    await this.call(channel, 'channel.open');
  }

  /** Says goodbye; whatever was still on the way is noted as well. */
  async close(): Promise<void> {
    this.send(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
    for (;;) {
      const heard = await this.hear();
      if (heard.kind !== 'method' || heard.method.name === 'connection.close-ok') return;
    }
  }
}

const zeroes: Record<string, () => unknown> = {
  bit: () => false,
  octet: () => 0,
  short: () => 0,
  long: () => 0,
  longlong: () => 0,
  shortstr: () => '',
  longstr: () => Buffer.alloc(0),
  table: () => new Map(),
};

function filled<Name extends MethodName>(name: Name, args: Loose<Name>): MethodArguments<Name> {
  const given = args as Record<string, unknown>;
  const fields = Object.entries(methods[name].fields as Record<string, string>).map(([field, type]) => {
    const value = given[field] ?? zeroes[type]!();
    return [field, type === 'table' && !(value instanceof Map) ? tableOf(value as Arguments) : value];
  });
  return Object.fromEntries(fields) as MethodArguments<Name>;
}

/** As clients send it: an integer is as wide as it has to be. */
function tableOf(plain: Arguments): FieldTable {
  return new Map([...fromPlain(plain)].map(([name, value]) => [name, narrowed(value)]));
}

function narrowed(field: TypedValue): TypedValue {
  if (field.type === 'l' && Number(field.value) === (Number(field.value) | 0))
    return { type: 'I', value: Number(field.value) };
  if (field.type === 'A') return { type: 'A', value: field.value.map(narrowed) };
  if (field.type === 'F')
    return { type: 'F', value: new Map([...field.value].map(([name, value]) => [name, narrowed(value)])) };
  return field;
}
