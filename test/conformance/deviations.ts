import { readFileSync } from 'node:fs';

/** Names of the conversations that deviations.md lists. */
export function deviations(): Set<string> {
  const text = readFileSync(new URL('./deviations.md', import.meta.url), 'utf8');
  return new Set([...text.matchAll(/^- `(\w+: .+?)`: /gm)].map((match) => match[1]!));
}
