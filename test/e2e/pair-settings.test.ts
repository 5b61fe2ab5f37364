// The pair's settings in the console (R33b, R33f): limits said while one types, kept by the host, and followed; what is
// wrong with a node's disk is on the Pair screen.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import amqplib from 'amqplib';
import { expect, test } from 'vitest';
import { ConsoleClientConnection } from '../process/console-client.ts';
import { onOneSurface, type Session } from './surface.ts';

/** Another console beside the browser's. */
function secondConsole({ surface }: Session): Promise<ConsoleClientConnection> {
  const token = readFileSync(join(surface.dataFolder, 'host', 'console-token'), 'utf8').trim();
  return ConsoleClientConnection.connect(`http://127.0.0.1:${surface.httpPort}/#token=${token}`);
}

onOneSurface('pair settings', (session) => {
  const dialog = () => session.page.getByRole('dialog', { name: 'Pair settings' });
  const field = (name: string) => dialog().getByLabel(name);
  const save = () => dialog().getByRole('button', { name: 'Save' });

  async function open() {
    await session.go('Pair', 'pair');
    await session.page.getByRole('button', { name: 'Pair settings' }).click();
    await dialog().waitFor();
  }

  test('says what is wrong while one types, and saves what is right', async () => {
    await open();
    await field('Hung after').fill('20');
    await dialog().getByText('At least 500').waitFor();
    expect(await save().isDisabled()).toBe(true);
    expect(await field('Hung after').getAttribute('aria-invalid')).toBe('true');
    await field('Hung after').fill('8000');
    await dialog().getByText('The lease has to be at least twice the time').waitFor();
    expect(await save().isDisabled()).toBe(true);
    await field('Lease').fill('20000');
    await field('Disk stalls after').fill('900');
    await field('A sync is slow from').fill('300');
    await dialog().getByLabel('Without its copy').selectOption('strict');
    await save().click();
    await dialog().waitFor({ state: 'detached' });
    await open();
    expect(await field('Hung after').inputValue()).toBe('8000');
    expect(await field('Lease').inputValue()).toBe('20000');
    expect(await dialog().getByLabel('Without its copy').inputValue()).toBe('strict');
    await dialog().getByRole('button', { name: 'Defaults' }).click();
    expect(await field('Hung after').inputValue()).toBe('1500');
    await session.page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
  });

  test('a disk that stalls without a standby is on the Pair screen, with the reason why the node stays', async () => {
    const { page } = session;
    await session.go('Pair', 'pair');
    const console = await secondConsole(session);
    await console.host('nodes.fault', { nodeId: 'a', fault: { kind: 'disk-stall' } });
    const connection = await amqplib.connect(session.amqpUri);
    const channel = await connection.createChannel();
    const declared = channel.assertQueue('stalls').catch(() => undefined);
    const trouble = page.getByRole('region', { name: 'Trouble' });
    await trouble.getByText('the disk has not done anything for 900 ms').waitFor();
    await trouble.getByText('It goes on serving: there is no pair.').waitFor();
    await console.host('nodes.fault', { nodeId: 'a', fault: null });
    await trouble.waitFor({ state: 'detached' });
    await declared;
    await connection.close();
    console.close();
  });

  test.skipIf(!process.env['PAIR_SETTINGS_IMAGES'])('draws the dialog in light and dark', async () => {
    const folder = process.env['PAIR_SETTINGS_IMAGES']!;
    mkdirSync(folder, { recursive: true });
    for (const colorScheme of ['light', 'dark'] as const) {
      await session.page.emulateMedia({ colorScheme });
      await open();
      await session.page.screenshot({ path: join(folder, `pair-settings-${colorScheme}.png`) });
      await session.page.keyboard.press('Escape');
    }
  });
});
