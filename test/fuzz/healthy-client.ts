// A client that does nothing wrong while others do: publishes persistent messages, waits for each confirm,
// consumes and acknowledges. How long its slowest round took tells whether the node stood still.
import { RawClient } from '../conformance/raw-client.ts';

const queue = 'healthy';

export class HealthyClient {
  rounds = 0;
  slowestMs = 0;
  /** Why it could not go on, null while all is well. */
  failure: string | null = null;
  readonly #client: RawClient;
  #stopping = false;
  #running: Promise<void>;

  static async start(port: number): Promise<HealthyClient> {
    const client = await RawClient.open(port);
    client.send(1, 'channel.open', { reserved1: '' });
    await client.expect('channel.open-ok');
    client.send(1, 'queue.declare', {
      reserved1: 0,
      queue,
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: false,
      noWait: false,
      arguments: new Map(),
    });
    await client.expect('queue.declare-ok');
    client.send(1, 'confirm.select', { noWait: false });
    await client.expect('confirm.select-ok');
    return new HealthyClient(client);
  }

  private constructor(client: RawClient) {
    this.#client = client;
    this.#running = this.#run().catch((error: unknown) => {
      this.failure = `after ${this.rounds} rounds: ${(error as Error).message}`;
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#client.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const startedAt = performance.now();
      const body = Buffer.from(`round ${this.rounds}`);
      this.#client.publish(1, { routingKey: queue }, body, { deliveryMode: 2 });
      await this.#client.expect('basic.ack');
      this.#client.send(1, 'basic.get', { reserved1: 0, queue, noAck: false });
      const heard = await this.#client.hear();
      if (heard.kind !== 'method' || heard.method.name !== 'basic.get-ok' || !heard.body?.equals(body))
        throw new Error(`its message did not come back: ${heard.kind}`);
      const { deliveryTag } = heard.method.args;
      this.#client.send(1, 'basic.ack', { deliveryTag, multiple: false });
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      this.rounds++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
