// The browser that stands in for users: Debian's, the one WARREN_CHROMIUM names, or the one Playwright installed.
import { existsSync } from 'node:fs';

const debian = '/usr/bin/chromium';

/** Undefined leaves the choice to Playwright. */
export function chromiumPath(): string | undefined {
  return process.env['WARREN_CHROMIUM'] ?? (existsSync(debian) ? debian : undefined);
}

/** Nothing goes out but to the page under test, and nothing of the machine's display is needed. */
export const chromiumArgs = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Chromium's own sandbox does not run as root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];
