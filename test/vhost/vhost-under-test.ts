// A virtual host on a journal of its own, without a node around it: time and turns are the test's to make.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FieldTable } from '../../broker/amqp/field-table.ts';
import { encodeProperties, type BasicProperties } from '../../broker/amqp/properties.ts';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osStorage } from '../../broker/base/os-storage.ts';
import { SegmentLog, type JournalOptions } from '../../broker/journal/segment-log.ts';
import { composeMessage } from '../../broker/vhost/message.ts';
import { Pager } from '../../broker/vhost/paging/pager.ts';
import type { Queue } from '../../broker/vhost/queue/queue.ts';
import { VhostRegistry } from '../../broker/vhost/vhost-registry.ts';
import type { Vhost } from '../../broker/vhost/vhost.ts';
import { ManualTurns } from '../base/manual-turns.ts';

export interface VhostOptions {
  /** Durable, with their arguments. */
  queues: Record<string, FieldTable>;
  journal?: Partial<JournalOptions>;
  budgetBytes?: number;
}

export class VhostUnderTest {
  readonly clock = new ManualTurns();
  readonly journal: SegmentLog;
  readonly vhost: Vhost;
  readonly #vhosts: VhostRegistry;
  readonly #scratch: SegmentLog;
  readonly #folder: string;
  readonly #options: VhostOptions;

  /** Queues first, then what the folder's journal holds of them. */
  static async open(
    options: VhostOptions,
    folder = mkdtempSync(join(tmpdir(), 'warren-vhost-')),
  ): Promise<VhostUnderTest> {
    const opened = new VhostUnderTest(options, folder);
    await opened.#scratch.recover(() => undefined);
    await opened.journal.recover(opened.#vhosts.recoverMessages());
    opened.#vhosts.recovered();
    return opened;
  }

  private constructor(options: VhostOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    const shared = { storage: osStorage, clock: osClock, log: silentLog, confirmMode: 'written' as const };
    this.journal = new SegmentLog({ ...shared, folder: join(folder, 'journal'), ...options.journal });
    this.#scratch = new SegmentLog({ ...shared, folder: join(folder, 'paging'), scratch: true });
    const { budgetBytes = Infinity } = options;
    const pager = new Pager({ budgetBytes, journal: this.journal, scratch: this.#scratch, log: silentLog });
    const definitions = { commit: () => Promise.resolve(), removeAll: () => Promise.resolve() };
    this.#vhosts = new VhostRegistry({ clock: this.clock, journal: this.journal, definitions, pager });
    void this.#vhosts.put('/', { description: '', tags: [], tracing: false });
    this.vhost = this.#vhosts.get('/')!;
    for (const [name, args] of Object.entries(options.queues)) {
      const request = { name, durable: true, exclusive: false, autoDelete: false, arguments: args };
      void this.vhost.declareQueue(request, null).promised;
    }
  }

  queue(name: string): Queue {
    return this.vhost.queue(name);
  }

  /** Persistent, through the default exchange; 0 to `count` are the numbers at the head of the bodies. */
  async fill(
    queue: string,
    count: number,
    bodySize = 4,
    propertiesOf = (_number: number): BasicProperties => ({}),
  ): Promise<void> {
    const exchange = this.vhost.exchange('');
    for (let number = 0; number < count; number++) {
      const body = Buffer.alloc(Math.max(4, bodySize));
      body.writeUInt32BE(number);
      const properties = encodeProperties({ deliveryMode: 2, ...propertiesOf(number) });
      this.vhost.publish(exchange, composeMessage('', queue, properties, body, this.clock.now()));
      if (this.journal.pendingBytes > 500_000) await this.journal.flush();
    }
    await this.journal.flush();
  }

  /** The numbers of what is ready, from the head. */
  numbersIn(queue: string): number[] {
    return [...this.queue(queue).browseReady(0, Infinity)].map(({ entry }) =>
      entry.message.body.readUInt32BE(0),
    );
  }

  /** Turns until none is asked for and none will be: the disk has had its time as well. */
  async turns(each = (): void => undefined): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      for (; this.clock.pending > 0; idle = 0) {
        this.clock.turn();
        each();
      }
      await this.journal.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What a kill at this moment leaves, taken up again. */
  async afterKill(): Promise<VhostUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), 'warren-vhost-'));
    cpSync(this.#folder, folder, { recursive: true });
    return VhostUnderTest.open(this.#options, folder);
  }

  async dispose(): Promise<void> {
    await this.journal.close();
    await this.#scratch.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
