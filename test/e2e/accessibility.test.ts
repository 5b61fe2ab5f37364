// axe finds nothing on any screen or dialog, in light and in dark (WCAG 2.2 A and AA, and axe's best practices).
import AxeBuilder from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withChannel } from './amqp-client.ts';
import { declareDemo, fillDemo, startDemoTraffic, type DemoTraffic } from './demo-data.ts';
import { screens } from './screens.ts';
import { onOneSurface, type Session } from './surface.ts';

async function findings({ page }: Session): Promise<string[]> {
  // Without the legacy mode axe opens a page of its own for its frames; there are none.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`),
  );
}

/** What there is to open on screens, and how: by the button's name and the dialog's. */
const dialogs: [screen: string, segments: string[], button: string | RegExp, dialog: string | RegExp][] = [
  ['Topology', ['topology'], 'Bind', 'New binding'],
  ['Queues', ['queues'], 'New queue', 'New queue'],
  ['orders.shipping', ['queues', '/', 'orders.shipping'], 'Publish', /Publish to/],
  ['orders.shipping', ['queues', '/', 'orders.shipping'], 'Purge', /Purge/],
  ['Exchanges', ['exchanges'], 'New exchange', 'New exchange'],
  ['Policies', ['policies'], 'New policy', 'New policy'],
  ['Users', ['users'], 'New user', 'New user'],
  ['Users', ['users'], 'Grant', 'Grant permissions'],
  ['Pair', ['pair'], 'Settings', 'Failback'],
  ['Pair', ['pair'], 'Pair settings', 'Pair settings'],
  ['Pair', ['pair'], 'Kill', /Kill node/],
  ['Virtual hosts', ['vhosts'], 'New virtual host', 'New virtual host'],
];

onOneSurface('accessibility', (session) => {
  let traffic: DemoTraffic;
  beforeAll(async () => {
    await withChannel(session.amqpUri, async (channel) => {
      await declareDemo(channel);
      await fillDemo(channel);
    });
    traffic = await startDemoTraffic(session.amqpUri);
    await session.go('Pair', 'pair');
    await session.page.getByRole('button', { name: 'Start a pair' }).click();
    await session.page.getByText('standby', { exact: true }).waitFor();
    await session.page.emulateMedia({ reducedMotion: 'reduce' });
  });
  afterAll(() => traffic.stop());

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    beforeAll(() => session.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }));

    test.each(screens)('%s', async (name, heading, segments) => {
      const { page } = session;
      await session.go(heading, ...segments);
      await expect.poll(() => page.locator('[aria-busy=true]').count()).toBe(0);
      if (name === 'queue-messages')
        await page
          .getByRole('button', { name: /order\.eu/ })
          .first()
          .click();
      if (name === 'dead-letters')
        await page
          .getByRole('button', { name: /rejected/ })
          .first()
          .click();
      if (name === 'topology') await page.getByLabel('exchange orders', { exact: true }).click();
      expect(await findings(session)).toEqual([]);
    });

    test.each(dialogs)('a dialog on %s: %s', async (heading, segments, button, dialog) => {
      const { page } = session;
      await session.go(heading, ...segments);
      await page.getByRole('button', { name: button, exact: true }).first().click();
      await page.getByRole('dialog', { name: dialog }).waitFor();
      expect(await findings(session)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog', { name: dialog }).waitFor({ state: 'detached' });
    });

    test('the palette and the key sheet', async () => {
      const { page } = session;
      await session.go('Overview', 'overview');
      await page.keyboard.press('Control+k');
      await page.getByRole('listbox', { name: 'Found' }).getByRole('option').first().waitFor();
      expect(await findings(session)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('main').focus();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor();
      expect(await findings(session)).toEqual([]);
      await page.keyboard.press('Escape');
    });
  });
});
