// A message dies, is seen with its cause and origin, and goes back with nothing lost (R26).
import { expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { onEverySurface } from './surface.ts';

onEverySurface('dead letters', (session) => {
  test('rejected messages are grouped by cause and origin and requeued where they came from', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertExchange('dlx', 'fanout');
      await channel.assertQueue('graveyard');
      await channel.bindQueue('graveyard', 'dlx', '');
      await channel.assertQueue('work', { deadLetterExchange: 'dlx' });
      await channel.assertQueue('short-lived', { deadLetterExchange: 'dlx', messageTtl: 1 });
      for (const name of ['a', 'b', 'c'])
        channel.sendToQueue('work', Buffer.from(`job ${name}`), { persistent: true });
      channel.sendToQueue('short-lived', Buffer.from('too late'));
      await channel.waitForConfirms();
      for (let n = 0; n < 3; n++) {
        const message = await channel.get('work');
        if (message) channel.reject(message, false);
      }
    });

    await session.go('Dead letters', 'dead-letters');
    await page.getByRole('button', { name: /expired.*short-lived/ }).waitFor();
    const group = page.getByRole('button', { name: /rejected.*work/ });
    await group.getByText('3', { exact: true }).waitFor();
    await group.click();
    await page.getByRole('button', { name: 'job b' }).click();
    const deaths = page.getByRole('list', { name: /Deaths/ });
    await deaths.getByText('rejected').waitFor();
    await deaths.getByText('work', { exact: true }).first().waitFor();
    // The suggestion is the origin, never blank.
    expect(await page.getByLabel('Routing key').inputValue()).toBe('work');

    await page.getByLabel('Select message 1').check();
    await page.getByRole('button', { name: 'Requeue selected (1)' }).click();
    await page.getByText('1 message requeued').first().waitFor();
    await page.getByRole('button', { name: 'Requeue all 2' }).click();
    await page.getByText('2 messages requeued').first().waitFor();
    await group.waitFor({ state: 'detached' });

    await withChannel(session.amqpUri, async (channel) => {
      const back: string[] = [];
      let died: unknown;
      for (let message; (message = await channel.get('work', { noAck: true }));) {
        back.push(message.content.toString());
        died = message.properties.headers?.['x-death'];
      }
      expect(back.sort()).toEqual(['job a', 'job b', 'job c']);
      expect(died).toMatchObject([{ queue: 'work', reason: 'rejected', count: 1 }]);
      // The expired one of the other group was left alone.
      const rest = await channel.get('graveyard', { noAck: true });
      expect(rest && rest.content.toString()).toBe('too late');
      expect(await channel.get('graveyard')).toBe(false);
    });
  });

  test('what no queue takes stays where it is', async () => {
    const { page } = session;
    await withChannel(session.amqpUri, async (channel) => {
      await channel.assertQueue('doomed', { deadLetterExchange: 'dlx' });
      channel.sendToQueue('doomed', Buffer.from('homeless'), { persistent: true });
      await channel.waitForConfirms();
      const message = await channel.get('doomed');
      if (message) channel.reject(message, false);
    });
    await session.go('Dead letters', 'dead-letters');
    await page.getByRole('button', { name: /rejected.*doomed/ }).click();
    await page.getByLabel('Routing key').fill('no-such-queue');
    await page.getByRole('button', { name: 'Requeue all 1' }).click();
    await page.getByText('1 stayed: no queue took them').first().waitFor();
    const kept = await withChannel(session.amqpUri, (channel) => channel.get('graveyard', { noAck: true }));
    expect(kept && kept.content.toString()).toBe('homeless');
  });
});
