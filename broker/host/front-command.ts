// `warren front`: a relay front alone, before brokers that run elsewhere: RabbitMQ servers or Warren's own (R17, R33c).
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { logTo } from '../base/log.ts';
import {
  addressText,
  frontDefaults,
  parseAddress,
  type Address,
  type FrontSettings,
} from '../pair/front/front-settings.ts';
import { RelayFront, type BackendOptions } from '../pair/front/relay-front.ts';
import { UsageError } from './command-line.ts';

export const frontHelp = `Usage: warren front --listen ADDRESS:PORT --node HOST:PORT --node HOST:PORT [options]

Relays AMQP clients to one of several brokers: the first that is well, then
the next one when that fails. Its clients are cut off at once, so that they
reconnect and find the other.

Options:
  --listen ADDRESS:PORT   where clients connect (default 127.0.0.1:5672)
  --node [NAME=]HOST:PORT a broker; the first one is preferred
  --check KIND            what a broker must do in time: tcp (accept), handshake
                          (connection.start, default) or login (open a virtual
                          host, as --check-user on --check-vhost)
  --check-user NAME:PASSWORD   (default guest:guest)
  --check-vhost NAME      (default /)
  --interval MS           between checks (default ${frontDefaults.intervalMs})
  --fast-interval MS      the same while a check contradicts the last (default ${frontDefaults.fastIntervalMs})
  --timeout MS            for a check and for connecting (default ${frontDefaults.timeoutMs})
  --rise N                checks that bring a broker up (default ${frontDefaults.rise})
  --fall N                failed checks that bring it down (default ${frontDefaults.fall})
  --failback HOW          manual (default): clients stay where they are;
                          automatic: they go back to an earlier broker
  --failback-after MS     once it was well for so long (default ${frontDefaults.failbackAfterMs})
  --connections-max N     (default ${frontDefaults.connectionsMax})
  --status ADDRESS:PORT   GET / answers its status as JSON, POST /use/NAME moves
                          the clients (default: off)
  --help                  print this text
`;

export interface FrontCommand {
  help: boolean;
  listen: Address;
  backends: BackendOptions[];
  settings: FrontSettings;
  status: Address | null;
}

/** Throws UsageError. */
export function parseFrontCommand(args: string[]): FrontCommand {
  const values = valuesOf(args);
  const backends = (values.node ?? []).map((text, index) => backendOf(text, index));
  if (!values.help && backends.length === 0) throw new UsageError('--node: name at least one broker');
  const names = new Set(backends.map(({ name }) => name));
  if (names.size < backends.length) throw new UsageError('--node: two brokers have the same name');
  const [user, password] = split(values['check-user'] ?? 'guest:guest', ':');
  return {
    help: values.help ?? false,
    listen: addressOf('--listen', values.listen ?? '127.0.0.1:5672'),
    backends,
    status: values.status === undefined ? null : addressOf('--status', values.status),
    settings: {
      ...frontDefaults,
      check: oneOf('--check', values.check, ['handshake', 'tcp', 'login']),
      user,
      password,
      vhost: values['check-vhost'] ?? frontDefaults.vhost,
      failback: oneOf('--failback', values.failback, ['manual', 'automatic']),
      intervalMs: numberOf('--interval', values.interval, frontDefaults.intervalMs),
      fastIntervalMs: numberOf('--fast-interval', values['fast-interval'], frontDefaults.fastIntervalMs),
      timeoutMs: numberOf('--timeout', values.timeout, frontDefaults.timeoutMs),
      rise: numberOf('--rise', values.rise, frontDefaults.rise),
      fall: numberOf('--fall', values.fall, frontDefaults.fall),
      failbackAfterMs: numberOf('--failback-after', values['failback-after'], frontDefaults.failbackAfterMs),
      connectionsMax: numberOf('--connections-max', values['connections-max'], frontDefaults.connectionsMax),
    },
  };
}

/** Serves until a signal ends it. */
export async function runFront(args: string[]): Promise<void> {
  const command = parseFrontCommand(args);
  if (command.help) return void process.stdout.write(frontHelp);
  const log = logTo((level, message) => {
    if (level !== 'debug') console.log(`${new Date().toISOString()} ${message}`);
  });
  const { listen, backends, settings } = command;
  const front = await RelayFront.start({ listen, backends, settings, rule: 'checked', log });
  console.log(`warren front`);
  console.log(`  AMQP      ${addressText({ ...listen, port: front.port })}`);
  for (const { name, address } of backends) console.log(`  backend   ${name} ${addressText(address!)}`);
  if (command.status)
    console.log(`  status    http://${addressText(await serveStatus(front, command.status))}/`);
  console.log('Ctrl-C stops it.');
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void front.close().then(() => process.exit(0)));
}

async function serveStatus(front: RelayFront, { host, port }: Address): Promise<Address> {
  const server = createServer((request, response) => answer(front, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  const bound = server.address();
  return { host, port: typeof bound === 'object' && bound ? bound.port : port };
}

function answer(front: RelayFront, request: IncomingMessage, response: ServerResponse): void {
  const reply = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
  // A page in a browser, which names its origin, has nothing to say here.
  if (request.headers.origin !== undefined) return void reply(403, { reason: 'not for browsers' });
  if (request.method === 'GET' && request.url === '/') return void reply(200, front.status());
  const name = /^\/use\/([^/]+)$/.exec(request.url ?? '')?.[1];
  if (request.method !== 'POST' || name === undefined) return void reply(404, { reason: 'not found' });
  try {
    front.use(decodeURIComponent(name));
    reply(200, front.status());
  } catch (error) {
    reply(409, { reason: error instanceof Error ? error.message : String(error) });
  }
}

function valuesOf(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: {
        help: { type: 'boolean', short: 'h' },
        listen: text,
        node: { type: 'string', multiple: true },
        check: text,
        'check-user': text,
        'check-vhost': text,
        interval: text,
        'fast-interval': text,
        timeout: text,
        rise: text,
        fall: text,
        failback: text,
        'failback-after': text,
        'connections-max': text,
        status: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function backendOf(text: string, index: number): BackendOptions {
  const named = /^([^=:]+)=(.*)$/.exec(text);
  return { name: named?.[1] ?? String(index + 1), address: addressOf('--node', named?.[2] ?? text) };
}

export function addressOf(option: string, text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new UsageError(`${option}: '${text}' is not ADDRESS:PORT`);
  return address;
}

function numberOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 86_400_000)
    throw new UsageError(`${option}: '${text}' is not a number from 1`);
  return value;
}

function oneOf<Word extends string>(
  option: string,
  text: string | undefined,
  words: [Word, ...Word[]],
): Word {
  if (text === undefined) return words[0];
  const word = words.find((each) => each === text);
  if (!word) throw new UsageError(`${option}: '${text}' is not one of ${words.join(', ')}`);
  return word;
}

function split(text: string, at: string): [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}
