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
    const foretold = dialog.getByRole('list', { name: 'What it comes to' });
    await foretold.getByText(/[\d,]+ messages in 1 queue will be stranded/).waitFor();
    await foretold.getByText(/By queue: traffic [\d,]+/).waitFor();
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

  test('what is stranded is counted by the node itself, and drained into the one that serves', async () => {
    const { page } = session;
    const stranded = page.getByRole('region', { name: 'Stranded messages' });
    await stranded.getByText('Counted exactly by the node itself').waitFor();
    await page.getByText(/It came to \d+ stranded on node a/).waitFor();
    const figure = await stranded
      .getByRole('listitem')
      .filter({ hasText: 'traffic' })
      .locator('.figure')
      .innerText();
    await stranded.getByRole('button', { name: 'Drain into the node that serves' }).click();
    await stranded.getByText(`Last drain: ${figure} messages of node a into node b`).waitFor();
    await stranded.getByText('None.').waitFor();
    await page.getByText(/messages of node a were drained into node b/).waitFor();
  });

  test('failback is set, told with its time, and called off', async () => {
    const { page } = session;
    const failback = page.getByRole('region', { name: 'Failback' });
    await failback.getByText('No failback: by hand only').waitFor();
    await failback.getByRole('button', { name: 'Settings' }).click();
    const dialog = page.getByRole('dialog', { name: 'Failback' });
    await dialog.getByRole('radio', { name: 'By itself' }).check();
    await dialog.getByLabel('Seconds it must have stood by').fill('600');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await failback.getByText(/^Fails back to node a in (9 min|10 min)/).waitFor();
    await failback.getByRole('button', { name: 'Call off' }).click();
    await failback.getByText('No failback: called off until the next takeover').waitFor();
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
