// A pair is started, its active node killed under traffic, and the standby seen to take over (R33c, R33e, R33f, R17).
import amqplib from 'amqplib';
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface, type Session } from './surface.ts';

const node = (session: Session, id: string) => session.page.getByRole('region', { name: `Node ${id}` });
const role = (session: Session, id: string, name: string) =>
  node(session, id).getByText(name, { exact: true });

/** A client of the front address that publishes with confirms and comes back whenever it is cut off. */
class Publisher {
  confirmed = 0;
  connects = 0;
  readonly #uri: string;
  #stopped = false;
  #done: Promise<void>;

  constructor(uri: string) {
    this.#uri = uri;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) await this.#once().catch(() => undefined);
  }

  async #once(): Promise<void> {
    const connection = await amqplib.connect(this.#uri);
    const cut = new Promise<never>((_resolve, reject) => {
      connection.on('error', reject);
      connection.on('close', () => reject(new Error('closed')));
    });
    cut.catch(() => undefined);
    this.connects++;
    const channel = await Promise.race([connection.createConfirmChannel(), cut]);
    channel.on('error', () => undefined);
    while (!this.#stopped) {
      channel.publish('', 'traffic', Buffer.from('x'), { persistent: true });
      await Promise.race([channel.waitForConfirms(), cut]);
      this.confirmed++;
    }
    await connection.close();
  }
}

onEverySurface('pair', (session) => {
  test('a pair is started and shares its definitions', async () => {
    const { page } = session;
    await session.go('Pair', 'pair');
    await page.getByRole('button', { name: 'Start a pair' }).click();
    await role(session, 'a', 'active').waitFor();
    await role(session, 'b', 'standby').waitFor();
    await page.getByText('both nodes have the same').waitFor();
    await withChannel(session.amqpUri, (channel) => channel.assertQueue('traffic'));
  });

  test('the active node is killed under traffic: the standby serves, the killed one comes back', async () => {
    const { page } = session;
    const publisher = new Publisher(session.amqpUri);
    await expect.poll(() => publisher.confirmed).toBeGreaterThan(50);
    await node(session, 'a').getByRole('button', { name: 'Kill' }).click();
    const dialog = page.getByRole('dialog', { name: 'Kill node a?' });
    await dialog.getByText('The standby takes over').waitFor();
    await dialog.getByRole('button', { name: 'Kill', exact: true }).click();

    await role(session, 'b', 'active').waitFor();
    const outage = page.getByText(/^outage \d+ ms$/);
    await outage.waitFor();
    const outageMs = Number(/\d+/.exec(await outage.innerText())![0]);
    expect(outageMs).toBeLessThan(5000);
    await page.getByText('Node a killed by SIGKILL while it was active').waitFor();
    // The client found the standby at the same address.
    const confirmed = publisher.confirmed;
    await expect.poll(() => publisher.confirmed, { timeout: 10_000 }).toBeGreaterThan(confirmed + 50);
    expect(publisher.connects).toBe(2);
    await role(session, 'a', 'standby').waitFor();
    await page.getByText('Stranded messages').waitFor();
    await publisher.stop();
  });

  test('a planned switch-over hands the front address back', async () => {
    const { page } = session;
    await page.getByText('both nodes have the same').waitFor();
    await page.getByRole('button', { name: 'Switch over' }).click();
    await page
      .getByRole('dialog', { name: 'Switch over' })
      .getByRole('button', { name: 'Switch over' })
      .click();
    await page
      .getByText(/Switched over in \d+ ms/)
      .first()
      .waitFor();
    await role(session, 'a', 'active').waitFor();
    await role(session, 'b', 'standby').waitFor();
    await page.getByText('Switching over from node b to node a').waitFor();
  });

  test('a stopped node stays down until it is started, and its log is shown', async () => {
    const { page } = session;
    await node(session, 'b').getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog', { name: 'Stop node b?' }).getByRole('button', { name: 'Stop' }).click();
    await node(session, 'b').getByText('stopped', { exact: true }).first().waitFor();
    await page.getByText('alone', { exact: true }).waitFor();
    await node(session, 'b').getByRole('button', { name: 'Start' }).click();
    await role(session, 'b', 'standby').waitFor();
    await node(session, 'b').getByRole('link', { name: 'Log' }).click();
    await page.getByRole('heading', { name: 'Node logs' }).waitFor();
    await page.getByRole('log', { name: 'Log of node b' }).getByText('stopped').first().waitFor();
  });

  test('the pair is ended', async () => {
    const { page } = session;
    await session.go('Pair', 'pair');
    await page.getByRole('button', { name: 'End pair' }).click();
    await page
      .getByRole('dialog', { name: 'End the pair?' })
      .getByRole('button', { name: 'End pair' })
      .click();
    await node(session, 'b').waitFor({ state: 'detached' });
    await role(session, 'a', 'active').waitFor();
  });
});
