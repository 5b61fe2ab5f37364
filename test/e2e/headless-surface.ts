// The `warren` command as a user runs it, and its console in a headless browser.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { chromiumArgs, chromiumPath } from '../peers/chromium.ts';
import { freePort } from '../peers/free-port.ts';
import type { Surface } from './surface.ts';

const command = fileURLToPath(new URL('../../dist/warren.mjs', import.meta.url));

export interface HeadlessHost {
  amqpPort: number;
  httpPort: number;
  dataFolder: string;
  /** With the token. */
  consoleUrl: string;
  stop(): Promise<void>;
}

export async function startHeadlessHost(args: string[] = []): Promise<HeadlessHost> {
  const [amqpPort, httpPort] = [await freePort(), await freePort()];
  const dataFolder = mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const child = spawn(
    process.execPath,
    [command, '--port', String(amqpPort), '--console-port', String(httpPort), '--data', dataFolder, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const consoleUrl = await printedUrl(child);
  return {
    amqpPort,
    httpPort,
    dataFolder,
    consoleUrl,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: chromiumArgs });
}

export async function openHeadless(): Promise<Surface> {
  const [host, browser] = await Promise.all([startHeadlessHost(), launchChromium()]);
  const page = await browser.newPage({ viewport: { width: 1360, height: 880 } });
  await page.goto(host.consoleUrl);
  return {
    page,
    amqpPort: host.amqpPort,
    httpPort: host.httpPort,
    dataFolder: host.dataFolder,
    close: async () => {
      await browser.close();
      await host.stop();
    },
  };
}

/** Resolves once the host serves; rejects with what it said when it ended before. */
function printedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const take = (chunk: Buffer) => {
      said += chunk.toString();
      const url = /console\s+(http:\S+)[\s\S]*Ctrl-C/.exec(said)?.[1];
      if (url) resolve(url);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.once('exit', (code) => reject(new Error(`warren ended with ${code}: ${said}`)));
  });
}
