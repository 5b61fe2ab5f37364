// The lab's screens for docs/screenshots: a run of each kind of pair while it is on, its verdicts, report and
// comparison.
import type { Page } from 'playwright-core';

export type Shoot = (page: Page, name: string) => Promise<void>;

const runTimeoutMs = 120_000;
const themes = ['light', 'dark'] as const;

/** In both themes. `open` goes to a screen by its link and waits for its heading. */
export async function shootLab(
  page: Page,
  open: (page: Page, heading: string, segments: string[]) => Promise<void>,
  shoot: Shoot,
): Promise<void> {
  const inBoth = async (name: string) => {
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await shoot(page, `${name}-${theme}`);
    }
  };
  await open(page, 'Lab', ['lab']);
  await page.getByRole('button', { name: 'All three, to compare' }).click();
  await page.getByRole('button', { name: 'Start the run' }).click();
  await page.getByText('run 3 of 3', { exact: true }).waitFor({ timeout: runTimeoutMs });
  await page
    .getByText('is connected again, its queues and consumers set up')
    .first()
    .waitFor({ timeout: runTimeoutMs });
  await inBoth('lab-running');
  await page.getByRole('heading', { name: 'The verdicts' }).waitFor({ timeout: runTimeoutMs });
  await page.getByRole('link', { name: 'Compare side by side' }).click();
  await page.getByRole('heading', { name: 'Compare', level: 1 }).waitFor();
  await inBoth('lab-compare');
  await open(page, 'Lab', ['lab']);
  await page.getByRole('link', { name: 'Open the report' }).last().click();
  await page.getByRole('heading', { name: 'Report', level: 1 }).waitFor();
  await inBoth('lab-report');
}
