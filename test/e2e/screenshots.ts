// `npm run screenshots`: every screen of the console in light and dark, of a host with a shop's traffic on it, as
// docs/screenshots/SCREEN-THEME.png. With names after it, those screens only; `lab` is one of them.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { withChannel } from './amqp-client.ts';
import { declareDemo, fillDemo, startDemoTraffic } from './demo-data.ts';
import { launchChromium, startHeadlessHost } from './headless-surface.ts';
import { shootLab } from './lab-screens.ts';
import { screens } from './screens.ts';

const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
/** For the charts to have something to show. */
const trafficMs = 45_000;
/** For what fades and slides to be where it belongs. */
const settleMs = 700;

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const host = await startHeadlessHost(['--pair', 'independent']);
const uri = `amqp://guest:guest@127.0.0.1:${host.amqpPort}`;
const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
try {
  await page.goto(`${host.consoleUrl}/pair`);
  // What the killed node held is stranded; its successor has as much of its own.
  await fill();
  await failOver(page);
  await fill();
  const traffic = await startDemoTraffic(uri);
  mkdirSync(folder, { recursive: true });
  if (isWanted('lab')) await shootLab(page, open, shoot);
  await pause(wanted.length === 0 ? trafficMs : 0);
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    for (const [name, heading, segments] of screens.filter(([each]) => isWanted(each))) {
      await open(page, heading, segments);
      await prepare(page, name);
      await shoot(page, `${name}-${theme}`);
    }
    if (wanted.length > 0) continue;
    await page.keyboard.press('Control+k');
    await shoot(page, `palette-${theme}`);
    await page.keyboard.press('Escape');
    const stranger = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      colorScheme: theme,
    });
    await stranger.goto(new URL(host.consoleUrl).origin);
    await stranger.getByRole('button', { name: 'Sign in' }).waitFor();
    await shoot(stranger, `login-${theme}`);
    await stranger.close();
  }
  await traffic.stop();
} finally {
  await browser.close();
  await host.stop();
}

function fill(): Promise<void> {
  return withChannel(uri, async (channel) => {
    await declareDemo(channel);
    await fillDemo(channel);
  });
}

async function open(page: Page, heading: string, segments: string[]): Promise<void> {
  const url = new URL(page.url());
  url.hash = `/${segments.map(encodeURIComponent).join('/')}`;
  await page.goto(url.href);
  await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
}

/** So that the time line has a tale to tell. */
async function failOver(page: Page): Promise<void> {
  const [a, b] = ['a', 'b'].map((id) => page.getByRole('region', { name: `Node ${id}` }));
  await b!.getByText('standby', { exact: true }).waitFor();
  await page.getByText('both nodes have the same').waitFor();
  await a!.getByRole('button', { name: 'Kill' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kill', exact: true }).click();
  await a!.getByText('standby', { exact: true }).waitFor();
  await page.getByText('both nodes have the same').waitFor();
}

/** Opens what a screen has to open. */
async function prepare(page: Page, name: string): Promise<void> {
  if (name === 'topology') await page.getByLabel('exchange orders', { exact: true }).click();
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
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await pause(settleMs);
  await page.screenshot({ path: `${folder}${name}.png` });
}
