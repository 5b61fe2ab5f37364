// The demo's clients that Debian brings: pika in Python processes that print JSON lines, and amqp-tools, whose
// programs know neither confirms nor reconnecting: a shell loop does that for them.
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { AuditSink } from '../../broker/lab/audit.ts';
import { labelledBody, labelOf } from '../../broker/lab/message-label.ts';
import {
  consumerName,
  holds,
  pause,
  type DemoClient,
  type DemoClientKind,
  type DemoContext,
} from './demo-client.ts';
import { Outbox } from './outbox.ts';

const python = '/usr/bin/python3';
const pikaScript = fileURLToPath(new URL('pika_client.py', import.meta.url));
const pikaInstalled = existsSync(python) && existsSync('/usr/lib/python3/dist-packages/pika');
const retryMs = 20;

export const pikaKind: DemoClientKind = {
  name: 'pika',
  missing: pikaInstalled ? null : 'the Debian package python3-pika',
  confirms: true,
  start: (context) => new PikaClient(context),
};

type Python = ChildProcessByStdio<Writable, Readable, null>;

interface PikaEvent {
  event: 'connected' | 'disconnected' | 'published' | 'confirmed' | 'received' | 'acked' | 'done';
  at: number;
  sequence: number;
  producer: string;
  redelivered: boolean;
}

class PikaClient implements DemoClient {
  readonly #context: DemoContext;
  readonly #producer: Python;
  readonly #consumer: Python;
  #done = false;

  constructor(context: DemoContext) {
    this.#context = context;
    this.#producer = this.#run('producer', context.name);
    this.#consumer = this.#run('consumer', consumerName(context.name));
  }

  async finish(): Promise<void> {
    this.#producer.stdin.write('finish\n');
    await holds(() => this.#done);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#producer, this.#consumer].map(ended));
  }

  #run(role: string, client: string): Python {
    const { port, name, queue, audit } = this.#context;
    const child = spawn(python, [pikaScript, role, String(port), name, queue, '80'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as PikaEvent;
      if (said.event === 'done') this.#done = true;
      else report(audit, client, said);
    });
    return child;
  }
}

function report(audit: AuditSink, client: string, said: PikaEvent): void {
  const at = Math.round(said.at);
  switch (said.event) {
    case 'connected':
      return audit.connected(client, at);
    case 'disconnected':
      return audit.disconnected(client, at);
    case 'published':
      return audit.published(client, said.sequence, at);
    case 'confirmed':
      return audit.confirmed(client, said.sequence, at);
    case 'received':
      return audit.received(client, said.producer, said.sequence, said.redelivered, at);
    case 'acked':
      return audit.acked(client, said.producer, said.sequence, at);
    case 'done':
      return;
  }
}

function ended(child: Python): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const impatient = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.once('exit', () => {
      clearTimeout(impatient);
      resolve();
    });
    child.stdin.end();
  });
}

const amqpPublish = '/usr/bin/amqp-publish';
const amqpConsume = '/usr/bin/amqp-consume';
const amqpDeclareQueue = '/usr/bin/amqp-declare-queue';

export const amqpToolsKind: DemoClientKind = {
  name: 'amqp-tools',
  missing: existsSync(amqpPublish) && existsSync(amqpConsume) ? null : 'the Debian package amqp-tools',
  confirms: false,
  start: (context) => new AmqpToolsClient(context),
};

class AmqpToolsClient implements DemoClient {
  readonly #context: DemoContext;
  readonly #url: string;
  readonly #outbox: Outbox;
  readonly #running: Promise<void>[];
  #stopped = false;
  #killConsumer: () => void = () => undefined;

  constructor(context: DemoContext) {
    this.#context = context;
    this.#url = `amqp://guest:guest@${context.host}:${context.port}`;
    this.#outbox = new Outbox(context.name, 10, context.audit);
    this.#running = [this.#produce(), this.#consume()];
  }

  async finish(): Promise<void> {
    this.#outbox.finish();
    await holds(() => this.#outbox.isDone);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#killConsumer();
    await Promise.all(this.#running);
  }

  async #produce(): Promise<void> {
    const { name, queue, audit } = this.#context;
    while (!this.#stopped) {
      const sequence = this.#outbox.next(1);
      if (sequence === null) {
        await pause(10);
        continue;
      }
      const body = labelledBody({ producer: name, sequence }).toString();
      if (await succeeds(amqpPublish, ['-u', this.#url, '-r', queue, '-p', '-b', body])) {
        audit.connected(name, Date.now());
        this.#outbox.settled(sequence, false);
      } else {
        audit.disconnected(name, Date.now());
        this.#outbox.failed(sequence);
        this.#outbox.repace();
        await pause(retryMs);
      }
    }
  }

  async #consume(): Promise<void> {
    const { name, queue, audit } = this.#context;
    const consumer = consumerName(name);
    while (!this.#stopped) {
      // Neither of the other programs declares a durable queue.
      if (!(await succeeds(amqpDeclareQueue, ['-u', this.#url, '-q', queue, '-d']))) {
        await pause(retryMs);
        continue;
      }
      const args = ['-u', this.#url, '-q', queue, '-p', '10', '--', 'sh', '-c', 'cat; echo'];
      const child = spawn(amqpConsume, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      this.#killConsumer = () => child.kill();
      createInterface({ input: child.stdout }).on('line', (line) => {
        const label = labelOf(Buffer.from(line));
        if (!label) return;
        const now = Date.now();
        // It says nothing of its connection: the first message tells that there is one, and acknowledges itself.
        audit.connected(consumer, now);
        audit.received(consumer, label.producer, label.sequence, false, now);
        audit.acked(consumer, label.producer, label.sequence, now);
      });
      await new Promise((resolve) => child.once('close', resolve));
      if (this.#stopped) return;
      audit.disconnected(consumer, Date.now());
      await pause(retryMs);
    }
  }
}

function succeeds(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => execFile(command, args, (error) => resolve(error === null)));
}
