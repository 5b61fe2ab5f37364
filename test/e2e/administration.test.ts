// Users, permissions, virtual hosts, policies, definitions in and out, node logs (R11, R15, R40).
import { readFileSync } from 'node:fs';
import amqplib from 'amqplib';
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface, type Session } from './surface.ts';

const rowOf = ({ page }: Session, ...texts: string[]) =>
  texts.reduce((rows, text) => rows.filter({ hasText: text }), page.getByRole('row'));
const uriOf = ({ surface }: Session, user: string, password: string, vhost = '') =>
  `amqp://${user}:${password}@127.0.0.1:${surface.amqpPort}/${vhost}`;

onEverySurface('administration', (session) => {
  test('a user is made, granted permissions, changed and deleted', async () => {
    const { page } = session;
    await session.go('Users', 'users');
    await page.getByRole('button', { name: 'New user' }).click();
    const created = page.getByRole('dialog', { name: 'New user' });
    await created.getByLabel('Name').fill('alice');
    await created.getByLabel('Password').fill('first');
    await created.getByLabel('monitoring').check();
    await created.getByRole('button', { name: 'Create user' }).click();
    await rowOf(session, 'alice', 'monitoring').waitFor();
    // Without permissions the virtual host is refused.
    await expect(amqplib.connect(uriOf(session, 'alice', 'first'))).rejects.toThrow(/ConnectionClose/);

    await page.getByRole('button', { name: 'Grant' }).click();
    const grant = page.getByRole('dialog', { name: 'Grant permissions' });
    await grant.getByLabel('User').selectOption('alice');
    await grant.getByLabel('Configure').fill('^alice\\.');
    await grant.getByRole('button', { name: 'Save' }).click();
    await rowOf(session, 'alice', '^alice\\.').waitFor();
    await withChannel(uriOf(session, 'alice', 'first'), (channel) => channel.assertQueue('alice.own'));
    await expect(
      withChannel(uriOf(session, 'alice', 'first'), (channel) => channel.assertQueue('of-others')),
    ).rejects.toThrow(/403/);

    await rowOf(session, 'alice', 'monitoring').getByRole('button', { name: 'Change' }).click();
    const changed = page.getByRole('dialog', { name: 'Change alice' });
    await changed.getByLabel('Password').fill('second');
    await changed.getByLabel('policymaker').check();
    await changed.getByRole('button', { name: 'Save' }).click();
    await rowOf(session, 'alice', 'policymaker').waitFor();
    await withChannel(uriOf(session, 'alice', 'second'), (channel) => channel.checkQueue('alice.own'));
    await expect(amqplib.connect(uriOf(session, 'alice', 'first'))).rejects.toThrow(/403/);

    await rowOf(session, 'alice', '^alice\\.').getByRole('button', { name: 'Revoke' }).click();
    await rowOf(session, 'alice', '^alice\\.').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Delete alice' }).click();
    await page.getByRole('dialog', { name: /alice/ }).getByRole('button', { name: 'Delete user' }).click();
    await rowOf(session, 'alice').waitFor({ state: 'detached' });
    await expect(amqplib.connect(uriOf(session, 'alice', 'second'))).rejects.toThrow(/403/);
  });

  test('a virtual host is made, looked into and deleted by its typed name', async () => {
    const { page } = session;
    await session.go('Virtual hosts', 'vhosts');
    await page.getByRole('button', { name: 'New virtual host' }).click();
    const created = page.getByRole('dialog', { name: 'New virtual host' });
    await created.getByLabel('Name').fill('staging');
    await created.getByRole('button', { name: 'Create virtual host' }).click();
    await rowOf(session, 'staging').getByRole('button', { name: 'Queues' }).click();
    await page.getByRole('heading', { name: 'Queues', level: 1 }).waitFor();
    await expect.poll(() => page.getByLabel('Virtual host').inputValue()).toBe('staging');
    await page.getByLabel('Virtual host').selectOption('/');

    await session.go('Virtual hosts', 'vhosts');
    await page.getByRole('button', { name: 'Delete staging' }).click();
    const asked = page.getByRole('dialog', { name: /staging/ });
    const remove = asked.getByRole('button', { name: 'Delete virtual host' });
    expect(await remove.isDisabled()).toBe(true);
    await asked.getByRole('textbox').fill('staging');
    await remove.click();
    await rowOf(session, 'staging').waitFor({ state: 'detached' });
  });

  test('a policy takes effect on the queues its pattern matches, and is withdrawn', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertQueue('limited.one');
      await channel.assertQueue('free');
    });
    await session.go('Policies', 'policies');
    await page.getByRole('button', { name: 'New policy' }).click();
    const dialog = page.getByRole('dialog', { name: 'New policy' });
    await dialog.getByLabel('Name').fill('two-at-most');
    await dialog.getByLabel('Pattern').fill('^limited\\.');
    await dialog.getByText('limited.one').waitFor();
    await dialog.getByLabel(/Definition/).fill('{"max-length": 2}');
    await dialog.locator('button.primary').click();
    await rowOf(session, 'two-at-most').waitFor();
    const left = await withChannel(session.amqpUri, async (channel) => {
      for (let n = 0; n < 5; n++)
        for (const queue of ['limited.one', 'free']) channel.sendToQueue(queue, Buffer.from('x'));
      await channel.waitForConfirms();
      return [
        (await channel.checkQueue('limited.one')).messageCount,
        (await channel.checkQueue('free')).messageCount,
      ];
    });
    expect(left).toEqual([2, 5]);
    await page.getByRole('button', { name: 'Delete two-at-most' }).click();
    await rowOf(session, 'two-at-most').waitFor({ state: 'detached' });
  });

  test('definitions are saved to a file and loaded again', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertExchange('kept-exchange', 'topic');
      await channel.assertQueue('kept-queue', { arguments: { 'x-max-length': 7 } });
      await channel.bindQueue('kept-queue', 'kept-exchange', 'a.#');
    });
    await session.go('Definitions', 'definitions');
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export definitions' }).click();
    const file = await (await downloading).path();
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { queues: object[]; bindings: object[] };
    expect(saved.queues).toContainEqual(
      expect.objectContaining({ name: 'kept-queue', vhost: '/', arguments: { 'x-max-length': 7 } }),
    );

    await withChannel(session.amqpUri, async (channel) => {
      await channel.deleteQueue('kept-queue');
      await channel.deleteExchange('kept-exchange');
    });
    await page.getByLabel('Definitions file').setInputFiles({
      name: 'saved.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(saved)),
    });
    await page.getByText(/saved\.json: /).waitFor();
    await page.getByRole('button', { name: 'Import' }).click();
    await page
      .getByRole('dialog', { name: 'Import saved.json?' })
      .getByRole('button', { name: 'Import' })
      .click();
    await page.getByText(/created or changed/).waitFor();
    await withChannel(session.amqpUri, async (channel) => {
      channel.publish('kept-exchange', 'a.b.c', Buffer.from('routed'));
      await channel.waitForConfirms();
      expect((await channel.checkQueue('kept-queue')).messageCount).toBe(1);
    });
  });

  test('a file that is no definitions file is refused in words', async () => {
    const { page } = session;
    await session.go('Definitions', 'definitions');
    const give = (text: string) =>
      page.getByLabel('Definitions file').setInputFiles({
        name: 'bad.json',
        mimeType: 'application/json',
        buffer: Buffer.from(text),
      });
    await give('not json');
    await page.getByText('bad.json is not a definitions file').waitFor();
    await give('{"queues": [{"name": 7}]}');
    await page.getByRole('button', { name: 'Import' }).click();
    await page
      .getByRole('dialog', { name: 'Import bad.json?' })
      .getByRole('button', { name: 'Import' })
      .click();
    await page
      .getByText(/queues/i)
      .last()
      .waitFor();
    expect(await page.getByText(/created or changed/).count()).toBe(0);
  });

  test('the log of a node is shown, filtered and followed', async () => {
    const { page } = session;
    await session.go('Node logs', 'logs');
    const log = page.getByRole('log', { name: 'Log of node a' });
    await log
      .getByText(/refused/i)
      .first()
      .waitFor();
    await page.getByLabel('Filter lines').fill('no such words');
    await log.getByText('No line matches.').waitFor();
    await page.getByLabel('Filter lines').fill('alice');
    await log.getByText(/alice/).first().waitFor();
  });
});
