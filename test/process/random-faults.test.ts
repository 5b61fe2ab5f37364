// Faults in random order and at random moments on a pair under load: nothing confirmed is lost, nothing declared is
// forgotten, order holds, and in the end both nodes agree (R16, R18, R33a, R33c). FAULTS=200 SEED=7 runs longer,
// or the same again.
import { expect, onTestFinished, test } from 'vitest';
import { Audit } from '../../broker/lab/audit.ts';
import type { ClientChannel } from '../../broker/lab/client-channel.ts';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { LabConsumer } from '../../broker/lab/lab-consumer.ts';
import { LabProducer } from '../../broker/lab/lab-producer.ts';
import { labelOf } from '../../broker/lab/message-label.ts';
import { isRunning } from './process-state.ts';
import { WarrenProcess } from './warren-process.ts';

type Id = 'a' | 'b';
const queue = 'random.q';
const count = Number(process.env['FAULTS'] ?? 8);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A small generator, so that a seed names a run. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Run {
  warren: WarrenProcess;
  readonly audit = new Audit();
  readonly #random = randomFrom(seed);
  readonly #promised: string[] = [];
  #declaring = true;

  constructor(warren: WarrenProcess) {
    this.warren = warren;
  }

  /** Declares durable queues one after the other, as long as somebody serves; remembers what was promised. */
  async declare(): Promise<void> {
    for (let number = 1; this.#declaring;) {
      try {
        const connection = await ClientConnection.open({ ...this.warren.address, openTimeoutMs: 3000 });
        const channel = await connection.openChannel();
        for (; this.#declaring; number++) {
          await channel.declareQueue(`promised.${number}`, { durable: true });
          this.#promised.push(`promised.${number}`);
          await pause(20);
        }
        await connection.close();
      } catch {
        await pause(20);
      }
    }
  }

  async fault(number: number): Promise<string> {
    await pause(200 + this.#random() * 1000);
    const { activeId } = await this.warren.status();
    const active = activeId as Id | null;
    const standby: Id = active === 'a' ? 'b' : 'a';
    const faults: Record<string, () => Promise<unknown>> = {
      'kill the active': () => this.#signal(active, 'SIGKILL'),
      'kill the standby': () => this.#signal(standby, 'SIGKILL'),
      'kill both': () => Promise.all([this.#signal('a', 'SIGKILL'), this.#signal('b', 'SIGKILL')]),
      'kill one after the other': async () => {
        await this.#signal(active, 'SIGKILL');
        await pause(this.#random() * 400);
        await this.#signal(standby, 'SIGKILL');
      },
      'hang the active': () => this.#signal(active, 'SIGSTOP'),
      'hang the standby': async () => {
        const pid = await this.#signal(standby, 'SIGSTOP');
        await pause(500 + this.#random() * 2500);
        if (pid !== null && isRunning(pid)) process.kill(pid, 'SIGCONT');
      },
      'switch over': () => this.warren.console.host('pair.switchOver').catch(() => undefined),
      'restart the active': async () =>
        active && (await this.warren.console.host('nodes.restart', { nodeId: active })),
      'kill the host': () => this.#killHost(),
    };
    const names = Object.keys(faults);
    const name = names[Math.floor(this.#random() * names.length)]!;
    this.audit.fault(`${number} ${name}`, Date.now());
    await faults[name]!();
    // Sometimes the next one comes before all is well again.
    if (this.#random() < 0.6) await this.warren.ready();
    return name;
  }

  async finish(): Promise<string[]> {
    this.#declaring = false;
    await this.warren.ready();
    return this.#promised;
  }

  /** Looks at what is left on a node, on its own port. */
  async look(id: Id): Promise<Set<string>> {
    const port = (await this.warren.row(id)).amqpPort!;
    const connection = await ClientConnection.open({ host: '127.0.0.1', port });
    const channel = await connection.openChannel();
    for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
      const label = labelOf(message.body)!;
      this.audit.held(label.producer, label.sequence);
    }
    await connection.close();
    const { queues } = (await this.warren.console.node(id, 'definitions.export')) as {
      queues: { name: string }[];
    };
    return new Set(queues.map(({ name }) => name));
  }

  /** Null when there is nobody to send it to at the moment. */
  async #signal(id: Id | null, signal: NodeJS.Signals): Promise<number | null> {
    const pid = id === null ? null : (await this.warren.row(id)).pid;
    if (pid === null || !isRunning(pid)) return null;
    process.kill(pid, signal);
    return pid;
  }

  async #killHost(): Promise<void> {
    const { dataFolder, amqpPort, child, ended } = this.warren;
    child.kill('SIGKILL');
    await ended;
    this.warren = await WarrenProcess.start({ dataFolder, amqpPort });
  }
}

test.skipIf(process.platform !== 'linux')(
  `${count} random faults, seed ${seed}`,
  async () => {
    const first = await WarrenProcess.startPair();
    const run = new Run(first);
    onTestFinished(async () => {
      await run.warren.dispose();
      await first.dispose();
    });
    const declare = async (channel: ClientChannel) => {
      await channel.declareQueue(queue, { durable: true });
    };
    const shared = { address: first.address, declare, audit: run.audit };
    const consumer = new LabConsumer({ ...shared, name: 'c', queue });
    const producer = new LabProducer({
      ...shared,
      name: 'p',
      exchange: '',
      routingKey: queue,
      messagesPerSecond: 300,
    });
    consumer.start();
    producer.start();
    const declaring = run.declare();
    const faults: string[] = [];
    for (let number = 1; number <= count; number++) faults.push(await run.fault(number));
    const promised = await run.finish();
    await declaring;
    await producer.stop(20_000);
    const received = () => run.audit.report().consumers[0]!.received;
    for (let before = -1; before !== received();) {
      before = received();
      await pause(500);
    }
    await consumer.stop();
    await run.warren.ready();
    const [onA, onB] = [await run.look('a'), await run.look('b')];
    const what = faults.join(', ');
    expect([...onA].sort(), what).toEqual([...onB].sort());
    expect(
      promised.filter((name) => !onA.has(name)),
      `promised and forgotten after ${what}`,
    ).toEqual([]);
    const { producers, consumers } = run.audit.report();
    expect(producers[0], what).toMatchObject({ lost: 0, unresolved: 0, confirmed: producers[0]!.published });
    expect(consumers[0]!.reordered, what).toBe(0);
  },
  60_000 + count * 15_000,
);
