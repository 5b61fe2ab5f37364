// `npm run demo`: a pair under the traffic of real clients, its active node killed in the middle, and what became of
// every message. Exits 0 when all was as the model promises, 1 when not, 2 for a wrong command line.
import { parseArgs } from 'node:util';
import { pairModels } from '../../broker/contract/host-procedures.ts';
import { Audit } from '../../broker/lab/audit.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { labelledBody, labelOf } from '../../broker/lab/message-label.ts';
import { WarrenProcess } from '../process/warren-process.ts';
import { amqpToolsKind, pikaKind } from './debian-clients.ts';
import { consumerName, holds, pause, type DemoClient, type DemoClientKind } from './demo-client.ts';
import { amqplibKind, labKind, rabbitmqClientKind } from './javascript-clients.ts';
import { paintFor } from './text-table.ts';
import { clientTable, expectations, outageLine, strandedTable, timeline, type DemoRun } from './verdict.ts';

const usage = `Usage: npm run demo -- [--seconds N] [--model MODEL]

Kills the active node of a pair under the traffic of real clients, and audits every message.

  --seconds N    how long traffic runs, half of it before the kill (default 8, 2 to 600)
  --model MODEL  the kind of pair; MODEL is independent
  --help         print this text
`;

const kinds: DemoClientKind[] = [labKind, amqplibKind, rabbitmqClientKind, pikaKind, amqpToolsKind];
const backlog = 'backlog';
const backlogMessages = 250;
const paint = paintFor(process.stdout);

interface Options {
  seconds: number;
  help: boolean;
}

class UsageError extends Error {}

function optionsOf(args: string[]): Options {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string', default: '8' },
        model: { type: 'string', default: 'independent' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const seconds = Number(values.seconds);
  if (!(seconds >= 2 && seconds <= 600))
    throw new UsageError(`--seconds: '${values.seconds}' is not 2 to 600`);
  if (!(pairModels as readonly string[]).includes(values.model))
    throw new UsageError(`--model: '${values.model}' is not one of ${pairModels.join(', ')}`);
  if (values.model !== 'independent')
    throw new UsageError(`the ${values.model} pair is not available; independent is`);
  return { seconds, help: values.help };
}

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<boolean> {
  const { seconds, help } = optionsOf(process.argv.slice(2));
  if (help) {
    process.stdout.write(usage);
    return true;
  }
  const startedAt = Date.now();
  const warren = await WarrenProcess.startPair();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void warren.dispose().then(() => process.exit(1)));
  try {
    return show(await run(warren, seconds, startedAt));
  } finally {
    await warren.dispose();
  }
}

async function run(warren: WarrenProcess, seconds: number, startedAt: number): Promise<DemoRun> {
  const { host, port } = warren.address;
  say(
    `A pair is up: clients connect to ${paint('strong', `${host}:${port}`)}, node a serves, node b stands by.`,
  );
  const audit = new Audit();
  await publishBacklog(warren, audit);
  const running = kinds.filter(({ missing }) => missing === null);
  for (const { name, missing } of kinds)
    if (missing !== null) say(paint('notice', `${name} is left out: ${missing} is not there.`));
  say(
    `Traffic: ${running.map(({ name }) => name).join(', ')}; and ${backlogMessages} messages that wait for nobody.`,
  );
  const clients = running.map((kind) =>
    kind.start({ host, port, name: kind.name, queue: queueOf(kind.name), audit }),
  );
  const silent = () => running.filter(({ name }) => receivedBy(audit, name) <= 5).map(({ name }) => name);
  if (!(await holds(() => silent().length === 0, 15_000)))
    throw new Error(`no messages for ${silent().join(', ')} in 15 s`);
  await pause((seconds / 2) * 1000);
  const { activeId } = await warren.status();
  const killed = activeId as 'a' | 'b';
  const pid = await warren.pid(killed);
  const killedAt = Date.now();
  audit.fault('kill', killedAt);
  process.kill(pid, 'SIGKILL');
  say(`${paint('bad', 'SIGKILL')} to node ${killed} (process ${pid}), which was serving.`);
  await pause((seconds / 2) * 1000);
  await warren.ready();
  await finish(clients, audit);
  const found = await readStranded(warren, killed, audit);
  return {
    clients: running,
    report: audit.report(),
    killed,
    killedAt,
    startedAt,
    status: await shownAs(warren, killed, found),
    events: await warren.events(),
    found,
    backlog,
  };
}

const queueOf = (name: string) => `demo.${name}`;

function receivedBy(audit: Audit, name: string): number {
  return audit.report().consumers.find(({ client }) => client === consumerName(name))?.received ?? 0;
}

/** Persistent, confirmed, and without a consumer: what a killed node takes with it until it is back. */
async function publishBacklog(warren: WarrenProcess, audit: Audit): Promise<void> {
  const connection = await ClientConnection.open(warren.address);
  const channel = await connection.openChannel();
  await channel.declareQueue(queueOf(backlog), { durable: true });
  await channel.selectConfirms();
  let confirmed = 0;
  channel.onConfirmed = (from, to) => {
    for (let sequence = from; sequence <= to; sequence++) audit.confirmed(backlog, sequence, Date.now());
    confirmed += to - from + 1;
  };
  for (let sequence = 1; sequence <= backlogMessages; sequence++) {
    audit.published(backlog, sequence, Date.now());
    const body = labelledBody({ producer: backlog, sequence });
    channel.publish('', queueOf(backlog), body, { deliveryMode: 2 }, true);
  }
  await holds(() => confirmed === backlogMessages);
  await connection.close();
}

/** No new messages; then until nothing more arrives; then everybody goes. */
async function finish(clients: DemoClient[], audit: Audit): Promise<void> {
  await Promise.all(clients.map((client) => client.finish()));
  const received = () => audit.report().consumers.reduce((sum, each) => sum + each.received, 0);
  for (let before = -1; before !== received();) {
    before = received();
    await pause(500);
  }
  await Promise.all(clients.map((client) => client.stop()));
}

/** Looks at every message on the node that was killed, on its own port, and leaves them there. */
async function readStranded(
  warren: WarrenProcess,
  killed: 'a' | 'b',
  audit: Audit,
): Promise<{ queue: string; messages: number }[]> {
  const { amqpPort } = await warren.row(killed);
  const connection = await ClientConnection.open({ host: '127.0.0.1', port: amqpPort! });
  const channel = await connection.openChannel();
  const found: { queue: string; messages: number }[] = [];
  for (const queue of [backlog, ...kinds.map(({ name }) => name)].map(queueOf)) {
    const { messageCount } = await channel.declareQueue(queue, { durable: true });
    if (messageCount > 0) found.push({ queue, messages: messageCount });
    for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
      const label = labelOf(message.body);
      if (label) audit.held(label.producer, label.sequence);
    }
  }
  // Unacknowledged, so they all go back to their places.
  await connection.close();
  return found;
}

/** The pair counts once a second: its status when it has counted what is there. */
async function shownAs(warren: WarrenProcess, killed: string, found: { messages: number }[]) {
  const total = (rows: { messages: number }[]) => rows.reduce((sum, { messages }) => sum + messages, 0);
  const deadline = Date.now() + 5000;
  for (;;) {
    const status = await warren.status();
    const shown = total(status.stranded.filter(({ nodeId }) => nodeId === killed));
    if (shown === total(found) || Date.now() > deadline) return status;
    await pause(100);
  }
}

function show(run: DemoRun): boolean {
  const section = (title: string, lines: string[]) => {
    say();
    say(paint('strong', title));
    for (const [index, line] of lines.entries()) say(`  ${index === 0 ? paint('quiet', line) : line}`);
  };
  section('Clients', clientTable(run));
  section(`Stranded on node ${run.killed}`, strandedTable(run));
  section('Time line', timeline(run));
  say();
  say(`${paint('strong', 'Outage')}: ${outageLine(run)}`);
  say();
  const results = expectations(run);
  for (const { text, held } of results)
    say(`${held ? paint('good', 'ok    ') : paint('bad', 'FAILED')} ${text}`);
  return results.every(({ held }) => held);
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    const wrong = error instanceof UsageError;
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    if (wrong) process.stderr.write(`\n${usage}`);
    process.exit(wrong ? 2 : 1);
  },
);
