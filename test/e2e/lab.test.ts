// The lab in a real browser: a scenario is run on a pair of its own, its active node killed by a button, the verdict
// read, models compared, the report taken along (R1, R33e, R33f).
import AxeBuilder from '@axe-core/playwright';
import { readFile } from 'node:fs/promises';
import type { Download } from 'playwright-core';
import { expect, test } from 'vitest';
import { onEverySurface, type Session } from './surface.ts';

const runMs = 60_000;

/** Of axe, in light and in dark. */
async function findings({ page }: Session): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    for (const { id, nodes } of violations)
      found.push(...nodes.map((node) => `${colorScheme}, ${id}: ${node.html.slice(0, 200)}`));
  }
  return found;
}

async function textOf(download: Download): Promise<string> {
  return readFile(await download.path(), 'utf8');
}

/** What is wrong with a field is part of its name. */
const startingWith = (text: string) => new RegExp(`^${text.replace(/[()]/g, '\\$&')}`);

async function fill({ page }: Session, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values))
    await page.getByRole('textbox', { name: startingWith(label) }).fill(value);
}

/** The node of the run that is active, by what the screen says. */
const activeNode = ({ page }: Session) => page.getByText(/^node [ab]: active$/);

onEverySurface('lab', (session) => {
  test('says what it is for, and what is wrong with a script or a number', async () => {
    const { page } = session;
    await session.go('Lab', 'lab');
    await page.getByText('Nothing has been run yet').waitFor();
    const start = page.getByRole('button', { name: 'Start the run' });
    await fill(session, { 'Script, one line each': '+1s kill everyone' });
    await page.getByText('Line 1: kill whom? active, standby, a, b').waitFor();
    expect(await start.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Zombie leader' }).click();
    await page.getByText('artemis#4344').waitFor();
    expect(await page.getByLabel('Script, one line each').inputValue()).toBe('+3s library zombie-leader');
    await fill(session, { Consumers: '9' });
    await page.getByText('A whole number from 1 to 8').waitFor();
    expect(await start.isDisabled()).toBe(true);
    await fill(session, { Consumers: '2' });
    expect(await start.isEnabled()).toBe(true);
  });

  test('runs a scenario, kills the active node, and says that nothing was lost', async () => {
    const { page } = session;
    await page.getByRole('button', { name: 'No fault' }).click();
    await page.getByRole('radio', { name: /^Publish\/subscribe/ }).check();
    await fill(session, { 'Messages/s in all': '200', 'Load (seconds)': '60' });
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByText('The load runs…').waitFor({ timeout: runMs });
    await page.getByText('node b: standby', { exact: true }).waitFor();
    await expect
      .poll(async () => Number(await page.locator('dt:text-is("Delivered") + dd').innerText()), {
        timeout: 10_000,
      })
      .toBeGreaterThan(50);
    const group = page.getByRole('group', { name: 'Active node' });
    await group.getByRole('button', { name: 'Kill' }).click();
    await expect.poll(() => activeNode(session).innerText(), { timeout: 10_000 }).toBe('node b: active');
    await page.getByText('Node a killed by SIGKILL while it was active').waitFor();
    await page.getByText('is connected again, its queues and consumers set up').first().waitFor();
    if (session.kind === 'headless') expect(await findings(session)).toEqual([]);
    await page.getByRole('button', { name: 'End the load now' }).click();
    const verdict = page.getByRole('region', { name: 'Verdicts of this series' });
    await verdict
      .getByText(
        /^0 of [\d,]+ confirmed messages lost; unavailable for [\d,]+ ms \(producers\), [\d,]+ ms \(consumers\)\.$/,
      )
      .waitFor({ timeout: runMs });
  }, 120_000);

  test('the report has a link of its own, and can be taken along', async () => {
    const { page } = session;
    await page.getByRole('link', { name: 'Open the report' }).click();
    await page.getByRole('heading', { name: 'Report', level: 1 }).waitFor();
    await page.reload();
    await page.getByRole('region', { name: 'Verdict' }).getByText('Publish/subscribe').waitFor();
    await page.getByRole('region', { name: 'Faults' }).getByText('kill a').waitFor();
    const row = page.getByRole('row', { name: /^consumer-1/ });
    await row.waitFor();
    await page.getByRole('button', { name: 'Clients', exact: true }).click();
    await page.getByText('Node a killed by SIGKILL while it was active').waitFor({ state: 'detached' });
    await page
      .getByText(/lost its connection/)
      .first()
      .waitFor();
    if (session.kind !== 'headless') return;
    expect(await findings(session)).toEqual([]);
    const [html] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download HTML' }).click(),
    ]);
    expect(html.suggestedFilename()).toMatch(/^warren-lab-[\w-]+\.html$/);
    expect(await textOf(html)).toContain('confirmed messages lost');
    const [json] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'JSON' }).click(),
    ]);
    const report = JSON.parse(await textOf(json)) as { verdict: { lost: number; promise: string } };
    expect(report.verdict).toMatchObject({ lost: 0, promise: 'kept' });
    const other = await page.context().browser()!.newPage();
    await other.setContent(await textOf(html));
    await other.getByRole('heading', { name: 'Every message' }).waitFor();
    await other.close();
  });

  test('“Run again” takes the settings over; three models are compared side by side', async () => {
    const { page } = session;
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByRole('heading', { name: 'Lab', level: 1 }).waitFor();
    expect(await page.getByRole('radio', { name: /^Publish\/subscribe/ }).isChecked()).toBe(true);
    await page.getByRole('button', { name: 'All three, to compare' }).click();
    await fill(session, { 'Script, one line each': '+1s kill active', 'Load (seconds)': '3' });
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByText('run 3 of 3', { exact: true }).waitFor({ timeout: runMs });
    await page.getByRole('heading', { name: 'The verdicts' }).waitFor({ timeout: runMs });
    await page.getByRole('link', { name: 'Compare side by side' }).click();
    await page.getByRole('heading', { name: 'Compare', level: 1 }).waitFor();
    const lost = page.getByRole('row', { name: /^Confirmed but lost/ });
    await lost.waitFor();
    expect(await lost.getByRole('cell').allInnerTexts()).toEqual(['0', '0', '0']);
    const heads = await page.getByRole('columnheader').allInnerTexts();
    expect(heads.map((head) => head.split(' pair')[0])).toEqual([
      'independent',
      'shared-store',
      'replicated',
    ]);
    if (session.kind === 'headless') expect(await findings(session)).toEqual([]);
  }, 180_000);

  test('reports are chosen by hand and removed; a run on one’s own nodes is asked about first', async () => {
    const { page } = session;
    await session.go('Lab', 'lab');
    const boxes = page.getByRole('checkbox', { name: /^Choose the report of/ });
    await boxes.nth(3).waitFor();
    await boxes.nth(0).check();
    await boxes.nth(1).check();
    await page.getByRole('link', { name: 'Compare 2' }).waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await expect.poll(() => boxes.count()).toBe(2);

    await page.getByRole('checkbox', { name: /^This broker’s own nodes/ }).check();
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByRole('dialog', { name: 'Run on this broker’s own nodes?' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('button', { name: 'Start the run' }).isVisible()).toBe(true);
  });
});
