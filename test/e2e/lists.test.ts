// Lists of any size are paged, sorted and filtered by the server; connections are closed; palette and links lead to
// objects (R14).
import amqplib from 'amqplib';
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface, type Session } from './surface.ts';

const queues = 300;
const nameOf = (n: number) => `queue-${String(n).padStart(3, '0')}`;
const rows = ({ page }: Session) => page.locator('tbody').getByRole('row');

onEverySurface('lists', (session) => {
  test('300 queues are paged, sorted and filtered by the server', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      for (let n = 1; n <= queues; n++) await channel.assertQueue(nameOf(n));
      channel.sendToQueue(nameOf(222), Buffer.from('x'));
      await channel.waitForConfirms();
    });
    await session.go('Queues', 'queues');
    await page.getByText('300 queues').waitFor();
    await page.getByRole('link', { name: nameOf(1), exact: true }).waitFor();
    const pageSize = await rows(session).count();
    expect(pageSize).toBeLessThanOrEqual(100);
    const seen = new Set<string>();
    for (let at = 1; at <= Math.ceil(queues / pageSize); at++) {
      if (at > 1) await page.getByRole('button', { name: 'Next page' }).click();
      await page.getByRole('link', { name: nameOf((at - 1) * pageSize + 1), exact: true }).waitFor();
      for (const name of await rows(session).getByRole('link').allInnerTexts()) seen.add(name);
    }
    expect(seen.size).toBe(queues);
    expect(await page.getByRole('button', { name: 'Next page' }).isDisabled()).toBe(true);

    await page.getByRole('button', { name: 'Ready' }).click();
    await page.getByRole('button', { name: 'Ready' }).click();
    await page
      .getByRole('columnheader', { name: 'Ready' })
      .and(page.locator('[aria-sort=descending]'))
      .waitFor();
    await expect.poll(() => rows(session).first().innerText()).toContain(nameOf(222));

    await page.getByLabel('Filter queues').fill('-29');
    await page.getByText('10 of 300 queues').waitFor();
    await page.getByLabel('Filter queues').fill('/^queue-.*[05]$/');
    await page.getByText('60 of 300 queues').waitFor();
    await page.getByLabel('Filter queues').fill('/unfinished(/');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Filter queues').fill('nothing like it');
    await page.getByText('No queues match the filter').waitFor();
  });

  test('a link to a queue opens that queue, also after a reload', async () => {
    const { page } = session;
    await session.go(nameOf(42), 'queues', '/', nameOf(42));
    await page.reload();
    await page.getByRole('heading', { name: nameOf(42), level: 1 }).waitFor();
    await page.getByRole('tab', { name: 'Details' }).click();
    await page.getByText('kept through a restart').first().waitFor();
    await page.goBack();
    await page.getByRole('tab', { name: 'Messages', selected: true }).waitFor();
  });

  test('a link to a queue that is not there says so', async () => {
    const { page } = session;
    await session.go('ghost', 'queues', '/', 'ghost');
    await page
      .getByText(/no queue 'ghost'/i)
      .first()
      .waitFor();
  });

  test('the palette finds screens and any queue by the keyboard', async () => {
    const { page } = session;
    await session.go('Overview', 'overview');
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Find anything' });
    await palette.getByRole('combobox').fill(nameOf(299));
    await palette.getByRole('option', { name: nameOf(299) }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: nameOf(299), level: 1 }).waitFor();
    await page.keyboard.press('Control+k');
    await palette.getByRole('combobox').fill('node logs');
    await palette
      .getByRole('option', { name: /Node logs/ })
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Node logs', level: 1 }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.press('Escape');
    await palette.waitFor({ state: 'detached' });
    await page.keyboard.press('Control+3');
    await page.getByRole('heading', { name: 'Queues', level: 1 }).waitFor();
  });

  test('by keyboard alone: a queue is made from its list', async () => {
    const { page } = session;
    await session.go('Queues', 'queues');
    await page.getByText('300 queues').waitFor();
    await page.getByRole('button', { name: 'New queue' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New queue' }).waitFor();
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Enter');
    await page.getByText('301 queues').waitFor();
    await withChannel(session.amqpUri, (channel) => channel.checkQueue('by-keyboard'));
  });

  test('what cannot be declared is refused in the broker’s words', async () => {
    const { page } = session;
    await session.go('Queues', 'queues');
    await page.getByRole('button', { name: 'New queue' }).click();
    const dialog = page.getByRole('dialog', { name: 'New queue' });
    await dialog.getByLabel('Name').fill('wrong');
    await dialog.getByLabel('Arguments (JSON)').fill('{"x-max-length": "many"}');
    await dialog.getByRole('button', { name: 'Create queue' }).click();
    await page
      .getByText(/x-max-length/)
      .last()
      .waitFor();
    await page.getByText(/invalid arg 'x-max-length'/).waitFor();
  });

  test('a connection is seen with its channels and closed from the console', async () => {
    const { page } = session;
    const connection = await amqplib.connect(session.amqpUri, {
      clientProperties: { connection_name: 'the reporter' },
    });
    const closed = new Promise<string>((resolve) => {
      connection.on('close', (error?: Error) => resolve(error?.message ?? ''));
    });
    const channel = await connection.createChannel();
    await channel.consume(nameOf(1), () => undefined);
    await session.go('Connections', 'connections');
    const row = page.getByRole('row').filter({ hasText: 'the reporter' });
    await row.getByRole('link').first().click();
    await page.getByText('product').waitFor();
    await page.getByRole('link', { name: /\(1\)/ }).waitFor();
    await page.goBack();
    await row.getByRole('button', { name: 'Close' }).click();
    await page
      .getByRole('dialog', { name: 'Close this connection?' })
      .getByRole('button', { name: 'Close connection' })
      .click();
    expect(await closed).toMatch(/320/);
    await row.waitFor({ state: 'detached' });
  });
});
