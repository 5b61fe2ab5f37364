// The console's key: made once, kept readable by its owner alone, so that a bookmarked console still opens after a
// restart.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class ConsoleToken {
  readonly value: string;

  constructor(path: string) {
    this.value = readOrMake(path);
  }

  matches(given: string): boolean {
    const left = Buffer.from(given);
    const right = Buffer.from(this.value);
    return left.length === right.length && timingSafeEqual(left, right);
  }
}

function readOrMake(path: string): string {
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (/^[\w-]{43}$/.test(kept)) return kept;
  } catch {
    // The first start.
  }
  const made = randomBytes(32).toString('base64url');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, made, { mode: 0o600 });
  return made;
}
