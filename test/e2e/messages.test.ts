// Looking into a queue, and what one does with what is there (R26, R27, R31).
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface } from './surface.ts';

onEverySurface('messages', (session) => {
  const table = () => session.page.getByRole('region', { name: 'Messages' });

  test('a peek marks nothing redelivered, takes nothing and starves no consumer', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertQueue('letters');
      for (let n = 1; n <= 3; n++)
        channel.sendToQueue('letters', Buffer.from(`letter ${n}`), { persistent: true, headers: { n } });
      await channel.waitForConfirms();
    });
    await session.go('letters', 'queues', '/', 'letters');
    await table().getByText('letter 1', { exact: true }).waitFor();
    await table().getByText('letter 3', { exact: true }).waitFor();
    await table().getByRole('button', { name: 'letters' }).first().click();
    await page.getByText('header n').waitFor();
    await page.getByText('Survives a restart').waitFor();

    await withChannel(session.amqpUri, async (channel) => {
      expect((await channel.checkQueue('letters')).messageCount).toBe(3);
      const first = await channel.get('letters');
      expect(first && [first.content.toString(), first.fields.redelivered]).toEqual(['letter 1', false]);
      // While a client holds one, it is shown as held, and the look does not give it back.
      await table().getByRole('combobox', { name: 'Show' }).selectOption('unacknowledged');
      await table().getByText('unacked').waitFor();
      expect((await channel.checkQueue('letters')).messageCount).toBe(2);
      if (first) channel.ack(first);
      const rest: [string, boolean][] = [];
      await channel.consume('letters', (message) => {
        if (message) rest.push([message.content.toString(), message.fields.redelivered]);
      });
      await expect
        .poll(() => rest)
        .toEqual([
          ['letter 2', false],
          ['letter 3', false],
        ]);
    });
  });

  test('what is published by the form arrives with its properties', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, (channel) => channel.assertQueue('inbox'));
    await session.go('inbox', 'queues', '/', 'inbox');
    await page.getByRole('button', { name: 'Publish' }).click();
    const dialog = page.getByRole('dialog', { name: 'Publish to (default)' });
    expect(await dialog.getByLabel('Routing key').inputValue()).toBe('inbox');
    await dialog.getByLabel('Content type').fill('application/json');
    await dialog.getByLabel('Payload').fill('{"größe": 3}');
    await dialog.getByLabel('Headers (JSON)').fill('{"x": 1, "list": [true, "two"]}');
    await dialog.getByRole('button', { name: 'Publish message' }).click();
    await dialog.getByText('Confirmed: it is in 1 queue').waitFor();
    // One that no binding takes is told apart.
    await dialog.getByLabel('Routing key').fill('nowhere');
    await dialog.getByRole('button', { name: 'Publish message' }).click();
    await dialog.getByText('Returned: no binding matched').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await table().getByText('{"größe": 3}').waitFor();

    const message = await withChannel(session.amqpUri, (channel) => channel.get('inbox', { noAck: true }));
    expect(message && message.content.toString()).toBe('{"größe": 3}');
    expect(message && message.properties).toMatchObject({
      contentType: 'application/json',
      deliveryMode: 2,
      headers: { x: 1, list: [true, 'two'] },
    });
  });

  test('chosen messages are moved, others deleted, the rest stays in order', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertQueue('from');
      await channel.assertQueue('into');
      for (const name of ['one', 'two', 'three', 'four'])
        channel.sendToQueue('from', Buffer.from(name), { persistent: true });
      await channel.waitForConfirms();
    });
    await session.go('from', 'queues', '/', 'from');
    await table().getByLabel('Select message 1', { exact: true }).check();
    await page.getByRole('button', { name: 'Move or copy' }).click();
    const dialog = page.getByRole('dialog', { name: 'Move or copy 1 message' });
    await dialog.getByLabel('Routing key').fill('into');
    await dialog.getByRole('button', { name: 'Move', exact: true }).click();
    await page.getByText('1 message moved').first().waitFor();

    await table().getByText('two', { exact: true }).waitFor({ state: 'detached' });
    await table().getByLabel('Select message 1', { exact: true }).check();
    await table().getByRole('button', { name: 'Delete' }).click();
    await page
      .getByRole('dialog', { name: 'Delete 1 message?' })
      .getByRole('button', { name: 'Delete' })
      .click();
    await table().getByText('three', { exact: true }).waitFor({ state: 'detached' });

    const left = await withChannel(session.amqpUri, async (channel) => {
      const taken: string[] = [];
      for (const queue of ['from', 'from', 'into']) {
        const message = await channel.get(queue, { noAck: true });
        taken.push(message ? message.content.toString() : 'none');
      }
      return taken;
    });
    expect(left).toEqual(['one', 'four', 'two']);
  });

  test('a long queue is paged from its head and its tail', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertQueue('long');
      for (let n = 0; n < 120; n++) channel.sendToQueue('long', Buffer.from(`number ${n}`));
      await channel.waitForConfirms();
    });
    await session.go('long', 'queues', '/', 'long');
    await table().getByText('number 49', { exact: true }).waitFor();
    expect(await table().getByText('number 50', { exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Later messages' }).click();
    await table().getByText('number 50', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Tail' }).click();
    await table().getByText('number 119', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Head' }).click();
    await table().getByText('number 0', { exact: true }).waitFor();
  });
});
