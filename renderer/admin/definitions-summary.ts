// What a definitions file holds, in words, before it is imported.
import { plural } from '../ui/format.ts';

export type DefinitionsFile = Record<string, unknown>;

const kinds: [string, string, string?][] = [
  ['vhosts', 'virtual host'],
  ['users', 'user'],
  ['permissions', 'permission'],
  ['policies', 'policy', 'policies'],
  ['exchanges', 'exchange'],
  ['queues', 'queue'],
  ['bindings', 'binding'],
];

export function summaryOf(definitions: DefinitionsFile): string {
  const parts = kinds.flatMap(([key, noun, nouns]) => {
    const list = definitions[key];
    return Array.isArray(list) && list.length > 0 ? [plural(list.length, noun, nouns)] : [];
  });
  return parts.length > 0 ? parts.join(', ') : 'nothing that Warren knows';
}
